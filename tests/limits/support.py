"""What the limiter's tests share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heappush

from benchmarks._provider import Provider, Verdict
from wan_async._policy.window import Window


def close(found: Sequence[float], expected: Sequence[float]) -> bool:
    """Whether these are the same times, in seconds, but for a microsecond."""
    return len(found) == len(expected) and all(map(_close, found, expected))


def _close(found: float, expected: float) -> bool:
    return math.isclose(found, expected, abs_tol=1e-6)


def play(window: Window, provider: Provider, start: float, end: float, *, strangers: Iterable[float] = ()) -> None:
    """Sends all that the window lets out, and a stranger's calls at those times; six times as fast as in asyncio."""
    events: list[tuple[float, float, Verdict | None]] = [(at + provider.delay(), -at, None) for at in strangers]
    heapify(events)
    now = start
    while now < end:
        while (permit := window.take(now)) is not None:
            heappush(events, (now + provider.delay(), permit, None))
        now = max(window.opens_at(now), math.nextafter(now, math.inf))
        if not events or events[0][0] > now:
            continue
        now, permit, verdict = heappop(events)
        if verdict is None:
            verdict = provider.judge("us" if permit >= 0 else "stranger", now)
            if permit >= 0:
                heappush(events, (now + provider.delay(), permit, verdict))
        elif verdict.ok:
            window.counted(permit, now)
        else:
            window.rejected(permit, now, verdict.retry_after)
