"""The provider's calls on one key: each takes its slot, is sent, read, and repeated where that is safe.

What may be repeated differs, and this is the library's first promise. A createTask is sent again only when it
certainly did not happen: the connection was never made, or the service said 429 or 455. Any other verdict, a gateway's
page with 403 or 404 too, is the end; everything that leaves its fate open is a `SubmissionUnknownError`. Reads are
free, and repeated after any failure that may pass.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine, Hashable
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ._events import Emitter
from ._events.lines import logger
from ._policy.backoff import Backoff
from ._policy.recent import Recent
from ._protocol import answers, fates, requests
from ._protocol.secrets import read_answer
from ._protocol.waits import asked_wait, is_believed
from .errors import (
    MaintenanceError,
    RateLimitError,
    ResponseError,
    ServerError,
    TransportError,
    WanError,
)
from .events import Called, Polled, Repeated, SubmissionUnknown, Submitted, Throttled

if TYPE_CHECKING:
    from ._policy.limiter import Limiter, Permit
    from ._policy.settings import Retry, Timeout
    from ._protocol import Answer, Request, TaskRecord
    from ._transport.pool import Transport
    from .models import WanInput

T = TypeVar("T")

_log = logger("calls")

REMEMBERED = 2048
"""Created tasks that are known at least: an answer that comes again is none, and a task is "null" for seconds only."""


class Recorder(Protocol):
    """The journal's side of a submission: written down around it."""

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
        events: hears what happens.

    Attributes:
        created: the tasks that were created lately, with what drives how long one takes and when it was submitted, by
            the runtime's clock, where a handle was made of it.
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
        events: Emitter,
    ) -> None:
        self._transport = transport
        self._base_url = base_url
        self._key = key
        self._submissions = submissions
        self._queries = queries
        self._retry = retry
        self._timeout = timeout.total
        self._events = events
        self._wants_called = events.wanted(Called)
        self._wants_submitted = events.wanted(Submitted)
        self._wants_polled = events.wanted(Polled)
        self._warned = False
        self.created: Recent[str, tuple[Hashable, float] | None] = Recent(REMEMBERED)

    def create_task(
        self, task_input: WanInput, callback_url: str | None = None, recorder: Recorder | None = None
    ) -> Coroutine[Any, Any, str]:
        """Submit, at most once in effect; gives the task's id when awaited.

        Raises:
            SubmissionUnknownError: it was sent and nothing shows whether the task exists.
            ApiError: the service refused it; nothing was created.
            TransportError: no connection could be made for `Retry.max_elapsed` seconds; nothing was created.
        """
        return self._submit(requests.create_task(task_input, callback_url), task_input.model, recorder)

    async def _submit(self, request: Request, model: str, recorder: Recorder | None) -> str:
        backoff: Backoff | None = None
        asked = time.monotonic()
        while True:
            permit = await self._submissions.acquire()
            backoff = backoff or self._backoff()
            try:
                task_id = await self._submit_once(request, recorder, permit)
            except RateLimitError as error:
                backoff, delay, refusal = None, self._throttled(request, error), error
            except (MaintenanceError, TransportError) as error:
                if isinstance(error, TransportError) and error.sent:
                    self._events(SubmissionUnknown(model, error, time.monotonic() - asked))
                    raise
                delay, refusal = self._delay_or_raise(backoff, request, error), error
            else:
                if self._wants_submitted():
                    self._events(Submitted(task_id, model, time.monotonic() - asked))
                return task_id
            if recorder is not None:
                await recorder.again(refusal)
            await asyncio.sleep(delay)

    async def _submit_once(self, request: Request, recorder: Recorder | None, permit: Permit) -> str:
        """One createTask in its slot: every way out ends the permit once, as created, refused or unknown."""
        limiter = self._submissions
        if recorder is not None:
            try:
                await recorder.begin()
            except BaseException:
                limiter.released_nowait(permit)
                raise
        sent_at = time.time()
        try:
            task_id = self._created(await self._exchange(request))
        except RateLimitError as error:
            limiter.rejected_nowait(permit, error.retry_after)
            raise
        except TransportError as error:
            if not error.sent:
                limiter.released_nowait(permit)
                raise
            task_id = fates.task_in(error)
            if task_id is None:
                limiter.counted_nowait(permit)
                raise fates.unknown(error, sent_at, self._key) from error
        except ResponseError as error:
            limiter.counted_nowait(permit)
            raise fates.unknown(error, sent_at, self._key) from error
        except asyncio.CancelledError as cancelled:
            limiter.counted_nowait(permit)
            cancelled.add_note(fates.IN_THE_AIR.format(fates.utc(sent_at).isoformat(timespec="seconds")))
            raise
        except BaseException:  # other verdicts: the provider may have counted it
            limiter.counted_nowait(permit)
            raise
        limiter.counted_nowait(permit)
        if not self.created.put(task_id, None):
            raise fates.anothers(task_id, sent_at)
        return task_id

    def _created(self, answer: Answer) -> str:
        """The id of the task that was created.

        Any other answer may be the one before, come twice. So its connection is not used again: each call on it would
        get the answer of the one before, and a refusal that came twice would be paid twice.
        """
        try:
            task_id = self._understood(answer, answers.read_created)
        except WanError:
            answer.hang_up()
            raise
        if task_id in self.created:
            answer.hang_up()
        return task_id

    async def read_once(self, task_id: str) -> TaskRecord:
        """One recordInfo, without a slot and without repeats: what the poller does itself."""
        request = requests.record_info(task_id)
        try:
            record = self._understood(await self._exchange(request), partial(answers.read_record, task_id=task_id))
        except WanError as error:
            if isinstance(error, RateLimitError):
                self._throttled(request, error)
            self._events(Polled(task_id, None, error))
            raise
        if self._wants_polled():
            self._events(Polled(task_id, record.state))
        return record

    async def record(self, task_id: str) -> TaskRecord:
        """The task's record, now."""
        return await self._read(requests.record_info(task_id), partial(answers.read_record, task_id=task_id))

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

    async def _read_once(self, request: Request, reader: Callable[[Answer], T], permit: Permit) -> T:
        limiter = self._queries
        try:
            value = self._understood(await self._exchange(request), reader)
        except RateLimitError as error:
            limiter.rejected_nowait(permit, error.retry_after)
            raise
        except TransportError as error:
            (limiter.counted_nowait if error.sent else limiter.released_nowait)(permit)
            raise
        except BaseException:
            limiter.counted_nowait(permit)
            raise
        limiter.counted_nowait(permit)
        return value

    def _exchange(self, request: Request) -> Coroutine[Any, Any, Answer]:
        if self._wants_called():
            return self._observed(request)
        return self._transport.exchange(self._base_url, self._key, request, self._timeout)

    async def _observed(self, request: Request) -> Answer:
        begun, status, code, failure = time.monotonic(), None, None, None
        try:
            answer = await self._transport.exchange(self._base_url, self._key, request, self._timeout)
            status, code = answer.status, answers.code_of(answer)
            return answer
        except WanError as error:
            failure = error
            raise
        finally:
            self._events(Called(request.method, request.route, status, code, time.monotonic() - begun, failure))

    def _understood(self, answer: Answer, reader: Callable[[Answer], T]) -> T:
        try:
            return reader(answer)
        except RateLimitError:
            self._warn_of_unbelievable(asked_wait(answer.headers, answer.received_at))
        except ResponseError:
            answer.hang_up()
        except WanError:
            pass
        return read_answer(self._key, self._base_url, reader, answer)  # again: its error is fit to be shown

    def _warn_of_unbelievable(self, seconds: float | None) -> None:
        if not is_believed(seconds) and not self._warned:
            self._warned = True
            _log.warning("the service asks to wait for %.0f s (Retry-After); a minute is waited, then tried", seconds)

    def _throttled(self, request: Request, error: RateLimitError) -> float:
        """No delay of its own: the limiter brakes, for everybody."""
        self._events(Throttled(request.route, error.retry_after))
        return 0.0

    def _backoff(self) -> Backoff:
        """Starts when the first slot is there, and again after a 429: the wait for a slot is no failure."""
        return Backoff(self._retry.max_elapsed, asyncio.get_running_loop().time())

    def _delay_or_raise(self, backoff: Backoff, request: Request, error: WanError) -> float:
        delay = backoff.delay(asyncio.get_running_loop().time(), random.random())  # noqa: S311
        if delay is None:
            raise error
        self._events(Repeated(request.route, error, delay))
        return delay
