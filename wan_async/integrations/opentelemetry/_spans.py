"""A client's events as spans, each made when it is over; and the parts of its tasks that outlive one event."""

from __future__ import annotations

import time
from collections import OrderedDict
from contextvars import ContextVar
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import msgspec
from opentelemetry import context, trace
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from ..._policy.recent import Recent
from ..._protocol import TaskState
from ...events import Called, Downloaded, Event, Finished, SubmissionUnknown, Submitted

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Tracer

_CREATE = "/createTask"
_NO_FAILURE = (None, 200, 429, 455)
"""Codes of createTask after which it is sent again, or has another event."""

_ENDED = 1000
"""Waits that are remembered at least, for the downloads that follow them."""

_status: ContextVar[int | None] = ContextVar("wan_async_status")
"""The HTTP status of the createTask that this coroutine made last."""


class TracedSubmission(msgspec.Struct):
    """A submission that was traced: its span, that span's parent, and when it ended."""

    span: SpanContext
    parent: Context
    ended_ns: int


class TracedTask(msgspec.Struct):
    """A task until its end."""

    polls: int = 0
    submission: TracedSubmission | None = None


class TracedTasks(OrderedDict[str, TracedTask]):
    """The last tasks that there was anything of, each there when it is asked for.

    Args:
        most: how many.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def __missing__(self, task_id: str) -> TracedTask:
        task = self[task_id] = TracedTask()
        if len(self) > self._most:
            self.popitem(last=False)
        return task


class Spans:
    """Makes spans of events, when they are over."""

    def __init__(self, tracer: Tracer, tasks: TracedTasks, where: dict[str, Any]) -> None:
        self._tracer = tracer
        self._tasks = tasks
        self._where = where
        self._waits: Recent[str, SpanContext] = Recent(_ENDED)

    def __call__(self, event: Event) -> None:
        match event:
            case Called() if event.path.endswith(_CREATE):
                _status.set(event.status)
                if event.code not in _NO_FAILURE:
                    self._failed(event, "", str(event.code), f"refused with code {event.code}")
            case Submitted():
                self._submitted(event)
            case SubmissionUnknown():
                self._failed(event, event.model, type(event.error).__name__, str(event.error))
            case Finished():
                self._finished(event)
            case Downloaded():
                self._downloaded(event)
            case _:
                pass

    def _submitted(self, event: Submitted) -> None:
        parent, links = self._parent(event.task_id)
        end, attributes = _unix_ns(event.at), self._of_task(event.task_id, event.model) | _of_answer()
        start = end - _ns(event.seconds)
        name, kind = f"submit {event.model}", SpanKind.CLIENT
        span = self._tracer.start_span(name, parent, kind, attributes, links, start_time=start)
        span.end(end)
        self._tasks[event.task_id].submission = TracedSubmission(span.get_span_context(), parent, end)

    def _parent(self, task_id: str) -> tuple[Context, list[Link]]:
        """The open span, with a link to the task's own trace, where another process goes on; else that trace."""
        here, own = context.get_current(), self._own_trace(task_id)
        if trace.get_current_span(here).get_span_context().is_valid:
            return here, [Link(trace.get_current_span(own).get_span_context())]
        return own, []

    def _failed(self, event: SubmissionUnknown | Called, model: str, kind: str, words: str) -> None:
        end = _unix_ns(event.at)
        attributes = {**self._where, **_of_answer(), "error.type": kind} | (
            {"gen_ai.request.model": model} if model else {}
        )
        start, name = end - _ns(event.seconds), f"submit {model}".rstrip()
        span = self._tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes, start_time=start)
        span.set_status(Status(StatusCode.ERROR, words))
        span.end(end)

    def _finished(self, event: Finished) -> None:
        end, task = _unix_ns(event.at), self._tasks[event.task_id]
        if task.submission is None:  # by another process, or adopted
            parent, links, start = self._own_trace(event.task_id), None, end - _ns(event.seconds)
        else:
            parent, links, start = task.submission.parent, [Link(task.submission.span)], task.submission.ended_ns
        attributes = self._of_task(event.task_id, event.model)
        attributes |= {"wan.task.state": event.state.value, "wan.task.polls": task.polls}
        if event.credits is not None:
            attributes["wan.task.credits"] = event.credits
        name = f"wait {event.model}"
        span = self._tracer.start_span(name, parent, attributes=attributes, links=links, start_time=start)
        if event.state is TaskState.FAIL:
            span.set_status(Status(StatusCode.ERROR, "the task failed"))
        span.end(end)
        self._waits.put(event.task_id, span.get_span_context())

    def _downloaded(self, event: Downloaded) -> None:
        end = _unix_ns(event.at)
        attributes = {"url.full" if "://" in event.path else "file.path": event.path}
        parent, links, waited = context.get_current(), list[Link](), None
        if event.task_id is not None:
            attributes["gen_ai.response.id"] = event.task_id
            parent, links = self._parent(event.task_id)
            waited = self._waits.get(event.task_id)
        links = links if waited is None else [Link(waited)]
        start = end - _ns(event.seconds)
        self._tracer.start_span("download", parent, attributes=attributes, links=links, start_time=start).end(end)

    def _of_task(self, task_id: str, model: str) -> dict[str, Any]:
        return {
            **self._where,
            "gen_ai.operation.name": "generate_content",
            "gen_ai.request.model": model,
            "gen_ai.response.id": task_id,
        }

    def _own_trace(self, task_id: str) -> Context:
        """A task's own trace: the same ids in each process, sampled as the tracer would sample a new one."""
        digest = blake2b(task_id.encode(), digest_size=24, person=b"wan-async trace").digest()
        trace_id = int.from_bytes(digest[:16], "big")
        sampler = getattr(self._tracer, "sampler", None)  # the SDK's, which a parent that is sampled would overrule
        sampled = sampler is None or sampler.should_sample(None, trace_id, "submit").decision.is_sampled()
        flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
        parent = SpanContext(trace_id, int.from_bytes(digest[16:], "big"), is_remote=True, trace_flags=flags)
        return trace.set_span_in_context(NonRecordingSpan(parent), context.Context())


def _of_answer() -> dict[str, Any]:
    status = _status.get(None)
    return {} if status is None else {"http.response.status_code": status}


def _unix_ns(at: float) -> int:
    """A monotonic time as Unix nanoseconds."""
    return time.time_ns() - _ns(time.monotonic() - at)


def _ns(seconds: float) -> int:
    return int(seconds * 1e9)
