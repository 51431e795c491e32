"""A worker that was paused: it sends nothing by what it claimed before."""

from __future__ import annotations

import asyncio

from wan_async._journal.postgres import desk
from wan_async._journal.postgres.lease import LEASE, SPARE, Lease, moment
from wan_async._journal.store import Taken, Withdrawal

from ..stores import PostgresPlace, asked, claim, intent


def later(seconds: float) -> tuple[float, float]:
    monotonic, wall = moment()
    return monotonic + seconds, wall + seconds


def test_it_holds_until_too_little_is_left() -> None:
    lease = Lease()
    assert not lease.holds()
    lease.renewed(later(1 - (LEASE - SPARE)))
    assert lease.holds()
    lease.renewed(later(-(LEASE - SPARE)))
    assert not lease.holds()


def test_a_renewal_that_comes_late_is_a_lapse() -> None:
    lease = Lease()
    lease.renewed(later(-20))
    lease.renewed(later(-17))
    assert lease.lapses == 0
    lease.renewed(later(0))
    assert lease.lapses == 1
    assert lease.holds()
    lease.renewed(later(1), in_time=False)
    assert lease.lapses == 2


async def test_what_was_claimed_before_a_lapse_is_not_sent(place: PostgresPlace) -> None:
    async with place.opened() as first, place.opened() as second:
        await claim(first, "k")
        assert first.may_send("k")
        place.sql("UPDATE wan_async_worker SET expires_at = clock_timestamp() - interval '1 minute' WHERE id = 1")
        await second.ended("k")  # takes it: what was in the air is unknown
        await asyncio.sleep(desk.RENEWAL + 1)  # the server's time
        assert first.may_send()
        assert not first.may_send("k")
        first.withdraw_nowait(Withdrawal("k", 1))
        assert await first.intend(intent("k")) == Taken()
        await claim(first, "l")
        assert first.may_send("l")
        assert [type(one).__name__ for one in await second.look_up([asked("l")])] == ["Elsewhere"]
