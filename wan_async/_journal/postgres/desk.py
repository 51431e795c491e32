"""The thread's side of a shared journal: one connection, one transaction for all that was asked, and the lease."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import time
from collections.abc import Callable, Sequence
from functools import partial
from queue import SimpleQueue
from typing import Any, Final, LiteralString, TypeGuard, TypeVar

import psycopg

from ..._psycopg import hang_up
from ...errors import JournalError
from ..keys import KeyMaker
from ..line import Job, Line
from ..store import OverBudget, Refused
from . import connecting, writes
from .claims import ClaimWatch
from .connecting import Place
from .lease import LEASE, RENEWAL, Lease, moment
from .rounds import Round, RoundPart
from .session import Session
from .writes import Many

T = TypeVar("T")

_WORKER: Final[LiteralString] = """
INSERT INTO wan_async_worker (batch, host, pid, expires_at)
VALUES (%(batch)s, %(host)s, %(pid)s, clock_timestamp() + make_interval(secs => %(lease)s)) RETURNING id
"""
_RENEW: Final[LiteralString] = """
WITH mine AS (
    SELECT id, expires_at > clock_timestamp() AS in_time FROM wan_async_worker
    WHERE id = %(worker)s AND expires_at > '-infinity' FOR UPDATE
)
UPDATE wan_async_worker AS worker
SET expires_at = clock_timestamp() + make_interval(secs => %(lease)s), waits = %(waits)s
FROM mine WHERE worker.id = mine.id
RETURNING mine.in_time, EXISTS (
    SELECT FROM wan_async_worker AS other
    WHERE other.batch = %(batch)s AND other.id <> %(worker)s AND other.waits AND other.expires_at > clock_timestamp())
"""
_END: Final[LiteralString] = "UPDATE wan_async_worker SET expires_at = clock_timestamp() WHERE id = %s"
_NOTIFY: Final[LiteralString] = "SELECT pg_notify(%s, '')"

_REFUSALS: Final = (psycopg.IntegrityError, psycopg.DataError, psycopg.errors.ProgramLimitExceeded)
"""Refusals of one write's values, as a key too long for an index: the transaction is done again, write by write."""

_AGAIN: Final = (
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
    psycopg.errors.LockNotAvailable,
)
_TIMES: Final = 5

_QUIET: Final = 0.05
"""Seconds between two notifications: each waits for all others of the server."""


