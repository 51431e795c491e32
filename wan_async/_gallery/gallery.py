"""A journal as the page's data."""

from __future__ import annotations

import os
import time
from collections import deque
from pathlib import Path

import msgspec

from .._arguments import LIMIT
from .._journal import Journal
from .._policy.settings import RateLimit
from .links import Links
from .rows import PageRow, row_of
from .summary import Summary, Tally


class Gallery(msgspec.Struct, frozen=True, kw_only=True):
    """All that the page shows.

    Attributes:
        name: the journal's file name, or its database and batch.
        read_at: when it was read, in Unix seconds.
        live: seconds after which the page asks for newer data; None: it does not.
        total: items in the journal.
        rows: the items, or the last of them, in the journal's order.
        summary: the numbers on top, of all items.
    """

    name: str
    read_at: float
    live: float | None
    total: int
    rows: tuple[PageRow, ...]
    summary: Summary


def read_gallery(
    path: str | os.PathLike[str], links: Links, *, limit: RateLimit | None, newest: int, live: float | None = None
) -> Gallery:
    """Read a journal, also while a run writes it.

    Args:
        path: the journal: a file, or the URL of a database.
        links: gives the clips' links.
        limit: what the use of the limit is measured against; None: what the journal says, else the provider's.
        newest: rows at most; the summary is of all.
        live: seconds after which the page asks again; None: never.

    Raises JournalError: there is no journal, or none that can be read.
    """
    tally, total = Tally(), 0
    last: deque[PageRow] = deque(maxlen=newest)
    with Journal.open_readonly(path) as journal:
        for total, entry in enumerate(journal.entries(), 1):  # noqa: B007  how many it was
            tally.add(entry)
            last.append(row_of(entry, links(entry), links.more(entry)))
        path = journal.path
        summary = tally.summary(journal.counts(), limit or _limit_of(journal))
    name = Path(path).name.encode(errors="backslashreplace").decode()
    return Gallery(name=name, read_at=time.time(), live=live, total=total, rows=tuple(last), summary=summary)


def _limit_of(journal: Journal) -> RateLimit:
    """The limit that the batch's last run had."""
    noted = journal.limit()
    return LIMIT if noted is None else RateLimit(noted[0], per=noted[1])
