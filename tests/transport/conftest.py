"""The certificates' fixtures."""

from __future__ import annotations

from ..certificates import authority, trusting, untrusted

__all__ = ["authority", "trusting", "untrusted"]
