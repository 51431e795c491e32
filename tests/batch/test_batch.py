"""Batches in virtual time, against the emulator in the same process."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from wan_async import (
    AuthenticationError,
    BatchStats,
    ConfigurationError,
    InsufficientCreditsError,
    InvalidInputError,
    KeyQuotaError,
    MaintenanceError,
    Outcome,
    RateLimit,
    RejectedError,
    SubmissionUnknownError,
    TaskFailedError,
    TransportError,
    WanError,
    WanInput,
)
from wan_async.emulator import Fault

from .virtual import client, clip, clips, collect, emulator

pytestmark = pytest.mark.virtual_time


def _later_first(model: str, fields: Mapping[str, Any]) -> float:
    return 10.0 * (5 - int(fields["prompt"]))


async def test_every_item_has_one_outcome_and_each_is_created_once() -> None:
    provider = emulator()
    outcomes, stats = await collect(client(provider), clips(250))
    assert sorted(outcome.index for outcome in outcomes) == list(range(250))
    assert len({outcome.key for outcome in outcomes}) == 250
    assert all(outcome.ok and outcome.unwrap().url and not outcome.replayed for outcome in outcomes)
    assert provider.stats.created == 250
    assert sorted(task.prompt for task in provider.tasks.values()) == sorted(str(n) for n in range(250))
    assert stats == BatchStats(pulled=250, submitted=250, succeeded=250, credits=250 * 40.0)


async def test_outcomes_come_as_tasks_finish_not_in_the_order_of_the_inputs() -> None:
    provider = emulator(seconds=_later_first)
    outcomes, _ = await collect(client(provider), clips(5))
    assert [outcome.index for outcome in outcomes] == [4, 3, 2, 1, 0]


async def test_keys_are_the_callers_and_pairs_may_be_mixed_with_inputs() -> None:
    async def inputs() -> AsyncIterator[WanInput | tuple[str, WanInput]]:
        yield "mine", clip("a")
        yield clip("b")
        await asyncio.sleep(1)
        yield "other", clip("a")

    outcomes, _ = await collect(client(emulator()), inputs())
    keys = {outcome.index: outcome.key for outcome in outcomes}
    assert keys[0] == "mine"
    assert keys[2] == "other"
    assert len(keys[1]) > 10


@pytest.mark.parametrize("window", [1, 3, 100])
async def test_no_more_is_pulled_than_the_slots_allow_even_with_a_slow_caller(window: int) -> None:
    pulled = delivered = worst = 0

    def inputs() -> Iterator[WanInput]:
        nonlocal pulled, worst
        for number in range(40):
            pulled += 1
            worst = max(worst, pulled - delivered)
            yield clip(number)

    async with client(emulator()) as wan, wan.batch(inputs(), max_in_flight=window) as results:
        async for _ in results:
            await asyncio.sleep(7)
            delivered += 1
    assert delivered == 40
    # the outcome in the caller's hands was handed over, but is counted here only after the sleep
    assert worst <= window + 1


async def test_a_caller_that_stops_asking_stops_the_feed() -> None:
    pulled = 0

    def inputs() -> Iterator[WanInput]:
        nonlocal pulled
        while True:
            pulled += 1
            yield clip(pulled)

    async with client(emulator()) as wan, wan.batch(inputs(), max_in_flight=10) as results:
        await anext(results)
        await asyncio.sleep(10_000)
        assert pulled == 11


async def test_an_error_of_one_item_is_its_outcome() -> None:
    provider = emulator(
        faults=[
            Fault("fail", match="bad clip", fail_code="SENSITIVE", message="no"),
            Fault("refuse", call="createTask", match="refused", code=422, message="too odd"),
            Fault("drop_after", call="createTask", match="lost"),
        ]
    )
    prompts = ["good", "bad clip", "refused", "lost", "also good"]
    outcomes, stats = await collect(client(provider), [clip(prompt) for prompt in prompts])
    errors = {prompts[outcome.index]: type(outcome.error) for outcome in outcomes}
    assert errors == {
        "good": type(None),
        "also good": type(None),
        "bad clip": TaskFailedError,
        "refused": RejectedError,
        "lost": SubmissionUnknownError,
    }
    assert (stats.succeeded, stats.failed, stats.unknown) == (2, 2, 1)
    assert sum(task.prompt == "lost" for task in provider.tasks.values()) == 1
    by_index = {outcome.index: outcome for outcome in outcomes}
    with pytest.raises(TaskFailedError, match="SENSITIVE"):
        by_index[1].unwrap()
    assert by_index[1].record is not None
    assert by_index[1].task_id is not None


async def test_what_is_no_input_is_an_outcome_too() -> None:
    items = [clip("a"), "not an input", ("", clip("b")), ("key", 5), (1, 2, 3)]
    outcomes, _ = await collect(client(emulator()), items)
    assert sum(outcome.ok for outcome in outcomes) == 1
    bad = [outcome.error for outcome in outcomes if not outcome.ok]
    assert all(isinstance(error, InvalidInputError) for error in bad)
    assert len(bad) == 4


@pytest.mark.parametrize(
    ("code", "error"), [(401, AuthenticationError), (402, InsufficientCreditsError), (433, KeyQuotaError)]
)
async def test_an_error_that_hits_every_item_drains_and_is_raised_bare(code: int, error: type[WanError]) -> None:
    provider = emulator(faults=[Fault("refuse", call="createTask", code=code, nth=31)])
    outcomes: list[Outcome] = []
    async with client(provider) as wan, wan.batch(clips(10_000), max_in_flight=1000) as results:
        with pytest.raises(error):
            async for outcome in results:
                outcomes.append(outcome)
        with pytest.raises(StopAsyncIteration):
            await anext(results)
    assert len(outcomes) == provider.stats.created == 30
    assert all(outcome.ok for outcome in outcomes)
    assert results.stats.pulled < 200


async def test_the_callers_own_error_drains_and_comes_out_bare() -> None:
    class OwnError(Exception):
        pass

    def inputs() -> Iterator[WanInput]:
        yield from clips(20)
        raise OwnError

    outcomes: list[Outcome] = []
    async with client(emulator()) as wan, wan.batch(inputs()) as results:
        with pytest.raises(OwnError):
            async for outcome in results:
                outcomes.append(outcome)
    assert len(outcomes) == 20


async def test_an_error_in_the_callers_loop_comes_out_bare_and_leaves_nothing() -> None:
    before = asyncio.all_tasks()
    wan = client(emulator())
    with pytest.raises(ZeroDivisionError):
        async with wan, wan.batch(clips(1000), max_in_flight=500) as results:
            async for _ in results:
                _ = 1 / 0
    assert asyncio.all_tasks() == before


@pytest.mark.parametrize("how", ["break", "cancel"])
async def test_leaving_early_leaves_no_coroutine(how: str) -> None:
    provider = emulator()
    before = asyncio.all_tasks()

    async def leave() -> None:
        async with client(provider) as wan, wan.batch(clips(1000), max_in_flight=500) as results:
            async for _ in results:
                if how == "break":
                    break
                await asyncio.Event().wait()

    task = asyncio.create_task(leave())
    await asyncio.sleep(100)
    if how == "cancel":
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await asyncio.wait([task])
    assert asyncio.all_tasks() == before
    gc.collect()


async def test_a_cancelled_next_loses_no_outcome() -> None:
    provider = emulator()
    seen: list[int] = []
    async with client(provider) as wan, wan.batch(clips(30)) as results:
        while len(seen) < 30:
            try:
                async with asyncio.timeout(0.7):
                    seen.append((await anext(results)).index)
            except TimeoutError:
                continue
    assert sorted(seen) == list(range(30))


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("drop_before", call="createTask"), TransportError),
        (Fault("refuse", call="createTask", code=455), MaintenanceError),
    ],
)
async def test_a_service_that_cannot_be_reached_stops_the_batch_and_nothing_is_failed_by_it(
    fault: Fault, error: type[WanError]
) -> None:
    provider = emulator()
    outcomes: list[Outcome] = []
    async with client(provider) as wan, wan.batch(clips(10_000), max_in_flight=200) as results:
        with pytest.raises(error):
            async for outcome in results:
                outcomes.append(outcome)
                provider.faults = [fault]
    assert len(outcomes) == provider.stats.created > 0
    assert all(outcome.ok for outcome in outcomes)
    assert results.stats.pulled < 1000


async def test_stop_drains_and_ends_without_an_error() -> None:
    provider = emulator()
    seen = 0
    async with client(provider) as wan, wan.batch(clips(100_000), max_in_flight=50) as results:
        async for _ in results:
            seen += 1
            if seen == 20:
                results.stop()
    assert seen == provider.stats.created
    assert 20 <= seen <= 120


async def test_submissions_keep_to_the_accounts_window_and_a_refused_one_is_sent_again() -> None:
    provider = emulator(limit=RateLimit(20, per=10.0))
    wan = client(provider, limit=RateLimit(40, per=10.0))
    outcomes, stats = await collect(wan, clips(400), max_in_flight=400)
    assert len(outcomes) == provider.stats.created == 400
    assert all(outcome.ok for outcome in outcomes)
    assert stats.throttled == provider.stats.rejected > 0


@pytest.mark.parametrize(
    "options",
    [{"max_in_flight": 0}, {"max_in_flight": True}, {"max_in_flight": 1.5}, {"max_credits": -1}, {"max_credits": "5"}],
)
async def test_bad_arguments_are_refused_by_name(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        client(emulator()).batch([], **options)


async def test_inputs_have_to_be_iterable() -> None:
    with pytest.raises(ConfigurationError, match="inputs"):
        client(emulator()).batch(cast("Any", 5))


async def test_a_batch_is_entered_once_and_used_inside() -> None:
    wan = client(emulator())
    batch = wan.batch(clips(1))
    with pytest.raises(ConfigurationError, match="async with"):
        await anext(batch)
    async with wan:
        async with batch:
            pass
        with pytest.raises(ConfigurationError, match="once"):
            async with batch:
                pass


async def test_an_empty_batch_ends_at_once() -> None:
    outcomes, stats = await collect(client(emulator()), [])
    assert outcomes == []
    assert stats == BatchStats()


async def test_a_key_refused_while_waiting_stops_the_batch() -> None:
    provider = emulator(faults=[Fault("refuse", call="recordInfo", code=401)])
    async with client(provider) as wan, wan.batch(clips(3)) as results:
        with pytest.raises(AuthenticationError):
            async for _ in results:
                pass


async def test_failing_looks_fail_nothing() -> None:
    kinds: list[Callable[[], Fault]] = [
        lambda: Fault("drop_after", call="recordInfo", rate=0.3),
        lambda: Fault("html", call="recordInfo", status=502, rate=0.3),
        lambda: Fault("garbage", call="recordInfo", rate=0.3),
        lambda: Fault("refuse", call="recordInfo", code=500, rate=0.3),
        lambda: Fault("refuse", call="recordInfo", code=429, rate=0.3),
        lambda: Fault("null_record", seconds=60.0),
    ]
    provider = emulator(faults=[kind() for kind in kinds])
    outcomes, _ = await collect(client(provider), clips(50))
    assert len(outcomes) == 50
    assert all(outcome.ok for outcome in outcomes)


async def test_a_task_ended_by_its_envelope_is_failed() -> None:
    provider = emulator(faults=[Fault("refuse", call="recordInfo", code=501, message="Generation failed")])
    outcomes, _ = await collect(client(provider), clips(1))
    assert isinstance(outcomes[0].error, TaskFailedError)
    assert outcomes[0].record is not None
    assert outcomes[0].record.fail_code == "501"


async def test_what_ends_a_batch_without_a_journal_names_what_is_paid_for(tmp_path: Path) -> None:
    provider = emulator(seconds=50.0)
    for journal, noted in ((None, True), (tmp_path / "run.db", False)):
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(20), client(provider).batch(clips(3), journal=journal) as results:
                async for _ in results:
                    raise AssertionError
        ended: BaseException | None = caught.value
        notes: list[str] = []
        while ended is not None:
            notes += getattr(ended, "__notes__", [])
            ended = ended.__cause__ or ended.__context__
        assert bool(notes) is noted
        if noted:
            (note,) = notes
            assert note.startswith("3 tasks were created and may be charged; WanClient.wait(id) gets a record: ")
            assert sorted(note.rpartition(": ")[2].split(", ")) == sorted(provider.tasks)


async def test_a_batch_is_used_inside_its_block_and_says_so_where_a_default_is_given() -> None:
    """Its own process would crash: CPython 3.11 cannot bear an `__anext__` that raises by itself beside a default."""
    results = client(emulator()).batch(clips(1))
    awaited = anext(results, None)
    with pytest.raises(ConfigurationError, match="inside `async with`"):
        await awaited
    with pytest.raises(ConfigurationError, match="inside `async with`"):
        await anext(results)
