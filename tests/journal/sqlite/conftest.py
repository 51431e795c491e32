from __future__ import annotations

from pathlib import Path

import pytest

from ..stores import FilePlace


@pytest.fixture
def place(tmp_path: Path) -> FilePlace:
    return FilePlace(tmp_path)
