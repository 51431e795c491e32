"""`wan-async journal`: shown, listed, exported, marked to be sent again."""

from __future__ import annotations

import csv
from pathlib import Path

import msgspec

from wan_async import SubmissionUnknownError, Wan22TextToVideoTurbo, WanClient
from wan_async.emulator import Fault

from .shell import parquet_rows, shell


async def test_the_journal_is_shown_listed_and_resubmitted(tmp_path: Path) -> None:
    faults = [Fault("drop_after", call="createTask", match="lost", times=1), Fault("fail", match="poor", message="no")]
    async with (
        shell(tmp_path, *faults) as (provider, wan),
        WanClient("k", base_url=wan.environment["APIKLEY_BASE_URL"]) as client,
    ):
        inputs = [(name, Wan22TextToVideoTurbo(prompt=name, resolution="480p")) for name in ("good", "lost", "poor")]

        async def made() -> dict[str, bool]:
            async with client.batch(inputs, journal=tmp_path / "run.db") as results:
                outcomes = [outcome async for outcome in results]
            return {o.key: isinstance(o.error, SubmissionUnknownError) for o in outcomes}

        assert await made() == {"good": False, "lost": True, "poor": False}
        code, output, _ = await wan("journal", "show", "run.db", "--json")
        counts = msgspec.json.decode(output)
        assert (code, counts["done"], counts["failed"], counts["unknown"]) == (0, 1, 1, 1)
        assert f"{', '.join(counts)}." in " ".join((await wan("journal", "show", "--help"))[1].split())
        first = msgspec.json.decode((await wan("journal", "list", "run.db", "--json"))[1].splitlines()[0])
        assert f"{', '.join(first)}." in " ".join((await wan("journal", "list", "--help"))[1].split())
        assert (await wan("journal", "show", "run.db"))[1].startswith("queued")
        code, output, _ = await wan("journal", "unknown", "run.db", "--json")
        assert (code, msgspec.json.decode(output)["key"]) == (4, "lost")
        code, output, _ = await wan("journal", "failed", "run.db")
        assert (code, output.split()[0]) == (1, "poor")
        assert "no" in output
        code, _, errors = await wan("journal", "resubmit", "run.db", "--unknown")
        assert code == 130  # nobody answered the question
        assert "twice" in errors
        code, output, _ = await wan("journal", "resubmit", "run.db", "--unknown", "--yes")
        assert (code, output.split()[0]) == (0, "1")
        assert (await wan("journal", "unknown", "run.db"))[0] == 0
        assert await made() == {"good": False, "lost": False, "poor": False}
    assert provider.stats.created == 4


async def test_items_are_listed_and_exported_in_each_format(tmp_path: Path) -> None:
    bad = Fault("fail", match="poor", message='no, "never"')
    async with (
        shell(tmp_path, bad) as (_, wan),
        WanClient("k", base_url=wan.environment["APIKLEY_BASE_URL"]) as client,
    ):
        inputs = [(name, Wan22TextToVideoTurbo(prompt=name, resolution="480p")) for name in ("good", "poor")]
        async with client.batch(inputs, journal=tmp_path / "run.db") as results:
            assert len([outcome async for outcome in results]) == 2
        code, output, _ = await wan("journal", "list", "run.db", "--state", "failed", "--json")
        assert (code, msgspec.json.decode(output)["key"]) == (0, "poor")
        assert {line.split("\t")[0] for line in (await wan("journal", "list", "run.db"))[1].splitlines()} == {
            "good",
            "poor",
        }
        for name in ("out.jsonl", "out.csv", "out.tsv", "out.parquet"):
            code, _, errors = await wan("journal", "export", "run.db", name)
            assert (code, errors) == (0, "2 items\n")
        code, output, errors = await wan("journal", "export", "run.db", "out.xlsx")
        assert (code, "OUTPUT: 'out.xlsx'" in errors) == (2, True)
        printed = (await wan("journal", "export", "run.db", "-"))[1]
    lines = [msgspec.json.decode(line) for line in (tmp_path / "out.jsonl").read_bytes().splitlines()]
    assert printed.encode() == (tmp_path / "out.jsonl").read_bytes()
    assert parquet_rows(tmp_path / "out.parquet") == lines
    for name, separator in (("out.csv", ","), ("out.tsv", "\t")):
        with (tmp_path / name).open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file, delimiter=separator))
        assert [row["key"] for row in rows] == [line["key"] for line in lines]
        assert [row["error"] for row in rows] == [line["error"] or "" for line in lines]
    assert not list(tmp_path.glob("*.part"))
