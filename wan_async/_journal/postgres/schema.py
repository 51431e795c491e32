"""The tables of a shared journal: five in a PostgreSQL database, made on first use, one row for each input.

    select name, state, count(*), sum(credits) from wan_async_item join wan_async_batch b on b.id = batch group by 1, 2;
    select key, task_id, error::json->>'message' from wan_async_item where batch = 1 and state = 'failed';
    select id, host, pid, expires_at - now() as lease from wan_async_worker where expires_at > now();

States, and columns that are not named here, are as in a journal's file (`sqlite.schema`); times are the server's.

`wan_async_journal`: one row, `version`: the schema's version.

`wan_async_batch`: a batch of items: `id`, `name` (what stands behind the `#` of the URL), and `moved_to`: where its
items were copied, and where alone they are gone on with.

`wan_async_worker`: one row for each time that the batch was opened to be written.

| column | holds |
|---|---|
| `id`, `batch`, `host`, `pid`, `opened_at` | who it is |
| `expires_at` | when its lease ends, which it renews; closing it ends it |
| `spent` | credits that were or may have been charged by what it wrote; the sum of a batch's workers is the batch's |
| `waits` | whether it wants to be notified on the channel `wan_async_journal_<batch>` of what has ended |
| `limit_n`, `limit_per` | the account's limit as it knows it: submissions per so many seconds |

`wan_async_item`: `batch`, `id`, the columns of a file's `item`, and `worker`: who wrote its state, and holds it as long
as its lease does. A path that is no UTF-8 is written as a URL, `file:…`, with `%XX` for its bytes.

`wan_async_earlier`: submissions that were given up for another one, as in a file; `item` is an item's `id`.

`wan_async_copy`: one row for each time that a batch was copied from a file or to one: `number`, `batch`, `at`.

A worker needs SELECT, INSERT, UPDATE and DELETE on these tables, and CREATE in the schema only where they are missing.
"""

from __future__ import annotations

from typing import Final, LiteralString

VERSION: Final = 1

# `to_regclass` would remember for a whole transaction that there was none before.
IS_MADE: Final[LiteralString] = """
SELECT EXISTS (SELECT FROM pg_class WHERE relname = 'wan_async_journal' AND pg_table_is_visible(oid))
"""
READ_VERSION: Final[LiteralString] = "SELECT version FROM wan_async_journal"

# All indexes of items begin with the batch. `held` is what a worker that died leaves to others; the outcomes that a
# loop took, which are nearly all of a large batch, are not in it.
DDL: Final[LiteralString] = """
CREATE TABLE wan_async_batch (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    moved_to text
);
CREATE TABLE wan_async_worker (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    batch int NOT NULL REFERENCES wan_async_batch,
    host text NOT NULL,
    pid int NOT NULL,
    opened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL,
    spent float8 NOT NULL DEFAULT 0,
    waits boolean NOT NULL DEFAULT false,
    limit_n int,
    limit_per float8
) WITH (fillfactor = 50);
CREATE INDEX wan_async_worker_by_batch ON wan_async_worker (batch);
CREATE TABLE wan_async_item (
    batch int NOT NULL REFERENCES wan_async_batch,
    id bigint GENERATED ALWAYS AS IDENTITY,
    position bigint NOT NULL,
    key text NOT NULL,
    model text NOT NULL,
    input text NOT NULL,
    state text NOT NULL CHECK (state IN ('queued', 'sending', 'running', 'done', 'failed', 'unknown')),
    token text,
    task_id text,
    sent_at timestamptz,
    accepted_at timestamptz,
    finished_at timestamptz,
    record text,
    error text,
    path text,
    credits float8,
    reported boolean NOT NULL DEFAULT false,
    attempt int NOT NULL DEFAULT 1,
    seen boolean NOT NULL DEFAULT false,
    worker bigint,
    PRIMARY KEY (batch, key)
) WITH (fillfactor = 80);
CREATE INDEX wan_async_item_by_state ON wan_async_item (batch, state, id);
CREATE INDEX wan_async_item_by_time ON wan_async_item (batch, sent_at);
CREATE INDEX wan_async_item_held ON wan_async_item (batch, worker) WHERE NOT seen;
CREATE UNIQUE INDEX wan_async_item_by_token ON wan_async_item (batch, token) WHERE token IS NOT NULL;
CREATE TABLE wan_async_earlier (
    batch int NOT NULL REFERENCES wan_async_batch,
    item bigint NOT NULL,
    state text NOT NULL,
    token text,
    task_id text,
    sent_at timestamptz,
    accepted_at timestamptz,
    finished_at timestamptz,
    record text,
    error text,
    path text,
    credits float8,
    attempt int NOT NULL
);
CREATE INDEX wan_async_earlier_by_item ON wan_async_earlier (batch, item, attempt);
CREATE TABLE wan_async_copy (
    number text PRIMARY KEY,
    batch int NOT NULL REFERENCES wan_async_batch,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE wan_async_journal (version int NOT NULL);
INSERT INTO wan_async_journal VALUES (1);
"""
