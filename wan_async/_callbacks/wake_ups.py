"""A client's use of callbacks: they wake waits, early ones are kept, and lost submissions are found by them.

A submission whose fate is unknown (its answer was lost) is sought by the token in its callback URL: a callback that
carries the token names the task, and the task is adopted once its record shows that very URL. That makes submission
exactly-once in effect, on an API without idempotency keys.

What others can send must cost little: everything that is kept is bounded, a callback for an unknown task costs no query
unless it may be a sought submission's, and one for a task that is waited for costs three polls in `QUIET` seconds.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from functools import partial
from typing import NamedTuple

from .._events import Emitter
from .._polling.poller import Poller
from .._protocol import TaskRecord
from .._protocol.callbacks import WakeUp
from .._protocol.records import callback_url_of
from .._protocol.tokens import token_of
from ..errors import WanError
from ..events import Adopted, Woken

EARLY = 10_000
"""Callbacks kept that came before anybody waited for their task."""

QUIET = 5.0
"""Seconds for which more callbacks of a woken task change nothing: polls follow after 1 and 5 s anyway."""

GUESSES = 100
"""Tasks polled in `GUESSES_PER` seconds because their callbacks name no token and something is sought."""

GUESSES_PER = 60.0

POLLED_FOR = 120.0
"""Seconds for which the record of a task that may be a sought submission's is waited for."""


class _Sought(NamedTuple):
    """A submission that is sought: its callback URL, which its task's record must show, and its task."""

    url: str
    task_id: asyncio.Future[str | None]


class WakeUps:
    """A client's listener in one event loop.

    Args:
        poller: whose waits are woken, and which polls the tasks that may be sought.
        events: hears who was woken, and what was adopted.
    """

    def __init__(self, poller: Poller, events: Emitter) -> None:
        self._poller = poller
        self._events = events
        poller.announced = self._announced
        self._woken: OrderedDict[str, float] = OrderedDict()
        self._early: OrderedDict[str, WakeUp] = OrderedDict()
        self._sought: dict[str, _Sought] = {}
        self._guesses: deque[float] = deque(maxlen=GUESSES)
        self._closed = False

    def heard(self, wake_up: WakeUp) -> None:
        """A callback came: wake who waits for its task, or keep it for who will."""
        self._forget_woken()
        if wake_up.token in self._sought and wake_up.task_id not in self._woken:
            self._poll(wake_up.task_id)
        if not self._wake(wake_up.task_id) and not self._guess(wake_up):
            self._keep(wake_up)

    def missed(self) -> None:
        """Callbacks may have been missed: poll every task once."""
        self._poller.wake_all()

    async def found(self, token: str, url: str, within: float) -> str | None:
        """The task that was submitted with `url`, once a callback names it; None when `within` seconds are over."""
        if self._closed:
            return None
        task_id: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._sought[token] = _Sought(url, task_id)
        for wake_up in [early for early in self._early.values() if early.token in (token, None)]:
            del self._early[wake_up.task_id]
            self.heard(wake_up)
        try:
            await asyncio.wait([task_id], timeout=within)
            return task_id.result() if task_id.done() else None
        finally:
            self._sought.pop(token, None)

    def close(self) -> None:
        """Seek nothing more; what is sought, and what `found` is asked for later, was not found."""
        self._closed = True
        for token in tuple(self._sought):
            self._settle(token, None)

    def _settle(self, token: str, task_id: str | None) -> None:
        """Seek a submission no more: this is its task, or it has none."""
        self._sought.pop(token).task_id.set_result(task_id)

    def _forget_woken(self) -> None:
        quiet_since = asyncio.get_running_loop().time() - QUIET
        while self._woken and next(iter(self._woken.values())) <= quiet_since:
            self._woken.popitem(last=False)

    def _wake(self, task_id: str) -> bool:
        """Wake who waits for a task; False if nobody does, or if that was just done."""
        if task_id in self._woken or not self._poller.wake(task_id):
            return False
        self._woken[task_id] = asyncio.get_running_loop().time()
        self._events(Woken(task_id))
        return True

    def _announced(self, task_id: str) -> bool:
        """True if the callback of a task came before it was waited for."""
        return self._early.pop(task_id, None) is not None

    def _keep(self, wake_up: WakeUp) -> None:
        self._early[wake_up.task_id] = wake_up
        if len(self._early) > EARLY:
            self._early.popitem(last=False)

    def _guess(self, wake_up: WakeUp) -> bool:
        """Poll a task whose callback names no token, if anything is sought; False if there were too many."""
        now = asyncio.get_running_loop().time()
        crowded = len(self._guesses) == GUESSES and self._guesses[0] > now - GUESSES_PER
        if wake_up.token is not None or not self._sought or crowded:
            return False
        self._guesses.append(now)
        self._poll(wake_up.task_id)
        return True

    def _poll(self, task_id: str) -> None:
        """Have the record read that says which submission a task came from."""
        self._poller.watch(task_id, partial(self._compare, task_id), deadline=POLLED_FOR, age=None, guess=True)

    def _compare(self, task_id: str, outcome: TaskRecord | WanError) -> None:
        """A task whose record holds the very URL of a sought submission is its task."""
        if isinstance(outcome, WanError):
            return
        url = callback_url_of(outcome.request)
        token = token_of(url) or ""
        self._keep(WakeUp(task_id, token))  # it has ended: whoever waits for it next need not wait
        sought = self._sought.get(token)
        if sought is not None and sought.url == url:
            self._events(Adopted(task_id))
            self._settle(token, task_id)
