"""The tables of a journal: an ordinary SQLite file, one row of `item` for each input.

    sqlite3 -readonly run.db "select key, state, task_id from item where state = 'failed'"
    sqlite3 -readonly run.db "select state, count(*), sum(credits) from item group by state"
    sqlite3 -readonly run.db "select key, datetime(sent_at, 'unixepoch') from item where state = 'unknown'"

All times are Unix seconds (UTC) with a fraction, all JSON is text, an empty column is NULL.

`item`: where each input stands now.

| column | holds |
|---|---|
| `id` | the row's number, rising in the order in which rows were made |
| `position` | the input's index in the run that first saw it, from 0 |
| `key` | the caller's key, or `<blake2b-128 of model and input, hex>-<n-th occurrence in the run>` |
| `model` | the model's name on the wire |
| `input` | the input's fields as sent, JSON |
| `state` | `queued`: to be sent (again); `sending`: the intent, the request may be in the air; `running`: accepted; |
|         | `done`: a clip was made; `failed`: the error is final; `unknown`: whether the task exists is open |
| `token` | what the callback URL of this submission carries |
| `task_id` | the provider's id of the task |
| `sent_at` | when the intent was written, just before the request |
| `accepted_at` | when the task id was written |
| `finished_at` | when the outcome was written |
| `record` | the task's last record, JSON; a link in it expires, typically 24 hours after `completed_at` in it |
| `error` | `{"type", "args", "message"}`, JSON; with state `done`: why the download failed |
| `path` | where the clip was saved |
| `credits` | what this submission costs: the list price, and what was consumed once that is known |
| `reported` | 1 once a run has reported this outcome; 0 before, as for what was in the air at a kill |
| `run` | the id in `run` of the run that wrote here last |
| `attempt` | how often the key was submitted, this time included |
| `seen` | 1 once the caller's loop took the outcome |

`earlier`: submissions that were given up for another one (`resubmit`), one row each: `item` is the id of the row in
`item`, the other columns are as above. They may have been charged and count as spent.

`run`: one row for each time the journal was opened to be written: `id`, `opened_at`, `host`, `pid`, and `limit_n`
submissions per `limit_per` seconds, the account's limit as that run knew it.

`copy`: one row for each time that the batch was copied from a database or to one: `number`, which stands there in
`wan_async_copy` once it counts, `place` and `url` of the database, `arrives` 1 where this file is the copy, and
`decided`. What was copied is gone on with there alone. Where a copy was cut short and its database is gone for good,
whoever knows that nothing arrived there deletes the row.

The file says what it is: `pragma application_id` is 0x57616E4A ("WanJ"), `pragma user_version` is the schema's version.
While a run has it open, the newest rows stand in `run.db-wal`. So that nobody goes on with `run.db` alone, the version
is negative in it and positive in the log: whoever reads both sees the version, and whoever puts the log back into the
file, as SQLite does when the last reader leaves, puts the version back with it.
"""

from __future__ import annotations

from ..entries import State

APPLICATION_ID = 0x57616E4A
VERSION = 2

# `item_by_state` carries the credits so that counting and summing up a million rows reads the index alone.
COPY = """
CREATE TABLE IF NOT EXISTS copy (
    number TEXT PRIMARY KEY,
    place TEXT NOT NULL,
    url TEXT NOT NULL,
    arrives INTEGER NOT NULL,
    decided INTEGER NOT NULL
);
"""

# `IN` would have SQLite build a table of them for each write, a fifth of its time.
_IS_STATE = " OR ".join(f"state = '{state}'" for state in State)

DDL = f"""
BEGIN;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};
CREATE TABLE item (
    id INTEGER PRIMARY KEY,
    position INTEGER NOT NULL,
    key TEXT NOT NULL UNIQUE,
    model TEXT NOT NULL,
    input TEXT NOT NULL,
    state TEXT NOT NULL CHECK ({_IS_STATE}),
    token TEXT,
    task_id TEXT,
    sent_at REAL,
    accepted_at REAL,
    finished_at REAL,
    record TEXT,
    error TEXT,
    path TEXT,
    credits REAL,
    reported INTEGER NOT NULL DEFAULT 0,
    run INTEGER NOT NULL REFERENCES run (id),
    attempt INTEGER NOT NULL DEFAULT 1,
    seen INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX item_by_state ON item (state, id, credits);
CREATE INDEX item_by_time ON item (sent_at);
CREATE UNIQUE INDEX item_by_token ON item (token) WHERE token IS NOT NULL;
CREATE TABLE earlier (
    item INTEGER NOT NULL REFERENCES item (id),
    state TEXT NOT NULL,
    token TEXT,
    task_id TEXT,
    sent_at REAL,
    accepted_at REAL,
    finished_at REAL,
    record TEXT,
    error TEXT,
    path TEXT,
    credits REAL,
    attempt INTEGER NOT NULL DEFAULT 1
);
CREATE INDEX earlier_by_item ON earlier (item, attempt);
CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    opened_at REAL NOT NULL,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    limit_n INTEGER,
    limit_per REAL
);
{COPY}
COMMIT;
PRAGMA journal_mode = WAL;
"""

FROM_VERSION_1 = f"""
BEGIN IMMEDIATE;
ALTER TABLE item ADD COLUMN attempt INTEGER NOT NULL DEFAULT 1;
ALTER TABLE item ADD COLUMN seen INTEGER NOT NULL DEFAULT 0;
ALTER TABLE earlier ADD COLUMN attempt INTEGER NOT NULL DEFAULT 1;
CREATE INDEX earlier_by_item ON earlier (item, attempt);
ALTER TABLE run ADD COLUMN limit_n INTEGER;
ALTER TABLE run ADD COLUMN limit_per REAL;
UPDATE earlier SET attempt =
    (SELECT count(*) FROM earlier AS other WHERE other.item = earlier.item AND other.rowid <= earlier.rowid);
UPDATE item SET attempt = 1 + (SELECT count(*) FROM earlier WHERE earlier.item = item.id)
    WHERE id IN (SELECT item FROM earlier);
CREATE INDEX item_by_time ON item (sent_at);
PRAGMA user_version = {VERSION};
COMMIT;
"""  # noqa: S608
