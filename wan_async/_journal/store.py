"""The seam under the journal: a batch's questions and writes to whatever keeps its rows, and nothing of how it does.

`open_store` makes a `JournalStore` of a path or URL. A file has one writer (`sqlite`); a database has many (`shared` is
True there). That is why an intent is also a claim: each key is submitted by the worker whose intent is written first.
A row that is inserted or taken decides that, never a read before.

The order of writes that keeps money safe, for every implementation: the intent is on disk before the POST leaves; the
task's id before anyone relies on it; the outcome before it is handed over. What is awaited is on disk. What ends in
`_nowait` is written in the order in which it was asked, and `aclose` waits for it. Its fault never raises where it was
asked: it is given to the `failed` of `open_store`, and ends every later call with the same `JournalError`.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable, Sequence
from typing import Protocol, TypeAlias

import msgspec

from .._protocol import TaskRecord
from ..errors import JournalError, WanError
from .entries import Entry, State


class Asked(msgspec.Struct, frozen=True, gc=False):
    """An item that was pulled, looked up.

    Attributes:
        key: the caller's key; "" where one is to be made of the content and its n-th occurrence in this run.
        model: the model's name on the wire.
        content: the wire fields as JSON in canonical order; compared byte for byte.
    """

    key: str
    model: str
    content: bytes


class Fresh(msgspec.Struct, frozen=True, gc=False):
    """Nobody has it: it is to be sent, under this key."""

    key: str


class Known(msgspec.Struct, frozen=True, gc=False):
    """Nothing is to be done: this run hands its outcome over by itself, or did, or was asked not to."""

    key: str


class EndedElsewhere(msgspec.Struct, frozen=True):
    """It has ended, and its outcome is to be handed over for this input; only where `shared`."""

    entry: Entry


class Elsewhere(msgspec.Struct, frozen=True, gc=False):
    """Another worker has it under way: `ended` waits for its end; only where `shared`."""

    key: str


class Conflict(msgspec.Struct, frozen=True, gc=False):
    """The journal has its key with another model or input: nothing may be sent for it."""

    key: str


class Refused(msgspec.Struct, frozen=True):
    """The values of this one item cannot be written: the error is its outcome, and all others go on."""

    error: JournalError


LookedUp: TypeAlias = Fresh | Known | EndedElsewhere | Elsewhere | Conflict | Refused


class TakenOver(msgspec.Struct, frozen=True):
    """The worker that had it died, and it is this run's now; only where `shared`.

    A RUNNING entry is to be waited for. An UNKNOWN one, not reported yet, is to be sought by its token, as long as
    that may help, and then finished as unknown. One that has ended is to be handed over.
    """

    entry: Entry


class Intent(msgspec.Struct, frozen=True, gc=False):
    """A submission that is about to be sent.

    Attributes:
        index: the item's position in the inputs.
        key, model, content: as looked up.
        price: its list price in credits, None where no price is known (counts as 0).
        token: what its callback URL carries, None without callbacks.
        max_credits: the ceiling of this batch for all that was and may be charged, this one included; None: no ceiling.
    """

    index: int
    key: str
    model: str
    content: bytes
    price: float | None = None
    token: str | None = None
    max_credits: float | None = None


class Claimed(msgspec.Struct, frozen=True, gc=False):
    """The intent is on disk and this run's; `attempt` counts the submissions of that key from 1."""

    attempt: int


class Taken(msgspec.Struct, frozen=True, gc=False):
    """Nothing was written: the key, with this very input, is not (or no longer) to be sent by this run.

    Look it up again: it is `Known`, `EndedElsewhere` or `Elsewhere` now.
    """


class OverBudget(msgspec.Struct, frozen=True, gc=False):
    """Nothing was written: with it more than `max_credits` could be charged; `committed` credits already may be."""

    committed: float


Intended: TypeAlias = Claimed | Taken | Conflict | OverBudget | Refused


class Acceptance(msgspec.Struct, frozen=True, gc=False):
    """A task was created: by the answer to its POST, or adopted by its callback after its fate was unknown.

    An id is paid for, so it is never refused as late. If its attempt was given up and sent again meanwhile, it is kept
    beside the row.
    """

    key: str
    attempt: int
    task_id: str


class Withdrawal(msgspec.Struct, frozen=True, gc=False):
    """That attempt certainly created nothing: the key is to be sent again, and costs nothing."""

    key: str
    attempt: int


class Ending(msgspec.Struct, frozen=True):
    """An item's outcome: DONE with a good record, UNKNOWN with a `SubmissionUnknownError`, else FAILED.

    Attributes:
        key, attempt: the submission's.
        record: the task's last record; its credits, where it has them, replace the list price.
        error: why there is no clip; with a good record: why the clip could not be fetched.
        path: where the clip is.
    """

    key: str
    attempt: int
    record: TaskRecord | None = None
    error: WanError | None = None
    path: str | None = None


