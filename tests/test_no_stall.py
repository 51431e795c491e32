"""Nothing blocks the loop: a journalled batch with downloads, while every blocking call on the loop is an error."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest
from blockbuster import BlockBuster, BlockingError

from wan_async import Outcome, Polling, RateLimit, Wan22TextToVideoTurbo, WanClient

ITEMS = 12


@pytest.fixture(scope="module")
def url() -> Generator[str]:
    """The emulator's, in a process of its own."""
    command = [sys.executable, "-m", "tests.stall_provider"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


@pytest.fixture
def blocking_is_an_error() -> Generator[BlockBuster]:
    buster = BlockBuster()
    buster.activate()
    yield buster
    buster.deactivate()


async def outcomes(url: str, folder: Path) -> AsyncGenerator[Outcome]:
    limit = RateLimit(1000, per=1.0)
    client = WanClient("k", base_url=url, limit=limit, query_limit=limit, polling=Polling(first=0.3, interval=0.1))
    inputs = [Wan22TextToVideoTurbo(prompt=f"a fox, take {number}") for number in range(ITEMS)]
    async with (
        client as wan,
        wan.batch(inputs, journal=folder / "run.db", download_to=folder / "clips") as results,
    ):
        async for outcome in results:
            yield outcome


async def test_a_journalled_batch_with_downloads_never_blocks(
    url: str, tmp_path: Path, blocking_is_an_error: BlockBuster
) -> None:
    for replayed in (False, True):  # the second run resumes the first's journal
        seen = [outcome async for outcome in outcomes(url, tmp_path)]
        assert [outcome.error for outcome in seen] == [None] * ITEMS
        assert [outcome.replayed for outcome in seen] == [replayed] * ITEMS
    clips = {str(outcome.path) for outcome in seen}
    blocking_is_an_error.deactivate()
    assert len(clips) == ITEMS
    assert all(Path(clip).stat().st_size for clip in clips)


async def test_a_blocking_call_would_have_been_seen(blocking_is_an_error: BlockBuster) -> None:
    with pytest.raises(BlockingError):
        time.sleep(0.001)
