"""A shared journal that is large, read page by page."""

from __future__ import annotations

import re
import time

import psycopg

from wan_async import Journal
from wan_async._journal import State
from wan_async._journal.postgres import reads

from ..stores import PostgresPlace
from ..support import FOX, MODEL

ROWS = 20_000
FILL = """
INSERT INTO wan_async_item (batch, position, key, model, input, state, reported, seen)
SELECT (SELECT id FROM wan_async_batch), number, 'key-' || number, %s, %s,
    CASE WHEN number %% 7 = 0 THEN 'failed' ELSE 'done' END, true, true
FROM generate_series(1, %s) AS number
"""


async def test_a_page_reads_no_more_rows_than_it_gives(place: PostgresPlace) -> None:
    async with place.opened():
        place.sql(FILL, MODEL, FOX.decode(), ROWS)
        place.sql("ANALYZE wan_async_item")
    with Journal.open_readonly(place.where) as journal:
        began = time.monotonic()
        keys = [entry.key for entry in journal.entries()]
        assert keys == [f"key-{number}" for number in range(1, ROWS + 1)]
        assert time.monotonic() - began < 60
        assert sum(1 for _ in journal.entries(State.FAILED)) == ROWS // 7
    values = {"batch": 1, "states": [state.value for state in State], "after": 500, "limit": 500}
    with psycopg.connect(place.database) as connection:
        plan = connection.execute("EXPLAIN (ANALYZE, TIMING off) " + reads._PAGE, values).fetchall()  # pyright: ignore[reportPrivateUsage]
    rows = [int(found) for (line,) in plan for found in re.findall(r"Scan.*actual rows=(\d+)", str(line))]
    assert rows
    assert max(rows) <= 500
