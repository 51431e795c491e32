"""Keys that PostgreSQL cannot hold: each is that item's error, and everything else goes on."""

from __future__ import annotations

import asyncio
import random

import pytest

from wan_async._journal.store import Acceptance, Claimed, Refused, Written

from ..stores import PostgresPlace, asked, end, intent
from ..support import good


def long_key(number: int) -> str:
    """A key that is longer than an index can hold, and does not shrink."""
    return random.Random(number).randbytes(4000).hex()


async def test_keys_that_no_index_can_hold_are_refused_alone_however_many(place: PostgresPlace) -> None:
    async with place.opened() as store:
        for number in range(12):
            keys = [f"a{number}", long_key(number), f"b{number}"]
            given = await asyncio.gather(*(store.intend(intent(key)) for key in keys))
            assert [type(one) for one in given] == [Claimed, Refused, Claimed]
            for key in (keys[0], keys[2]):
                store.accept_nowait(Acceptance(key, 1, f"t-{key}"))
                assert await end(store, key, good(f"t-{key}")) is Written.ON_DISK
    assert len(place.entries()) == 24
    assert place.faults == []


@pytest.mark.parametrize("before", range(8))
async def test_a_refusal_leaves_no_statement_behind_that_was_not_prepared(place: PostgresPlace, before: int) -> None:
    async with place.opened() as store:
        for number in range(before):
            assert isinstance(await store.intend(intent(f"before{number}")), Claimed)
        for number in range(2):
            assert isinstance(await store.intend(intent(long_key(number))), Refused)
        for number in range(8):
            assert isinstance(await store.intend(intent(f"after{number}")), Claimed)


async def test_what_was_refused_is_handed_over_as_any_outcome(place: PostgresPlace) -> None:
    async with place.opened() as store:
        (refused,) = await store.look_up([asked("a\0b")])
        assert isinstance(refused, Refused)
        store.seen_nowait(["a\0b", long_key(0)])
        assert await store.spent() == 0
    assert place.faults == []
