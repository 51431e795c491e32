"""The createTask of one item, as the calls see it: what is written down around each POST."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._journal.store import Conflict, OverBudget, Refused, Taken
from ..errors import BudgetExceededError, RateLimitError, WanError
from .entries import conflict
from .stages import UNSENT, Attempt, Item, Stage, outcome_of

if TYPE_CHECKING:
    from .item import Items


class NotSent(Exception):
    """The item is not sent: the batch stops, or it stands elsewhere by now.

    Attributes:
        stage: where it stands; None: nothing is handed over for it.
    """

    def __init__(self, stage: Stage | None = None) -> None:
        super().__init__()
        self.stage = stage


class Submission:
    """Intent on disk and a turn for the POST before it leaves; the intent withdrawn where nothing was created.

    Attributes:
        item: the item.
        token: what its callback URL is to carry, None where no callbacks come.
        attempt: once the intent is on disk.
        in_the_air: True while the request may have left.
    """

    __slots__ = ("_items", "attempt", "in_the_air", "item", "token")

    def __init__(self, items: Items, item: Item, token: str | None) -> None:
        self._items = items
        self.item = item
        self.token = token
        self.attempt = Attempt()
        self.in_the_air = False

    async def begin(self) -> None:
        """Write the intent, and take a turn for the POST. From here on no stop interrupts it.

        Raises:
            NotSent: it must not leave.
            BudgetExceededError: with it more could be charged than is allowed.
        """
        items = self._items
        items.unsent.leave()
        intended = await items.ledger.intend(self.item, self.token)
        if not isinstance(intended, Attempt):
            raise await self._not_claimed(intended)
        self.attempt = intended
        try:
            await self._take_turn()
        except BaseException:  # nothing left; a journal that is being closed writes it as its last
            self.withdraw()
            raise

    async def _take_turn(self) -> None:
        items = self._items
        if items.posts is not None:
            await items.posts.acquire()
        self.in_the_air = True
        try:
            if not items.sending or not items.ledger.may_send(self.item):
                raise NotSent(UNSENT if items.sending else None)
        except BaseException:
            self.landed()
            raise

    async def again(self, error: WanError) -> None:
        """Write that nothing was created; a stop cancels the wait for the next try."""
        if isinstance(error, RateLimitError):
            self._items.outbox.throttled += 1
        self.landed()
        self.withdraw()
        self._items.unsent.enter()

    def landed(self) -> None:
        """Give the turn for the POST to the next, if this one had it."""
        if self.in_the_air and self._items.posts is not None:
            self._items.posts.release()
        self.in_the_air = False

    def withdraw(self) -> None:
        """Write that nothing was created."""
        self._items.ledger.withdraw_nowait(self.item, self.attempt)

    async def _not_claimed(self, intended: Taken | Conflict | Refused | OverBudget) -> Exception:
        ledger = self._items.ledger
        match intended:
            case Taken():
                return NotSent(await ledger.look_up(self.item))
            case Conflict():
                return NotSent(conflict(self.item))
            case Refused(error=error):
                return NotSent(outcome_of(self.item, None, error))
            case OverBudget(committed=committed):
                return BudgetExceededError(ledger.max_credits or 0.0, committed)
