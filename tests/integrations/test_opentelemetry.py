"""A clip and a batch in OpenTelemetry's own exporters."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, Sampler, TraceIdRatioBased
from opentelemetry.trace import SpanKind, StatusCode

from wan_async import InsufficientCreditsError, Polling, SubmissionUnknownError, WanClient
from wan_async.emulator import Fault
from wan_async.integrations.opentelemetry import instrument

from ..callbacks.support import client, clip, provider

OFTEN = Polling(first=0.05, interval=0.05)
MODEL = clip().model


class Seen:
    """What reaches the exporters."""

    def __init__(self, sampler: Sampler | None = None) -> None:
        self._exporter = InMemorySpanExporter()
        self.tracers = TracerProvider(sampler=sampler)
        self.tracers.add_span_processor(SimpleSpanProcessor(self._exporter))
        self._reader = InMemoryMetricReader()
        self.meters = MeterProvider([self._reader])

    def instrument(self, wan: WanClient) -> Any:
        return instrument(wan, self.tracers, self.meters)

    def spans(self, name: str = "") -> Sequence[ReadableSpan]:
        return [span for span in self._exporter.get_finished_spans() if name in span.name]

    def numbers(self) -> dict[str, list[Any]]:
        metrics = self._reader.get_metrics_data()
        scopes = [scope for resource in metrics.resource_metrics for scope in resource.scope_metrics] if metrics else []
        return {metric.name: list(metric.data.data_points) for scope in scopes for metric in scope.metrics}


def context_of(span: ReadableSpan) -> Any:
    assert span.context is not None
    return span.context


def task_of(span: ReadableSpan) -> Any:
    return (span.attributes or {})["gen_ai.response.id"]


async def test_a_clip_is_two_spans_of_one_trace() -> None:
    seen = Seen()
    emulator = provider(seconds=0.2)
    async with emulator.serve() as url, client(url, None, polling=OFTEN) as wan:
        seen.instrument(wan)
        record = await wan.run(clip())
        port = int(url.rpartition(":")[2])
    submit, wait = seen.spans()
    common = {
        "server.address": "127.0.0.1",
        "server.port": port,
        "gen_ai.operation.name": "generate_content",
        "gen_ai.request.model": MODEL,
        "gen_ai.response.id": record.task_id,
    }
    assert (submit.name, submit.kind) == (f"submit {MODEL}", SpanKind.CLIENT)
    assert submit.attributes == {**common, "http.response.status_code": 200}
    assert wait.name == f"wait {MODEL}"
    assert wait.attributes is not None
    assert wait.attributes == {
        **common,
        "wan.task.state": "success",
        "wan.task.polls": emulator.stats.polls,
        "wan.task.credits": record.credits,
    }
    assert context_of(submit).trace_id == context_of(wait).trace_id
    assert [link.context.span_id for link in wait.links] == [context_of(submit).span_id]
    assert submit.start_time is not None
    assert submit.end_time == wait.start_time
    assert wait.end_time is not None
    assert wait.start_time is not None
    assert submit.start_time < wait.start_time < wait.end_time
    assert submit.status.status_code is wait.status.status_code is StatusCode.UNSET


async def test_both_are_in_the_trace_of_the_span_that_is_open() -> None:
    seen = Seen()
    async with provider(seconds=0.1).serve() as url, client(url, None, polling=OFTEN) as wan:
        seen.instrument(wan)
        with seen.tracers.get_tracer("app").start_as_current_span("request") as request:
            await asyncio.gather(wan.run(clip(1)), wan.run(clip(2)))
    outer = request.get_span_context()
    ours = [*seen.spans("submit"), *seen.spans("wait")]
    assert len(ours) == 4
    assert {context_of(span).trace_id for span in ours} == {outer.trace_id}
    assert {span.parent and span.parent.span_id for span in ours} == {outer.span_id}
    assert all(len(span.links) == 1 for span in ours)


async def test_a_batch_with_clips_is_three_spans_an_item(tmp_path: Path) -> None:
    seen = Seen()
    async with provider(seconds=0.1).serve() as url, client(url, None, polling=OFTEN) as wan:
        seen.instrument(wan)
        async with wan.batch([clip(1), clip(2)], download_to=tmp_path) as results:
            outcomes = {outcome.task_id: outcome async for outcome in results}
        record = next(iter(outcomes.values())).unwrap()
        await wan.download(record.url or "", tmp_path / "again.mp4")
    assert len(seen.spans()) == 7
    waits = {task_of(span): context_of(span) for span in seen.spans("wait")}
    *downloads, again = seen.spans("download")
    for span in downloads:
        waited, path = waits[task_of(span)], outcomes[task_of(span)].path
        assert span.attributes == {"gen_ai.response.id": task_of(span), "file.path": str(path)}
        assert context_of(span).trace_id == waited.trace_id
        assert [link.context.span_id for link in span.links] == [waited.span_id]
        assert span.start_time is not None
        assert span.end_time is not None
        assert span.start_time < span.end_time
    assert (again.attributes, again.parent) == ({"file.path": str(tmp_path / "again.mp4")}, None)
    assert [point.count for point in seen.numbers()["wan.download.duration"]] == [3]


async def test_a_batch_that_another_process_goes_on_with_goes_on_with_its_traces(tmp_path: Path) -> None:
    first, second = Seen(), Seen()
    emulator, journal = provider(seconds=0.6), tmp_path / "run.db"
    inputs = [clip(number) for number in range(3)]
    async with emulator.serve() as url:
        async with client(url, None, polling=OFTEN) as wan:
            first.instrument(wan)
            async with wan.batch(inputs, journal=journal):
                while len(first.spans("submit")) < 3:
                    await asyncio.sleep(0.01)
        async with client(url, None, polling=OFTEN) as wan:
            second.instrument(wan)
            async with wan.batch(inputs, journal=journal) as results:
                assert [outcome.ok async for outcome in results] == [True] * 3
    assert (len(first.spans("wait")), len(second.spans("submit"))) == (0, 0)
    begun, ended = (
        {task_of(span): context_of(span).trace_id for span in spans} for spans in (first.spans(), second.spans())
    )
    assert begun == ended
    assert len(set(begun.values())) == 3


async def test_what_fails_is_an_error() -> None:
    seen = Seen()
    refused = Fault("refuse", call="createTask", code=402, match="clip 00001.")
    lost = Fault("drop_after", call="createTask", match="clip 00002.")
    emulator = provider(refused, lost, Fault("fail", match="clip 00003."), seconds=0.1)
    async with emulator.serve() as url, client(url, None, polling=OFTEN) as wan:
        seen.instrument(wan)
        with pytest.raises(InsufficientCreditsError):
            await wan.submit(clip(1))
        with pytest.raises(SubmissionUnknownError):
            await wan.submit(clip(2))
        with pytest.raises(Exception, match="failed"):
            await wan.run(clip(3))
    failures = [span for span in seen.spans() if span.status.status_code is StatusCode.ERROR]
    assert [(span.attributes or {}).get("error.type") for span in failures] == ["402", "SubmissionUnknownError", None]
    assert [(span.attributes or {}).get("http.response.status_code") for span in failures] == [200, None, None]
    assert (failures[-1].attributes or {})["wan.task.state"] == "fail"


async def test_numbers() -> None:
    seen = Seen()
    emulator = provider(Fault("refuse", call="createTask", code=429, times=1), seconds=0.2)
    async with emulator.serve() as url, client(url, None, polling=OFTEN) as wan:
        seen.instrument(wan)
        task = await wan.submit(clip())
        waiting = asyncio.create_task(task.wait())
        await asyncio.sleep(0.05)
        assert [point.value for point in seen.numbers()["wan.tasks.waiting"]] == [1]
        assert [0.03 < point.value < 5 for point in seen.numbers()["wan.tasks.oldest"]] == [True]
        record = await waiting
        numbers = seen.numbers()
    assert [point.value for name in ("waiting", "oldest") for point in numbers[f"wan.tasks.{name}"]] == [0, 0]
    assert [point.value for point in numbers["wan.throttled"]] == [1]
    assert [point.value for point in numbers["wan.task.credits"]] == [record.credits]
    (polls,) = numbers["wan.task.polls"]
    assert polls.sum == emulator.stats.polls
    assert polls.attributes == {"gen_ai.request.model": MODEL, "wan.task.state": "success"}
    (submission,) = numbers["wan.submission.duration"]
    assert submission.count == 1
    calls = {
        (point.attributes["http.request.method"], point.attributes.get("error.type")): point.count
        for point in numbers["http.client.request.duration"]
    }
    assert calls == {("POST", None): 1, ("POST", "429"): 1, ("GET", None): emulator.stats.polls}
    assert all(
        point.attributes["http.response.status_code"] == 200 for point in numbers["http.client.request.duration"]
    )
    assert [point.value for point in numbers["wan.limit.learnt"]] != []
    assert {"wan.limit.used", "wan.limit.waiting", "wan.task.duration"} <= numbers.keys()


@pytest.mark.parametrize("ratio", [0.0, 0.5, 1.0])
async def test_the_sampler_decides_also_where_no_span_is_open(ratio: float) -> None:
    seen = Seen(ParentBased(TraceIdRatioBased(ratio)))
    async with provider(seconds=0.0).serve() as url, client(url, None, polling=OFTEN) as wan:
        seen.instrument(wan)
        await asyncio.gather(*(wan.run(clip(number)) for number in range(30)))
    submitted, waited = len(seen.spans("submit")), len(seen.spans("wait"))
    assert submitted == waited
    assert submitted == 30 * ratio or 0 < submitted < 30


async def test_it_can_be_ended_and_the_client_does_not_live_for_it() -> None:
    seen = Seen()
    async with provider(seconds=0.0).serve() as url, client(url, None, polling=OFTEN) as wan:
        undo = seen.instrument(wan)
        undo()
        await wan.run(clip())
    assert seen.spans() == []
    assert seen.numbers() == {}


def test_without_the_extra_the_command_that_installs_it_is_named() -> None:
    program = """
import sys
import wan_async
wan_async.WanClient
assert "opentelemetry" not in sys.modules
sys.modules["opentelemetry"] = None
try:
    import wan_async.integrations.opentelemetry
except ModuleNotFoundError as missing:
    print(missing)
"""
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert "pip install 'wan-async[otel]'" in printed
