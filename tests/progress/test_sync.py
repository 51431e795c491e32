"""Progress of a batch without `await`: shown from a thread, beside a loop that blocks."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Generator, Iterator

import pytest
from anyio.from_thread import start_blocking_portal

from wan_async import ConfigurationError, RateLimit, Wan22TextToVideoTurbo, progress
from wan_async.emulator import Emulator
from wan_async.sync import WanClient


@pytest.fixture
def wan() -> Generator[WanClient]:
    emulator = Emulator(key="k", seconds=0.05, limit=None, query_limit=None, render=False)
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(emulator.serve()) as url,
        WanClient("k", base_url=url, limit=RateLimit(1000, per=1.0)) as client,
    ):
        yield client


def foxes(count: int) -> Iterator[Wan22TextToVideoTurbo]:
    return (Wan22TextToVideoTurbo(prompt=f"fox {number}", resolution="480p") for number in range(count))


@pytest.mark.parametrize("leave", [False, True])
def test_a_loop_that_blocks_is_shown_until_it_ends(wan: WanClient, leave: bool) -> None:
    out, seen = io.StringIO(), 0
    with wan.batch(foxes(4), max_credits=1000) as results:
        for outcome in progress(results, total=4, stream=out):
            assert outcome.ok
            seen += 1
            time.sleep(0.01)
            if leave:
                break
        last = out.getvalue().splitlines()[-1]
        assert "wan_async.progress" not in [thread.name for thread in threading.enumerate()]
    assert seen == (1 if leave else 4)
    assert leave or "4/4: 4 done" in last
    assert "of 1,000 credits" in last
    assert "limit" in last


def test_what_the_loop_raises_comes_through(wan: WanClient) -> None:
    out = io.StringIO()
    with pytest.raises(ZeroDivisionError), wan.batch(foxes(2)) as results:
        for _ in progress(results, stream=out):
            raise ZeroDivisionError
    assert "done" in out.getvalue()


async def test_each_batch_has_its_loop(wan: WanClient) -> None:
    with wan.batch(foxes(1)) as results, pytest.raises(ConfigurationError, match="shown by `for`"):
        async for _ in progress(results):
            pass
