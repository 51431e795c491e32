"""One event loop's part in a shared window: its callers in line, its calls under way, and when it visits next.

It visits when somebody comes, when its turn is there, at once when a call was refused, and within a moment of any other
end, for the end of a call is dated by its age. While nobody waits and nothing is under way it does not visit at all.

A process that stood still, stopped or suspended, does not use the permits that it was given before: their slots may
be somebody else's by now.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import secrets
from collections import deque
from typing import TYPE_CHECKING

from .._policy.learner import Change, Learner
from .._policy.limiter import Permit
from .._policy.shared_window import Turn, Visit
from ..errors import ConfigurationError
from .outage import LocalPart
from .storage import StorageAwayError
from .times import Times

if TYPE_CHECKING:
    from .._policy.settings import RateLimit
    from .storage import Storage

KEEP = 3600.0
"""Seconds for which a storage keeps what nobody visits: then its lessons are stale."""
_RETRY_FIRST, _RETRY_LAST = 0.05, 0.5


class Member:
    """One event loop's part in one shared window.

    A permit whose stamp is below 0 is one of the local part, by another clock than the storage's.

    Args:
        storage: where that is.
        name: of the window.
        limit: what is known of it.
        given: somebody gave this limit.
    """

    def __init__(self, storage: Storage, name: str, limit: RateLimit, *, given: bool) -> None:
        self.learner = Learner(limit, given=given)
        self.turn: Turn | None = None
        self.waiting = 0
        self.users = 0  # clients that hold the limiter in this loop
        self._loop = asyncio.get_running_loop()
        self._storage = storage
        self._name = name
        self._id = secrets.token_hex(4)
        self._times = Times(self.learner.lessons.per)
        self._waiters: deque[asyncio.Future[Permit]] = deque()  # with those that were cancelled among them
        self._out: dict[float, float] = {}  # the permits of the calls under way, and when they came
        self._counted: dict[float, float] = {}  # when those calls were answered that no visit has reported yet
        self._dropped: dict[float, bool] = {}  # those that do not count; True: refused as too much
        self._local: LocalPart | None = None
        self._heard_at = self._kept_at = self._brake = self._turn_at = self._lost_until = self._retry_at = -math.inf
        self._retry = _RETRY_FIRST
        self._kicked = asyncio.Event()
        self._work: asyncio.Task[None] | None = None

    async def acquire(self) -> Permit:
        """See `Limiter`."""
        while True:
            began = self._loop.time()
            permit = await self._in_line()
            came = self._out.get(permit.stamp)
            if came is None:
                return permit
            held = min(self.learner.early, self._loop.time() - began)
            if held > 0:
                await self._hold_back(permit, held)
            now = self._loop.time()
            if now - came < self._times.patience / 2 + held:
                self._out[permit.stamp] = now
                return permit
            self.drop(permit)

    def count(self, permit: Permit) -> None:
        """The call counts."""
        now = self._loop.time()
        came = self._out.pop(permit.stamp, None)
        if came is not None:
            self._counted[permit.stamp] = now
            self.learner.counted(permit.stamp, now - came)
        elif self._local is not None:
            self._local.window.counted(-permit.stamp, now)
        self._go_on()

    def drop(self, permit: Permit, *, refused: bool = False, brake: float = 0.0) -> None:
        """The call does not count: it was refused as too much, or never sent; nobody is to go for `brake` seconds."""
        now = self._loop.time()
        if brake:
            self._brake = max(self._brake, now + brake)
        if self._out.pop(permit.stamp, None) is not None:
            self._dropped[permit.stamp] = refused
        elif self._local is not None:
            (self._local.window.rejected if refused else self._local.window.released)(-permit.stamp, now)
        self._go_on()

    def set_limit(self, limit: RateLimit) -> None:
        """Another limit is given."""
        self.learner.set_limit(limit)
        self._go_on()

    async def aclose(self) -> None:
        """Report how the last calls ended, for a second at most, and visit no more."""
        if self._work is not None:
            self._work.cancel()
            await asyncio.wait([self._work])
        if self._counted or self._dropped:
            with contextlib.suppress(StorageAwayError, ConfigurationError, TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._visit()

    async def _in_line(self) -> Permit:
        waiter: asyncio.Future[Permit] = self._loop.create_future()
        if not self.waiting:
            self._turn_at = -math.inf
        self._waiters.append(waiter)
        self.waiting += 1
        self._go_on()
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.cancelled():
                self.waiting -= 1
            elif waiter.exception() is None:  # granted, and cancelled before it could go on
                self.drop(waiter.result())
            raise

    async def _hold_back(self, permit: Permit, seconds: float) -> None:
        """Others' calls are longer under way, so a slot that was waited for is free too early for one of ours."""
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self.drop(permit)
            raise

    def _go_on(self) -> None:
        self._kicked.set()
        if self._work is None:
            self._work = self._loop.create_task(self._visits(), name="wan-async limits")

    async def _visits(self) -> None:
        try:
            while (at := self._next()) < math.inf:
                self._kicked.clear()
                if at > self._loop.time():
                    await self._pause(at)
                else:
                    await self._visit_or_wait()
        except Exception as error:  # noqa: BLE001 - it is raised where a permit is waited for
            self._fail(error)
        finally:
            self._work = None

    async def _pause(self, at: float) -> None:
        """Until then, or until something happens."""
        timer = self._loop.call_at(at, self._kicked.set)
        try:
            await self._kicked.wait()
        finally:
            timer.cancel()

    def _next(self) -> float:
        """The time of the next visit."""
        now, times, due = self._loop.time(), self._times, math.inf
        if self.waiting:
            due = max(self._turn_at, self._lost_until)
        if self._counted:
            due = min(due, next(iter(self._counted.values())) + (0.0 if self._is_awaited() else times.flush))
        if self._out:
            due = min(due, max(next(iter(self._out.values())), self._kept_at) + times.hold / 2)
        if self._dropped or self._brake > now or self.learner.has_news:
            due = now
        due = max(due, self._retry_at) if due < math.inf else due
        if self.waiting and self._local is not None:
            due = min(due, self._local.window.opens_at(now))
        return due

    def _is_awaited(self) -> bool:
        """Whether the end of a call lets others go: a large limit is dared step by step, and one may go alone."""
        lessons = self.learner.lessons
        return lessons.strikes > 0 or self.turn is None or self.turn.room < lessons.learnt.value

    async def _visit_or_wait(self) -> None:
        now = self._loop.time()
        if now >= self._retry_at:
            try:
                await self._visit()
            except StorageAwayError:
                self._retry_at = self._loop.time() + self._retry
                self._retry = min(2 * self._retry, _RETRY_LAST)
                if self._local is None and self._storage.options.on_outage == "local":
                    self._local = LocalPart(self.learner.lessons.limit, self._storage.options.share, self._loop.time())
        if self._local is not None:
            self._grant([-stamp for stamp in self._local.take(self._loop.time(), self.waiting)])

    async def _visit(self) -> None:
        await self._storage.in_turn(self._visit_now)

    async def _visit_now(self) -> None:
        now = self._loop.time()
        change, brake = self.learner.change(), self._brake
        visit = self._as_visit(now, change)
        turn = await self._storage.visit(self._name, visit, KEEP)
        self._retry, self._retry_at, self._local = _RETRY_FIRST, -math.inf, None
        if self._brake == brake:
            self._brake = -math.inf
        if visit.alive:
            self._kept_at = now
        self._hear(turn, change, visit, now)

    def _as_visit(self, now: float, change: Change | None) -> Visit:
        times, learner, turn = self._times, self.learner, self.turn
        lessons = learner.lessons if change is None else change.lessons
        counted = [(permit, learner.reuse - (now - at)) for permit, at in self._counted.items()]
        return Visit(
            member=self._id,
            wants=0 if now < self._lost_until else self.waiting,
            mark=turn.mark if turn else "",
            number=turn.number if turn else 0,
            fresh=secrets.token_hex(8),
            counted=counted,
            dropped=list(self._dropped),
            alive=[permit for permit, came in self._out.items() if now - came >= times.hold / 2],
            unknown=[] if self._local is None else self._local.left(now, times.hold),
            lull=times.lull,
            hold=times.hold,
            poll=times.poll,
            grace=times.grace,
            brake=self._brake_now(now, change),
            version=learner.version,
            teaches=change is not None,
            slots=lessons.learnt.value,
            alone=lessons.struck if lessons.alone else 0.0,
            total=-1 if change is None else change.total,
            lessons=lessons.to_text() if change is None else change.text,
        )

    def _brake_now(self, now: float, change: Change | None) -> float:
        """Seconds for which nobody is to go: as the service said, as was learnt, or until it is known what to learn."""
        brake = max(0.0, self._brake - now)
        if change is not None and self.turn is not None:
            brake = max(brake, change.brake - self.turn.now - (now - self._heard_at))
        if any(self._dropped.values()):
            brake = max(brake, self.learner.first_brake)
        return brake

    def _hear(self, turn: Turn, change: Change | None, visit: Visit, asked: float) -> None:
        now, learner = self._loop.time(), self.learner
        self.turn, self._heard_at = turn, now
        learner.hear(turn, change)
        for permit, _ in visit.counted:
            del self._counted[permit]
        refused = [permit for permit in visit.dropped if self._dropped.pop(permit)]
        if turn.lost:
            learner.forget()
            self._lost_until = now + self._times.lull
        else:
            learner.rejected(refused, turn)
        self._times = Times(learner.lessons.per)
        if now - asked < self._times.patience / 2:
            self._grant(turn.grants)
        else:  # this process stood still
            self._dropped.update(dict.fromkeys(turn.grants, False))
        if turn.grants and turn.calls >= turn.room == learner.lessons.learnt.value:
            learner.filled(turn.grants[-1])
        self._turn_at = now + turn.wait if len(turn.grants) < visit.wants else -math.inf

    def _grant(self, stamps: list[float]) -> None:
        """To those who still wait; what is left over was not sent."""
        now = self._loop.time()
        for stamp in stamps:
            while self._waiters and self._waiters[0].done():
                self._waiters.popleft()
            if stamp > 0:
                self._out[stamp] = now
            if self._waiters:
                self.waiting -= 1
                self._waiters.popleft().set_result(Permit(stamp))
            else:
                self.drop(Permit(stamp))

    def _fail(self, error: Exception) -> None:
        """Nobody will get a permit: the storage will never do, or there is a fault in here."""
        self._counted.clear()
        self._dropped.clear()
        waiters, self.waiting = self._waiters, 0
        self._waiters = deque()
        for waiter in waiters:
            if not waiter.done():
                waiter.set_exception(error)
