"""Real processes that share an account, on each storage, against a provider in a process of its own with its own clock.

`python -m benchmarks.account` measures the same for longer. That each storage does the same is shown by test_storages.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Generator

import pytest

from benchmarks import account
from benchmarks._storages import KINDS, Place, places

pytestmark = [pytest.mark.processes, pytest.mark.skipif(sys.platform == "win32", reason="no SIGSTOP there")]


@pytest.fixture
def storages() -> Generator[list[Place]]:
    """All of them: processes that only wait for a window can do so beside those on another storage."""
    with places() as found:
        yield found


@pytest.mark.parametrize("kind", KINDS)
async def test_four_use_the_limit_up_one_stands_still_and_two_take_over_what_others_left(kind: str) -> None:
    """One storage after another: what is left unused by fifteen processes at once is the machine's doing."""
    with places([kind]) as (place,):
        found = await account.together(place, 6.0)
    for result in found.values():
        assert result.used >= 0.95, found
        assert result.rejected <= 0.01, found
    for name in ("steady", "killed"):  # who stood still finds a full window first
        assert all(0.75 <= share <= 1.25 for share in found[name].shares), found
    assert (found["steady"].failed, found["killed"].failed) == (0, 0)


async def test_a_lower_limit_is_used_up_from_the_start_on(storages: list[Place]) -> None:
    for found in await asyncio.gather(*(account.lower(place, 10.0) for place in storages)):
        assert found["lower"].used >= 0.90, found
        assert found["lower"].rejected <= 0.08, found
        assert not found["lower"].failed


async def test_polls_share_their_limit_and_do_not_take_from_submissions() -> None:
    with places(["redis"]) as (place,):
        found = await account.polls(place, 6.0)
    assert found["queries"].used >= 0.9
    assert found["beside queries"].used >= 0.95
    for result in found.values():
        assert result.rejected <= 0.01
        assert all(0.75 <= share <= 1.25 for share in result.shares)


async def test_a_server_that_is_killed_and_comes_back_costs_no_call_and_no_burst(storages: list[Place]) -> None:
    servers = [place for place in storages if place.server is not None]
    assert len(servers) == 2
    for found in await asyncio.gather(*(account.away(place, 6.0) for place in servers)):
        assert found["away"].rejected <= 0.03, found
        assert not found["away"].failed
        assert found["away"].used >= 0.5, found


async def test_clients_of_one_process_share_without_a_storage() -> None:
    found = (await account.one_process(6.0))["one process"]
    assert found.used >= 0.95
    assert found.rejected == 0
