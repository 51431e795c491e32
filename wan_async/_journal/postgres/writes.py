"""Writes along an item's way, many items in one statement: arrays go in, the keys that it held for come out.

Each kind is done for all items of a transaction at once, one kind after the other.
A row that another worker holds by now is written to by nobody else, but for the id of a task, which is paid for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Generic, LiteralString, TypeVar

from ...errors import JournalError
from ..columns import plain
from ..entries import State
from ..store import (
    Acceptance,
    Claimed,
    Conflict,
    Ending,
    Intended,
    Intent,
    Refused,
    Taken,
    Withdrawal,
    Written,
)
from .texts import unfit

if TYPE_CHECKING:
    from .desk import PostgresDesk

A = TypeVar("A")
R = TypeVar("R")

_ROUNDING: Final = 1e-9
"""Sums of fractional prices."""

_LAST: Final = (1 << 63) - 1


class Many(Generic[A, R]):
    """Work that is done for many at once.

    Args:
        rank: its place among the kinds.
        key: of what is asked, the key; None where the order does not matter.
        send: has a statement on its way, and gives its cursor.
        results: of what the statement gave, each one's.
    """

    def __init__(
        self,
        rank: int,
        key: Callable[[A], str | None],
        send: Callable[[PostgresDesk, Sequence[A]], Any],
        results: Callable[[PostgresDesk, Sequence[A], list[tuple[Any, ...]]], list[R]],
    ) -> None:
        self.rank = rank
        self.key = key
        self.send = send
        self.results = results

    def __call__(self, desk: PostgresDesk, one: A) -> R:
        """Never called: the desk does many."""
        raise NotImplementedError


# Keys are sorted: two workers that claim the same ones wait for each other, and not in a circle.
_INTEND: Final[LiteralString] = """
WITH asked AS (
    SELECT * FROM unnest(%(position)s::int8[], %(key)b::text[], %(model)b::text[], %(input)b::text[],
        %(token)b::text[], %(price)s::float8[]) AS asked (position, key, model, input, token, price)
), claimed AS (
    INSERT INTO wan_async_item AS item (batch, position, key, model, input, state, token, sent_at, credits, worker)
    SELECT %(batch)s, position, key, model, input, 'sending', token, clock_timestamp(), price, %(worker)s
    FROM asked ORDER BY key
    ON CONFLICT (batch, key) DO UPDATE SET state = 'sending', token = excluded.token, sent_at = excluded.sent_at,
        credits = excluded.credits, worker = excluded.worker, attempt = item.attempt + 1, reported = false, seen = false
    WHERE item.state = 'queued' AND item.model = excluded.model AND item.input = excluded.input
    RETURNING key, attempt, credits
), counted AS (
    UPDATE wan_async_worker SET spent = spent + (SELECT coalesce(sum(credits), 0) FROM claimed) WHERE id = %(worker)s
)
SELECT key, attempt FROM claimed
"""
_STANDING: Final[LiteralString] = """
SELECT key, model, input, state FROM wan_async_item WHERE batch = %s AND key = ANY(%s)
"""
_LOCK_BATCH: Final[LiteralString] = "SELECT id FROM wan_async_batch WHERE id = %s FOR UPDATE"
SPENT: Final[LiteralString] = "SELECT coalesce(sum(spent), 0) FROM wan_async_worker WHERE batch = %s"

_ACCEPT: Final[LiteralString] = """
UPDATE wan_async_item AS item SET state = 'running', task_id = asked.task_id, accepted_at = clock_timestamp(),
    finished_at = NULL, error = NULL, reported = false, seen = false, worker = %(worker)s
FROM unnest(%(key)b::text[], %(attempt)s::int4[], %(task_id)b::text[]) AS asked (key, attempt, task_id)
WHERE item.batch = %(batch)s AND item.key = asked.key AND item.attempt = asked.attempt
    AND item.state IN ('sending', 'unknown')
