"""What the limiter's tests share."""

from __future__ import annotations

import math
from collections.abc import Sequence


def close(found: Sequence[float], expected: Sequence[float]) -> bool:
    """Whether these are the same times, in seconds, but for a microsecond."""
    return len(found) == len(expected) and all(map(_close, found, expected))


def _close(found: float, expected: float) -> bool:
    return math.isclose(found, expected, abs_tol=1e-6)
