"""Between a journal's values and a batch's."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from .._inputs.local_files import with_paths
from .._journal.entries import Entry, State
from .._journal.store import Conflict, Elsewhere, EndedElsewhere, Ending, Fresh, Known, LookedUp, Refused
from .._protocol import TaskRecord
from ..errors import ConfigurationError, InvalidInputError, JournalError
from ..models import MODELS, CustomInput, WanInput, input_from
from .outcome import Outcome
from .stages import UNSENT, Attempt, Item, Running, Stage, Unfetched, outcome_of

_URL = re.compile("[a-z][a-z0-9]+://")
_fields: Callable[[bytes], dict[str, Any]] = msgspec.json.Decoder(dict[str, Any]).decode


def admitted(item: Item, known: LookedUp, *, fetch: bool) -> tuple[Item, Stage | None]:
    """The stage of an item, by what is known of it; `fetch`: whether clips are fetched."""
    match known:
        case Fresh(key=key):
            return (item if item.key else msgspec.structs.replace(item, key=key)), UNSENT
        case Known():
            return item, None
        case EndedElsewhere(entry=entry):
            return item, of_others(item, entry, fetch=fetch)
        case Elsewhere(key=key):
            return msgspec.structs.replace(item, key=key), known
        case Conflict(key=key):
            return item, conflict(msgspec.structs.replace(item, key=key))
        case Refused(error=error):
            return item, outcome_of(item, None, error)


def of_others(item: Item, entry: Entry, *, fetch: bool) -> Outcome | Unfetched:
    """The outcome of another worker's submission for this item, whose clip that worker may not have fetched."""
    outcome = msgspec.structs.replace(entry_outcome(entry), index=item.index, input=item.input, replayed=True)
    return Unfetched(Attempt(entry.attempt), outcome) if fetch and is_unfetched(entry) else outcome


def is_unfetched(entry: Entry) -> bool:
    """Whether there is a clip, which is not fetched yet."""
    return entry.state is State.DONE and entry.path is None and entry.record is not None


def ending_of(attempt: Attempt, outcome: Outcome) -> Ending:
    """An outcome, to be written."""
    path = None if outcome.path is None else os.fspath(outcome.path)
    return Ending(outcome.key, attempt.number, outcome.record, outcome.error, path)


def learn_from(entries: list[Entry], learn: Callable[[WanInput, TaskRecord], None]) -> None:
    """Learn how long the tasks of these entries took, so that running ones are polled when they are likely done."""
    for entry in entries:
        if entry.record is not None:
            learn(item_of(entry).input, entry.record)


def running_of(entry: Entry, now: float) -> Running:
    """A running task, and for how long it runs by now."""
    age = max(0.0, now - (entry.accepted_at or now))
    return Running(Attempt(entry.attempt), entry.task_id or "", age)


def item_of(entry: Entry) -> Item:
    """The item of an entry."""
    return Item(entry.index, entry.key, _input(entry), entry.input)


def _input(entry: Entry) -> WanInput:
    fields = with_paths(MODELS.get(entry.model), _fields(entry.input))
    try:
        return input_from(entry.model, fields, custom=True)
    except InvalidInputError:  # the model's rules have changed since it was written
        return CustomInput(entry.model, fields)


def entry_outcome(entry: Entry) -> Outcome:
    """The outcome of an entry that has ended."""
    return Outcome(
        index=entry.index,
        key=entry.key,
        input=_input(entry),
        task_id=entry.task_id,
        record=entry.record,
        error=entry.error,
        path=None if entry.path is None else _path(entry.path),
        replayed=entry.reported,
    )


def _path(path: str) -> Path | str:
    """A file's path; the URL of an object in a store is text."""
    return path if _URL.match(path) else Path(path)


def ended_at(entry: Entry) -> float:
    """Unix seconds: links expire a day after that."""
    ended = None if entry.record is None else entry.record.completed_at
    return 0.0 if ended is None else ended.timestamp()


def conflict(item: Item) -> Outcome:
    """The outcome of an item whose key another input has."""
    words = f"key {item.key!r} stands in the journal with another input; nothing was sent"
    return outcome_of(item, None, JournalError(words))


def require_replay(replay: object) -> None:
    """Refuse a `replay` that is neither a bool nor "unseen"."""
    if replay is not True and replay is not False and replay != "unseen":
        raise ConfigurationError(f"replay: {replay!r} is not allowed; allowed: True, False or 'unseen'")