class PostgresDesk(Session):
    """A worker's connection to its batch.

    Attributes:
        keys: makes the keys of this run.
        watch: what is waited for.
    """

    def __init__(self, place: Place, line: Line, lease: Lease, replay: object, fetches: bool) -> None:
        """Connect, make the tables if need be, and begin as a new worker of the batch.

        Raises JournalError: not to be reached, of a newer version, or the batch was moved to another place.
        """
        self._lease = lease
        super().__init__(place, create=True)
        self._heard = False
        with self.opening():
            self._begin()
        self.keys = KeyMaker()
        self.watch = ClaimWatch(self, line, replay, fetches)
        self._renew_at = time.monotonic() + RENEWAL
        self._waits = self._others_wait = self._notify = False
        self._notify_at = 0.0
        self._bell, self._ringer = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._bell, selectors.EVENT_READ)
        self._selector.register(self.connection, selectors.EVENT_READ)
        for end in (self._bell, self._ringer):
            end.setblocking(False)
        line.ring = _Ring(self._ringer)

    def connected(self) -> None:
        """Have a server that says nothing given up from now on."""
        self._lease.hang_up = partial(hang_up, self.connection)

    def _begin(self) -> None:
        asked_at = moment()
        values = {"host": socket.gethostname(), "pid": os.getpid(), "lease": LEASE}
        try:
            with self.writing():
                self.stay()
                ((self.worker,),) = self.send(_WORKER, values).fetchall()
        except psycopg.errors.LockNotAvailable:
            raise JournalError(f"{self.place.shown} is in use: it is being copied to or from another place") from None
        self._lease.renewed(asked_at)
        self._channel = f"wan_async_journal_{self.batch}"
        if not self.pooled:  # a notification belongs to a connection, which a pooler gives to another client
            self.connection.add_notify_handler(self._hear)
            self.connection.execute(f"LISTEN {self._channel}".encode())

    def _hear(self, _: object) -> None:
        self._heard = True

    # what is asked

    def transact(self, calls: Sequence[Job]) -> list[Any]:
        """Do all in order; what can be is done for many at once."""
        results: list[Any] = [None] * len(calls)
        together = Round()
        for number, call in enumerate(calls):
            if _is_many(call.work):
                if not together.takes(call.work, call.args[0]):
                    self._write(together, results)
                    together = Round()
                together.add(call.work, call.args[0], number)
            else:
                self._write(together, results)
                together = Round()
                results[number] = self._read(call)
        self._write(together, results)
        return results

    def _read(self, call: Job) -> Any:
        try:
            return self._again(call.work, self, *call.args)
        except (JournalError, ValueError, TypeError, OverflowError, *_REFUSALS) as refusal:
            return refusal

    def _write(self, together: Round, results: list[Any]) -> None:
        if not together.numbers:
            return
        try:
            given = self._again(self._commit, together)
        except _REFUSALS as refusal:
            if len(together.numbers) == 1:
                ((work, _),) = together.parts()
                error = JournalError(f"{self.place.shown}: {connecting.hidden(self.place, str(refusal))}")
                results[together.numbers[0]] = Refused(error) if work is writes.intend else refusal
                return
            for one in together.singly():
                self._write(one, results)
            return
        for number, result in given:
            results[number] = result

    def _again(self, work: Callable[..., T], *args: Any) -> T:
        """Do what is one transaction; again where it and another worker's held each other up."""
        for times in range(_TIMES):
            try:
                return work(*args)
            except _AGAIN:
                if times == _TIMES - 1:
                    raise
        raise AssertionError("not reached")

    def _commit(self, together: Round) -> list[tuple[int, Any]]:
        over: list[tuple[int, Any]] = []
        if together.has(writes.intend) and not self._lease.holds():
            self._renew()  # what is claimed without a lease would be another's at once
        sent: list[tuple[RoundPart, psycopg.Cursor[tuple[Any, ...]]]] = []
        with self.writing(pipelined=not together.has_budget):  # a budget must be read before it is decided
            for part in together.parts():
                if part[0] is writes.intend and together.has_budget:
                    part, over = self._within_budgets(part)  # noqa: PLW2901
                sent.append((part, part[0].send(self, [one for _, one in part[1]])))
        self._notify = self._notify or together.has(writes.finish) or together.has(writes.withdraw)
        return over + [one for part, cursor in sent for one in self._answers(part, cursor)]

    def _within_budgets(self, part: RoundPart) -> tuple[RoundPart, list[tuple[int, Any]]]:
        """The intents that do not exceed their budgets, and the answers to the others."""
        work, asked = part
        fit, committed = writes.within_budgets(self, [one for _, one in asked])
        over = [(number, OverBudget(committed)) for (number, _), fits in zip(asked, fit, strict=True) if not fits]
        return (work, [one for one, fits in zip(asked, fit, strict=True) if fits]), over

    def _answers(self, part: RoundPart, cursor: psycopg.Cursor[tuple[Any, ...]]) -> list[tuple[int, Any]]:
        work, asked = part
        answers = work.results(self, [one for _, one in asked], cursor.fetchall())
        return [(number, answer) for (number, _), answer in zip(asked, answers, strict=True)]

    # what is due meanwhile

    def wait(self, groups: SimpleQueue[list[Job] | None]) -> None:
        """Renew the lease, poll what is waited for, and notify those who wait."""
        while True:
            now = time.monotonic()
            if now >= self._renew_at or bool(self.watch) > self._waits:  # others are to know who waits
                self._renew()
            if self._notify and now >= self._notify_at:
                self._notify_others(now)
            if self.watch.due(now, heard=self._heard):
                self._heard = False
                self._again(self.watch.poll)
            if not groups.empty():
                return
            until = min(self._renew_at, self.watch.next_at, self._notify_at if self._notify else self._renew_at)
            self._pause(until - time.monotonic())

    def _pause(self, seconds: float) -> None:
        for key, _ in self._selector.select(max(0.0, seconds)):
            if key.fileobj is self._bell:
                with contextlib.suppress(BlockingIOError):
                    while self._bell.recv(4096):
                        pass
            else:
                self.connection.pgconn.consume_input()
                while self.connection.pgconn.notifies() is not None:
                    self._heard = True

    def _renew(self) -> None:
        asked_at = moment()
        self._waits = bool(self.watch)
        values = {"lease": LEASE, "waits": self._waits}
        rows = self.send(_RENEW, values).fetchall()
        if not rows:
            self.refuse_moved()
            raise JournalError(f"{self.place.shown}: this worker's lease was ended for good")
        in_time, self._others_wait = rows[0]
        self._lease.renewed(asked_at, in_time=in_time)
        self._renew_at = time.monotonic() + RENEWAL

    def changed(self) -> None:
        """Have those notified who wait."""
        self._notify = True

    def _notify_others(self, now: float) -> None:
        self._notify = False
        self._notify_at = now + _QUIET
        if self._others_wait:
            self.query(_NOTIFY, self._channel)

    def close(self) -> None:
        """Give the lease back, as far as that works."""
        with contextlib.suppress(psycopg.Error):
            self.connection.execute(_END, (self.worker,))
        self._lease.ended, self._lease.hang_up = True, None
        super().close()
        self.keys.close()
        self._selector.close()
        self._bell.close()
        self._ringer.close()


def _is_many(work: object) -> TypeGuard[Many[Any, Any]]:
    return isinstance(work, Many)


class _Ring:
    """Wakes the thread; called in the loop, and when nobody holds the writer any more."""

    def __init__(self, ringer: socket.socket) -> None:
        self._ringer = ringer

    def __call__(self) -> None:
        with contextlib.suppress(OSError):  # full: it is awake; closed: it has gone
            self._ringer.send(b"\0")
