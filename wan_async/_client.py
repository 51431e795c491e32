"""`WanClient`: what callers hold. It puts the layers together and does no work of its own."""

from __future__ import annotations

import os
import weakref
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, Unpack

import msgspec

from ._arguments import ClientOptions, Options, Settings, settings_from
from ._calls import Calls
from ._events import Emitter, LearntLimits
from ._limits.account import account
from ._limits.registry import LimiterRegistry
from ._protocol import TaskRecord
from ._runtime import Runtimes
from ._submissions import Submissions
from ._task import Tasks, WanTask, require_max_wait, require_task_id, waited_for
from ._words import without_user
from .errors import ClientClosedError
from .models import WanInput

if TYPE_CHECKING:
    from ._batch import Batch, Inputs, Replay, Run
    from ._transfers import Uploadable, UploadedFile

_registry = LimiterRegistry()


class WanClient:
    """A client of the Wan job API, for one key.

    ```python
    async with WanClient() as wan:
        record = await wan.run(Wan22TextToVideoTurbo(prompt="a fox in the rain"))
        print(record.url, record.credits)
    ```

    Clients on the same base URL and key share one window for submissions and one for queries, in all threads and event
    loops of the process; a limit given to one of them holds for all. A client may be entered again, in another event
    loop too.

    Args:
        api_key: the API key; left out, `APIKLEY_API_KEY` from the environment.
        base_url: the API's scheme and host; left out, `APIKLEY_BASE_URL`, else https://api.apikley.ru.
        upload_url: the upload host's scheme and host; left out, `APIKLEY_UPLOAD_URL`. Needed for uploads only.
        limit: new tasks per window; by default 20 in 10 s, the provider's limit for an account.
        query_limit: all other calls per window; by default 10 in 1 s.
        polling: the times at which waiting tasks are polled; by default learnt.
        retry: the time for which calls that are safe to repeat are repeated.
        timeout: the time that one HTTP exchange may take.
        callbacks: the URL that the provider calls when a task ends. With it, waiting takes one poll per task and a slow
            safety net, for which `polling` sets the schedule; and a submission of unknown fate is found again by its
            callback.
        pool: the sessions to use, shared with other clients; left out, a pool of its own.
        on_event: called with each event, see `wan_async.events`; must not block.
        limit_storage: the place of the account's windows, if other processes share them: "file:///folder/file",
            "redis://…", "postgresql://…", or one of `FileLimits`, `RedisLimits`, `PostgresLimits`; left out,
            `WAN_ASYNC_LIMIT_STORAGE`, else this process.

    Raises:
        ConfigurationError: the key is missing, or an argument cannot be used.
    """

    def __init__(self, api_key: str | None = None, **options: Unpack[Options]) -> None:
        given: ClientOptions = {"api_key": api_key, **options}
        self._start(settings_from(given), given)

    def _start(self, settings: Settings, given: ClientOptions) -> None:
        from ._transfers import Transfers  # with anyio: 7 ms that importing wan_async does without

        self._settings = settings
        name = account(settings.base_url, settings.api_key)
        self._events = Emitter(settings.on_event, key_id=name[:8])
        shared = partial(_registry.limiter, name, user=self, storage=settings.limit_storage)
        self._queries = shared("queries", settings.query_limit, given="query_limit" in given)
        self._permits = shared("submissions", settings.limit, given="limit" in given)
        limiters = {"submissions": self._permits, "queries": self._queries}
        self._events.show(LearntLimits(limiters, self._events))
        self._calls = Calls(
            settings.pool,
            settings.base_url,
            settings.api_key,
            submissions=self._permits,
            queries=self._queries,
            retry=settings.retry,
            timeout=settings.timeout,
            events=self._events,
        )
        self._transfers = Transfers(settings, self._calls, self._events)
        self._runs: weakref.WeakSet[Run] = weakref.WeakSet()
        self._runtimes = Runtimes(settings, self._calls, (self._permits, self._queries), self._events)
        self._poller = self._runtimes.poller
        self._tasks = Tasks(self._calls, self._runtimes.for_waiting)
        self._submissions = Submissions(self._calls, self._transfers, settings.callbacks, self._runtimes)

    def __repr__(self) -> str:
        return f"WanClient(base_url={self._settings.base_url!r})"

    def with_options(self, **changes: Unpack[ClientOptions]) -> WanClient:
        """A client like this one on the same pool, with some arguments changed.

        With another key it has that key's own limits; on the same key it shares this client's.

        Raises:
            ConfigurationError: an argument cannot be used.
        """
        options: Any = {**msgspec.structs.asdict(self._settings), **changes}
        client = WanClient.__new__(WanClient)  # not by __init__: an inherited limit is not given again
        client._start(settings_from(options), changes)
        return client

    # tasks

    async def submit(self, task_input: WanInput, *, callback_url: str | None = None) -> WanTask:
        """Create a task, at most once in effect, as soon as the account's window allows it.

        Args:
            task_input: the model's input, such as `Wan22TextToVideoTurbo(prompt="a fox")`.
            callback_url: the URL that the provider calls when the task ends.

        Raises:
            InvalidInputError: `task_input` is no input, or the URL is none.
            SubmissionUnknownError: the request was sent and nothing shows whether the task exists; never sent again.
            ApiError: the service refused it; nothing was created.
            TransportError: no connection could be made for `Retry.max_elapsed` seconds; nothing was created.
        """
        here = self._runtimes.running()  # before: a client closed meanwhile must not be opened again
        task_id = await self._submissions.submit(task_input, callback_url)
        return self._tasks.submitted(task_id, task_input, here.clock())

    async def run(self, task_input: WanInput, *, max_wait: float | None = None) -> TaskRecord:
        """Create a task and wait for its clip; what ends the wait early has the task's id in its notes.

        Args:
            task_input: the model's input.
            max_wait: seconds to wait once it is created; None waits as long as it takes.

        Raises:
            TaskFailedError: the task ended without a clip.
            TaskTimeoutError: `max_wait` is over; the task still runs.
            WanError: whatever `submit` raises.
        """
        require_max_wait(max_wait)  # before anything is paid
        return await waited_for(await self.submit(task_input), max_wait)

    def task(self, task_id: str) -> WanTask:
        """The task of that id, without I/O.

        Raises:
            InvalidInputError: the id is no printable text.
        """
        return self._tasks.of(task_id)

    async def record(self, task_id: str) -> TaskRecord:
        """The task's record, now; a failed task is a record too.

        Raises:
            NotFoundError: there is no such task, or it is seconds old.
            WanError: it could not be read for `Retry.max_elapsed` seconds.
        """
        require_task_id(task_id)
        return await self._calls.record(task_id)

    async def wait(self, task_id: str, *, max_wait: float | None = None) -> TaskRecord:
        """Wait until the task has ended, and give its record.

        A poll that fails does not end the wait; a key that is refused for 15 s does. That there is no such task is
        believed after 5 s, or after 5 minutes if this client submitted it or found it before: a fresh one is "null" at
        first. A success without links is read again for 10 minutes.

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
        replay: Replay = True,
        resubmit_unknown: bool = False,
        download_to: str | os.PathLike[str] | None = None,
        max_credits: float | None = None,
        max_wait: float | None = None,
    ) -> Batch:
        """Make many clips: `async with wan.batch(inputs) as results: async for outcome in results: …`.

        Args:
            inputs: an iterable or async iterable of inputs or of `(key, input)` pairs, pulled lazily.
            max_in_flight: items that are pulled and not handed over yet, at most.
            journal: a file, or "postgresql://user@host/db#name", which several workers may share. Every step is on disk
                there before it counts: a batch that is killed and started again with it submits nothing twice and
                loses nothing. Made when it is missing.
            replay: give the finished outcomes of earlier runs again, first, marked `replayed`; "unseen": only those
                after which no loop came back for the next one, since its process died.
            resubmit_unknown: send again what earlier runs left with an unknown fate; that may pay twice.
            download_to: a folder for the clips, made when missing, or "s3://bucket/prefix" (also gs://, az://,
                memory://), tried on entering; each is fetched before its outcome is handed over, and named by its key
                and its task's id. With a journal, what an earlier run did not fetch is fetched too, the oldest first.
            max_credits: submit nothing that could bring the credits spent and at stake above this, list prices
                standing in until the service says what was consumed; earlier runs on the journal count.
            max_wait: seconds to wait for an item's task; then its outcome is a `TaskTimeoutError`, and the next run on
                the journal collects it.

        Raises:
            ConfigurationError: an argument cannot be used. For what is raised later see `Batch`.
        """
        from ._batch import Batch, Ledger, Run  # a tenth of the import, for those who make single calls

        service = self._submissions.service(download_to, self._settings.pool, self._permits)
        ledger = Ledger(journal, service, replay, resubmit_unknown, max_credits=max_credits, limit=self._settings.limit)
        run = Run(service, inputs, ledger, max_in_flight=max_in_flight, max_wait=max_wait)
        self._runs.add(run)
        name = None if journal is None else without_user(str(journal))
        return Batch(run, self._events, name)  # a handle: entering, iterating and leaving it are the run's

    # files and the account

    async def upload(self, file: Uploadable, *, name: str | None = None) -> UploadedFile:
        """Upload a file, for inputs; the same content uploaded again while it lives gives the same URL.

        Args:
            file: a path, bytes, an async iterable of bytes (read once, so sent once), or the http(s) URL of a file.
            name: the base of its name at the host; by default the file's own name.

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

        A file that is there is replaced when the clip is whole, unless this client wrote it. The key is not sent.

        Args:
            record_or_url: the task's record, or a link; an expired link of the provider's gets a fresh one.
            to: a folder that exists or a path that ends in a slash, where the file is named by the task's id, and
                further pictures of the task are beside the first, with -2, -3 behind its name; else the file itself,
                for the first. Folders are made when missing.

        Raises:
            InvalidInputError: a record that has not ended, no http(s) URL, or `to` is no path.
            NotFoundError, ResponseError: the link is refused, and the provider gives no other; there is no link.
            TransportError: no new byte came for `Retry.max_elapsed` seconds.
            OSError: the file cannot be written; nothing half-written is left.
        """
        self._poller()
        return await self._transfers.downloads.to(record_or_url, to)

    async def credits(self) -> float:
        """The account's credits.

        Raises:
            WanError: they could not be read for `Retry.max_elapsed` seconds, or the key is refused.
        """
        self._poller()
        return await self._calls.credits()

    # lifetime

    async def __aenter__(self) -> Self:
        self._poller()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def stop_waiting(self) -> None:
        """End all waits in the running event loop with a `ClientClosedError`, and refuse others until `aclose`.

        What is being submitted still gets its id.
        """
        await self._runtimes.stop_waiting()

    async def aclose(self) -> None:
        """Close what this client has open in the running event loop; it can be used again afterwards.

        A batch that is still under way there ends with an error; with a journal, the next run goes on.
        """
        for run in tuple(self._runs):
            run.abandon(ClientClosedError("the client was closed while its batch ran"))
        await self._runtimes.aclose()
