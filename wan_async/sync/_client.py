"""The client without `await`: each method is that of `wan_async.WanClient`, made in the loop's thread."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar, Unpack

from .._arguments import ClientOptions, Options
from .._batch import Replay
from .._client import WanClient as AsyncClient
from .._protocol import TaskRecord
from .._task import WanTask as AsyncTask
from ..models import WanInput
from ._batch import Batch, PlainInputs
from ._door import door

if TYPE_CHECKING:
    from .._transfers import Uploadable, UploadedFile

P = ParamSpec("P")
T = TypeVar("T")


class WanClient:
    """A client of the Wan job API, for one key; see `wan_async.WanClient` for its arguments and errors.

    It may be used from several threads at once, and needs no `with`; `close` ends what it has open. `on_event` is
    called in the loop's thread.
    """

    def __init__(self, api_key: str | None = None, **options: Unpack[Options]) -> None:
        self._wan = AsyncClient(api_key, **options)

    def __repr__(self) -> str:
        return repr(self._wan)

    def with_options(self, **changes: Unpack[ClientOptions]) -> WanClient:
        """A client like this one on the same pool, with some arguments changed."""
        client = WanClient.__new__(WanClient)
        client._wan = self._wan.with_options(**changes)
        return client

    # tasks

    def submit(self, task_input: WanInput, *, callback_url: str | None = None) -> WanTask:
        """Create a task, at most once in effect, as soon as the account's window allows it."""
        return WanTask(self, self._call(self._wan.submit, task_input, callback_url=callback_url))

    def run(self, task_input: WanInput, *, max_wait: float | None = None) -> TaskRecord:
        """Create a task and wait for its clip; what ends the wait early has the task's id in its notes."""
        return self._call(self._wan.run, task_input, max_wait=max_wait)

    def task(self, task_id: str) -> WanTask:
        """The task of that id, without I/O."""
        return WanTask(self, self._wan.task(task_id))

    def record(self, task_id: str) -> TaskRecord:
        """The task's record, now; a failed task is a record too."""
        return self._call(self._wan.record, task_id)

    def wait(self, task_id: str, *, max_wait: float | None = None) -> TaskRecord:
        """Wait until the task has ended, and give its record."""
        return self._call(self._wan.wait, task_id, max_wait=max_wait)

    def batch(
        self,
        inputs: PlainInputs,
        *,
        max_in_flight: int = 100,
        journal: str | os.PathLike[str] | None = None,
        replay: Replay = True,
        resubmit_unknown: bool = False,
        download_to: str | os.PathLike[str] | None = None,
        max_credits: float | None = None,
        max_wait: float | None = None,
    ) -> Batch:
        """Make many clips: `with wan.batch(inputs) as results: for outcome in results: …`.

        The inputs are pulled in the thread that takes the outcomes, while it waits for the next: a generator may block,
        and use what belongs to that thread. Tasks go on while the loop's body is busy, but no more are submitted than
        were pulled.
        """
        make = partial(
            self._wan.batch,
            max_in_flight=max_in_flight,
            journal=journal,
            replay=replay,
            resubmit_unknown=resubmit_unknown,
            download_to=download_to,
            max_credits=max_credits,
            max_wait=max_wait,
        )
        return Batch(self, inputs, make)

    # files and the account

    def upload(self, file: Uploadable, *, name: str | None = None) -> UploadedFile:
        """Upload a file, for inputs; the same content uploaded again while it lives gives the same URL."""
        return self._call(self._wan.upload, file, name=name)

    def download(self, record_or_url: TaskRecord | str, to: str | os.PathLike[str]) -> Path:
        """Download a finished task's clip, going on where a connection broke off; gives the file's path."""
        return self._call(self._wan.download, record_or_url, to)

    def credits(self) -> float:
        """The account's credits."""
        return self._call(self._wan.credits)

    # lifetime

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close what this client has open; it can be used again afterwards."""
        door.close(self, self._wan.aclose)

    def _call(self, method: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> T:
        return door.call(self, partial(method, *args, **kwargs))


class WanTask:
    """A task at the provider, known by its id.

    Attributes:
        id: the task's opaque id; all that is needed to find the task again with `WanClient.task`.
    """

    __slots__ = ("_client", "_task", "id")

    def __init__(self, client: WanClient, task: AsyncTask) -> None:
        self._client = client
        self._task = task
        self.id: str = task.id

    def __repr__(self) -> str:
        return repr(self._task)

    def record(self) -> TaskRecord:
        """The task's record, now."""
        return door.call(self._client, self._task.record)

    def wait(self, max_wait: float | None = None) -> TaskRecord:
        """Wait until the task has ended, and give its record."""
        return door.call(self._client, lambda: self._task.wait(max_wait))

    def watch(self) -> Iterator[TaskRecord]:
        """The task's records as they change, the first at once; the last is final, a failed one too."""
        records = self._task.watch()

        async def following() -> TaskRecord | None:
            return await anext(records, None)

        try:
            while (record := door.call(self._client, following)) is not None:
                yield record
        finally:
            door.call(self._client, records.aclose)
