"""The way to a shared journal: its URL, a connection, the tables. No error shows the password."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit

from ..._protocol.secrets import Secret
from ..._psycopg import conninfo_to_dict, is_misread, make_conninfo, psycopg
from ..._words import one_line
from ...errors import ConfigurationError, JournalError
from . import schema

Connection = psycopg.Connection[tuple[Any, ...]]

# A server that says nothing is given up after some 10 s, unless the URL says otherwise.
_DEFAULTS: Final = {
    "application_name": "wan_async",
    "connect_timeout": "10",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}
_SECRETS: Final = ("password", "sslpassword")
_ANY_TEXT: Final = ("UTF8", "SQL_ASCII")
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended('wan_async_journal', 0))"
_POOLED: Final = "SELECT pg_backend_pid() <> %s"


class Place(NamedTuple):
    """The place of a shared journal.

    Attributes:
        url: of the database.
        batch: the batch's name.
        shown: both, without what is secret.
    """

    url: Secret
    batch: str
    shown: str

    @property
    def without_secrets(self) -> str:
        """The way to connect for those who have the password elsewhere."""
        parts = conninfo_to_dict(self.url)
        return make_conninfo("", **{name: value for name, value in parts.items() if name not in _SECRETS})


def place_of(url: str) -> Place:
    """Read `postgresql://user@host/database#batch`.

    Raises:
        ConfigurationError: it cannot be read.
    """
    place = _read(url)
    if place is None:
        raise ConfigurationError(
            "journal: the URL cannot be read; allowed: postgresql://user@host:port/database?option=value#batch, "
            "with %XX for what is not a letter or a digit"
        )
    return place


def _read(url: str) -> Place | None:
    """None for what cannot be read: no frame of an error is to hold the parts, and psycopg's words the password."""
    database, _, fragment = url.partition("#")
    batch = unquote(fragment) or "default"
    try:
        read = conninfo_to_dict(database)
        batch.encode()
        way = None if is_misread(database, read) else _way(database, read)
    except (psycopg.Error, ValueError):
        return None
    return None if way is None or "\0" in batch else Place(Secret(database), batch, f"postgresql://{way}#{batch}")


def _way(database: str, read: Mapping[str, Any]) -> str:
    """User, host and database; as libpq reads them, where the password has signs that a URL's has not."""
    parts = urlsplit(database)
    if database.count("@") == parts.netloc.count("@"):
        user = "" if parts.username is None else f"{parts.username}@"
        return f"{user}{parts.netloc.rpartition('@')[2]}{parts.path}"
    place = [str(read[name]) for name in ("user", "host", "port", "dbname") if read.get(name)]
    return "/".join(place)


def connect(place: Place) -> Connection:
    """A connection, in autocommit.

    Raises:
        JournalError: the server cannot be reached, or does not let us in.
    """
    given = conninfo_to_dict(place.url)
    options: dict[str, Any] = {name: value for name, value in _DEFAULTS.items() if name not in given}
    words = ""
    try:
        return psycopg.connect(place.url, autocommit=True, client_encoding="UTF8", **options)
    except psycopg.Error as fault:
        words = hidden(place, str(fault))
    raise JournalError(f"{place.shown} cannot be reached: {words}")


def is_pooled(connection: Connection) -> bool:
    """Whether a pooler stands between, which may give each transaction another connection.

    It gave us a process id of its own to cancel by.
    """
    row = connection.execute(_POOLED, (connection.info.backend_pid,)).fetchone()
    return row is None or bool(row[0])


def hidden(place: Place, words: str) -> str:
    """The words in one line, without the password that may be in them."""
    password = conninfo_to_dict(place.url).get("password")
    text = one_line(words)
    return text.replace(str(password), "…") if password else text


def make_tables(connection: Connection, place: Place) -> None:
    """Make the tables where they are missing, of several starters once.

    Raises:
        JournalError: they are of a newer version, or cannot be made.
    """
    try:
        if not _one(connection, schema.IS_MADE):
            with connection.transaction():
                connection.execute(_LOCK)
                if not _one(connection, schema.IS_MADE):
                    _require_any_text(connection, place)
                    connection.execute(schema.DDL)
    except psycopg.errors.InsufficientPrivilege as fault:
        raise JournalError(f"{place.shown} has no tables of a journal, and they cannot be made: {fault}") from None
    check_version(connection, place)


def _require_any_text(connection: Connection, place: Place) -> None:
    encoding = _one(connection, "SHOW server_encoding")
    if encoding not in _ANY_TEXT:
        raise JournalError(
            f"{place.shown} holds text as {encoding}, which cannot hold all prompts; allowed: a database made with "
            "ENCODING 'UTF8'"
        )


def check_version(connection: Connection, place: Place) -> None:
    """JournalError if there are no tables, or such as this version does not know."""
    if not _one(connection, schema.IS_MADE):
        raise JournalError(f"{place.shown} is not a journal: there are no tables of one")
    version = _one(connection, schema.READ_VERSION)
    if version != schema.VERSION:
        raise JournalError(
            f"{place.shown} is a journal of version {version}, this wan_async reads version {schema.VERSION}; "
            "it was left as it is"
        )


def _one(connection: Connection, query: Any) -> Any:
    row = connection.execute(query).fetchone()
    return None if row is None else row[0]
