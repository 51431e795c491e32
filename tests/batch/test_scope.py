"""A scope: who is inside is cancelled by its end, and nobody else."""

from __future__ import annotations

import asyncio

import pytest

from wan_async._batch.scope import Scope


async def inside(scope: Scope, done: list[str]) -> None:
    with scope:
        await asyncio.sleep(60)
    done.append("left")


async def before_and_after(scope: Scope, done: list[str]) -> None:
    with scope:
        await asyncio.sleep(0)
    await asyncio.sleep(0.01)  # what must not be interrupted
    done.append("written")
    with scope:
        done.append("entered again")


async def test_its_end_cancels_who_is_inside_and_no_other() -> None:
    scope, done = Scope(), list[str]()
    waits, writes = asyncio.create_task(inside(scope, done)), asyncio.create_task(before_and_after(scope, done))
    await asyncio.sleep(0.005)
    scope.close()
    await asyncio.wait([waits, writes])
    assert (waits.cancelled(), writes.cancelled(), done) == (True, True, ["written"])


async def test_who_closes_it_from_inside_goes_on() -> None:
    scope = Scope()
    with scope:
        scope.close()
        await asyncio.sleep(0)
    assert scope.closed
    with pytest.raises(asyncio.CancelledError):
        scope.enter()


async def test_leaving_without_having_entered_is_nothing() -> None:
    scope, done = Scope(), list[str]()
    scope.leave()
    task = asyncio.create_task(inside(scope, done))
    await asyncio.sleep(0)
    scope.leave()  # another coroutine's, which stays
    scope.close()
    await asyncio.wait([task])
    assert task.cancelled()
