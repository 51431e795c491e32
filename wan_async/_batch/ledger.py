"""What a batch writes down, as the batch sees it; and the way to write nothing down."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import lru_cache
from pathlib import Path
from typing import Protocol, TypeAlias

import msgspec
from msgspec import UNSET

from .._protocol import TaskRecord
from ..errors import JournalError, MaintenanceError, SubmissionUnknownError, TaskFailedError, TransportError, WanError
from ..models import CustomInput, WanInput
from ..prices import list_price
from .outcome import Outcome

Download: TypeAlias = Callable[[str, TaskRecord], Awaitable[Path | str]]
"""(key, record) → where the clip is: a file, or the URL of an object."""


class Item(msgspec.Struct, frozen=True, gc=False):
    """One item on its way: its key is settled, its input is valid.

    Attributes:
        index: its position in the inputs.
        key: its key.
        input: its input.
        content: its input as canonical JSON.
    """

    index: int
    key: str
    input: WanInput
    content: bytes

    @property
    def price(self) -> float | None:
        """Its list price in credits, None where no price is known."""
        return _price(self.input)


class Resumed(msgspec.Struct, frozen=True):
    """A task that an earlier run created and did not see end; `age` in seconds."""

    item: Item
    task_id: str
    age: float


class Lost(msgspec.Struct, frozen=True):
    """A submission of unknown fate that a callback may still tell of, for `left` seconds; `error` if none does."""

    item: Item
    token: str
    left: float
    error: WanError


Told: TypeAlias = Callable[[bool | JournalError], None]
"""Called when a write is on disk (True), when it came too late (False), or with why it cannot be written."""


class Ledger(Protocol):
    """What a batch asks of its journal.

    What is awaited is then on disk, or raises `JournalError`. What is told (`begin_ahead`, `withdraw`,
    `accepted`, `finished`) is written in its order without anybody waiting; it never raises.
    """

    durable: bool
    """Whether anything is written: without it, leaving a batch need not wait for answers under way."""

    async def open(self, failed: Callable[[Exception], None]) -> float:
        """Open, and give the credits that earlier runs spent or have running.

        `failed` hears, later, of a write that failed where nobody is told.
        """
        ...

    def admit_at_once(self, item: Item) -> Item | None:
        """The item, with its final key, if it is to be sent and need not be looked up; else None."""
        ...

    async def admit(self, items: list[Item]) -> list[Item | Outcome | None]:
        """Look items up: each is to be sent (with its final key), an outcome at once, or None if it is known."""
        ...

    async def begin(self, item: Item, token: str | None) -> bool | Outcome:
        """Write the intent and the callback's token, before the POST.

        Where another item of this run has the key, nothing is written: False if it is the same item, else the outcome.
        """
        ...

    def begin_ahead(self, item: Item, token: str | None, told: Told) -> None:
        """As `begin`, long enough before the POST that nobody waits; what another item has is told as False."""
        ...

    async def rival(self, item: Item) -> bool | Outcome:
        """For an item whose key another one has: False if that is the same item, else the outcome."""
        ...

    def withdraw(self, item: Item) -> None:
        """Write that nothing was created."""
        ...

    def accepted(self, item: Item, task_id: str) -> None:
        """Write the task's id."""
        ...

    def finished(self, outcome: Outcome, told: Told) -> None:
        """Write an outcome, before it is yielded."""
        ...

    async def fetched(self, outcome: Outcome) -> None:
        """Write where a finished outcome's clip is, or why it could not be fetched."""
        ...

    async def unfetched(self) -> list[Outcome]:
        """The next outcomes of earlier runs whose clip is to be fetched, the oldest first; an empty list at the end."""
        ...

    async def replays(self) -> list[Outcome]:
        """The next outcomes of earlier runs; an empty list at the end."""
        ...

    async def resumed(self) -> list[Resumed]:
        """The next tasks to wait for from earlier runs; an empty list at the end."""
        ...

    async def lost(self) -> list[Lost]:
        """The next submissions of earlier runs to seek; an empty list at the end."""
        ...

    async def queued(self) -> list[Item]:
        """The next items of earlier runs that are to be sent (again); an empty list at the end."""
        ...

    async def aclose(self) -> None:
        """Finish what is being written, and close."""
        ...


class NoJournal:
    """Writes nothing down. A key is made of the input's content and its position."""

    durable = False

    async def open(self, failed: Callable[[Exception], None]) -> float:
        return 0.0

    def admit_at_once(self, item: Item) -> Item | None:
        return item if item.key else _with_key(item)

    async def admit(self, items: list[Item]) -> list[Item | Outcome | None]:
        return [self.admit_at_once(item) for item in items]

    async def begin(self, item: Item, token: str | None) -> bool | Outcome:
        return True

    def begin_ahead(self, item: Item, token: str | None, told: Told) -> None:
        told(True)

    async def rival(self, item: Item) -> bool | Outcome:
        return False

    def withdraw(self, item: Item) -> None:
        pass

    def accepted(self, item: Item, task_id: str) -> None:
        pass

    def finished(self, outcome: Outcome, told: Told) -> None:
        told(True)

    async def fetched(self, outcome: Outcome) -> None:
        pass

    async def unfetched(self) -> list[Outcome]:
        return []

    async def replays(self) -> list[Outcome]:
        return []

    async def resumed(self) -> list[Resumed]:
        return []

    async def lost(self) -> list[Lost]:
        return []

    async def queued(self) -> list[Item]:
        return []

    async def aclose(self) -> None:
        pass


def _with_key(item: Item) -> Item:
    from hashlib import blake2b  # here: 3 ms that importing wan_async does without

    digest = blake2b(item.content, digest_size=16, person=b"wan_async").hexdigest()
    return Item(item.index, f"{digest}-{item.index}", item.input, item.content)


def outcome_of(item: Item, task_id: str | None = None, result: TaskRecord | WanError | None = None) -> Outcome:
    """The outcome of an item that ended with a final record or an error."""
    record = result if isinstance(result, TaskRecord) else None
    error = result if isinstance(result, WanError) else None
    outcome = Outcome(index=item.index, key=item.key, input=item.input, task_id=task_id, record=record, error=error)
    if record is not None and not outcome.ok:
        return msgspec.structs.replace(outcome, error=TaskFailedError(record))
    return outcome


def item_of(index: int, key: str, task_input: WanInput) -> Item:
    """An item of the inputs; an empty key is settled by the ledger."""
    return Item(index, key, task_input, task_input.content())


def _price(task_input: WanInput) -> float | None:
    if not isinstance(task_input, CustomInput):
        what_counts = (getattr(task_input, "resolution", UNSET), getattr(task_input, "duration", UNSET))
        return _listed(task_input.model, *what_counts)
    if task_input.price is not UNSET:
        return task_input.price
    return list_price(task_input.model, task_input.input)


@lru_cache(maxsize=256)
def _listed(model: str, resolution: object, duration: object) -> float | None:
    """The list price; looked up anew it costs 3 µs an item."""
    fields = {"resolution": resolution, "duration": duration}
    return list_price(model, {name: value for name, value in fields.items() if value is not UNSET})


def never_reached(outcome: Outcome) -> bool:
    """True if the service could not be reached for the item, or was in maintenance: nothing was created."""
    if isinstance(outcome.error, SubmissionUnknownError) or outcome.task_id is not None:
        return False
    return isinstance(outcome.error, (TransportError, MaintenanceError))
