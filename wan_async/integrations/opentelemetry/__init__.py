"""Traces and metrics of a client, by OpenTelemetry (extra `otel`), made of its events.

```python
undo = instrument(wan)
```

| span | from … to | attributes beside the task's `gen_ai.*` and `server.*` |
|---|---|---|
| `submit MODEL` | asked for … answered, the wait for a slot included | `http.response.status_code`, `error.type` |
| `wait MODEL` | submitted … its end was found; linked to `submit` | `wan.task.state`, `.polls`, `.credits` |
| `download` | asked for … its file is there; linked to `wait` | `file.path`, or `url.full` in an object store |

All are children of the span that is open where the task is submitted, or downloaded. Where there is none, they are in a
trace that is the task's own: its id is a digest of the task's id, so that a run on the same journal, in another process
and days later, goes on with the trace that was begun. No span is held open meanwhile.

Metrics: `http.client.request.duration`, `wan.submission.duration`, `wan.task.duration`, `wan.task.polls`,
`wan.task.credits`, `wan.download.duration`, `wan.throttled`, and as they are when they are read `wan.tasks.waiting`,
`wan.tasks.oldest` (seconds), `wan.limit.waiting`, `wan.limit.used` and `wan.limit.learnt`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ...events import Event, Finished, Polled

try:
    from opentelemetry import metrics, trace
except ModuleNotFoundError as _missing:
    _words = "opentelemetry is not installed: pip install 'wan-async[otel]'"
    raise ModuleNotFoundError(_words, name=_missing.name) from None

from ._metrics import Numbers, show_gauges
from ._spans import Spans, TracedTasks

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from ..._client import WanClient

__all__ = ["instrument"]

_NAME = "wan_async"

KEPT = 100_000
"""Tasks whose submission is remembered until their end is found."""


def instrument(
    client: WanClient, tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None
) -> Callable[[], None]:
    """Trace and measure what `client` does from now on.

    Args:
        client: the client; those made of it by `with_options` are instrumented by themselves.
        tracer_provider: where spans go; None: the global one.
        meter_provider: where metrics go; None: the global one.

    Returns:
        A function that ends it.
    """
    events = client._events  # pyright: ignore[reportPrivateUsage]
    where = _where(client._settings.base_url)  # pyright: ignore[reportPrivateUsage]
    tasks, meter = TracedTasks(KEPT), metrics.get_meter(_NAME, meter_provider=meter_provider)
    spans = Spans(trace.get_tracer(_NAME, tracer_provider=tracer_provider), tasks, where)
    numbers, end_gauges = Numbers(meter, tasks, where), show_gauges(meter, client, where)

    def listen(event: Event) -> None:
        if isinstance(event, Polled):
            tasks[event.task_id].polls += 1
        spans(event)
        numbers(event)
        if isinstance(event, Finished):
            tasks.pop(event.task_id, None)

    def undo() -> None:
        end_gauges()
        events.remove(listen)

    events.add(listen)
    return undo


def _where(base_url: str) -> dict[str, Any]:
    parts = urlsplit(base_url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return {"server.address": parts.hostname, "server.port": port}
