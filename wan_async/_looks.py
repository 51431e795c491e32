"""Looks at tasks: each is one exchange under one permit of the query limit, made by one of a few lookers.

A looker takes a permit, looks at the task that pays most then, and goes on to the next while any is due. When none is,
it ends, and a timer starts another when the next comes due. So a look costs neither a coroutine nor a timer of its own
(16 of 75 µs), and whatever waits, one looker at most stands in line for a permit, ahead of the caller's own calls.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar, cast

from .errors import RateLimitError, TransportError, WanError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ._policy.agenda import Agenda, Entry
    from ._protocol import TaskRecord

E = TypeVar("E", bound="Entry")


class QueryLimit(Protocol):
    """What a look needs of the query limit: each permit is ended by exactly one of the other three."""

    async def acquire(self) -> float: ...
    def accepted(self, permit: float) -> None: ...
    def rejected(self, permit: float, retry_after: float | None = None) -> None: ...
    def released(self, permit: float) -> None: ...


async def look(
    read: Callable[[str], Awaitable[TaskRecord]], task_id: str, limiter: QueryLimit, permit: float
) -> TaskRecord | WanError:
    """Read a task's record; what the service or the network says instead is a value too, and ends the permit."""
    try:
        record = await read(task_id)
    except RateLimitError as error:
        limiter.rejected(permit, error.retry_after)
        return error
    except TransportError as error:
        (limiter.accepted if error.sent else limiter.released)(permit)
        return error
    except WanError as error:
        limiter.accepted(permit)
        return error
    except BaseException:
        limiter.accepted(permit)  # it may have reached the provider
        raise
    limiter.accepted(permit)
    return record


class Lookers(Generic[E]):
    """The coroutines that look at what is due, in one event loop at a time.

    Args:
        agenda: knows what is due.
        limiter: the query limit.
        most: looks under way at once, at most.
        look: looks at one task, under a permit that it ends.
        broken: told of a bug in the agenda: nothing would be looked at any more.
    """

    def __init__(
        self,
        agenda: Agenda[E],
        limiter: QueryLimit,
        most: int,
        look: Callable[[E, float], Awaitable[None]],
        broken: Callable[[Exception], None],
    ) -> None:
        self._agenda = agenda
        self._limiter = limiter
        self._most = most
        self._look = look
        self._broken = broken
        self._running: set[asyncio.Task[None]] = set()
        self._in_line: asyncio.Task[None] | None = None
        self._looking: dict[E, asyncio.Task[None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = math.inf

    @property
    def running(self) -> list[asyncio.Task[None]]:
        """The lookers there are."""
        return list(self._running)

    def expect(self, due: float) -> None:
        """Something may be due at this clock, or earlier than was known."""
        if due < self._rings_at:
            self._set_timer(due)

    def call_off(self, entry: E) -> None:
        """Nobody waits for this task any more: end the look at it, unless that is what told."""
        looker = self._looking.get(entry)
        if looker is not None and looker is not asyncio.current_task():
            looker.cancel()

    def rest(self) -> None:
        """Nothing is waited for any more: leave no timer, and nobody in line."""
        self._set_timer(math.inf)
        if self._in_line is not None:
            self._in_line.cancel()

    def _set_timer(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = None if due == math.inf else loop.call_at(max(due, loop.time()), self._ring)
        self._rings_at = due

    def _ring(self) -> None:
        self._timer = None
        self._rings_at = math.inf
        if self._in_line is None and len(self._running) < self._most:
            self._start()

    def _start(self) -> None:
        looker = asyncio.get_running_loop().create_task(self._look_around(), name="wan-async looker")
        self._running.add(looker)
        looker.add_done_callback(self._running.discard)

    async def _look_around(self) -> None:
        looker = cast("asyncio.Task[None]", asyncio.current_task())
        try:
            while await self._look_once(looker):
                pass
        except Exception as bug:  # noqa: BLE001 - it ends all waits and is raised there
            self._broken(bug)
        finally:  # when nothing is due, and when nobody waits any more for the task that was looked at
            due = self._agenda.next_due()
            if due is not None:
                self.expect(due)

    def _let_others_look(self, now: float) -> None:
        """While this looker waits for its answer: another one at once, or when something comes due."""
        if self._agenda.any_due(now):
            self._start()
        elif (due := self._agenda.next_due()) is not None:
            self.expect(due)

    async def _look_once(self, looker: asyncio.Task[None]) -> bool:
        """Look at one task; False if none is due, or if another looker will see to it."""
        clock = asyncio.get_running_loop().time
        if self._agenda.replan():
            await asyncio.sleep(0)
            return True
        if self._in_line is not None or not self._agenda.any_due(clock()):
            return False
        self._in_line = looker
        try:
            permit = await self._limiter.acquire()
        finally:
            self._in_line = None
        entry = self._agenda.take(clock())
        if entry is None:
            self._limiter.released(permit)
            return True
        if len(self._running) < self._most:
            self._let_others_look(clock())
        self._looking[entry] = looker
        try:
            await self._look(entry, permit)
        finally:
            del self._looking[entry]
        return True
