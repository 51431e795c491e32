"""The provider's calls on one key: each takes its slot, is sent, read, and repeated where that is safe.

What may be repeated differs, and this is the library's first promise. A createTask is sent again only when it
certainly did not happen: the connection was never made, or the service said 429 or 455. Everything else that leaves
its fate open is a `SubmissionUnknownError`. Reads are free, and repeated after any failure that may pass.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ._policy.backoff import Backoff
from ._protocol import answers, requests
from .errors import (
    MaintenanceError,
    RateLimitError,
    ResponseError,
    ServerError,
    SubmissionUnknownError,
    TransportError,
    WanError,
)
from .events import Event, Repeated, Submitted, Throttled

if TYPE_CHECKING:
    from ._limiter import Limiter
    from ._policy.settings import Retry, Timeout
    from ._protocol import Answer, Request, TaskRecord
    from ._transport import Transport
    from .models import WanInput

T = TypeVar("T")


class Intent(Protocol):
    """What is written down around a submission: a journal's side of it."""

    permit: float | None
    """The slot, where it was got before; None: `begin` is called when there is one."""

    async def begin(self) -> None:
        """The slot is there and the POST is about to leave; an error stops it."""
        ...

    async def again(self, error: WanError) -> None:
        """Nothing was created, and the submission waits to be sent again."""
        ...


class Calls:
    """The calls on one base URL and key, over one transport.

    Args:
        transport: carries the requests.
        base_url: scheme and host, without a trailing slash.
        key: the API key.
        submissions: the limiter of createTask, shared by everything on the key.
        queries: the limiter of all other calls.
        retry: how long what is safe to repeat is repeated.
        timeout: how long one exchange may take.
        notify: is told what happens; must not raise.
    """

    def __init__(
        self,
        transport: Transport,
        base_url: str,
        key: str,
        *,
        submissions: Limiter,
        queries: Limiter,
        retry: Retry,
        timeout: Timeout,
        notify: Callable[[Event], None] | None = None,
    ) -> None:
        self._transport = transport
        self._base_url = base_url
        self._key = key
        self._submissions = submissions
        self._queries = queries
        self._retry = retry
        self._timeout = timeout.total
        self._notify = notify

    def create_task(
        self, task_input: WanInput, callback_url: str | None = None, intent: Intent | None = None
    ) -> Coroutine[Any, Any, str]:
        """Submit, at most once in effect; gives the task's id when awaited.

        Raises:
            SubmissionUnknownError: it was sent and nothing tells whether the task exists.
            ApiError: the service refused it; nothing was created.
            TransportError: no connection could be made for `Retry.max_elapsed` seconds; nothing was created.
        """
        return self._submit(requests.create_task(task_input, callback_url), task_input.model, intent)

    async def _submit(self, request: Request, model: str, intent: Intent | None) -> str:
        backoff: Backoff | None = None
        permit = None if intent is None else intent.permit
        while True:
            if permit is None:
                permit = await self._submissions.acquire()
            backoff = backoff or self._backoff()
            try:
                task_id = await self._submit_once(request, intent, permit)
            except RateLimitError as error:
                backoff, delay, refusal = None, self._throttled(request, error), error
            except (MaintenanceError, TransportError) as error:
                if isinstance(error, TransportError) and error.sent:
                    raise
                delay, refusal = self._delay_or_raise(backoff, request, error), error
            else:
                if self._notify is not None:
                    self._notify(Submitted(task_id, model))
                return task_id
            if intent is not None:
                await intent.again(refusal)
            permit = None
            await asyncio.sleep(delay)

    async def _submit_once(self, request: Request, intent: Intent | None, permit: float) -> str:
        """One createTask in its slot: every way out ends the permit once and tells created, refused or unknown."""
        limiter = self._submissions
        if intent is not None:
            try:
                await intent.begin()
            except BaseException:
                limiter.released(permit)
                raise
        sent_at = time.time()
        try:
            task_id = answers.read_created(await self._exchange(request))
        except RateLimitError as error:
            limiter.rejected(permit, error.retry_after)
            raise
        except TransportError as error:
            if not error.sent:
                limiter.released(permit)
                raise
            limiter.accepted(permit)
            raise _unknown(error, sent_at) from error
        except ResponseError as error:
            limiter.accepted(permit)
            raise _unknown(error, sent_at) from error
        except BaseException:  # other verdicts, and a cancelled caller: the provider may have counted it
            limiter.accepted(permit)
            raise
        limiter.accepted(permit)
        return task_id

    async def read_once(self, task_id: str) -> TaskRecord:
        """One recordInfo, without a slot and without repeats: what the poller does itself."""
        return answers.read_record(await self._exchange(requests.record_info(task_id)), task_id)

    async def record(self, task_id: str) -> TaskRecord:
        """The task's record, now."""
        return await self._read(requests.record_info(task_id), lambda answer: answers.read_record(answer, task_id))

    async def credits(self) -> float:
        """The account's credits."""
        return await self._read(requests.credit(), answers.read_credits)

    async def fresh_link(self, url: str) -> str:
        """A link that is good for 20 minutes, to the provider's file that `url` leads to."""
        return await self._read(requests.download_url(url), answers.read_link)

    async def _read(self, request: Request, reader: Callable[[Answer], T]) -> T:
        """Send a free call until it is answered: 429 as long as it takes, other failures for `Retry.max_elapsed`."""
        backoff: Backoff | None = None
        while True:
            permit = await self._queries.acquire()
            backoff = backoff or self._backoff()
            try:
                return await self._read_once(request, reader, permit)
            except RateLimitError as error:
                backoff, delay = None, self._throttled(request, error)
            except (TransportError, ResponseError, MaintenanceError, ServerError) as error:
                delay = self._delay_or_raise(backoff, request, error)
            await asyncio.sleep(delay)

    async def _read_once(self, request: Request, reader: Callable[[Answer], T], permit: float) -> T:
        limiter = self._queries
        try:
            value = reader(await self._exchange(request))
        except RateLimitError as error:
            limiter.rejected(permit, error.retry_after)
            raise
        except TransportError as error:
            (limiter.accepted if error.sent else limiter.released)(permit)
            raise
        except BaseException:
            limiter.accepted(permit)
            raise
        limiter.accepted(permit)
        return value

    def _exchange(self, request: Request) -> Coroutine[Any, Any, Answer]:
        return self._transport.exchange(self._base_url, self._key, request, self._timeout)

    def _throttled(self, request: Request, error: RateLimitError) -> float:
        """No delay of its own: the limiter brakes, for everybody."""
        self._tell(Throttled(request.path, error.retry_after))
        return 0.0

    def _backoff(self) -> Backoff:
        """Starts when the first slot is there, and again after a 429: the wait for a slot is no failure."""
        return Backoff(self._retry.max_elapsed, asyncio.get_running_loop().time())

    def _delay_or_raise(self, backoff: Backoff, request: Request, error: WanError) -> float:
        delay = backoff.delay(asyncio.get_running_loop().time(), random.random())  # noqa: S311
        if delay is None:
            raise error
        self._tell(Repeated(request.path, error, delay))
        return delay

    def _tell(self, event: Event) -> None:
        if self._notify is not None:
            self._notify(event)


def _unknown(error: TransportError | ResponseError, sent_at: float) -> SubmissionUnknownError:
    return SubmissionUnknownError(f"createTask was sent, but {error}", datetime.fromtimestamp(sent_at, UTC))