RETURNING item.key
"""

# A failure without a record is charged only if the task was accepted.
_FINISH: Final[LiteralString] = """
WITH asked AS (
    SELECT * FROM unnest(%(key)b::text[], %(attempt)s::int4[], %(state)b::text[], %(record)b::text[], %(error)b::text[],
        %(path)b::text[], %(consumed)s::float8[]) AS asked (key, attempt, state, record, error, path, consumed)
), before AS (
    SELECT item.key, item.credits, asked.state, asked.record, asked.error, asked.path, CASE
        WHEN asked.consumed IS NOT NULL THEN asked.consumed
        WHEN asked.state = 'failed' AND (asked.record IS NOT NULL OR item.task_id IS NULL) THEN 0
        ELSE item.credits END AS charged
    FROM wan_async_item AS item JOIN asked ON item.key = asked.key AND item.attempt = asked.attempt
    WHERE item.batch = %(batch)s AND (item.worker = %(worker)s AND item.state NOT IN ('done', 'failed')
        OR item.state = 'done' AND asked.state = 'done')
    FOR UPDATE OF item
), written AS (
    UPDATE wan_async_item AS item SET state = before.state, finished_at = clock_timestamp(), record = before.record,
        error = before.error, path = before.path, reported = true, credits = before.charged
    FROM before WHERE item.batch = %(batch)s AND item.key = before.key
    RETURNING item.key, coalesce(before.charged, 0) - coalesce(before.credits, 0) AS change
), counted AS (
    UPDATE wan_async_worker SET spent = spent + (SELECT coalesce(sum(change), 0) FROM written) WHERE id = %(worker)s
)
SELECT key FROM written
"""
_WITHDRAW: Final[LiteralString] = """
WITH before AS (
    SELECT item.key, item.credits
    FROM wan_async_item AS item JOIN unnest(%(key)b::text[], %(attempt)s::int4[]) AS asked (key, attempt)
        ON item.key = asked.key AND item.attempt = asked.attempt
    WHERE item.batch = %(batch)s AND item.worker = %(worker)s AND item.state = 'sending'
    FOR UPDATE OF item
), written AS (
    UPDATE wan_async_item AS item SET state = 'queued', token = NULL, sent_at = NULL, credits = NULL
    FROM before WHERE item.batch = %(batch)s AND item.key = before.key
    RETURNING coalesce(before.credits, 0) AS credits
)
UPDATE wan_async_worker SET spent = spent - (SELECT coalesce(sum(credits), 0) FROM written) WHERE id = %(worker)s
RETURNING id
"""
_SEEN: Final[LiteralString] = """
UPDATE wan_async_item AS item SET seen = true FROM (
    SELECT key FROM wan_async_item WHERE batch = %(batch)s AND key = ANY(%(key)s) AND NOT seen ORDER BY key FOR UPDATE
) AS unseen WHERE item.batch = %(batch)s AND item.key = unseen.key
RETURNING item.key
"""

_LATE: Final[LiteralString] = """
UPDATE wan_async_earlier SET task_id = %(task_id)s, accepted_at = clock_timestamp()
WHERE batch = %(batch)s AND item = %(item)s AND attempt = %(attempt)s AND task_id IS NULL
"""
_BESIDE: Final[LiteralString] = """
INSERT INTO wan_async_earlier (batch, item, state, task_id, accepted_at, attempt)
VALUES (%(batch)s, %(item)s, 'running', %(task_id)s, clock_timestamp(), %(attempt)s)
"""
_STANDS: Final[LiteralString] = "SELECT id, task_id, state, attempt FROM wan_async_item WHERE batch = %s AND key = %s"

# An attempt that was given up, and not sent again yet, is taken up again: its id is paid for.
_TAKE_UP: Final[LiteralString] = """
WITH given_up AS (
    DELETE FROM wan_async_earlier WHERE batch = %(batch)s AND item = %(item)s AND attempt = %(attempt)s
    RETURNING sent_at, credits, token
)
UPDATE wan_async_item AS item SET state = 'running', task_id = %(task_id)s, accepted_at = clock_timestamp(),
    sent_at = given_up.sent_at, credits = given_up.credits, token = given_up.token, worker = %(worker)s
