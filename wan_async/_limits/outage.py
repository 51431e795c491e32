"""A process on its own while the storage is away, where that is wanted: it uses a part of the limit, never more."""

from __future__ import annotations

import msgspec

from .._policy.settings import RateLimit
from .._policy.window import Window


class LocalPart:
    """A window of this process alone, full at first: nobody knows who had the slots of the shared one.

    Args:
        limit: of the account.
        share: this process's part of it.
        now: when it begins, by the event loop's clock.
    """

    def __init__(self, limit: RateLimit, share: float, now: float) -> None:
        self.window = Window(msgspec.structs.replace(limit, share=limit.share * share))
        self.window.remember([now] * self.window.slots)
        self.window.settle(now)

    def take(self, now: float, wanted: int) -> list[float]:
        """Permits for as many as want one, if there are so many."""
        stamps: list[float] = []
        while len(stamps) < wanted and (stamp := self.window.take(now)) is not None:
            stamps.append(stamp)
        return stamps

    def left(self, now: float, hold: float) -> list[float]:
        """Seconds until the slots of its calls are free again, those under way counting as new."""
        return [until - now for until in self.window.free_again(now, hold)]
