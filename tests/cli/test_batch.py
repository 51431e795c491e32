"""`wan-async batch` as a process, against the emulator over real HTTP.

"At once" is measured by what the same command took to start, just before and on the same busy machine.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec
import pytest

from wan_async import RateLimit
from wan_async._cli.running import GRACE
from wan_async._journal import Journal
from wan_async.emulator import Emulator, Fault

from .batch_program import asks, batch, end_all, ended, foxes, interrupt, lines_done, rows, running, write

QUICK = 0.3
"""Seconds that a clip takes to make."""
HELD = 600.0
"""Seconds that no test waits for: its clips end when it has them end."""


class Provider:
    """An emulator that is being served."""

    def __init__(self) -> None:
        self.seconds = QUICK
        limits = RateLimit(1000, per=1.0)
        self.emulator = Emulator(limit=limits, query_limit=limits, seconds=self._seconds, render=False)
        self.url = ""

    def _seconds(self, model: str, fields: object) -> float:
        return self.seconds

    @property
    def created(self) -> int:
        return self.emulator.stats.created

    @property
    def prompts(self) -> Counter[str]:
        return Counter(task.prompt for task in self.emulator.tasks.values())

    async def asked(self, count: int) -> None:
        """Wait until so many tasks were created."""
        async with asyncio.timeout(20):
            while self.created < count:
                await asyncio.sleep(0.02)


@pytest.fixture
async def provider() -> AsyncGenerator[Provider]:
    provider = Provider()
    async with provider.emulator.serve() as provider.url:
        yield provider


async def journal_has(path: Path, running_: int) -> None:
    """Wait until so many tasks' ids are on disk."""
    async with asyncio.timeout(10):
        while _running(path) < running_:
            await asyncio.sleep(0.02)


def _running(path: Path) -> int:
    with Journal.open_readonly(path) as journal:
        return journal.counts().running


# good lines


async def test_each_line_becomes_a_clip_and_a_line(provider: Provider, tmp_path: Path) -> None:
    source = write(tmp_path / "clips.jsonl", asks("fox", "k"), asks("hen"), asks("fox"))
    source.write_bytes(b"\n" + source.read_bytes() + b"\n")
    end = await batch(provider.url, tmp_path, "clips.jsonl", "--download-to", "clips")
    assert (end.code, end.out.count("\n")) == (0, 1), end.err
    assert "3 made, 0 failed, 0 unknown; 120 credits, 120 of them in this run" in end.out
    assert str(tmp_path / "clips.out.jsonl") in end.out
    found = {row["line"]: row for row in rows(tmp_path / "clips.out.jsonl")}
    assert set(found) == {2, 3, 4}
    assert found[2]["key"] == "k"
    assert {row["task_id"] for row in found.values()} == set(provider.emulator.tasks)
    assert all((tmp_path / row["path"]).stat().st_size > 1000 for row in found.values())
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "clips",
        "clips.jsonl",
        "clips.out.db",
        "clips.out.jsonl",
    ]


async def test_run_again_it_pays_nothing_twice_and_the_output_is_whole(provider: Provider, tmp_path: Path) -> None:
    provider.emulator.faults = [Fault("fail", match="fox 1")]
    foxes(tmp_path / "clips.jsonl", 3)
    assert (await batch(provider.url, tmp_path, "clips.jsonl")).code == 1
    write(tmp_path / "clips.jsonl", *(asks(f"fox {number}", f"fox-{number}") for number in (3, 2, 1)))
    end = await batch(provider.url, tmp_path, "clips.jsonl")
    assert (end.code, provider.created) == (1, 4)
    assert "3 made, 1 failed, 0 unknown; 120 credits, 40 of them in this run" in end.out
    assert lines_done(tmp_path / "clips.out.jsonl") == {None: True, 1: True, 2: True, 3: False}
    replayed = {row["key"]: row["replayed"] for row in rows(tmp_path / "clips.out.jsonl")}
    assert replayed == {"fox-0": True, "fox-1": True, "fox-2": True, "fox-3": False}


