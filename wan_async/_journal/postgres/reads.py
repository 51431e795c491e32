"""Questions to a shared journal's rows, by a worker in its thread, and by readers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, LiteralString

from ...errors import JournalError
from ..columns import entry_of, path_to_column, plain
from ..entries import Entry, JournalCounts, State
from ..store import Asked, Conflict, Elsewhere, EndedElsewhere, Fresh, Known, LookedUp, Refused
from .texts import path_from_text, path_to_text, unfit

if TYPE_CHECKING:
    from .desk import PostgresDesk
    from .session import Session

_STATE, _PATH, _REPORTED, _SEEN = 5, 12, 14, 16
"""Places in `COLUMNS`."""

COLUMNS: Final[LiteralString] = """
    item.id, item.position, item.key, item.model, item.input, item.state, item.task_id,
    extract(epoch FROM item.sent_at)::float8, extract(epoch FROM item.accepted_at)::float8,
    extract(epoch FROM item.finished_at)::float8, item.record, item.error, item.path, item.credits,
    item.reported::int, item.attempt, item.seen::int
"""

_LOOK_UP: Final[LiteralString] = f"""
SELECT asked.number, item.worker, coalesce(worker.expires_at > clock_timestamp(), false),
    item.model = asked.model AND item.input = asked.input, {COLUMNS}
FROM unnest(%b::text[], %b::text[], %b::text[]) WITH ORDINALITY AS asked (key, model, input, number)
JOIN wan_async_item AS item ON item.batch = %s AND item.key = asked.key
LEFT JOIN wan_async_worker AS worker ON worker.id = item.worker
"""  # noqa: S608
# Where no outcome is handed over again, the long columns stay where they are.
_LOOK_UP_SHORTLY: Final[LiteralString] = """
SELECT asked.number, item.worker, NULL, item.model = asked.model AND item.input = asked.input, 0, 0, item.key, '', '',
    item.state, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, item.reported::int, item.attempt, item.seen::int
FROM unnest(%b::text[], %b::text[], %b::text[]) WITH ORDINALITY AS asked (key, model, input, number)
JOIN wan_async_item AS item ON item.batch = %s AND item.key = asked.key
"""
# Each state is a range of the index; `state = ANY(…)` would sort all that match, for each page.
_PAGE: Final[LiteralString] = f"""
SELECT {COLUMNS} FROM unnest(%(states)s::text[]) AS wanted (state) CROSS JOIN LATERAL (
    SELECT * FROM wan_async_item WHERE batch = %(batch)s AND state = wanted.state AND id > %(after)s
    ORDER BY id LIMIT %(limit)s
) AS item ORDER BY item.id LIMIT %(limit)s
"""  # noqa: S608
_COUNT: Final[LiteralString] = """
SELECT state, count(*), coalesce(sum(credits), 0) FROM wan_async_item WHERE batch = %(batch)s GROUP BY state
UNION ALL SELECT '', 0, coalesce(sum(credits), 0) FROM wan_async_earlier WHERE batch = %(batch)s
"""
_LIMIT: Final[LiteralString] = """
SELECT limit_n, limit_per FROM wan_async_worker WHERE batch = %s AND limit_n IS NOT NULL ORDER BY id DESC LIMIT 1
"""
_SENT: Final[LiteralString] = """
SELECT extract(epoch FROM sent_at)::float8 FROM wan_async_item
WHERE batch = %(batch)s AND sent_at > to_timestamp(%(at)s)
UNION ALL SELECT extract(epoch FROM sent_at)::float8 FROM wan_async_earlier
WHERE batch = %(batch)s AND sent_at > to_timestamp(%(at)s)
"""
_SET_LIMIT: Final[LiteralString] = """
UPDATE wan_async_worker SET limit_n = %(n)s, limit_per = %(per)s WHERE id = %(worker)s
"""
_SAVE: Final[LiteralString] = """
UPDATE wan_async_item SET path = %(path)s, error = NULL WHERE batch = %(batch)s AND key = %(key)s AND state = 'done'
RETURNING worker = %(worker)s
"""
_REPORT: Final[LiteralString] = """
UPDATE wan_async_item SET reported = true WHERE batch = %(batch)s AND key = ANY(%(key)s)
"""
_TOKENS: Final[LiteralString] = """
SELECT key, token FROM wan_async_item WHERE batch = %s AND key = ANY(%s) AND token IS NOT NULL
"""
_DEAD: Final[LiteralString] = """NOT EXISTS (
    SELECT FROM wan_async_worker AS holder WHERE holder.id = item.worker AND holder.expires_at > clock_timestamp())"""

# What was accepted was sent at most a day before, where a callback named it.
_WAIT_AGAIN: Final[LiteralString] = f"""
UPDATE wan_async_item AS item SET state = 'running', finished_at = NULL, record = NULL, error = NULL, reported = false,
    seen = false, worker = NULL
