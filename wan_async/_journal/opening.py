"""The opening of a journal, by the place where it is."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Literal, TypeAlias

from .._protocol.secrets import Secret
from ..errors import ConfigurationError
from .store import JournalStore

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")

Replay: TypeAlias = bool | Literal["unseen"]


async def open_store(
    where: str | os.PathLike[str], *, replay: Replay, failed: Callable[[Exception], None], fetches: bool = False
) -> JournalStore:
    """Open a journal for one run; what a killed run had in the air becomes UNKNOWN, with `reported` False.

    Args:
        where: the journal's file; nothing there, or an empty file, becomes a new one. Or the URL of a database, with
            the batch's name behind its `#`.
        replay: the outcomes of others that this run is to hand over; of a file, the caller asks for them by `page`.
        fetches: whether this run fetches clips: then an item has not ended while another worker fetches its clip.
        failed: called in the event loop with the `JournalError` of a write that nobody waits for.

    Raises:
        JournalError: in use (naming the holder), not a journal or of a newer version (left as it is), no such folder,
            not writable; a database that cannot be reached, a batch that was moved.
        ConfigurationError: a URL that cannot be read.
        ModuleNotFoundError: psycopg is not installed.
    """
    url = url_of(where)
    if url is not None:
        where = url  # what crash reporters see of this frame
        from .postgres.store import PostgresStore

        return await PostgresStore.open(url, replay, failed, fetches=fetches)
    from .sqlite.store import SqliteStore

    return await SqliteStore.open(where, failed)


def shown(where: str | os.PathLike[str]) -> str:
    """The journal's place as people may see it: a URL without its password."""
    url = url_of(where)
    if url is None:
        return os.fspath(where)
    where = url  # what crash reporters see of this frame
    from .postgres.connecting import place_of

    return place_of(url).shown


def url_of(where: str | os.PathLike[str]) -> Secret | None:
    """The URL, where the journal is in a database; ConfigurationError for a database of another kind."""
    scheme = _SCHEME.match(where) if isinstance(where, str) else None
    if scheme is None:
        return None
    if scheme[0] not in ("postgresql://", "postgres://"):
        raise ConfigurationError(
            f"journal: {scheme[0]}… is not known; allowed: a file, or postgresql://user@host/db#name"
        )
    return Secret(where)
