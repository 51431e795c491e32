"""Killed at any instant, nothing that was acknowledged is missing."""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from contextlib import closing

import pytest

from wan_async._journal import Journal, State

from ..stores import FilePlace
from ..support import output

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the program forks and kills")

KILLS = 25

# Where an item may be found by the last word that its writer was told. One step further, for what was written and not
# told any more; and what was being sent is unknown to the next run.
FOUND = {
    "begun": {None, State.UNKNOWN},
    "sending": {State.UNKNOWN, State.RUNNING},
    "running": {State.RUNNING, State.DONE},
    "done": {State.DONE},
}


def last_words(account: str) -> dict[str, str]:
    """What the writers were told, by key. Lines of one key come in order."""
    return {key: word for word, key in (line.split() for line in account.splitlines())}


async def test_everything_acknowledged_is_there_after_each_kill(place: FilePlace) -> None:
    told = last_words(output("killed.py", place.where, KILLS, 3))
    async with place.opened():
        pass  # a run that marks what the last kill left
    with Journal.open_readonly(place.where) as journal:
        entries = {entry.key: entry for entry in journal.entries()}
    wrong = {
        (key, word, entries[key].state if key in entries else None)
        for key, word in told.items()
        if (entries[key].state if key in entries else None) not in FOUND[word]
    }
    assert not wrong
    assert entries.keys() <= told.keys()
    assert all(entries[key].task_id == f"task-{key}" for key, word in told.items() if word in {"running", "done"})
    with closing(sqlite3.connect(place.where)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("SELECT count(*) FROM run").fetchone() == (KILLS + 1,)
    assert set(Counter(told.values())) == set(FOUND), "no kill fell into one of the steps: the test is too tame"
