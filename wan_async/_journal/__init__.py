"""The journal: what a batch was asked, sent and got, on disk before anybody relies on it.

`store` is the seam that a batch writes through: another kind of journal is a `JournalStore`, and a line in `opening`.
`sqlite` keeps one in a file, `postgres` in a database that workers share. `reader` is `Journal`, which reads, also
while a run writes; `copying` moves a batch from the one kind to the other.

What all kinds share: `entries` are an item's values, `columns` and `errors_json` lead to what is kept of them, `keys`
names items that come without. `writer` is the way from the event loop to the thread that owns the store, over `line`:
what is asked while it commits is its next transaction.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from .entries import Entry, JournalCounts, State

if TYPE_CHECKING:
    from .opening import open_store
    from .reader import Journal

__all__ = ["Entry", "Journal", "JournalCounts", "State", "open_store"]

_LATER = {"Journal": ".reader", "open_store": ".opening"}
"""Loaded when used, with sqlite3: 7 ms that importing wan_async does without."""


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_LATER[name], __name__), name)
    return value
