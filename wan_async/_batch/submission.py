"""One item's createTask, as the calls see it: what is written down around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..errors import JournalError, WanError
    from .ledger import Item
    from .outcome import Outcome


class NotSent(Exception):
    """The item is not sent: the batch stops, or another item with its key was sent.

    Attributes:
        outcome: what is handed over for it, if anything.
    """

    def __init__(self, outcome: Outcome | None = None) -> None:
        super().__init__()
        self.outcome = outcome


class Sender(Protocol):
    """The batch, as a submission asks it."""

    def written(self, submission: Submission, result: bool | JournalError) -> None:
        """See `Submission.written`."""
        ...

    async def begin(self, submission: Submission) -> None:
        """See `Submission.begin`; NotSent stops it."""
        ...

    async def again(self, submission: Submission, error: WanError) -> None:
        """See `Submission.again`; NotSent stops it."""
        ...


class Submission:
    """The intent of one item, written before its POST.

    Attributes:
        item: the item.
        token: what its callback URL is to carry, None where no callbacks come.
        permit: the limiter's permit, if it was got and the intent written ahead of the POST.
        begun: True while the request may have left.
    """

    __slots__ = ("_sender", "begun", "item", "permit", "token")

    def __init__(self, sender: Sender, item: Item, token: str | None) -> None:
        self._sender = sender
        self.item = item
        self.token = token
        self.permit: float | None = None
        self.begun = False

    def written(self, result: bool | JournalError) -> None:
        """The intent that was asked for ahead is on disk (True), another item has the key (False), or why it is not."""
        self._sender.written(self, result)

    async def begin(self) -> None:
        """The intent is on disk and the POST is about to leave; from here on a stop lets it finish."""
        await self._sender.begin(self)
        self.begun = True

    async def again(self, error: WanError) -> None:
        """Write that nothing was created; a stop cancels the wait for the next try."""
        self.begun = False
        self.permit = None
        await self._sender.again(self, error)