WHERE item.batch = %(batch)s AND item.sent_at > to_timestamp(%(after)s - 86400)
    AND item.accepted_at > to_timestamp(%(after)s) AND item.task_id IS NOT NULL AND item.path IS NULL
    AND (item.state = 'failed'
            AND (item.error LIKE '{{"type":"NotFoundError"%%' OR item.record LIKE '%%"provider_state":"%%')
        OR item.state = 'done' AND item.record NOT LIKE '%%"urls":["%%')
    AND {_DEAD}
"""  # noqa: S608

# Of what is unknown, what a worker that lives still seeks stays with it.
_REQUEUE: Final[LiteralString] = f"""
WITH given_up AS (
    SELECT * FROM wan_async_item AS item
    WHERE batch = %(batch)s AND state = ANY(%(states)s) AND (%(key)s::text[] IS NULL OR key = ANY(%(key)s))
        AND (state = 'failed' OR reported OR {_DEAD})
    ORDER BY key FOR UPDATE
), kept AS (
    INSERT INTO wan_async_earlier (batch, item, state, token, task_id, sent_at, accepted_at, finished_at, record, error,
        path, credits, attempt)
    SELECT batch, id, state, token, task_id, sent_at, accepted_at, finished_at, record, error, path, credits, attempt
    FROM given_up
)
UPDATE wan_async_item AS item SET state = 'queued', token = NULL, task_id = NULL, sent_at = NULL, accepted_at = NULL,
    finished_at = NULL, record = NULL, error = NULL, path = NULL, credits = NULL, reported = false, seen = false,
    worker = NULL
