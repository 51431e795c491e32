"""Fixtures: certificates, and repeats without a delay worth waiting for."""

from __future__ import annotations

import pytest

from ..certificates import authority, trusting, untrusted

__all__ = ["authority", "prompt_repeats", "trusting", "untrusted"]


@pytest.fixture
def prompt_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeats come after a hundredth of their longest delay."""
    monkeypatch.setattr("random.random", lambda: 0.01)
