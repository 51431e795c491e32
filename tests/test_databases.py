"""The tests' own PostgreSQL is ready when it says so, keeps what was committed through a kill, and leaves nothing."""

from __future__ import annotations

import psycopg

from .databases import postgres_server


async def test_postgres_keeps_what_was_committed_through_kills_and_stops() -> None:
    async with postgres_server() as server:
        url = server.database()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE TABLE t AS SELECT generate_series(1, 100000) AS n")
            await server.kill()
        for _ in range(2):
            await server.start()
            with psycopg.connect(url) as connection:
                assert connection.execute("SELECT count(*) FROM t").fetchone() == (100_000,)
            with psycopg.connect(server.socket_url) as connection:
                assert connection.execute("SHOW fsync").fetchone() == ("off",)
            await server.stop()
    assert not server.folder.exists()
