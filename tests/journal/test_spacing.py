"""How long steps wait for others: as short as nobody else has to wait for it."""

from __future__ import annotations

import pytest

from wan_async._journal.writer import spacing


@pytest.mark.parametrize(("passed", "busy"), [(1.0, 0.0), (0.02, 0.01), (0.005, 0.003), (0.0, 0.0)])
def test_beside_a_loop_that_waits_an_id_is_soon_on_its_way(passed: float, busy: float) -> None:
    assert spacing(passed, busy) == 0.005


@pytest.mark.parametrize(("passed", "busy"), [(0.02, 0.02), (0.005, 0.0045), (0.02, 0.016)])
def test_a_loop_that_is_busy_is_interrupted_more_rarely(passed: float, busy: float) -> None:
    assert spacing(passed, busy) == 0.02
