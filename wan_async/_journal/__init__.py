"""The journal: what a batch was asked, sent and got, on disk before anybody relies on it.

`OpenJournal` is the writing side, for the batch; `Journal` reads, also while a run writes; `schema` says what stands in
the file. Below: `writer` groups commits in one thread, `statements` are the transactions' parts, `store` holds lock,
connection and files, `files` refuses and makes them.
"""

from .entries import Entry, JournalCounts, Known, State
from .open_journal import OpenJournal
from .reader import Journal

__all__ = ["Entry", "Journal", "JournalCounts", "Known", "OpenJournal", "State"]
