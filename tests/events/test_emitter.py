"""An event is made only if somebody wants it, and a listener that fails costs nothing."""

from __future__ import annotations

import asyncio
from typing import Any, get_args

import pytest

from wan_async import events
from wan_async._events import Emitter
from wan_async._events.lines import LINES
from wan_async.events import Called, Event, Submitted, Throttled


def test_each_event_is_public_and_has_a_line() -> None:
    kinds = set(get_args(Event))
    assert kinds == set(LINES)
    assert {kind.__name__ for kind in kinds} | {"Event", "Unknown"} == set(events.__all__)
    assert events.Unknown is events.SubmissionUnknown


def test_nobody_wants_what_neither_the_log_nor_a_listener_asks_for(caplog: pytest.LogCaptureFixture) -> None:
    emitter = Emitter()
    submitted, called = emitter.wanted(Submitted), emitter.wanted(Called)
    for level, wanted in (("INFO", (True, False)), ("DEBUG", (True, True)), ("WARNING", (False, False))):
        caplog.set_level(level, "wan_async")  # at any time
        assert (submitted(), called()) == wanted
    emitter.add(heard := lambda event: None)
    assert called()
    emitter.remove(heard)
    emitter.remove(heard)
    assert not called()


async def test_a_listener_that_fails_keeps_nothing_from_the_others() -> None:
    heard: list[Event] = []
    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))

    def broken(event: Event) -> None:
        raise KeyError("broken display")

    emitter = Emitter(broken)
    emitter.add(heard.append)
    emitter(Throttled("/x", None))
    assert len(heard) == len(faults) == 1
