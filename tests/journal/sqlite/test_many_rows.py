"""Many finished rows: the journal is open at once, and memory stays flat."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from ..support import output

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.skipif(sys.platform != "linux", reason="the program reads its peak memory from /proc")
def test_sixty_thousand_rows_are_resumed_at_once_in_flat_memory(tmp_path: Path) -> None:
    measured = json.loads(output("resume.py", tmp_path / "run.db", 60_000))
    assert measured["first look"] < 0.5
    assert measured["grown"] < 28  # MiB; the caches are bounded at 20, the file has 35
