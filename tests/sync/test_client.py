"""The client without `await`: the same values, the same errors, wherever it is called from."""

from __future__ import annotations

import asyncio
import gc
import inspect
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import wan_async
from wan_async import (
    AuthenticationError,
    ConfigurationError,
    InvalidInputError,
    TaskState,
    TaskTimeoutError,
    Wan22TextToVideoTurbo,
)
from wan_async.emulator import Emulator
from wan_async.sync import WanClient, WanTask

from .conftest import FAST

FOX = Wan22TextToVideoTurbo(prompt="a fox")
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


def loop_threads() -> int:
    return sum(thread.name == "wan_async.sync" for thread in threading.enumerate())


def test_a_clip_from_submission_to_file(wan: WanClient, emulator: Emulator, tmp_path: Path) -> None:
    before = wan.credits()
    task = wan.submit(FOX)
    assert isinstance(task, WanTask)
    assert repr(task) == f"WanTask({task.id!r})"
    record = task.wait()
    assert record.state is TaskState.SUCCESS
    assert wan.record(task.id) == wan.wait(task.id) == wan.task(task.id).wait(max_wait=5.0) == record
    path = wan.download(record, tmp_path / "fox.mp4")
    assert path.stat().st_size > 0
    assert before - wan.credits() == record.credits
    assert wan.upload(PNG).url
    assert emulator.stats.created == 1


class TestWhatRuns:
    """A task that ends when the test has it end."""

    @pytest.fixture
    def emulator(self) -> Emulator:
        return Emulator(key="k", seconds=600.0, limit=FAST, query_limit=FAST)

    def test_records_as_they_change(self, wan: WanClient, emulator: Emulator) -> None:
        task = wan.submit(FOX)
        records = task.watch()
        assert next(records).state is TaskState.WAITING
        end(emulator, task.id)
        assert [record.state for record in records] == [TaskState.SUCCESS]
        records = wan.submit(FOX).watch()
        next(records)
        records.close()  # type: ignore[attr-defined]

    def test_a_record_before_and_after_the_end(self, wan: WanClient, emulator: Emulator) -> None:
        task = wan.submit(FOX)
        assert not task.record().state.is_final
        end(emulator, task.id)
        assert task.record().state is TaskState.SUCCESS


def end(emulator: Emulator, task_id: str) -> None:
    task = emulator.tasks[task_id]
    task.ends = task.created


def test_errors_come_as_they_are(wan: WanClient, url: str) -> None:
    with pytest.raises(AuthenticationError):
        wan.with_options(api_key="wrong").run(FOX)
    with pytest.raises(InvalidInputError, match="task_input"):
        wan.submit("a fox")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="max_wait"):
        wan.run(FOX, max_wait=-1)
    with pytest.raises(ConfigurationError, match="retry"):
        WanClient("k", retry=5)  # type: ignore[arg-type]
    with pytest.raises(TaskTimeoutError):
        wan.run(FOX, max_wait=0.0)


async def test_it_works_where_a_loop_is_running(wan: WanClient) -> None:
    """As in a notebook, whose cells run in one."""
    assert asyncio.get_running_loop().is_running()
    assert wan.run(FOX).url


def test_it_works_from_several_threads(wan: WanClient, emulator: Emulator) -> None:
    with ThreadPoolExecutor(8) as threads:
        urls = {record.url for record in threads.map(wan.run, [FOX] * 24)}
    assert len(urls) == emulator.stats.created == 24
    assert loop_threads() == 1


def test_the_thread_is_there_while_a_client_is_open(url: str) -> None:
    first, second = WanClient("k", base_url=url), WanClient("k", base_url=url)
    gc.collect()  # clients of other tests, which nobody closed
    first.close()
    assert loop_threads() == 0
    with first, second:
        first.credits()
        second.credits()
        assert loop_threads() == 1
    assert loop_threads() == 0
    assert first.credits()  # it can be used again
    first.close()
    first.close()
    assert loop_threads() == 0


def test_a_call_from_the_loops_own_thread_is_refused(wan: WanClient) -> None:
    refused: list[BaseException] = []

    def on_event(event: object) -> None:
        try:
            wan.credits()
        except RuntimeError as error:
            refused.append(error)

    wan.with_options(on_event=on_event).submit(FOX)
    assert "event loop thread" in str(refused[0])


def test_a_flask_view_answers(wan: WanClient) -> None:
    flask = pytest.importorskip("flask")
    app = flask.Flask("clips")

    @app.get("/clip/<prompt>")
    def clip(prompt: str) -> str:  # pyright: ignore[reportUnusedFunction]
        return wan.run(Wan22TextToVideoTurbo(prompt=prompt)).url or ""

    with ThreadPoolExecutor(4) as threads:
        answers = threads.map(app.test_client().get, [f"/clip/{number}" for number in range(4)])
        assert len({answer.text for answer in answers}) == 4


ONLY_ASYNC = {"aclose", "stop_waiting"}


@pytest.mark.parametrize(("ours", "theirs"), [(WanClient, wan_async.WanClient), (WanTask, wan_async.WanTask)])
def test_the_names_and_arguments_are_the_same(ours: type, theirs: type) -> None:
    for name, method in inspect.getmembers(theirs, inspect.isfunction):
        if name.startswith("_") or name in ONLY_ASYNC:
            continue
        assert list(inspect.signature(getattr(ours, name)).parameters) == list(inspect.signature(method).parameters)
