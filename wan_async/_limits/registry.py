"""The registry of limiters: clients on one base URL and key share theirs, however they were made."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict, deque
from typing import TYPE_CHECKING, TypeAlias

from .._policy.settings import RateLimit
from .account import Purpose
from .limiter import SlidingWindowLimiter
from .storage import Storage, StoredLimits

if TYPE_CHECKING:
    from .shared import SharedLimiter

KEPT = 1000
"""Limiters that are kept when no client is left: one that is made anew per request must find its key's window again."""

_CHECKED = 3
"""Limiters that are checked for being idle whenever one is asked for: so all are in the end."""

AnyLimiter: TypeAlias = "SlidingWindowLimiter | SharedLimiter"
Name: TypeAlias = tuple[StoredLimits | None, str]


class LimiterRegistry:
    """The limiters of this process: one per account and purpose, forgotten when nobody can need it any more.

    They live as long as their users do, and then until they are idle; that is seen when the next one is asked for.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._storages: weakref.WeakValueDictionary[StoredLimits, Storage] = weakref.WeakValueDictionary()
        self._used: weakref.WeakValueDictionary[Name, AnyLimiter] = weakref.WeakValueDictionary()
        self._kept: OrderedDict[Name, AnyLimiter] = OrderedDict()
        self._left: deque[tuple[Name, AnyLimiter]] = deque()  # by users that are gone

    def limiter(
        self,
        account: str,
        purpose: Purpose,
        limit: RateLimit,
        *,
        given: bool,
        user: object,
        storage: StoredLimits | None = None,
    ) -> AnyLimiter:
        """The account's limiter.

        Args:
            account: see `account`.
            purpose: which of its two.
            limit: what is known of it.
            given: somebody gave this limit, so that it holds for all who share it; else it is a default.
            user: keeps it from being forgotten.
            storage: where its window lives; None: in this process.
        """
        name = storage, f"{account}:{purpose}"
        with self._lock:
            limiter = self._used.get(name)
            if limiter is None:
                limiter = self._used[name] = self._new(name, limit, given=given)
            self._forget_idle()
        if given and limiter.limit != limit:
            limiter.set_limit(limit)
        weakref.finalize(user, self._left.append, (name, limiter)).atexit = False
        return limiter

    def _new(self, name: Name, limit: RateLimit, *, given: bool) -> AnyLimiter:
        options, window = name
        if options is None:
            return SlidingWindowLimiter(limit)
        from .shared import SharedLimiter  # with secrets: milliseconds that importing wan_async does without

        storage = self._storages.get(options)
        if storage is None:
            storage = self._storages[options] = Storage(options)
        return SharedLimiter(storage, window, limit, given=given)

    def _forget_idle(self) -> None:
        kept, left = self._kept, self._left
        while left:
            name, limiter = left.popleft()
            kept[name] = limiter
        for _ in range(min(_CHECKED, len(kept))):
            name, limiter = kept.popitem(last=False)
            if not limiter.is_idle():
                kept[name] = limiter
        while len(kept) > KEPT:
            kept.popitem(last=False)
