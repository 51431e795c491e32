"""`Retry-After`: how long an answer asks to wait, and what of it is believed."""

from __future__ import annotations

import math
from datetime import UTC
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_BELIEVED = 3600.0
"""Seconds of `Retry-After` that are believed; for more, such as a date in 2099, the next counts."""
_DOUBTED = 60.0
"""Seconds that are waited where more were asked for than are believed."""


def asked_wait(headers: Mapping[str, str], received_at: float) -> float | None:
    """Seconds by `Retry-After`, which is a number or an HTTP-date (RFC 9110, 10.2.3); None if absent or unreadable."""
    value = headers.get("retry-after") or headers.get("Retry-After")
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        from email.utils import parsedate_to_datetime  # 4 ms of 88 that importing wan_async takes

        try:
            when = parsedate_to_datetime(value)
            seconds = when.replace(tzinfo=when.tzinfo or UTC).timestamp() - received_at
        except (ValueError, TypeError, OverflowError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def is_believed(seconds: float | None) -> bool:
    """False for a `Retry-After` that would stop everybody for longer than any window known."""
    return seconds is None or seconds <= _BELIEVED


def believed_wait(headers: Mapping[str, str], received_at: float) -> float | None:
    """Seconds to wait: what is asked, a minute where that is not believed, None where nothing is."""
    seconds = asked_wait(headers, received_at)
    return seconds if is_believed(seconds) else _DOUBTED
