"""Real processes that share an account, on each storage, against a provider in a process of its own with its own clock.

`python -m benchmarks.account` measures the same for longer. That each storage does the same is shown by test_storages.
"""

from __future__ import annotations

import sys
from collections.abc import Generator

import pytest

from benchmarks import account
from benchmarks._storages import KINDS, Place, places

pytestmark = [pytest.mark.processes, pytest.mark.skipif(sys.platform == "win32", reason="no SIGSTOP there")]


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest) -> Generator[Place]:
    with places([request.param]) as (found,):
        yield found


async def test_four_use_the_limit_up_one_stands_still_and_two_take_over_what_others_left(place: Place) -> None:
    found = await account.together(place, 6.0)
    for result in found.values():
        assert result.used >= 0.95
        assert result.rejected <= 0.01
    for name in ("steady", "killed"):  # who stood still finds a full window first
        assert all(0.75 <= share <= 1.25 for share in found[name].shares), found
    assert (found["steady"].failed, found["killed"].failed) == (0, 0)


async def test_a_lower_limit_is_used_up_from_the_start_on(place: Place) -> None:
    found = (await account.lower(place, 10.0))["lower"]
    assert found.used >= 0.90
    assert found.rejected <= 0.08
    assert not found.failed


@pytest.mark.parametrize("place", ["redis"], indirect=True)
async def test_polls_share_their_limit_and_do_not_take_from_submissions(place: Place) -> None:
    found = await account.polls(place, 6.0)
    assert found["queries"].used >= 0.9
    assert found["beside queries"].used >= 0.95
    for result in found.values():
        assert result.rejected <= 0.01
        assert all(0.75 <= share <= 1.25 for share in result.shares)


@pytest.mark.parametrize("place", KINDS[1:], indirect=True)
async def test_a_server_that_is_killed_and_comes_back_costs_no_call_and_no_burst(place: Place) -> None:
    found = (await account.away(place, 6.0))["away"]
    assert found.rejected <= 0.03
    assert not found.failed
    assert found.used >= 0.5


async def test_clients_of_one_process_share_without_a_storage() -> None:
    found = (await account.one_process(6.0))["one process"]
    assert found.used >= 0.95
    assert found.rejected == 0
