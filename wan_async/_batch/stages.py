"""An item, and where it stands on its way: values that each step hands to the next.

Unsent (or under way elsewhere) → lost or running → ended → unfetched → its `Outcome`. What an earlier run left enters
where it was left.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TypeAlias

import msgspec
from msgspec import UNSET

from .._journal.store import Elsewhere
from .._protocol import TaskRecord
from ..errors import TaskFailedError, WanError
from ..models import CustomInput, WanInput
from ..prices import list_price
from .outcome import Outcome


class Item(msgspec.Struct, frozen=True, gc=False):
    """One item on its way: its input is valid.

    Attributes:
        index: its position in the inputs.
        key: its key; empty until a journal makes one.
        input: its input.
        content: its input as canonical JSON, where that is written down.
    """

    index: int
    key: str
    input: WanInput
    content: bytes = b""


class Unsent(msgspec.Struct, frozen=True, gc=False):
    """An item that is to be submitted."""


class Attempt(msgspec.Struct, frozen=True, gc=False):
    """A submission whose intent is on disk.

    Attributes:
        number: counts the submissions of its key.
        charged: credits that were set aside for it in this run; None: an earlier run did that.
    """

    number: int = 1
    charged: float | None = None


class Lost(msgspec.Struct, frozen=True):
    """A submission of unknown fate: for `left` seconds its `token` may come back in a callback; then `error` holds."""

    attempt: Attempt
    token: str
    left: float
    error: WanError


class Running(msgspec.Struct, frozen=True, gc=False):
    """An item whose task was created `age` seconds ago and has not ended, as far as is known."""

    attempt: Attempt
    task_id: str
    age: float = 0.0


class Ended(msgspec.Struct, frozen=True, gc=False):
    """An item whose outcome is known, and still to be written down."""

    attempt: Attempt
    outcome: Outcome


class Unfetched(msgspec.Struct, frozen=True, gc=False):
    """An item whose outcome is written down, and whose clip is still to be fetched."""

    attempt: Attempt
    outcome: Outcome


Stage: TypeAlias = Unsent | Elsewhere | Lost | Running | Ended | Unfetched | Outcome
UNSENT = Unsent()


def outcome_of(item: Item, task_id: str | None = None, result: TaskRecord | WanError | None = None) -> Outcome:
    """The outcome of an item that ended with a final record or an error."""
    record = result if isinstance(result, TaskRecord) else None
    error = result if isinstance(result, WanError) else None
    key = item.key or str(item.index)
    outcome = Outcome(index=item.index, key=key, input=item.input, task_id=task_id, record=record, error=error)
    if record is not None and not outcome.ok:
        return msgspec.structs.replace(outcome, error=TaskFailedError(record))
    return outcome


def price_of(task_input: WanInput) -> float | None:
    """The list price in credits, None where no price is known."""
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