FROM given_up WHERE item.batch = given_up.batch AND item.key = given_up.key
"""  # noqa: S608


def entry_row(row: Sequence[Any]) -> list[Any]:
    """A row of `COLUMNS` as `entry_of` reads it."""
    values = list(row)
    values[_PATH] = path_from_text(values[_PATH])
    return values


def look_up(desk: PostgresDesk, items: Sequence[Asked], replay: object) -> list[LookedUp]:
    """Look items up, in one round trip."""
    keys = [_key(desk, item) for item in items]
    fit = [(key, item) for key, item in zip(keys, items, strict=True) if isinstance(key, str)]
    rows: list[tuple[Any, ...]] = []
    if fit:
        columns = zip(*((key, plain(item.model), item.content.decode()) for key, item in fit), strict=True)
        rows = desk.query(_LOOK_UP if replay is True else _LOOK_UP_SHORTLY, *map(list, columns), desk.batch)
    there = {number: row for number, *row in rows}
    answers = iter([_looked_up(desk, key, there.get(number), replay) for number, (key, _) in enumerate(fit, 1)])
    return [key if isinstance(key, Refused) else next(answers) for key in keys]


def _key(desk: PostgresDesk, item: Asked) -> str | Refused:
    why = unfit(item.key, item.model)
    if why is not None:
        return Refused(JournalError(f"{desk.place.shown}: {why}"))
    return plain(item.key) if item.key else desk.keys.make(item.model, item.content)


def _looked_up(desk: PostgresDesk, key: str, row: list[Any] | None, replay: object) -> LookedUp:
    if row is None:
        return Fresh(key)
    worker, lives, same, *columns = row
    state, reported, seen = columns[_STATE], columns[_REPORTED], columns[_SEEN]
    if not same:
        return Conflict(key)
    if state == State.QUEUED:
        return Fresh(key)
    if worker == desk.worker:
        return Known(key)
    if state in {State.SENDING, State.RUNNING} or (state == State.UNKNOWN and not reported):
        return Elsewhere(key)
    if replay is True:
        entry = entry_of(entry_row(columns))
        fetched_there = lives and desk.watch.is_to_be_fetched(entry, lives=True)
        return Elsewhere(key) if fetched_there else EndedElsewhere(entry)
    waits = replay == "unseen" or (desk.watch.fetches and state == State.DONE)
    return Elsewhere(key) if waits and not seen else Known(key)


def page(session: Session, states: Collection[State], after_id: int, limit: int) -> list[Entry]:
    """The next entries by id."""
    values = {"states": [state.value for state in states], "after": after_id, "limit": limit}
    return [entry_of(entry_row(row)) for row in session.send(_PAGE, values)]


def counts(session: Session) -> JournalCounts:
    """Count by state and sum up the credits, in one statement: one moment of a journal that is being written."""
    rows = session.send(_COUNT, {}).fetchall()
    numbers = {state: count for state, count, _ in rows if state}
    return JournalCounts(**numbers, credits=sum(row[2] for row in rows))


def limit(session: Session) -> tuple[int, float] | None:
    """The account's limit as the last worker knew it: n submissions per that many seconds."""
    found = session.query(_LIMIT, session.batch)
    return (found[0][0], found[0][1]) if found else None


def sent_since(desk: PostgresDesk, at: float) -> list[float]:
    """The times of intents since then."""
    return sorted(time for (time,) in desk.send(_SENT, {"at": at}).fetchall())


def set_limit(desk: PostgresDesk, n: int, per: float) -> None:
    """Note the account's limit with this worker."""
    desk.send(_SET_LIMIT, {"n": n, "per": float(per)})


def save(desk: PostgresDesk, key: str, path: str) -> bool:
    """Write where the clip of an item is that is DONE; whether this worker still holds it."""
    with desk.writing():
        written = desk.send(_SAVE, {"key": plain(key), "path": path_to_text(path_to_column(path))}).fetchall()
    if not written:
        raise JournalError(f"{key!r} is not done")
    desk.changed()
    return bool(written[0][0])


def report(desk: PostgresDesk, keys: Sequence[str]) -> None:
    """These outcomes are handed over by this worker."""
    with desk.writing():
        written = desk.send(_REPORT, {"key": [plain(key) for key in keys]}).rowcount
    if written != len(set(keys)):
        raise JournalError(f"{', '.join(map(repr, keys))}: not all of them is in the journal")


def tokens(desk: PostgresDesk, keys: Sequence[str]) -> dict[str, str]:
    """The tokens in the callback URLs of the last submissions."""
    return dict(desk.query(_TOKENS, desk.batch, [plain(key) for key in keys]))


def wait_again(desk: PostgresDesk, accepted_after: float) -> int:
    """Back to RUNNING what has ended, but may not have; nobody's until somebody takes it."""
    with desk.writing():
        return desk.send(_WAIT_AGAIN, {"after": accepted_after}).rowcount


def requeue(desk: Session, states: Collection[State], keys: Iterable[str] | None) -> int:
    """Back to QUEUED, all in these states or those of them with the keys; what is given up goes to the earlier ones."""
    if not set(states) <= {State.UNKNOWN, State.FAILED}:
        raise JournalError("only what is unknown or failed can be submitted again")
    values = {
        "states": [state.value for state in states],
        "key": None if keys is None else [plain(key) for key in keys],
    }
    with desk.writing():
        desk.stay()
        return desk.send(_REQUEUE, values).rowcount
