"""With a journal: submissions whose intents are on disk before anybody is there to send them.

One coroutine takes the items; each gets the limiter's permit, then its intent is told to the journal. What is on disk
waits in its order for a worker. So no worker waits for the disk, and an intent costs a row, not a coroutine and a
future: flat out that is a fifth of an item's time.

An intent is what a killed run leaves as unknown, so there are no more of them than the disk needs: one more for each
that a worker was waiting for, up to MOST; and of those that stood there all the time, half are not asked for again,
down to FEWEST.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from .._local_files import files_in
from ..errors import JournalError

if TYPE_CHECKING:
    from .._limiter import Limiter
    from .ledger import Ledger
    from .submission import Submission

FEWEST = 8
MOST = 256


class Ahead:
    """Writes intents, and gives the submissions to workers.

    Args:
        pull: gives the next item's submission; None at the end.
        ledger: where intents are written.
        permits: the limiter of submissions.
        refused: hears of each that is not to be sent: True if its intent stands and is to be withdrawn, False if
            another item has its key, or why it cannot be written.
    """

    def __init__(
        self,
        pull: Callable[[], Coroutine[Any, Any, Submission | None]],
        ledger: Ledger,
        permits: Limiter,
        refused: Callable[[Submission, bool | JournalError], None],
    ) -> None:
        self._pull = pull
        self._ledger = ledger
        self._permits = permits
        self._refused = refused
        self._ready: deque[Submission] = deque()
        self._idle: deque[asyncio.Future[None]] = deque()
        self._room = FEWEST
        self._taken = self._least = 0
        self._has_room: asyncio.Future[None] | None = None
        self._over = False
        self._stopped = False
        self.pending = 0

    async def run(self) -> None:
        """Write intents until the items end."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                while self.pending + len(self._ready) >= self._room:
                    self._has_room = loop.create_future()
                    await self._has_room
                submission = await self._pull()
                if submission is None:
                    return
                if files_in(submission.item.input):  # they are uploaded first, by the worker
                    self._add(submission)
                    continue
                submission.permit = await self._permits.acquire()
                self.pending += 1
                self._ledger.begin_ahead(submission.item, submission.token, submission.written)
        finally:
            self._over = True
            self._wake_all()

    async def next(self) -> Submission | None:
        """The next to send; None when there is none any more."""
        while not self._ready:
            if self._stopped or (self._over and not self.pending):
                return None
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._idle.append(waiter)
            await waiter
        submission = self._ready.popleft()
        self._taken += 1
        self._least = min(self._least, len(self._ready))
        if self._taken >= self._room:
            self._room = max(self._room - self._least // 2, FEWEST)
            self._taken, self._least = 0, len(self._ready)
        if self._has_room is not None:
            self._look_for_room()
        if self._over and not self.pending and not self._ready:
            self._wake_all()
        return submission

    def stop(self) -> None:
        """Nothing of it is to be sent: what is on disk is refused, what is on its way there as soon as it is."""
        self._stopped = True
        while self._ready:
            self._refuse(self._ready.popleft(), True)
        self._wake_all()

    def give_back(self, submission: Submission) -> None:
        """It was given to a worker and cannot be sent; nothing is to be kept for it."""
        if submission.permit is not None:
            self._permits.released(submission.permit)
            self._ledger.withdraw(submission.item)

    def written(self, submission: Submission, result: bool | JournalError) -> None:
        """The intent of `submission` is on disk, or is not."""
        self.pending -= 1
        if result is True:
            self._add(submission)
        else:
            self._refuse(submission, result)

    def _add(self, submission: Submission) -> None:
        if self._stopped:
            self._refuse(submission, True)
            return
        self._ready.append(submission)
        if self._wake_one():
            self._room = min(self._room + 1, MOST)
            self._look_for_room()

    def _refuse(self, submission: Submission, result: bool | JournalError) -> None:
        if submission.permit is not None:
            self._permits.released(submission.permit)
        self._refused(submission, result)
        self._look_for_room()
        if self._over and not self.pending:
            self._wake_all()

    def _look_for_room(self) -> None:
        """Go on when there is room for some: waking up for each would cost more than its intent."""
        has_room = self._has_room
        if has_room is not None and self.pending + len(self._ready) <= self._room * 3 // 4:
            self._has_room = None
            if not has_room.done():
                has_room.set_result(None)

    def _wake_one(self) -> bool:
        """True if a worker was waiting."""
        while self._idle:
            waiter = self._idle.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return True
        return False

    def _wake_all(self) -> None:
        while self._wake_one():
            pass
