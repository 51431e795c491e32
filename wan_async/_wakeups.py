"""What a client makes of the callbacks that it hears of: it wakes waits, keeps early ones, and finds lost submissions.

A submission whose fate is unknown (its answer was lost) is sought by the token in its callback URL: a callback that
carries the token names the task, and the task is adopted once its record shows that very URL. That makes submission
exactly-once in effect, on an API without idempotency keys.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable

from ._poller import Poller
from ._protocol import TaskRecord
from ._protocol.callbacks import WakeUp
from .errors import WanError

EARLY = 10_000
"""Callbacks kept that came before anybody waited for their task."""

CANDIDATES = 100
"""Tasks at once that may be a lost submission's, because their callbacks told no token."""


class Seek:
    """A submission that is sought."""

    __slots__ = ("_done", "_timer", "token", "url")

    def __init__(self, token: str, url: str, done: Callable[[str | None], None], timer: asyncio.TimerHandle) -> None:
        self.token = token
        self.url = url
        self._done: Callable[[str | None], None] | None = done
        self._timer = timer

    def cancel(self) -> None:
        """Seek it no more; nothing is told."""
        self._done = None
        self._timer.cancel()

    def settle(self, task_id: str | None) -> None:
        """Tell its task, or that it was not found in time; once."""
        done = self._done
        self.cancel()
        if done is not None:
            done(task_id)


class WakeUps:
    """A client's listener in one event loop.

    Args:
        poller: whose waits are woken.
        read: reads a task's record, inside the query limit.
    """

    def __init__(self, poller: Poller, read: Callable[[str], Awaitable[TaskRecord]]) -> None:
        self._poller = poller
        poller.announced = self._announced
        self._read = read
        self._early: OrderedDict[str, WakeUp] = OrderedDict()
        self._sought: dict[str, Seek] = {}
        self._candidates: deque[str] = deque(maxlen=CANDIDATES)
        self._checking: asyncio.Task[None] | None = None

    def heard(self, wake_up: WakeUp) -> None:
        """A callback came: wake who waits for its task, or keep it for who will."""
        if self._poller.wake(wake_up.task_id):
            return
        if not self._offer(wake_up):
            self._keep(wake_up)

    def missed(self) -> None:
        """Callbacks may have been missed: look at every task once."""
        self._poller.wake_all()

    def _announced(self, task_id: str) -> bool:
        """True if the callback of a task came before it was waited for."""
        return self._early.pop(task_id, None) is not None

    def seek(self, token: str, url: str, within: float, done: Callable[[str | None], None]) -> Seek:
        """Call `done` with the task of the submission that carried `url`, or with None after `within` seconds."""
        timer = asyncio.get_running_loop().call_later(within, self._give_up, token)
        seek = self._sought[token] = Seek(token, url, done, timer)
        for wake_up in [early for early in self._early.values() if early.token in (token, None)][-CANDIDATES:]:
            if self._offer(wake_up):
                self._early.pop(wake_up.task_id, None)
        return seek

    async def aclose(self) -> None:
        """Forget everything."""
        for seek in self._sought.values():
            seek.cancel()
        self._sought.clear()
        if self._checking is not None:
            self._checking.cancel()
            await asyncio.wait([self._checking])

    def _give_up(self, token: str) -> None:
        seek = self._sought.pop(token, None)
        if seek is not None:
            seek.settle(None)

    def _keep(self, wake_up: WakeUp) -> None:
        self._early[wake_up.task_id] = wake_up
        if len(self._early) > EARLY:
            self._early.popitem(last=False)

    def _offer(self, wake_up: WakeUp) -> bool:
        """True if the task may be one that is sought: then its record is read."""
        if not self._sought or (wake_up.token is not None and wake_up.token not in self._sought):
            return False
        if wake_up.task_id not in self._candidates:
            self._candidates.append(wake_up.task_id)
        if self._checking is None or self._checking.done():
            self._checking = asyncio.get_running_loop().create_task(self._check())
        return True

    async def _check(self) -> None:
        """Read the candidates' records: one that holds the very URL of a sought submission is its task."""
        while self._candidates and self._sought:
            task_id = self._candidates.popleft()
            try:
                record = await self._read(task_id)
            except WanError:
                continue  # the safety net of a lost submission is its time limit
            url = (record.request or {}).get("callBackUrl")
            for token, seek in tuple(self._sought.items()):
                if seek.url == url:
                    del self._sought[token]
                    self._keep(WakeUp(task_id))  # its callback was this one: no other comes when it is waited for
                    seek.settle(task_id)
        self._candidates.clear()
