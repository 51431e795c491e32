"""What somebody else wrote into a journal: a row that cannot be read is named, wherever it is read."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from wan_async._journal import Journal, State
from wan_async.errors import JournalError

from ..stores import FilePlace, complete, entries, run
from .test_files import query


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("record = 'x'", "malformed"),
        ("record = '{\"task_id\":1}'", "Expected `str`"),
        ("record = '{' || '\"request\":' || replace(hex(zeroblob(3000)), '00', '{\"a\":')", ""),
        ("record = 7", "Expected `object`"),
        ("sent_at = x'00'", "Expected `float"),
        ("sent_at = 'yesterday'", "Expected `float"),
        ("error = '[]'", "Expected `object`"),
        ('error = \'{"type":"ApiError","args":[1,2,3,4,5],"message":7}\'', "Expected `str`"),
        ("input = x'ff'", "Expected `str`"),
        ("input = '{'", "truncated"),
        ("input = '[]'", "Expected `object`"),
        ("finished_at = 1e300", "Expected `float` <="),
        ("accepted_at = -9e999", "Expected `float` >="),
        ("credits = 'many'", "Expected `float"),
        ("attempt = 'x'", "Expected `int`"),
    ],
)
async def test_a_row_that_cannot_be_read_is_named(place: FilePlace, change: str, why: str) -> None:
    async with place.opened() as store:
        await complete(store, "good")
        await complete(store, "bad")
    query(place.where, f"UPDATE item SET {change} WHERE key = 'bad'")
    named = f"row 2 of the journal, key 'bad', cannot be read: .*{why}"
    async with place.opened() as store:
        with pytest.raises(JournalError, match=named):
            await entries(store)
        await run(store, "new")
    with Journal.open_readonly(place.where) as journal:
        with pytest.raises(JournalError, match=named):
            list(journal.outcomes())
        assert journal.counts().done == 2
    assert place.faults == []


@pytest.mark.parametrize("state", ["'nowhere'", "'zz'", "x'00'", "7"])
async def test_a_state_that_there_is_not_is_an_error(place: FilePlace, state: str) -> None:
    async with place.opened() as store:
        await complete(store, "bad")
    with closing(sqlite3.connect(place.where, isolation_level=None)) as database:
        database.execute("PRAGMA ignore_check_constraints = ON")
        database.execute(f"UPDATE item SET state = {state}")
    with Journal.open_readonly(place.where) as journal:
        with pytest.raises(JournalError, match="in a state that there is not"):
            journal.counts()
        assert list(journal.entries(State.DONE)) == []
    with pytest.raises(JournalError, match="row 1 of the journal, key 'bad', is in a state that there is not"):
        await place.open()


@pytest.mark.parametrize("sent_at", ["x'00'", "'yesterday'", "NULL", "1e300", "-1e18"])
async def test_a_strange_time_of_what_was_in_the_air_keeps_no_run_from_beginning(
    place: FilePlace, sent_at: str
) -> None:
    async with place.opened() as store:
        await complete(store, "k")
    query(place.where, f"UPDATE item SET state = 'sending', sent_at = {sent_at}")
    async with place.opened() as store:
        assert not await store.is_new()
    with Journal.open_readonly(place.where) as journal:
        assert journal.counts().unknown == 1