class Written(enum.Enum):
    """The result of a write."""

    ON_DISK = enum.auto()
    TOO_LATE = enum.auto()
    """The row is another worker's by now, or has another final outcome: nothing was written."""


class JournalStore(Protocol):
    """The journal as one run writes it, from one event loop.

    Every method may raise `JournalError`: the journal was lost, is broken or closed, or belongs to another process.

    Attributes:
        shared: whether other workers may write at the same time.
    """

    shared: bool

    # an item's way

    async def look_up(self, items: Sequence[Asked]) -> list[LookedUp]:
        """Look items up: one answer each, in their order."""
        ...

    async def intend(self, intent: Intent) -> Intended:
        """Claim the key and write the intent, before the POST: SENDING, now."""
        ...

    def may_send(self, key: str | None = None) -> bool:
        """Whether a POST may leave now: the key that was claimed is still this run's, with time to spare.

        It is asked just before the POST. None for the key: whether any POST could.
        """
        ...

    def accept_nowait(self, acceptance: Acceptance) -> None:
        """Write the task's id: RUNNING."""
        ...

    def withdraw_nowait(self, withdrawal: Withdrawal) -> None:
        """Write that nothing was created: QUEUED."""
        ...

    async def finish(self, ending: Ending) -> Written:
        """Write the outcome, before it is handed over. DONE may be written again as DONE, with a fresh record.

        Raises:
            ValueError, TypeError, …: it holds values that cannot be written. Nothing was, and all others go on.
        """
        ...

    async def save(self, key: str, path: str) -> Written:
        """Write where a DONE item's clip was saved; TOO_LATE: it is there, and another worker hands it over."""
        ...

    def seen_nowait(self, keys: Iterable[str]) -> None:
        """Write that the caller's loop took these outcomes: with replay "unseen" they are not handed over again."""
        ...

    # what earlier runs, or workers that died, left

    async def is_new(self) -> bool:
        """Whether it was empty when it was opened, and nobody else writes: then no item needs to be looked up."""
        ...

    async def page(self, states: Collection[State], after_id: int = 0, limit: int = 500) -> list[Entry]:
        """Entries in these states that this run has not written to, by id; after the last one's id the next page.

        For replays and QUEUED items, while the run goes on: an item that it ended itself is not taken for an earlier
        run's. Where `shared`, the list is empty: a worker looks items up, or takes them over.
        """
        ...

    async def report(self, keys: Iterable[str]) -> None:
        """Write that this run hands these outcomes of earlier ones over: the next replays them as reported."""
        ...

    async def take_over(self, after_id: int = 0, limit: int = 500) -> list[Entry]:
        """Entries that are this run's from now on, by id; an empty list when there are no more.

        Of a file: the tasks that the last run left RUNNING. Where `shared`: also, whenever asked again with 0, the
        items of workers that died, in each state of `TakenOver`, but for those that are waited for here by `ended`.
        """
        ...

    async def unfetched(self, after_id: int = 0, limit: int = 500) -> list[Entry]:
        """Entries that are DONE without a path, by id; where `shared`: left by workers that died, now this run's."""
        ...

    async def ended(self, key: str) -> LookedUp | TakenOver:
        """Wait until an item is no longer `Elsewhere`, and say what is known of it then.

        `Fresh`: this run may send it. `EndedElsewhere` or `Known`: it has ended.
        """
        ...

    async def wait_again(self, accepted_after: float) -> int:
        """Put items back to RUNNING that may not have ended; gives how many. Asked once, before `take_over`.

        These are items that FAILED with a `NotFoundError` although their task id is known (a deploy of the service),
        and items that are DONE by a record without a link; both only if accepted after that time, in Unix seconds.
        """
        ...

    async def tokens(self, keys: Collection[str]) -> dict[str, str]:
        """The tokens in the callback URLs of the keys' last submissions, to seek those of unknown fate."""
        ...

    async def requeue(self, states: Collection[State], keys: Iterable[str] | None = None) -> int:
        """Put items in these states (UNKNOWN or FAILED) back to QUEUED, all or those with the keys; gives how many.

        The submissions that are given up are kept, and count as spent.
        """
        ...

    async def spent(self) -> float:
        """Credits that were or may have been charged: those consumed where that is known, else the list price."""
        ...

    async def sent_since(self, unix_seconds: float) -> list[float]:
        """The times of intents since then, Unix seconds, sorted: the rest of the account's window."""
        ...

    async def set_limit(self, n: int, per: float) -> None:
        """Note the account's limit, n submissions per that many seconds, for those who show what was used of it."""
        ...

    async def aclose(self) -> None:
        """Finish all writes, release all claims, and end every thread and connection; called again, wait for that."""
        ...
