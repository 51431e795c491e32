from __future__ import annotations

import pytest

from ...databases import PostgresServer
from ..stores import PostgresPlace


@pytest.fixture
def place(shared_postgres: PostgresServer) -> PostgresPlace:
    return PostgresPlace(shared_postgres.database())
