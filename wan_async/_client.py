"""`WanClient`: what callers hold. It puts the layers together and does no work of its own."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, Unpack

import msgspec

from ._arguments import ClientOptions, Settings, checked, guarded
from ._batch import Batch, Inputs, NoJournal, Steps, Watch
from ._callbacks import Callbacks
from ._calls import Calls
from ._policy.settings import Polling, RateLimit, Retry, Timeout
from ._protocol import TaskRecord
from ._runtime import Runtimes
from ._submissions import Submissions
from ._task import WanTask, kind_of, require_max_wait
from ._transport import Transport, calls_at_once
from ._windows import Windows
from .errors import InvalidInputError, WanError
from .events import Event
from .models import WanInput

if TYPE_CHECKING:
    from types import TracebackType

    from ._transfers import Uploadable, UploadedFile

LIMIT = RateLimit(20, per=10.0)
"""Tasks: "20 new tasks per 10 seconds per account" (the provider's pages)."""
QUERY_LIMIT = RateLimit(10, per=1.0)
"""Queries: 10 calls a second per key (an older page)."""

_windows = Windows()


class WanClient:
    """A client of the Wan job API, for one key.

    ```python
    async with WanClient() as wan:
        record = await wan.run(Wan22TextToVideoTurbo(prompt="a fox in the rain"))
        print(record.url, record.credits)
    ```

    Clients on the same pool, base URL and key share one window for submissions and one for queries; a limit given to
    one of them, other than the default, holds for all. A client may be entered again, in another event loop too.

    Args:
        api_key: the API key; left out, `APIKLEY_API_KEY` from the environment.
        base_url: the API's scheme and host; left out, `APIKLEY_BASE_URL`, else https://api.apikley.ru.
        upload_url: the upload host's scheme and host; left out, `APIKLEY_UPLOAD_URL`. Needed for uploads only.
        limit: new tasks per window.
        query_limit: all other calls per window.
        polling: when waiting tasks are looked at; by default learnt.
        retry: how long what is safe to repeat is repeated.
        timeout: how long one HTTP exchange may take.
        callbacks: where the provider is told to call when a task ends; then waiting takes one look per task and a slow
            safety net, for which `polling` sets the schedule. A submission of unknown fate is found again by its
            callback.
        pool: the sessions to use, shared with other clients; left out, a pool of its own.
        on_event: told what happens, see `wan_async.events`; must not block.

    Raises:
        ConfigurationError: the key is missing, or an argument cannot be used.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        upload_url: str | None = None,
        limit: RateLimit = LIMIT,
        query_limit: RateLimit = QUERY_LIMIT,
        polling: Polling = Polling(),  # noqa: B008
        retry: Retry = Retry(),  # noqa: B008
        timeout: Timeout = Timeout(),  # noqa: B008
        callbacks: Callbacks | None = None,
        pool: Transport | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        settings = checked(
            api_key=api_key,
            base_url=base_url,
            upload_url=upload_url,
            limit=limit,
            query_limit=query_limit,
            polling=polling,
            retry=retry,
            timeout=timeout,
            callbacks=callbacks,
            pool=pool,
            on_event=on_event,
        )
        self._start(settings, limit_told=limit is not LIMIT, query_limit_told=query_limit is not QUERY_LIMIT)

    def _start(self, settings: Settings, *, limit_told: bool, query_limit_told: bool) -> None:
        from ._transfers import Transfers  # with anyio: 7 ms that importing wan_async does without

        self._settings = settings
        self._queries = _windows.queries(settings, told=query_limit_told)
        self._permits = _windows.submissions(settings, told=limit_told)
        self._calls = Calls(
            settings.pool,
            settings.base_url,
            settings.api_key,
            submissions=self._permits,
            queries=self._queries,
            retry=settings.retry,
            timeout=settings.timeout,
            notify=None if settings.on_event is None else guarded(settings.on_event),
        )
        self._transfers = Transfers(settings, self._calls)
        self._runtimes = Runtimes(settings, self._calls, self._queries)
        self._poller = self._runtimes.poller
        self._submissions = Submissions(self._calls, self._transfers, settings.callbacks, self._runtimes)

    def __repr__(self) -> str:
        return f"WanClient(base_url={self._settings.base_url!r})"

    def with_options(self, **changes: Unpack[ClientOptions]) -> WanClient:
        """A client like this one on the same pool, with some arguments changed.

        With another key it has that key's own limits; on the same key it shares this client's.
        """
        options: dict[str, Any] = {**msgspec.structs.asdict(self._settings), **changes}
        client = WanClient.__new__(WanClient)  # not by __init__: an inherited limit is not told anew
        client._start(checked(**options), limit_told="limit" in changes, query_limit_told="query_limit" in changes)
        return client

    # tasks

    async def submit(self, task_input: WanInput, *, callback_url: str | None = None) -> WanTask:
        """Create a task, at most once in effect, as soon as the account's window allows it.

        Args:
            task_input: what to make.
            callback_url: where the provider is told to call when the task ends.

        Raises:
            InvalidInputError: `task_input` is no input, or the URL is none.
            SubmissionUnknownError: the request was sent and nothing tells whether the task exists; never sent again.
            ApiError: the service refused it; nothing was created.
            TransportError: no connection could be made for `Retry.max_elapsed` seconds; nothing was created.
        """
        here = self._runtimes.running()  # before: a client closed meanwhile must not be opened again
        task_id = await self._submissions.submit(task_input, callback_url)
        return WanTask(self._calls, self._runtimes.running, task_id, kind_of(task_input), here.clock())

    async def run(self, task_input: WanInput, *, max_wait: float | None = None) -> TaskRecord:
        """Create a task and wait for its clip.

        Args:
            task_input: what to make.
            max_wait: seconds to wait once it is created; None waits as long as it takes.

        Raises:
            TaskFailedError: the task ended without a clip.
            TaskTimeoutError: `max_wait` is over; the task still runs.
            WanError: whatever `submit` raises.
        """
        require_max_wait(max_wait)  # before anything is paid
        return await (await self.submit(task_input)).wait(max_wait)

    def task(self, task_id: str) -> WanTask:
        """The task of that id, without I/O."""
        if not isinstance(task_id, str) or not task_id or not task_id.isprintable():
            raise InvalidInputError("task_id", task_id, "printable text of at least 1 character")
        return WanTask(self._calls, self._runtimes.running, task_id)

    async def record(self, task_id: str) -> TaskRecord:
        """The task's record, now; a failed task is a record too.

        Raises:
            NotFoundError: there is no such task, or it is seconds old.
            WanError: it could not be read for `Retry.max_elapsed` seconds.
        """
        return await self.task(task_id).record()

    async def wait(self, task_id: str, *, max_wait: float | None = None) -> TaskRecord:
        """Wait until the task has ended, and give its record.

        A look that fails does not end the wait; an unknown task does after 90 s, a refused key after five looks.

        Raises:
            TaskFailedError: the task ended without a clip.
            TaskTimeoutError: `max_wait` seconds are over; the task still runs.
            NotFoundError: there is no such task.
        """
        return await self.task(task_id).wait(max_wait)

    def batch(
        self,
        inputs: Inputs,
        *,
        max_in_flight: int = 100,
        journal: str | os.PathLike[str] | None = None,
        replay: bool = True,
        resubmit_unknown: bool = False,
        download_to: str | os.PathLike[str] | None = None,
        max_credits: float | None = None,
    ) -> Batch:
        """Make many clips: `async with wan.batch(inputs) as results: async for outcome in results: …`.

        Args:
            inputs: an iterable or async iterable of inputs or of `(key, input)` pairs, pulled lazily.
            max_in_flight: items that are pulled and not handed over yet, at most.
            journal: a file in which every step is on disk before it counts: a batch that is killed and started again
                with it submits nothing twice and loses nothing. Made when it is missing.
            replay: give the finished outcomes of earlier runs again, first, marked `replayed`.
            resubmit_unknown: send again what earlier runs left with an unknown fate; that may pay twice.
            download_to: a folder for the clips, made when missing, or "s3://bucket/prefix" (also gs://, az://,
                memory://); each is fetched before its outcome is handed over, under a name made of its key. With a
                journal, what an earlier run did not fetch is fetched too, the oldest first.
            max_credits: submit nothing that could bring the credits spent and at stake above this, list prices
                standing in until the service tells what was consumed; earlier runs on the journal count.

        Raises:
            ConfigurationError: an argument cannot be used.
        """
        download = None if download_to is None else self._transfers.collect(download_to)
        adoption, pool = self._submissions.adoption, self._settings.pool
        submit, most = self._submissions.submit_item, calls_at_once(pool)
        steps = Steps(submit, self._permits, self._watch_item, download, adoption, most)
        if journal is None:
            ledger = NoJournal()
        else:
            from ._batch.journalled import Journalled  # with sqlite3: 7 ms that importing wan_async does without

            within = None if adoption is None else adoption.within
            options = {"replay": replay, "resubmit_unknown": resubmit_unknown, "fetch": download is not None}
            ledger = Journalled(journal, adopt_within=within, **options)
        return Batch(steps, inputs, ledger, max_in_flight=max_in_flight, max_credits=max_credits)

    # files

    async def upload(self, file: Uploadable, *, name: str | None = None) -> UploadedFile:
        """Upload a file, for inputs; the same content uploaded again while it lives gives the same URL.

        Args:
            file: a path, bytes, an async iterable of bytes (read once, so sent once), or the http(s) URL of a file.
            name: what its name there is made of; by default the file's own.

        Raises:
            ConfigurationError: no upload host is known.
            InvalidInputError: the file cannot be read, or is none of these.
            ApiError: the upload host refused it.
            TransportError: nothing moved for `Retry.max_elapsed` seconds.
        """
        self._poller()
        return await self._transfers.uploads.upload(file, name)

    async def download(self, record_or_url: TaskRecord | str, to: str | os.PathLike[str]) -> Path:
        """Download a finished task's clip, going on where a connection broke off; gives the file's path.

        A file that is there already is whole and returned without a request. The key is not sent.

        Args:
            record_or_url: the task's record, or a link; an expired link of the provider's gets a fresh one.
            to: a folder that exists or a path that ends in a slash, where the file's name is made of the task's id;
                else the file itself. Folders are made when missing.

        Raises:
            NotFoundError: the link is refused, and the provider gives no other.
            TransportError: no new byte came for `Retry.max_elapsed` seconds.
            OSError: the file cannot be written; nothing half-written is left.
        """
        self._poller()
        return await self._transfers.downloads.to(record_or_url, to)

    # account

    async def credits(self) -> float:
        """The account's credits."""
        self._poller()
        return await self._calls.credits()

    # lifetime

    async def __aenter__(self) -> Self:
        self._poller()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close what this client has open in the running event loop; it can be used again afterwards."""
        await self._runtimes.aclose()

    def _watch_item(
        self, task_id: str, task_input: WanInput, age: float, done: Callable[[TaskRecord | WanError], None]
    ) -> Watch:
        return self._poller().watch(task_id, done, kind=kind_of(task_input), age=age)
