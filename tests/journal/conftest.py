from __future__ import annotations

from pathlib import Path

import pytest

from .stores import FilePlace, Place, PostgresPlace


@pytest.fixture(params=["file", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A journal of each kind."""
    if request.param == "file":
        return FilePlace(tmp_path)
    return PostgresPlace(request.getfixturevalue("shared_postgres").database())
