"""The journal as a running batch writes it."""

from __future__ import annotations

import asyncio
import os
import weakref
from typing import TYPE_CHECKING

import anyio

from . import statements, steps
from .writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from typing import Self

    from .._protocol import TaskRecord
    from ..errors import JournalError, WanError
    from .entries import Entry, Known, State


class OpenJournal:
    """A journal that this process alone writes, from one event loop; the work is done in one thread.

    What a method writes is on the disk (fsync) when what it gives was awaited. It is also written if the caller is
    cancelled while it waits, or does not wait. Reads see all that was asked before them. Each method raises
    JournalError: naming the fault once the journal is `broken`, or about its own arguments, which harms nothing else.

    Attributes:
        tell: (step, told) writes a step; `told` is called when it is on the disk or cannot be, `failed` if there is no
            `told` for that. This costs less than the methods, which do the same with a future.
    """

    def __init__(self, writer: Writer) -> None:
        """Use `open`."""
        self._writer = writer
        self.tell = writer.tell
        self._end = weakref.finalize(self, writer.close)
        self._end.atexit = False

    @classmethod
    async def open(cls, path: str | os.PathLike[str], failed: Callable[[Exception], None] | None = None) -> Self:
        """Lock the journal and open it; nothing there, or an empty file, becomes a new one.

        `failed` is called with the JournalError of a step that was told without anybody to hear of it, and with what a
        callback raises; without it the event loop's exception handler is.
        Submissions that a killed run had in the air become UNKNOWN, with `reported` False. Raises JournalError: in use
        (naming the holder), not a journal or of a newer version (left as it is), no such folder, not writable.
        """
        writer = Writer(os.fspath(path), failed or _unheard)
        try:
            await asyncio.shield(writer.opened)
        except BaseException:
            await _close(writer)
            raise
        return cls(writer)

    @property
    def path(self) -> str:
        """The journal's file."""
        return self._writer.path

    @property
    def broken(self) -> JournalError | None:
        """Why nothing can be written any more; each method raises it at once."""
        return self._writer.broken

    @property
    def commits(self) -> int:
        """How many transactions there were; what is asked while one commits goes into the next."""
        return self._writer.commits

    async def known(self, items: list[tuple[str | None, str, bytes]]) -> list[Known]:
        """What is known of items, each (key or None, model, content).

        Without a key one is made of the content and its n-th occurrence in this run. `content`, the wire fields as JSON
        in one canonical order, is compared byte for byte.
        """
        return await self._writer.ask(statements.known, items)

    def intend(
        self, index: int, key: str, model: str, content: bytes, *, price: float | None, token: str | None = None
    ) -> asyncio.Future[bool]:
        """Before the POST: SENDING, now, at the list price in credits, with the callback URL's token.

        False, and nothing is written, if the key is there in another state than QUEUED or with another input.
        """
        return self._writer.written(steps.intent(index, key, model, content, price=price, token=token))

    def withdraw(self, key: str) -> asyncio.Future[bool]:
        """What was SENDING was certainly not created: QUEUED again, and it costs nothing."""
        return self._writer.written(steps.withdrawal(key))

    def accepted(self, key: str, task_id: str) -> asyncio.Future[bool]:
        """What was SENDING, or is adopted from UNKNOWN, has a task: RUNNING."""
        return self._writer.written(steps.acceptance(key, task_id))

    def finished(
        self, key: str, *, record: TaskRecord | None = None, error: WanError | None = None, path: str | None = None
    ) -> asyncio.Future[bool]:
        """The outcome: DONE without an error or with a good record, UNKNOWN for SubmissionUnknownError, else FAILED.

        False, and nothing is written, if the key has another final outcome; DONE may be written again as DONE, with a
        fresh record.
        """
        return self._writer.written(steps.ending(key, record, error, path))

    async def saved(self, key: str, path: str) -> None:
        """The clip of what is DONE was saved there, later than the outcome."""
        await self._writer.ask(statements.saved, key, path)

    async def reported(self, key: str) -> None:
        """Write that the outcome is told by this run; so the next one replays it."""
        await self._writer.ask(statements.reported, key)

    async def page(
        self, states: Collection[State], after_id: int = 0, limit: int = 500, *, earlier: bool = False
    ) -> list[Entry]:
        """At most `limit` entries in these states with ids above `after_id`, by id.

        With `earlier` only those that this run has not written to: for replays and resuming, page by page while the
        run goes on, so that what it finished itself is not taken for an earlier run's.
        """
        work = statements.earlier_page if earlier else statements.page
        return await self._writer.ask(work, tuple(states), after_id, limit)

    async def by_token(self, token: str) -> Entry | None:
        """The item whose last submission carried this token."""
        return await self._writer.ask(statements.by_token, token)

    async def orphans(self) -> int:
        """How many of unknown fate no run has reported: directly after `open`, what a kill left in the air."""
        return await self._writer.ask(statements.unreported)

    async def requeue(self, states: Collection[State], keys: Iterable[str] | None = None) -> int:
        """Have items submitted again that are UNKNOWN or FAILED, all or those with the keys: QUEUED. How many.

        The submissions given up are kept in the table `earlier` and count as spent.
        """
        return await self._writer.ask(statements.requeue, tuple(states), None if keys is None else tuple(keys))

    async def is_new(self) -> bool:
        """True if no item stood in it when it was opened."""
        return await self._writer.ask(statements.is_new)

    async def spent(self) -> float:
        """Credits that were or may have been charged: consumed where known, else the list price."""
        return await self._writer.ask(statements.spent)

    async def aclose(self) -> None:
        """Write what was asked, close the file, release the lock, end the thread; again: wait for that.

        What callbacks of those writes have to write is written too.
        A cancellation is raised when that is done; it takes milliseconds, at most some 0.5 s when others are reading.
        """
        await _close(self._writer, flushed=self._writer.flush())


async def _close(writer: Writer, flushed: asyncio.Future[None] | None = None) -> None:
    cancelled: asyncio.CancelledError | None = None
    with anyio.CancelScope(shield=True):  # anyio would cancel again and again
        while not writer.gone:
            if flushed is None or flushed.done():
                writer.close()  # also if the flush failed: `broken` tells why
            try:
                await _next(flushed, writer.closed)
            except asyncio.CancelledError as asked:
                cancelled = asked
    if cancelled is not None:
        raise cancelled


async def _next(*ends: asyncio.Future[None] | None) -> None:
    """Wait for the first of them that is not done; when all are, for one pass of the loop."""
    waiting = next((end for end in ends if end is not None and not end.done()), None)
    if waiting is None:
        await asyncio.sleep(0)
    else:
        await asyncio.wait([waiting])


def _unheard(fault: Exception) -> None:
    context = {"message": "a journal's step failed, and nobody was to be told", "exception": fault}
    asyncio.get_running_loop().call_exception_handler(context)
