"""The events of real runs against the emulator: each step of a task's life, once, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import ANY

import pytest

from wan_async import InsufficientCreditsError, Polling, RateLimit, TaskState, WanClient
from wan_async._words import without_user
from wan_async.emulator import Emulator, Fault
from wan_async.events import (
    Adopted,
    BatchEnded,
    BatchStarted,
    Called,
    Downloaded,
    Event,
    Finished,
    LimitLearnt,
    Polled,
    Repeated,
    SubmissionUnknown,
    Submitted,
    Throttled,
    Uploaded,
    Woken,
)

from ..callbacks.support import FAST, called_back, client, clip, provider

OFTEN = Polling(first=0.05, interval=0.05)


def kinds(events: Sequence[Event]) -> list[type[Event]]:
    """In order, without each call, and what comes several times in a row once."""
    steps = [type(event) for event in events if not isinstance(event, Called)]
    return [kind for kind, before in zip(steps, [None, *steps], strict=False) if kind is not before]


async def test_a_clip_is_submitted_polled_finished_and_downloaded(tmp_path: Path) -> None:
    events: list[Event] = []
    async with provider(seconds=0.2).serve() as url, client(url, None, polling=OFTEN, on_event=events.append) as wan:
        record = await wan.run(clip())
        path = await wan.download(record, tmp_path / "fox.mp4")
        assert await wan.download(record, tmp_path / "fox.mp4") == path  # it is there: no event
    assert kinds(events) == [Submitted, Polled, Finished, Downloaded]
    task_id, model = record.task_id, clip().model
    assert events[1] == Submitted(task_id, model, ANY, at=ANY)
    assert events[-2:] == [
        Finished(task_id, model, TaskState.SUCCESS, record.credits, ANY, at=ANY),
        Downloaded(task_id, str(path), ANY, at=ANY),
    ]
    assert [event.at for event in events] == sorted(event.at for event in events)
    finished = events[-2]
    assert isinstance(finished, Finished)
    assert 0.05 < finished.seconds < 5  # from the answer on: the task is a little older


async def test_each_call_is_one_event_with_its_status_and_code() -> None:
    events: list[Event] = []
    emulator = provider(Fault("refuse", call="createTask", code=402))
    async with emulator.serve() as url, client(url, None, on_event=events.append) as wan:
        await asyncio.gather(wan.submit(clip()), wan.credits(), wan.record("nosuch"), return_exceptions=True)
    calls = {(event.path.rpartition("/")[2], event.status, event.code) for event in events if isinstance(event, Called)}
    assert {path for path, _, _ in calls} == {"createTask", "credit", "recordInfo"}
    assert ("createTask", 200, 402) in calls
    assert all(event.seconds > 0 for event in events if isinstance(event, Called))


async def test_what_is_throttled_and_repeated_is_known() -> None:
    events: list[Event] = []
    emulator = provider(Fault("refuse", call="createTask", code=429, times=1), seconds=0.1)
    async with emulator.serve() as url, client(url, None, polling=OFTEN, on_event=events.append) as wan:
        await wan.run(clip())
    assert kinds(events)[:2] == [Throttled, Submitted]
    async with WanClient("k", base_url="http://127.0.0.1:9", limit=FAST, on_event=events.append) as wan:
        trying = asyncio.create_task(wan.submit(clip()))
        while not isinstance(events[-1], Repeated):
            await asyncio.sleep(0.01)
        trying.cancel()


async def test_a_poll_that_fails_or_is_throttled_is_known() -> None:
    events: list[Event] = []
    emulator = provider(
        Fault("html", call="recordInfo", times=1), Fault("refuse", call="recordInfo", code=429, times=1)
    )
    async with emulator.serve() as url, client(url, None, polling=OFTEN, on_event=events.append) as wan:
        await wan.run(clip())
    failed = [event.error for event in events if isinstance(event, Polled) and event.state is None]
    assert len(failed) == 2
    assert sum(isinstance(event, Throttled) for event in events) == 1


async def test_a_limit_that_is_lower_than_given_is_learnt_and_found_again() -> None:
    events: list[Event] = []
    emulator = Emulator(key="k", limit=RateLimit(3, per=0.4), query_limit=None, render=False)
    limit = RateLimit(10, per=0.4)
    async with emulator.serve() as url, WanClient("k", base_url=url, limit=limit, on_event=events.append) as wan:
        await asyncio.gather(*(wan.submit(clip(number)) for number in range(20)))
        learnt = [event for event in events if isinstance(event, LimitLearnt)]
        assert {event.purpose for event in learnt} == {"submissions"}
        assert {event.limit for event in learnt} == {limit}
        assert min(event.learnt for event in learnt) <= 4
        emulator.limit = None
        async with asyncio.timeout(20):
            while learnt[-1].learnt <= 4:
                await wan.submit(clip())
                learnt = [event for event in events if isinstance(event, LimitLearnt)]


async def test_a_lost_submission_is_unknown_then_adopted_and_woken() -> None:
    events: list[Event] = []
    emulator = provider(Fault("drop_after", call="createTask", times=1), seconds=0.2)
    async with called_back(emulator, on_event=events.append) as (wan, _):
        record = await wan.run(clip())
        await wan.run(clip(1))
    steps = [type(event) for event in events if not isinstance(event, (Called, Polled, Woken))]
    assert steps == [SubmissionUnknown, Adopted, Finished, Submitted, Finished]
    assert Adopted(record.task_id, at=ANY) in events
    assert Woken in map(type, events)


async def test_an_upload_is_known_once(tmp_path: Path) -> None:
    events: list[Event] = []
    async with provider().serve() as url, client(url, None, upload_url=url, on_event=events.append) as wan:
        picture = b"\x89PNG\r\n\x1a\n" + bytes(100)
        uploaded = await wan.upload(picture, name="fox.png")
        assert await wan.upload(picture) == uploaded
    assert [event for event in events if isinstance(event, Uploaded)] == [Uploaded(uploaded.name, 108, at=ANY)]


async def test_a_batch_has_a_begin_and_an_end(tmp_path: Path) -> None:
    events: list[Event] = []
    emulator = provider(Fault("fail", match="clip 00001."), seconds=0.1)
    journal = tmp_path / "run.db"
    async with emulator.serve() as url, client(url, None, polling=OFTEN, on_event=events.append) as wan:
        async with wan.batch((clip(number) for number in range(3)), journal=journal, max_in_flight=2) as results:
            assert len([outcome async for outcome in results]) == 3
        with pytest.raises(ZeroDivisionError):
            async with wan.batch([clip(7)]) as results:
                raise ZeroDivisionError("a caller's own words")
    ends = [event for event in events if isinstance(event, (BatchStarted, BatchEnded))]
    assert ends == [
        BatchStarted(str(journal), 2, at=ANY),
        BatchEnded(3, 2, 1, 0, None, at=ANY),
        BatchStarted(None, 100, at=ANY),
        BatchEnded(ANY, 0, 0, 0, "ZeroDivisionError", at=ANY),
    ]
    assert {Submitted, Finished} <= set(map(type, events[1 : events.index(ends[1])]))


async def test_a_batch_that_an_error_ends_says_which() -> None:
    events: list[Event] = []
    emulator = provider(Fault("refuse", call="createTask", code=402))
    async with emulator.serve() as url, client(url, None, on_event=events.append) as wan:
        with pytest.raises(InsufficientCreditsError):
            async with wan.batch([clip()]) as results:
                async for _ in results:
                    pass
    assert isinstance(events[-1], BatchEnded)
    assert str(events[-1].error).startswith("402")


@pytest.mark.parametrize(
    ("journal", "shown"),
    [
        ("/tmp/run@2.db", "/tmp/run@2.db"),
        ("postgresql://me:pass@host:5432/db?sslmode=require#name", "postgresql://host:5432/db#name"),
        ("postgresql://me:p@ss@host/db", "postgresql://host/db"),
        ("postgresql:///db?host=/run&password=pass", "postgresql:///db"),
    ],
)
def test_a_journals_name_holds_no_password(journal: str, shown: str) -> None:
    assert without_user(journal) == shown


async def test_what_was_never_throttled_is_not_learnt() -> None:
    """A high limit is tried out step by step: that is no news."""
    events: list[Event] = []
    high, faults = RateLimit(1000, per=1.0), [Fault("refuse", call="createTask", code=429, times=1)]
    emulator = Emulator(key="k", seconds=0.1, limit=None, query_limit=None, faults=faults, render=False)
    async with (
        emulator.serve() as url,
        WanClient("k", base_url=url, limit=high, query_limit=high, polling=OFTEN, on_event=events.append) as wan,
        wan.batch([clip()] * 20) as results,
    ):
        assert all([outcome.ok async for outcome in results])
    assert {event.purpose for event in events if isinstance(event, LimitLearnt)} <= {"submissions"}
