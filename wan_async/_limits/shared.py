"""A limiter whose window lives in a storage, so that all processes on the account keep to it together."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

from .._policy.lessons import Lessons
from .._policy.limiter import LimitState, Permit
from .._policy.shared_window import READ_ONLY, Turn
from .account import Purpose, account
from .member import KEEP, Member
from .storage import stored_limits

if TYPE_CHECKING:
    from .._policy.settings import RateLimit
    from .storage import LimitStorage, Storage, StoredLimits


class SharedLimiter:
    """The `Limiter` of many processes. In each event loop it takes part for itself.

    Args:
        storage: where its window is.
        name: of the window.
        limit: what is known of it.
        given: somebody gave this limit, so that it holds for all.
    """

    def __init__(self, storage: Storage, name: str, limit: RateLimit, *, given: bool) -> None:
        self._storage = storage
        self._name = name
        self._limit = limit
        self._given = given
        self._lock = threading.Lock()
        self._members: dict[asyncio.AbstractEventLoop, Member] = {}  # those of closed loops go with the next

    @property
    def limit(self) -> RateLimit:
        """The configured limit, as known here."""
        return self._limit

    def set_limit(self, limit: RateLimit) -> None:
        """Another limit is given, and holds for all."""
        self._limit, self._given = limit, True
        with self._lock:
            members = list(self._members.items())
        for loop, member in members:
            if not loop.is_closed():
                loop.call_soon_threadsafe(member.set_limit, limit)

    async def acquire(self) -> Permit:
        """See `Limiter`; while the storage is away it waits, or goes on as the storage's options say.

        Raises:
            ConfigurationError: the storage will never do.
        """
        return await self._member().acquire()

    def counted_nowait(self, permit: Permit) -> None:
        """See `Limiter`."""
        self._member().count(permit)

    def rejected_nowait(self, permit: Permit, retry_after: float | None = None) -> None:
        """See `Limiter`."""
        self._member().drop(permit, refused=True, brake=retry_after or 0.0)

    def released_nowait(self, permit: Permit) -> None:
        """See `Limiter`."""
        self._member().drop(permit)

    @property
    def memory(self) -> float:
        """0: the storage remembers."""
        return 0.0

    def remember(self, sent_times: Iterable[float]) -> None:
        """Nothing: the storage remembers."""

    def state(self) -> LimitState:
        """The last visit's answer, in the running loop if there was one there; may be asked outside of a loop."""
        with self._lock:
            members = sorted(self._members.items(), key=lambda found: found[0] is not _loop())
        if not members:
            return limit_state(Lessons(self._limit), None, 0)
        _, member = members[0]
        return limit_state(member.learner.lessons, member.turn, member.waiting)

    def is_idle(self) -> bool:
        """True: what counts is in the storage."""
        return True

    def hold(self) -> None:
        """See `Limiter`."""
        self._member().users += 1
        self._storage.hold()

    async def release(self) -> None:
        """See `Limiter`; the last one reports how the last calls ended."""
        member = self._member()
        member.users -= 1
        if not member.users:
            with self._lock:
                self._members.pop(asyncio.get_running_loop())
            await member.aclose()
        await self._storage.release()

    def _member(self) -> Member:
        loop = asyncio.get_running_loop()
        member = self._members.get(loop)
        if member is None:
            member = Member(self._storage, self._name, self._limit, given=self._given)
            with self._lock:
                known = {other: one for other, one in self._members.items() if not other.is_closed()}
                self._members = known | {loop: member}
        return member


def _loop() -> asyncio.AbstractEventLoop | None:
    """The running loop, if one runs."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def limit_state(lessons: Lessons, turn: Turn | None, waiting: int) -> LimitState:
    """The state of a shared limit."""
    if turn is None:
        return LimitState(lessons.limit, lessons.learnt.value, 0, waiting, lessons.throttled, 0.0)
    return LimitState(lessons.limit, turn.room, turn.calls, max(waiting, turn.waiting), lessons.throttled, turn.brake)


async def account_limits(
    limit_storage: str | StoredLimits, base_url: str, key: str
) -> dict[Purpose, LimitState | None]:
    """Read a storage's windows of an account, without taking part in them; None for one that it does not know.

    Raises:
        ConfigurationError: the storage will never do.
        StorageAwayError: it cannot be reached now.
    """
    storage, name = stored_limits(limit_storage).connect(), account(base_url, key)
    purposes: tuple[Purpose, ...] = ("submissions", "queries")
    try:
        return {purpose: await _read(storage, f"{name}:{purpose}") for purpose in purposes}
    finally:
        await storage.aclose()


async def _read(storage: LimitStorage, name: str) -> LimitState | None:
    turn = await storage.visit(name, READ_ONLY, KEEP)
    return limit_state(Lessons.from_text(turn.lessons), turn, 0) if turn.mark else None
