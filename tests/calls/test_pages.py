"""A gateway's page in place of createTask's answer: a verdict by its status, and the end of that item alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from wan_async import ApiError, NotFoundError, Outcome, RateLimit, Wan22TextToVideoTurbo, WanClient
from wan_async._protocol import Answer
from wan_async.emulator import Emulator, Fault

from .support import CREATED, FOX, Rig, Written

pytestmark = pytest.mark.virtual_time

CREATE_TASK = "/api/v1/jobs/createTask"
PAGE = Answer(404, b"<html>404</html>")
BLOCK = Answer(403, b"error code: 1010")
PROXY = Answer(407, b"whose proxy is this?")


@pytest.mark.parametrize("page", [PAGE, BLOCK, Answer(404, b""), Answer(403, b'{"error":"forbidden"}'), PROXY])
@pytest.mark.parametrize("recorder", [Written(), None])
async def test_it_is_never_sent_again(page: Answer, recorder: Written | None) -> None:
    """A gateway that screens answers shows such a page for a task that was created: each repeat could be paid."""
    rig = Rig(page, CREATED)
    with pytest.raises(ApiError) as caught:
        await rig.calls.create_task(FOX, recorder=recorder)
    assert caught.value.code == page.status
    assert len(rig.transport.times) == 1


# in a batch


async def outcomes_of(provider: Emulator, journal: Path, count: int, in_flight: int) -> list[Outcome]:
    inputs = [(f"k{number}", Wan22TextToVideoTurbo(prompt=f"fox {number}!")) for number in range(count)]
    fast = RateLimit(10_000, per=1.0)
    wan = WanClient("k", pool=provider.transport(), limit=fast, query_limit=fast)
    async with wan, wan.batch(inputs, journal=journal, max_in_flight=in_flight) as results:
        return [outcome async for outcome in results]


@pytest.mark.parametrize("in_flight", [1, 5])
@pytest.mark.parametrize("bad", ["fox 0!", "fox 2!"])
async def test_a_prompt_that_a_firewall_dislikes_is_one_bad_row(tmp_path: Path, bad: str, in_flight: int) -> None:
    """Be it the first or the last, whoever else is answered meanwhile: no run may be stuck at it."""
    block = Fault("html", call="createTask", status=403, match=bad, message="error code: 1020")
    site = Emulator(seconds=1.0, limit=None, query_limit=None, faults=[block])
    outcomes = await outcomes_of(site, tmp_path / "run.db", 3, in_flight)
    errors = {outcome.key: outcome.error for outcome in outcomes}
    refused = errors.pop(f"k{bad[4]}")
    assert isinstance(refused, ApiError)
    assert refused.code == 403
    assert list(errors.values()) == [None, None]
    assert site.calls[CREATE_TASK] == 3
    again = await outcomes_of(site, tmp_path / "run.db", 3, in_flight)
    assert all(outcome.replayed for outcome in again)
    assert site.calls[CREATE_TASK] == 3


async def test_what_a_deploy_shows_to_many_fails_these_and_pays_nothing(tmp_path: Path) -> None:
    pages = Fault("html", call="createTask", status=404, times=3)
    site = Emulator(seconds=1.0, limit=None, query_limit=None, faults=[pages])
    outcomes = await outcomes_of(site, tmp_path / "run.db", 10, 5)
    assert [type(outcome.error) for outcome in outcomes if not outcome.ok] == [NotFoundError] * 3
    assert (site.calls[CREATE_TASK], site.stats.created) == (10, 7)
