"""`wan-async gallery` as a shell sees it: a page that stays, and one that is live while a batch runs."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from wan_async import RateLimit, Wan22TextToVideoTurbo, WanClient
from wan_async._cli.root import run as command
from wan_async.emulator import Emulator

from .support import Item, journal


def test_a_page_that_stays_is_written_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    journal(tmp_path / "run.db", [Item("a", prompt="<b>fox</b>"), Item("b", state="failed", reason="no")])
    assert command(["gallery", "run.db", "-o", "out"]) == 0
    assert capsys.readouterr().out.strip().endswith("/out/index.html")
    page = (tmp_path / "out" / "index.html").read_text("utf-8")
    assert "<b>fox</b>" not in page
    assert "fox" in page


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["missing.db"], "missing.db"),
        (["run.db", "-o", "x", "--serve"], "--serve"),
        (["run.db", "--limit", "x"], "20/10"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    journal(tmp_path / "run.db", [Item("a")])
    assert command(["gallery", *arguments]) == 2
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1
    assert told in errors


async def test_a_live_page_follows_the_batch_and_plays_its_clips(tmp_path: Path) -> None:
    provider = Emulator(seconds=0.3, limit=None, query_limit=None, render=False)
    async with provider.serve() as url, WanClient("k", base_url=url, limit=RateLimit(100, per=1.0)) as wan:

        async def batch(count: int) -> None:
            inputs = [(f"k{number}", Wan22TextToVideoTurbo(prompt=f"clip {number}")) for number in range(count)]
            async with wan.batch(inputs, journal=tmp_path / "run.db", download_to=tmp_path / "clips") as results:
                async for outcome in results:
                    assert outcome.path

        await batch(1)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "wan_async", "gallery", "run.db", "--serve", "--port", "0"),
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        page = (await process.stdout.readline()).decode().strip().rstrip("/")
        async with aiohttp.ClientSession() as session:

            async def rows() -> list[dict[str, Any]]:
                async with session.get(f"{page}/data.json") as response:
                    return (await response.json())["rows"]

            async with session.get(page) as response:
                assert response.status == 200
                assert "clip 0" in await response.text()
            assert len(await rows()) == 1
            await batch(4)
            async with asyncio.timeout(20):
                while len(found := await rows()) < 4:
                    await asyncio.sleep(0.1)
            clip = next(
                value for value in found[0].values() if isinstance(value, str) and "clip" in value and "/" in value
            )
            async with session.get(f"{page}/{clip.lstrip('/')}") as response:
                assert (await response.read())[4:8] == b"ftyp"
        process.send_signal(signal.SIGINT)
        _, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")
    with sqlite3.connect(tmp_path / "run.db") as database:
        assert database.execute("select count(*) from item where path is not null").fetchone() == (4,)
    database.close()
