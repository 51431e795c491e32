"""What stands in a journal: an ordinary SQLite file, one row of `item` for each input.

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
| `reported` | 1 once a run has had this outcome to tell; 0 before, as for what was in the air at a kill |
| `run` | the id in `run` of the run that wrote here last |

`earlier`: submissions that were given up for another one (`resubmit`), one row each: `item` is the id of the row in
`item`, the other columns are as above. They may have been charged and count as spent.

`run`: one row for each time the journal was opened to be written: `id`, `opened_at`, `host`, `pid`.

The file says what it is: `pragma application_id` is 0x57616E4A ("WanJ"), `pragma user_version` is the schema's version.
"""

from __future__ import annotations

APPLICATION_ID = 0x57616E4A
VERSION = 1

# `item_by_state` carries the credits so that counting and summing up a million rows reads the index alone.
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
    state TEXT NOT NULL CHECK (state IN ('queued', 'sending', 'running', 'done', 'failed', 'unknown')),
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
    run INTEGER NOT NULL REFERENCES run (id)
);
CREATE INDEX item_by_state ON item (state, id, credits);
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
    credits REAL
);
CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    opened_at REAL NOT NULL,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL
);
COMMIT;
PRAGMA journal_mode = WAL;
"""

# What belongs to one run and is gone with it, in a temporary file and not in memory: how often each content was seen,
# the run's id, and the last item that was there before.
TEMP_DDL = """
CREATE TEMP TABLE seen (content BLOB PRIMARY KEY, times INTEGER NOT NULL) WITHOUT ROWID;
CREATE TEMP TABLE this (run INTEGER NOT NULL, last INTEGER NOT NULL);
"""
