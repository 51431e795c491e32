"""Who shares a limit: clients on the same pool, base URL and key, however they were made."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from typing import TYPE_CHECKING

from ._limiter import SlidingWindowLimiter

if TYPE_CHECKING:
    from ._arguments import Settings
    from ._policy.settings import RateLimit
    from ._transport import Transport

KEPT = 1000
"""Limiters of a pool that are kept when no client is left: a client per request must find its key's window again."""


class Windows:
    """The limiters of each pool: one for submissions and one for queries per base URL and key."""

    def __init__(self) -> None:
        self._by_pool: weakref.WeakKeyDictionary[Transport, _Limiters] = weakref.WeakKeyDictionary()

    def submissions(self, settings: Settings, *, told: bool) -> SlidingWindowLimiter:
        """The limiter of createTask; `told`: the limit was given for it, and holds for all."""
        return self._shared(settings, "submissions", settings.limit, told)

    def queries(self, settings: Settings, *, told: bool) -> SlidingWindowLimiter:
        """The limiter of all other calls; `told`: the limit was given for it, and holds for all."""
        return self._shared(settings, "queries", settings.query_limit, told)

    def _shared(self, settings: Settings, purpose: str, limit: RateLimit, told: bool) -> SlidingWindowLimiter:
        limiters = self._by_pool.get(settings.pool)
        if limiters is None:
            limiters = self._by_pool[settings.pool] = _Limiters()
        limiter = limiters.named((settings.base_url, settings.api_key, purpose), limit)
        if told and limiter.limit != limit:
            limiter.limit = limit
        return limiter


class _Limiters:
    """The limiters that are in use, and the last `KEPT` that were."""

    def __init__(self) -> None:
        self._alive: weakref.WeakValueDictionary[tuple[str, str, str], SlidingWindowLimiter] = (
            weakref.WeakValueDictionary()
        )
        self._kept: OrderedDict[tuple[str, str, str], SlidingWindowLimiter] = OrderedDict()

    def named(self, name: tuple[str, str, str], limit: RateLimit) -> SlidingWindowLimiter:
        limiter = self._alive.get(name)
        if limiter is None:
            limiter = self._alive[name] = SlidingWindowLimiter(limit)
        self._kept[name] = limiter
        self._kept.move_to_end(name)
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return limiter
