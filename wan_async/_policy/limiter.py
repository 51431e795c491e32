"""The protocol of limiters: of one process, or of several that share an account's windows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import msgspec

from .settings import RateLimit


class Permit(msgspec.Struct, frozen=True):
    """The right to make one call now. To callers it is opaque: `stamp` means something to the limiter that gave it."""

    stamp: float


class LimitState(msgspec.Struct, frozen=True):
    """A limit's state at one moment.

    Attributes:
        limit: what was given.
        learnt: calls that may be in a window, as far as is known: at most `n` times `share` of the limit.
        used: slots in use: calls under way, and answered ones that still count.
        waiting: callers in line.
        throttled: rejections so far.
        brake: seconds for which nobody is let out.
    """

    limit: RateLimit
    learnt: int
    used: int
    waiting: int
    throttled: int
    brake: float


class Limiter(Protocol):
    """A limiter: asked before each call, and notified of how it ended.

    Each permit is ended by exactly one of `counted_nowait`, `rejected_nowait` and `released_nowait`, in the loop that
    acquired it. An `acquire` that is cancelled needs none.
    """

    async def acquire(self) -> Permit:
        """Wait for a slot, first come, first served."""
        ...

    def counted_nowait(self, permit: Permit) -> None:
        """The call counts: it was answered and not refused as too much, or nobody knows what became of it."""
        ...

    def rejected_nowait(self, permit: Permit, retry_after: float | None = None) -> None:
        """The call was refused as too much and does not count; nobody is let out for `retry_after` seconds."""
        ...

    def released_nowait(self, permit: Permit) -> None:
        """The call was certainly not sent: its slot is given back."""
        ...

    @property
    def memory(self) -> float:
        """Seconds for which a call of an earlier process counts; 0: `remember` does nothing."""
        ...

    def remember(self, sent_times: Iterable[float]) -> None:
        """Count calls of an earlier process.

        Args:
            sent_times: when they were to be sent, in seconds since the epoch; those that no longer count are passed
                over, and so are those that were made since this limiter was.
        """
        ...

    def hold(self) -> None:
        """Note one more user in the running event loop, until `release`."""
        ...

    async def release(self) -> None:
        """Undo one `hold`; the last one closes what is open in the running loop."""
        ...

    def state(self) -> LimitState:
        """The state now."""
        ...
