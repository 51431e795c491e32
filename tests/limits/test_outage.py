"""A process on its own while the storage is away: a part of the limit, from a window after the outage on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wan_async._limits.outage import LocalPart
from wan_async._policy.settings import RateLimit

LIMIT = RateLimit(20, per=10.0)


def test_it_is_full_at_first_since_nobody_knows_who_had_the_slots() -> None:
    part = LocalPart(LIMIT, 0.25, now=100.0)
    assert part.take(100.0, 3) == []
    assert part.take(109.0, 3) == []
    assert part.left(100.0, 10.0) == pytest.approx([10.0] * 5, abs=0.05)
    assert len(part.take(110.1, 3)) == 3


@given(st.floats(0.05, 1.0), st.integers(0, 50))
def test_no_more_go_than_its_share_has_slots(share: float, wanted: int) -> None:
    part = LocalPart(LIMIT, share, now=0.0)
    assert len(part.take(10.1, wanted)) == min(wanted, part.window.slots)
    assert part.window.slots <= max(1, round(LIMIT.n * share, 6))
