"""The journal: what a batch was asked, sent and got, on disk before anybody relies on it.

`OpenJournal` is the writing side, for the batch; `Journal` reads, also while a run writes; `schema` says what stands in
the file. Below: `writer` commits in one thread, in `groups`, what a submission writes (`steps`) and what else is asked
(`statements`); `store` holds lock, connection and files, `files` refuses and makes them.
"""

from .entries import Entry, JournalCounts, Known, State
from .open_journal import OpenJournal
from .reader import Journal
from .steps import Step, acceptance, ending, intent, withdrawal

__all__ = [
    "Entry",
    "Journal",
    "JournalCounts",
    "Known",
    "OpenJournal",
    "State",
    "Step",
    "acceptance",
    "ending",
    "intent",
    "withdrawal",
]