async def test_stdin_is_read_to_its_end_first(provider: Provider, tmp_path: Path) -> None:
    text = b"".join(msgspec.json.encode(asks(prompt)) + b"\n" for prompt in ("fox", "fox", "hen"))
    end = await batch(provider.url, tmp_path, "-", "--output", "out", "--no-journal", stdin=text)
    assert end.code == 0, end.err
    assert lines_done(tmp_path / "out") == {1: True, 2: True, 3: True}
    assert provider.prompts == {"fox": 2, "hen": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


# what is refused


async def test_one_bad_line_keeps_all_from_being_sent(provider: Provider, tmp_path: Path) -> None:
    seed = asks("x", input={"prompt": "x", "seed": "y"})
    bad = [asks("hen", "k"), asks("hen", model="wan/9"), seed, {**asks("hen"), "key": 1}]
    write(tmp_path / "clips.jsonl", asks("fox", "k"), *bad)
    end = await batch(provider.url, tmp_path, "clips.jsonl")
    assert (end.code, end.out, provider.created) == (2, "", 0)
    told = end.err.splitlines()
    fields = ["clips.jsonl:2: key:", "clips.jsonl:3: model:", "clips.jsonl:4: seed:", "clips.jsonl:5: key:"]
    assert [line[: len(start)] for line, start in zip(told, fields, strict=False)] == fields
    assert told[4:] == ["wan-async: 4 of 5 lines are bad; nothing was sent"]
    assert [path.name for path in tmp_path.iterdir()] == ["clips.jsonl"]


async def test_a_refused_key_is_one_line(provider: Provider, tmp_path: Path) -> None:
    foxes(tmp_path / "clips.jsonl", 3)
    end = await batch(provider.url, tmp_path, "clips.jsonl", "--api-key", "wrong")
    assert (end.code, provider.created) == (3, 0)
    assert [line for line in end.err.splitlines() if line.startswith("wan-async: 401")] == end.err.splitlines()[-1:]


async def test_a_budget_ends_it(provider: Provider, tmp_path: Path) -> None:
    foxes(tmp_path / "clips.jsonl", 4)
    end = await batch(provider.url, tmp_path, "clips.jsonl", "--max-credits", "100")
    assert (end.code, provider.created) == (3, 2)
    assert "2 made, 0 failed, 0 unknown, 2 not done yet; 80 credits" in end.out
    assert "max_credits=100" in end.err.splitlines()[-1]
    assert len(lines_done(tmp_path / "clips.out.jsonl")) == 2


async def test_a_second_run_on_the_journal_harms_nothing(provider: Provider, tmp_path: Path) -> None:
    provider.seconds = HELD
    foxes(tmp_path / "clips.jsonl", 2)
    async with running(provider.url, tmp_path, "clips.jsonl") as process:
        await provider.asked(2)
        end = await batch(provider.url, tmp_path, "clips.jsonl")
        assert (end.code, end.out) == (2, "")
        assert f"in use by process {process.pid}" in end.err
        await interrupt(process)  # all is submitted: the run just ends
        end_all(provider.emulator)
        assert (await ended(process)).code == 0
    assert lines_done(tmp_path / "clips.out.jsonl") == {1: True, 2: True}


async def test_a_submission_of_unknown_fate_is_told_and_sent_again_when_asked(
    provider: Provider, tmp_path: Path
) -> None:
    provider.emulator.faults = [Fault("drop_after", call="createTask", times=1)]
    foxes(tmp_path / "clips.jsonl", 1)
    for _ in range(2):
        end = await batch(provider.url, tmp_path, "clips.jsonl")
        assert (end.code, provider.created) == (4, 1)
        assert "0 made, 0 failed, 1 unknown" in end.out
    unknown = [row["error"]["type"] for row in rows(tmp_path / "clips.out.jsonl") if not row["ok"]]
    assert unknown == ["SubmissionUnknownError"]
    end = await batch(provider.url, tmp_path, "clips.jsonl", "--resubmit-unknown")
    assert (end.code, provider.created) == (0, 2)
    assert lines_done(tmp_path / "clips.out.jsonl") == {1: True}


# Ctrl-C, and worse


async def test_the_first_signal_lets_what_runs_finish(provider: Provider, tmp_path: Path) -> None:
    provider.seconds = HELD
    foxes(tmp_path / "clips.jsonl", 5)
    async with running(provider.url, tmp_path, "clips.jsonl", "--max-in-flight", "2") as process:
        await provider.asked(2)
        await journal_has(tmp_path / "clips.out.db", 2)
        printed = await interrupt(process)
        end_all(provider.emulator)
        end = await ended(process)
    assert (end.code, provider.created) == (130, 2)
    assert "what was sent is waited for (2 tasks run)" in printed
    assert "run the same again" in end.err.splitlines()[-1]
    assert "2 made, 0 failed, 0 unknown, 3 not done yet" in end.out
    assert list(lines_done(tmp_path / "clips.out.jsonl").values()) == [True, True]


async def test_the_second_signal_leaves_at_once(provider: Provider, tmp_path: Path) -> None:
    provider.seconds = HELD
    foxes(tmp_path / "clips.jsonl", 3)
    begun = time.monotonic()
    async with running(provider.url, tmp_path, "clips.jsonl") as process:
        await provider.asked(3)
        start = time.monotonic() - begun
        await journal_has(tmp_path / "clips.out.db", 3)
        await interrupt(process)
        since = time.monotonic()
        process.send_signal(signal.SIGINT)
        end = await ended(process)
    assert time.monotonic() - since < min(2.0, 2 * start)
    assert (end.code, end.out) == (130, "")
    end_all(provider.emulator)
    assert end.err.splitlines()[-1].startswith("wan-async: left at once; run the same again to go on from ")
    end = await batch(provider.url, tmp_path, "clips.jsonl")
    assert (end.code, provider.created) == (0, 3)
    assert lines_done(tmp_path / "clips.out.jsonl") == dict.fromkeys(range(1, 4), True)


async def test_the_second_signal_does_not_wait_long_for_an_answer(provider: Provider, tmp_path: Path) -> None:
    provider.emulator.faults = [Fault("slow", call="createTask", seconds=25.0)]
    foxes(tmp_path / "clips.jsonl", 1)
    begun = time.monotonic()
    async with running(provider.url, tmp_path, "clips.jsonl") as process:
        await provider.asked(1)
        start = time.monotonic() - begun
        await interrupt(process)
        since = time.monotonic()
        process.send_signal(signal.SIGINT)
        end = await ended(process)
    assert GRACE - 0.1 < time.monotonic() - since < min(6.0, GRACE + 2 * start)
    assert end.code == 130
    provider.emulator.faults = []
    end = await batch(provider.url, tmp_path, "clips.jsonl")
    assert (end.code, provider.created) == (4, 1)


async def test_a_killed_run_costs_neither_a_clip_nor_the_earlier_output(provider: Provider, tmp_path: Path) -> None:
    provider.seconds = 1.0
    foxes(tmp_path / "clips.jsonl", 4)
    assert (await batch(provider.url, tmp_path, "clips.jsonl", "--max-credits", "0")).code == 3
    (tmp_path / "clips.out.jsonl").write_text("earlier\n")
    three = ("--max-in-flight", "3")
    async with running(provider.url, tmp_path, "clips.jsonl", *three, measured=False) as process:
        await provider.asked(3)
        await journal_has(tmp_path / "clips.out.db", 3)
        process.kill()
        await process.communicate()
    assert (tmp_path / "clips.out.jsonl").read_text() == "earlier\n"
    assert (tmp_path / "clips.out.jsonl.part").exists()
    end = await batch(provider.url, tmp_path, "clips.jsonl")
    assert end.code == 0
    assert provider.prompts == {f"fox {number}": 1 for number in range(4)}
    assert lines_done(tmp_path / "clips.out.jsonl") == dict.fromkeys(range(1, 5), True)
    assert not (tmp_path / "clips.out.jsonl.part").exists()
