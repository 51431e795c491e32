"""Events as lines of the log: one tree of loggers under `wan_async`, silent until somebody sets it up."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from ..errors import WanError
from ..events import (
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

ROOT = "wan_async"
VARIABLE = "WAN_ASYNC_LOG"
FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class LogLine(NamedTuple):
    """A kind of event in the log."""

    logger: logging.Logger
    level: int
    text: str
    args: Callable[[Any], tuple[object, ...]]


def logger(child: str) -> logging.Logger:
    """A logger of the tree, which is set up by now."""
    return logging.getLogger(f"{ROOT}.{child}")


def _line(child: str, level: int, text: str, args: Callable[[Any], tuple[object, ...]]) -> LogLine:
    return LogLine(logger(child), level, text, args)


def _call(event: Called) -> tuple[object, ...]:
    what = event.error or f"HTTP {event.status}, code {event.code}"
    return event.method, event.path, what, 1000 * event.seconds


def _poll(event: Polled) -> tuple[object, ...]:
    return event.task_id, event.error or (event.state and event.state.value)


def _end(event: Finished) -> tuple[object, ...]:
    cost = "" if event.credits is None else f", {event.credits:g} credits"
    return event.task_id, event.state.value, event.seconds, cost


def _whose(event: Downloaded) -> str:
    return "a link's clip" if event.task_id is None else f"task {event.task_id}"


def _batch_end(event: BatchEnded) -> tuple[object, ...]:
    why = f", by {event.error}" if event.error else ""
    return event.submitted, event.succeeded, event.failed, event.unknown, why


DEBUG, INFO, WARNING = logging.DEBUG, logging.INFO, logging.WARNING
LINES: dict[type, LogLine] = {
    Called: _line("calls", DEBUG, "%s %s: %s, %.0f ms", _call),
    Submitted: _line("calls", INFO, "task %s submitted, %s", lambda event: (event.task_id, event.model)),
    SubmissionUnknown: _line("calls", WARNING, "a submission's fate is unknown: %s", lambda event: (event.error,)),
    Throttled: _line("calls", WARNING, "%s: throttled, Retry-After %s", lambda event: (event.path, event.retry_after)),
    Repeated: _line(
        "calls", WARNING, "%s: sent again in %.1f s: %s", lambda event: (event.path, event.delay, event.error)
    ),
    Adopted: _line("callbacks", INFO, "task %s adopted: its callback names a lost submission", lambda e: (e.task_id,)),
    Woken: _line("callbacks", DEBUG, "task %s called back", lambda event: (event.task_id,)),
    Polled: _line("poller", DEBUG, "task %s polled: %s", _poll),
    Finished: _line("poller", INFO, "task %s ended: %s after %.1f s%s", _end),
    Downloaded: _line("transfers", INFO, "%s downloaded: %s", lambda event: (_whose(event), event.path)),
    Uploaded: _line("transfers", INFO, "%s uploaded, %s bytes", lambda event: (event.file, event.size)),
    LimitLearnt: _line(
        "limits",
        INFO,
        "%s: %d of %d calls in %g s are made from now on",
        lambda event: (event.purpose, event.learnt, event.limit.n, event.limit.per),
    ),
    BatchStarted: _line(
        "batch", INFO, "batch started, journal %s, %d in flight", lambda event: (event.journal, event.max_in_flight)
    ),
    BatchEnded: _line("batch", INFO, "batch ended: %d submitted, %d succeeded, %d failed, %d unknown%s", _batch_end),
}


def write(event: Event, key_id: str) -> None:
    """Log an event, its fields as extras, if anybody wants it."""
    line = LINES[type(event)]
    if line.logger.isEnabledFor(line.level):
        extra = {name: _plain(getattr(event, name)) for name in event.__struct_fields__ if name != "at"}
        line.logger.log(line.level, line.text, *line.args(event), extra={**extra, "key_id": key_id})


def _plain(value: object) -> object:
    """A value that any formatter can write."""
    return str(value) if isinstance(value, WanError) else msgspec.to_builtins(value)


def _prints_alone(_: logging.LogRecord) -> bool:
    """False where the program's own handlers print too: each line would be there twice."""
    streams: list[object] = [getattr(handler, "stream", None) for handler in logging.getLogger().handlers]
    return sys.stderr not in streams and sys.stdout not in streams


def _set_up() -> None:
    """Be silent, or as loud as `WAN_ASYNC_LOG` says: `info` or `debug`, on stderr where the program prints no log."""
    root = logging.getLogger(ROOT)
    root.addHandler(logging.NullHandler())
    level = os.environ.get(VARIABLE, "").upper()
    if not level:
        return
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(FORMAT))
    handler.addFilter(_prints_alone)
    root.addHandler(handler)
    if level in ("DEBUG", "INFO"):
        root.setLevel(level)
    else:
        root.warning("%s: %r is not allowed; allowed: info, debug", VARIABLE, level.lower())


_set_up()
