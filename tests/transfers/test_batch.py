"""`batch(download_to=…)`: what is fetched when, what the journal knows of it, and what a broken run leaves."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from wan_async import (
    ConfigurationError,
    NotFoundError,
    Outcome,
    TaskRecord,
    TaskState,
    TransportError,
    Wan22TextToVideoTurbo,
    WanError,
    WanInput,
)
from wan_async._batch import Batch, Ledger, Run, Service, Submission
from wan_async._batch.run import EARLIER_CLIPS
from wan_async._journal import Journal, State
from wan_async.emulator import Emulator, Fault

from .hosts import CLIP, MediaHost, serving
from .support import client, names

DAY = datetime(2026, 1, 1, tzinfo=UTC)


class Provider:
    """Tasks that are done at once, and clips that are fetched as told.

    Attributes:
        submitted: the prompts, in order.
        asked: the keys of the clips that were asked for, in order.
        fetched: the keys of those that were got.
        failure: what each download raises, None for none.
        gate: downloads wait for it.
    """

    def __init__(self) -> None:
        self.submitted: list[str] = []
        self.asked: list[str] = []
        self.fetched: list[str] = []
        self.failure: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def submit(self, task_input: WanInput, submission: Submission) -> str:
        await submission.begin()
        assert isinstance(task_input, Wan22TextToVideoTurbo)
        self.submitted.append(task_input.prompt)
        return f"task-{task_input.prompt}"

    async def wait(self, task_id: str, task_input: WanInput, age: float, max_wait: float | None) -> TaskRecord:
        number = int(task_id.removeprefix("task-"))
        return TaskRecord(
            task_id=task_id,
            state=TaskState.SUCCESS,
            urls=(f"https://host/{number}.mp4",),
            completed_at=DAY - timedelta(minutes=number),  # the later ones are done first
        )

    async def download(self, key: str, record: TaskRecord) -> Path | str:
        self.asked.append(key)
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        self.fetched.append(key)
        return f"s3://bucket/{key}.mp4" if key == "k3" else Path(f"/clips/{key}.mp4")

    def batch(
        self, count: int, journal: Path | None, *, fetch: bool = True, replay: bool = True, most: int = 100
    ) -> Batch:
        download: Callable[[str, TaskRecord], Awaitable[Path | str]] | None = self.download if fetch else None
        service = Service(submit=self.submit, wait=self.wait, download=download)
        ledger = Ledger(journal, service, replay)
        inputs = [(f"k{number}", Wan22TextToVideoTurbo(prompt=str(number))) for number in range(count)]
        return Batch(Run(service, inputs, ledger, max_in_flight=most))


async def collect(batch: Batch) -> dict[str, Outcome]:
    found: dict[str, Outcome] = {}
    async with batch as results:
        async for outcome in results:
            assert outcome.key not in found
            found[outcome.key] = outcome
    return found


def paths(journal: Path) -> dict[str, str | None]:
    with contextlib.closing(Journal.open_readonly(journal)) as reader:
        return {entry.key: entry.path for entry in reader.entries(State.DONE)}


async def test_an_outcome_comes_with_its_clip() -> None:
    provider = Provider()
    found = await collect(provider.batch(5, None))
    assert {key: str(outcome.path) for key, outcome in found.items()} == {
        **{f"k{number}": f"/clips/k{number}.mp4" for number in (0, 1, 2, 4)},
        "k3": "s3://bucket/k3.mp4",
    }
    assert all(outcome.ok and outcome.error is None for outcome in found.values())


@pytest.mark.parametrize("error", [NotFoundError(403, "gone", 403), TransportError("broke")])
@pytest.mark.parametrize("journalled", [False, True])
async def test_a_clip_that_cannot_be_fetched_is_told_and_the_record_stays(
    tmp_path: Path, error: WanError, journalled: bool
) -> None:
    provider = Provider()
    provider.failure = error
    found = await collect(provider.batch(3, tmp_path / "run.db" if journalled else None))
    for key, outcome in found.items():
        assert outcome.ok
        assert outcome.path is None
        assert outcome.error is error
        assert outcome.unwrap().task_id == f"task-{key[1:]}"


async def test_the_next_run_fetches_what_is_missing_and_the_one_after_that_nothing(tmp_path: Path) -> None:
    journal = tmp_path / "run.db"
    provider = Provider()
    provider.failure = TransportError("broke")
    await collect(provider.batch(4, journal))
    assert paths(journal) == dict.fromkeys(["k0", "k1", "k2", "k3"])
    provider.failure = None
    second = await collect(provider.batch(6, journal))
    assert {key: (outcome.replayed, outcome.error) for key, outcome in second.items()} == {
        **dict.fromkeys(["k0", "k1", "k2", "k3"], (True, None)),
        **dict.fromkeys(["k4", "k5"], (False, None)),
    }
    assert paths(journal) == {key: str(outcome.path) for key, outcome in second.items()}
    assert len(provider.submitted) == 6
    provider.fetched.clear()
    third = await collect(provider.batch(6, journal))
    assert not provider.fetched
    assert {key: outcome.path for key, outcome in third.items()} == {key: o.path for key, o in second.items()}
    assert isinstance(third["k3"].path, str)
    assert isinstance(third["k4"].path, Path)


async def test_why_a_clip_is_missing_stands_in_the_journal(tmp_path: Path) -> None:
    journal = tmp_path / "run.db"
    provider = Provider()
    provider.failure = NotFoundError(403, "gone", 403)
    await collect(provider.batch(1, journal))
    found = await collect(provider.batch(1, journal, fetch=False))
    assert isinstance(found["k0"].error, NotFoundError)
    assert found["k0"].ok


async def test_a_run_that_fetches_nothing_leaves_it_to_the_next(tmp_path: Path) -> None:
    journal = tmp_path / "run.db"
    provider = Provider()
    await collect(provider.batch(3, journal, fetch=False))
    found = await collect(provider.batch(3, journal))
    assert sorted(provider.fetched) == ["k0", "k1", "k2"]
    assert all(outcome.path for outcome in found.values())


async def test_without_replay_only_what_was_missing_comes(tmp_path: Path) -> None:
    journal = tmp_path / "run.db"
    provider = Provider()
    await collect(provider.batch(2, journal))
    await collect(provider.batch(4, journal, fetch=False))
    found = await collect(provider.batch(4, journal, replay=False))
    assert sorted(found) == ["k2", "k3"]


async def test_the_oldest_is_fetched_first(tmp_path: Path) -> None:
    journal = tmp_path / "run.db"
    provider = Provider()
    await collect(provider.batch(40, journal, fetch=False))
    await collect(provider.batch(40, journal))
    assert provider.asked == [f"k{number}" for number in reversed(range(40))]


async def test_earlier_clips_wait_for_a_slow_caller(tmp_path: Path) -> None:
    journal = tmp_path / "run.db"
    provider = Provider()
    await collect(provider.batch(60, journal, fetch=False))
    async with provider.batch(60, journal) as results:
        taken = 0
        async for _ in results:
            taken += 1
            await asyncio.sleep(0.002)
            assert len(provider.asked) <= taken + EARLIER_CLIPS
    assert taken == 60


async def test_the_earlier_clips_do_not_count_as_made_in_this_run(tmp_path: Path) -> None:
    journal = tmp_path / "run.db"
    provider = Provider()
    await collect(provider.batch(3, journal, fetch=False))
    batch = provider.batch(3, journal)
    await collect(batch)
    assert batch.stats.succeeded == 0


@pytest.mark.parametrize("earlier", [False, True])
async def test_a_full_disk_stops_the_batch(tmp_path: Path, earlier: bool) -> None:
    journal = tmp_path / "run.db"
    provider = Provider()
    full = OSError(28, "No space left on device", "clips/x.mp4")
    if earlier:
        await collect(provider.batch(60, journal, fetch=False))
    provider.failure = full
    found: list[Outcome] = []

    async def take_all() -> None:
        async with provider.batch(1000, journal, most=5) as results:
            async for outcome in results:
                found.append(outcome)

    with pytest.raises(OSError, match="No space left") as caught:
        await take_all()
    assert caught.value is full
    assert len(provider.submitted) < 100
    assert len(provider.asked) < 60
    assert found
    assert all(outcome.ok and outcome.path is None for outcome in found)
    assert all("No space left" in str(outcome.error) for outcome in found)
    provider.failure = None
    again = await collect(provider.batch(100, journal))
    assert len(provider.submitted) == 100
    assert all(outcome.path for outcome in again.values())


async def test_leaving_does_not_wait_for_downloads_and_the_next_run_has_them(tmp_path: Path) -> None:
    journal = tmp_path / "run.db"
    provider = Provider()
    provider.gate.clear()
    async with asyncio.timeout(5), provider.batch(4, journal):
        while len(provider.asked) < 4:
            await asyncio.sleep(0.001)
    assert paths(journal) == dict.fromkeys(["k0", "k1", "k2", "k3"])
    provider.gate.set()
    found = await collect(provider.batch(4, journal))
    assert len(provider.submitted) == 4
    assert all(outcome.path for outcome in found.values())


async def test_the_outcome_is_in_the_journal_before_the_download(tmp_path: Path) -> None:
    journal = tmp_path / "run.db"
    provider = Provider()
    provider.gate.clear()
    async with provider.batch(1, journal) as results:
        while not provider.asked:
            await asyncio.sleep(0.001)
        assert paths(journal) == {"k0": None}
        provider.gate.set()
        outcome = await anext(results)
        assert paths(journal) == {"k0": str(outcome.path)}


async def test_clips_are_named_by_their_keys(tmp_path: Path) -> None:
    emulator = Emulator("secret-key", seconds=0.05, limit=None, query_limit=None, render=False)
    keys = ["fox", "../../etc/x", "nul", "Fox", "fox.", "x" * 300]
    inputs = [(key, Wan22TextToVideoTurbo(prompt="p")) for key in keys]
    async with emulator.serve() as url, client(url) as wan:
        found = await collect(wan.batch(inputs, download_to=str(tmp_path / "clips")))
    assert sorted(found) == sorted(keys)
    assert found["fox"].path == tmp_path / "clips" / f"fox-{found['fox'].task_id}.mp4"
    assert len(names(tmp_path / "clips")) == len(keys)
    assert names(tmp_path) == ["clips"]
    assert {Path(str(outcome.path)).parent for outcome in found.values()} == {tmp_path / "clips"}
    assert emulator.stats.keys_shown == 0


async def test_equal_keys_make_files_of_their_own(tmp_path: Path) -> None:
    emulator = Emulator("secret-key", seconds=0.05, limit=None, query_limit=None, render=False)
    clips = {f"/clip{number}.mp4": bytes([number]) * 1000 for number in range(4)}
    keys = ["fox", "fox", "Fox", "fo/x"]
    inputs = [(key, Wan22TextToVideoTurbo(prompt=str(number))) for number, key in enumerate(keys)]
    async with emulator.serve() as url, serving(MediaHost()) as host, client(url) as wan:
        host.clips = clips
        for day in range(2):
            emulator.faults = [
                Fault("redirect", message=f"{host.url}/clip{number}.mp4", times=1) for number in range(4)
            ]
            async with wan.batch(inputs, download_to=tmp_path) as results:
                found = [outcome async for outcome in results]
            assert len({outcome.path for outcome in found}) == 4
            assert len(names(tmp_path)) == 4 * (day + 1)
    served = {asked.path for asked in host.asked}
    assert served == set(clips)
    assert sorted(path.read_bytes()[:1] for path in tmp_path.iterdir()) == sorted(bytes([n]) for n in [0, 1, 2, 3] * 2)


async def test_a_target_that_cannot_work_is_told_before_anything_is_paid(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    emulator = Emulator("secret-key", seconds=0.05, limit=None, query_limit=None, render=False)
    async with emulator.serve() as url, client(url) as wan:
        for where in (tmp_path / "file", tmp_path / "file" / "x", "/proc/x"):
            batch = wan.batch([Wan22TextToVideoTurbo(prompt="p")], journal=tmp_path / "run.db", download_to=where)
            with pytest.raises(ConfigurationError, match=f"^download_to: '{where}' cannot be written: .*; allowed: "):
                await collect(batch)
    assert emulator.stats.created == 0
    assert names(tmp_path) == ["file"]


async def test_links_that_expired_between_runs_are_replaced(tmp_path: Path) -> None:
    emulator = Emulator("secret-key", seconds=0.05, limit=None, query_limit=None, render=False, link_seconds=0.2)
    inputs = [Wan22TextToVideoTurbo(prompt=str(number)) for number in range(3)]
    async with emulator.serve() as url, client(url) as wan:
        await collect(wan.batch(inputs, journal=tmp_path / "run.db"))
        await asyncio.sleep(0.4)
        found = await collect(wan.batch(inputs, journal=tmp_path / "run.db", download_to=tmp_path / "clips"))
    assert all(outcome.path for outcome in found.values())
    assert emulator.calls["/api/v1/common/download-url"] == 3
    assert emulator.stats.created == 3


async def test_clips_that_break_are_whole_in_the_end(tmp_path: Path) -> None:
    emulator = Emulator("secret-key", seconds=0.05, limit=None, query_limit=None, render=False)
    inputs = [Wan22TextToVideoTurbo(prompt=str(number)) for number in range(20)]
    async with emulator.serve() as url, serving(MediaHost()) as host, client(url) as wan:
        host.break_every = 100_000
        emulator.faults = [Fault("redirect", message=f"{host.url}/clip.mp4")]
        found = await collect(wan.batch(inputs, download_to=tmp_path))
    assert all(Path(str(outcome.path)).read_bytes() == CLIP for outcome in found.values())
    assert host.sent == 20 * len(CLIP)
