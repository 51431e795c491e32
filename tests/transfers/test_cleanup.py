"""Cleaning up is done, whoever cancels, and however often."""

from __future__ import annotations

import asyncio
import threading

import anyio
import pytest

from wan_async._transfers.cleanup import surely


async def test_a_caller_that_is_cancelled_twice_waits_for_the_end() -> None:
    begun, go, done = threading.Event(), threading.Event(), list[str]()

    def work() -> None:
        begun.set()
        go.wait(10)
        done.append("tidied")

    task = asyncio.create_task(surely(work))
    while not begun.is_set():
        await asyncio.sleep(0.001)
    for _ in range(2):
        task.cancel()
        await asyncio.sleep(0.001)
    assert not task.done()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done == ["tidied"]


async def test_it_is_done_in_a_scope_that_was_cancelled() -> None:
    done: list[str] = []
    with anyio.CancelScope() as scope:
        scope.cancel()
        await surely(lambda: done.append("tidied"))
    assert done == ["tidied"]


async def test_its_error_comes_out() -> None:
    def work() -> None:
        raise OSError("read-only")

    with pytest.raises(OSError, match="read-only"):
        await surely(work)
