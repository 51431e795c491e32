"""The certificates' fixtures."""

from __future__ import annotations

from ..certificates import authority, untrusted

__all__ = ["authority", "untrusted"]
