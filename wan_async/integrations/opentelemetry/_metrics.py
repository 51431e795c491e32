"""A client's events as metrics, and its state when it is asked for."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from opentelemetry.metrics import CallbackOptions, Observation

from ...events import Called, Downloaded, Event, Finished, Submitted, Throttled

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter

    from ..._client import WanClient
    from ._spans import TracedTasks


class Numbers:
    """Counts and measures events."""

    def __init__(self, meter: Meter, tasks: TracedTasks, where: dict[str, Any]) -> None:
        self._tasks = tasks
        self._where = where
        self._request = meter.create_histogram("http.client.request.duration", "s", "Calls of the API")
        self._submission = meter.create_histogram("wan.submission.duration", "s", "From asked for to answered")
        self._task = meter.create_histogram("wan.task.duration", "s", "A task's age when its end was found")
        self._polls = meter.create_histogram("wan.task.polls", "{poll}", "Polls until a task's end was found")
        self._credits = meter.create_counter("wan.task.credits", "{credit}", "What ended tasks cost")
        self._download = meter.create_histogram("wan.download.duration", "s", "From asked for to there")
        self._throttled = meter.create_counter("wan.throttled", "{call}", "Calls that were answered with 429")

    def __call__(self, event: Event) -> None:
        match event:
            case Called():
                self._request.record(event.seconds, self._of_call(event))
            case Submitted():
                self._submission.record(event.seconds, {**self._where, "gen_ai.request.model": event.model})
            case Throttled():
                self._throttled.add(1, {**self._where, "url.path": event.path})
            case Finished():
                which = {"gen_ai.request.model": event.model, "wan.task.state": event.state.value}
                self._task.record(event.seconds, which)
                self._polls.record(self._tasks[event.task_id].polls, which)
                self._credits.add(event.credits or 0.0, which)
            case Downloaded():
                self._download.record(event.seconds)
            case _:
                pass

    def _of_call(self, event: Called) -> dict[str, Any]:
        attributes = {**self._where, "http.request.method": event.method, "url.path": event.path}
        if event.status is not None:
            attributes["http.response.status_code"] = event.status
        if event.error is not None:
            attributes["error.type"] = type(event.error).__name__
        elif event.code not in (None, 200):
            attributes["error.type"] = str(event.code)
        return attributes


def show_gauges(meter: Meter, client: WanClient, where: dict[str, Any]) -> Callable[[], None]:
    """Show a client's state when it is read, as long as the client is there; gives what ends it."""
    known, ended = weakref.ref(client), False

    def observe(read: Callable[[WanClient], float], _: CallbackOptions) -> Iterable[Observation]:
        one = None if ended else known()
        if one is not None:
            yield Observation(read(one), where)

    def end() -> None:
        nonlocal ended
        ended = True

    for name, unit, read in _GAUGES:
        meter.create_observable_gauge(name, [partial(observe, read)], unit)
    return end


_GAUGES: tuple[tuple[str, str, Callable[[WanClient], float]], ...] = (
    ("wan.tasks.waiting", "{task}", lambda client: client._runtimes.waiting),  # pyright: ignore[reportPrivateUsage]
    ("wan.tasks.oldest", "s", lambda client: client._runtimes.oldest),  # pyright: ignore[reportPrivateUsage]
    ("wan.limit.waiting", "{call}", lambda client: client._permits.state().waiting),  # pyright: ignore[reportPrivateUsage]
    ("wan.limit.used", "{call}", lambda client: client._permits.state().used),  # pyright: ignore[reportPrivateUsage]
    ("wan.limit.learnt", "{call}", lambda client: client._permits.state().learnt),  # pyright: ignore[reportPrivateUsage]
)
"""Tasks that are waited for, and the age of the oldest; of the limit of new tasks: callers in line, slots in use, slots
that are known."""