FROM given_up WHERE item.batch = %(batch)s AND item.id = %(item)s
"""


def refused(desk: PostgresDesk, intent: Intent) -> Refused | None:
    """Why no row can hold the values, if none can."""
    try:
        why = unfit(intent.key, intent.model, intent.content.decode(), intent.token)
    except ValueError as fault:
        why = str(fault)
    if why is None and not -_LAST <= intent.index <= _LAST:
        why = f"{intent.index} is too large a number"
    return None if why is None else Refused(JournalError(f"{desk.place.shown}: {why}"))


def _send_intents(desk: PostgresDesk, intents: Sequence[Intent]) -> Any:
    fit = [intent for intent in intents if refused(desk, intent) is None]
    values: dict[str, list[Any]] = {name: [] for name in ("position", "key", "model", "input", "token", "price")}
    for one in fit:
        price = None if one.price is None else float(one.price)
        row = (one.index, plain(one.key), plain(one.model), one.content.decode(), one.token, price)
        for column, value in zip(values.values(), row, strict=True):
            column.append(value)
    return desk.send(_INTEND, values)


def _intended(desk: PostgresDesk, intents: Sequence[Intent], rows: list[tuple[Any, ...]]) -> list[Intended]:
    attempts = dict(rows)
    others = [plain(intent.key) for intent in intents if intent.key not in attempts and not refused(desk, intent)]
    standing = {key: row for key, *row in desk.query(_STANDING, desk.batch, others)} if others else {}
    return [_one_intended(desk, intent, attempts, standing) for intent in intents]


def _one_intended(
    desk: PostgresDesk, intent: Intent, attempts: dict[str, int], standing: dict[str, list[str]]
) -> Intended:
    attempt = attempts.get(intent.key)
    if attempt is not None:
        return Claimed(attempt)
    row = standing.get(intent.key)
    if row is None:
        return refused(desk, intent) or Taken()
    return Taken() if row[:2] == [intent.model, intent.content.decode()] else Conflict(plain(intent.key))


def within_budgets(desk: PostgresDesk, intents: Sequence[Intent]) -> tuple[list[bool], float]:
    """Whether each fits, one after the other, and what is committed before them.

    In a transaction that holds the batch: no other worker with a budget decides meanwhile.
    """
    desk.query(_LOCK_BATCH, desk.batch)
    ((committed,),) = desk.query(SPENT, desk.batch)
    keys = [intent.key for intent in intents if not refused(desk, intent)]
    standing = {key: row for key, *row in desk.query(_STANDING, desk.batch, keys)}
    total, fit = committed, list[bool]()
    for intent in intents:
        row = standing.get(intent.key)
        free = row is None or row == [intent.model, intent.content.decode(), State.QUEUED.value]
        price = (intent.price or 0.0) if free else 0.0
        fits = not free or intent.max_credits is None or total + price <= intent.max_credits + _ROUNDING
        total += price * fits
        fit.append(fits)
    return fit, committed


def _send_acceptances(desk: PostgresDesk, acceptances: Sequence[Acceptance]) -> Any:
    values = {
        "key": [plain(one.key) for one in acceptances],
        "attempt": [one.attempt for one in acceptances],
        "task_id": [plain(one.task_id) for one in acceptances],
    }
    return desk.send(_ACCEPT, values)


def _accepted(desk: PostgresDesk, acceptances: Sequence[Acceptance], rows: list[tuple[Any, ...]]) -> list[Any]:
    running = {key for (key,) in rows}
    return [None if one.key in running else _late(desk, one) for one in acceptances]


def _late(desk: PostgresDesk, one: Acceptance) -> JournalError | None:
    """The id of an attempt that does not stand there as being sent or unknown: kept, wherever it belongs."""
    found = desk.query(_STANDS, desk.batch, one.key)
    if not found:
        return JournalError(f"{one.key!r} is not in the journal, task {one.task_id} of it was accepted")
    item, known, state, attempt = found[0]
    values = {"item": item, "task_id": one.task_id, "attempt": one.attempt}
    if known == one.task_id:
        return None
    with desk.writing():
        given_up = state == State.QUEUED.value and attempt == one.attempt
        if given_up and desk.send(_TAKE_UP, values).rowcount == 1:
            return None
        if desk.send(_LATE, values).rowcount != 1:
            desk.send(_BESIDE, values)
    return None


def _send_endings(desk: PostgresDesk, endings: Sequence[tuple[Ending, dict[str, Any]]]) -> Any:
    rows = [columns for _, columns in endings]
    values = {name: [row[name] for row in rows] for name in ("key", "attempt", "state", "record", "error", "path")}
    consumed = [None if row["consumed"] is None else float(row["consumed"]) for row in rows]
    return desk.send(_FINISH, {**values, "consumed": consumed})


def _finished(
    desk: PostgresDesk, endings: Sequence[tuple[Ending, dict[str, Any]]], rows: list[tuple[Any, ...]]
) -> list[Any]:
    written = {key for (key,) in rows}
    late = [one.key for one, _ in endings if one.key not in written]
    there = {key for key, *_ in desk.query(_STANDING, desk.batch, late)} if late else set[str]()
    missing = {key: JournalError(f"{key!r} is not in the journal") for key in late if key not in there}
    return [Written.ON_DISK if one.key in written else missing.get(one.key, Written.TOO_LATE) for one, _ in endings]


def _send_withdrawals(desk: PostgresDesk, withdrawals: Sequence[Withdrawal]) -> Any:
    keys = [plain(one.key) for one in withdrawals]
    return desk.send(_WITHDRAW, {"key": keys, "attempt": [one.attempt for one in withdrawals]})


def _send_seen(desk: PostgresDesk, keys: Sequence[tuple[str, ...]]) -> Any:
    """Marks of what could be written; of the others their errors were handed over."""
    return desk.send(_SEEN, {"key": [plain(key) for some in keys for key in some if unfit(key) is None]})


def _nothing(desk: PostgresDesk, asked: Sequence[Any], rows: list[tuple[Any, ...]]) -> list[None]:
    return [None] * len(asked)


# What gives back of a budget comes before what takes of it. An intent is awaited before anything follows from it.
accept: Final = Many[Acceptance, None](0, lambda one: one.key, _send_acceptances, _accepted)
finish: Final = Many[tuple[Ending, dict[str, Any]], Written](1, lambda one: one[0].key, _send_endings, _finished)
withdraw: Final = Many[Withdrawal, None](2, lambda one: one.key, _send_withdrawals, _nothing)
intend: Final = Many[Intent, Intended](3, lambda one: one.key, _send_intents, _intended)
seen: Final = Many[tuple[str, ...], None](4, lambda one: None, _send_seen, _nothing)
