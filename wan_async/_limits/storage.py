"""The seam under a shared limit: what a storage does, and the connections of this process to one.

A new storage is one module like `file`, `redis` or `postgres`, and a line in `_PLACES`. It does one thing: a visit to
the window of an account, in one exchange and by a clock that all visitors share. `_policy/shared_window.py` says what
a visit does, and tests/limits/test_storages.py whether a storage does it.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import math
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol, TypeVar
from urllib.parse import urlsplit

import msgspec

from .._docs import documented
from .._policy.settings import require_share
from .._words import shown
from ..errors import ConfigurationError

if TYPE_CHECKING:
    from .._policy.shared_window import Turn, Visit

T = TypeVar("T")

_log = logging.getLogger("wan_async.limits")

_PLACES = {
    "file": "file.FileLimits",
    "redis": "redis.RedisLimits",
    "rediss": "redis.RedisLimits",
    "unix": "redis.RedisLimits",
    "postgresql": "postgres.PostgresLimits",
    "postgres": "postgres.PostgresLimits",
}


class StorageAwayError(Exception):
    """The storage cannot be reached now; nobody knows whether the visit was made."""


class LimitStorage(Protocol):
    """A connection to a storage, used in one event loop."""

    async def visit(self, name: str, visit: Visit, keep: float) -> Turn:
        """Visit the window of that name; without another visit within `keep` seconds it may be forgotten.

        Raises:
            StorageAwayError: it cannot be reached now.
            ConfigurationError: it will never do.
        """
        ...

    async def aclose(self) -> None:
        """Close the connection."""
        ...


@documented
class StoredLimits(msgspec.Struct, frozen=True):
    """A place where an account's windows live, for `WanClient(limit_storage=…)`; `str` shows no password."""

    url: str
    """The place."""
    on_outage: Literal["wait", "local"] = "wait"
    """While it is away, calls "wait", or each process goes on "local"ly with its part of the limit."""
    share: float = 0.25
    """That part, 0 < share ≤ 1; with as many processes as shares the limit holds."""

    at_once: ClassVar[int] = 1  # visits of an event loop

    def __post_init__(self) -> None:
        name = type(self).__name__
        if self.on_outage not in ("wait", "local"):
            raise ConfigurationError(f'{name}.on_outage: allowed: "wait" or "local"')
        require_share(f"{name}.share", self.share)
        self.check()

    def check(self) -> None:
        """Refuse a place that can never do, with a `ConfigurationError`."""

    def connect(self) -> LimitStorage:
        """A connection for the running event loop, opened when it is used."""
        raise NotImplementedError

    def __str__(self) -> str:
        return place(self.url)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({place(self.url)!r})"


def place(url: str) -> str:
    """The URL without user, password and options; its scheme alone where a `/`, `?` or `#` may be the password's."""
    parts = urlsplit(url)
    if url.count("@") > parts.netloc.count("@"):
        return f"{parts.scheme}://…"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def stored_limits(given: str | StoredLimits) -> StoredLimits:
    """The storage of that URL.

    Raises:
        ConfigurationError: there is none of this kind, or what it needs is not installed.
    """
    if isinstance(given, StoredLimits):
        return given
    scheme, found, _ = given.partition("://") if isinstance(given, str) else ("", "", "")
    module, _, name = _PLACES.get(scheme.lower(), "").partition(".")
    if not found or not module:
        kind = f"{shown(scheme)} is no scheme of a storage" if found else "no URL"
        raise ConfigurationError(f"limit_storage: {kind}; allowed: {', '.join(f'{one}://' for one in _PLACES)}")
    try:
        kind = getattr(importlib.import_module(f".{module}", __package__), name)
    except ModuleNotFoundError as missing:
        raise ConfigurationError(f"limit_storage: {missing}") from None
    return kind(given)


class VisitQueue:
    """Visits in the order they came; where one finds the server away, those behind it need not find that again.

    Whoever waits here for a connection does not find the server away: 1,000 accounts once waited longer than a visit
    may take.

    Args:
        connections: visits at once.
    """

    def __init__(self, connections: int) -> None:
        self._room = asyncio.Semaphore(connections)
        self._away_at = -math.inf
        self._words = ""

    async def visit(self, visiting: Callable[[], Awaitable[T]]) -> T:
        """Make the visit when there is room."""
        loop = asyncio.get_running_loop()
        came = loop.time()
        async with self._room:
            if self._away_at > came:
                raise StorageAwayError(self._words)
            try:
                return await visiting()
            except StorageAwayError as error:
                self._away_at, self._words = loop.time(), str(error)
                raise


class _StorageInLoop:
    """A storage in one event loop: who waits for it, how many use it, and its connection."""

    def __init__(self, connections: int) -> None:
        self.queue = VisitQueue(connections)
        self.users = 0
        self.connection: LimitStorage | None = None


class Storage:
    """A storage as this process uses it: a connection in each event loop, while somebody is there who needs it."""

    def __init__(self, options: StoredLimits) -> None:
        self.options = options
        self._by_loop: dict[asyncio.AbstractEventLoop, _StorageInLoop] = {}
        self._away = False

    async def in_turn(self, visiting: Callable[[], Awaitable[T]]) -> T:
        """Make a visit when there is room for it: only then it is known what to report and ask."""
        return await self._here().queue.visit(visiting)

    async def visit(self, name: str, visit: Visit, keep: float) -> Turn:
        """See `LimitStorage`; says once that the storage is away, and once that it is back."""
        here = self._here()
        here.connection = here.connection or self.options.connect()
        try:
            turn = await here.connection.visit(name, visit, keep)
        except StorageAwayError as error:
            if not self._away:
                self._away = True
                _log.warning("the limits at %s are away, %s: %s", self.options, self._meanwhile(), error)
            raise
        if self._away:
            self._away = False
            _log.warning("the limits at %s are back", self.options)
        return turn

    def hold(self) -> None:
        """Note one more user in the running loop, until `release`."""
        self._here().users += 1

    async def release(self) -> None:
        """Undo one `hold`; the last one closes the running loop's connection."""
        here = self._here()
        here.users -= 1
        if not here.users and here.connection is not None:
            connection, here.connection = here.connection, None
            await connection.aclose()

    def _here(self) -> _StorageInLoop:
        loop = asyncio.get_running_loop()
        here = self._by_loop.get(loop)
        if here is None:
            here = self._by_loop[loop] = _StorageInLoop(self.options.at_once)
            for other in list(self._by_loop):  # a connection may keep its loop alive
                if other.is_closed():
                    self._by_loop.pop(other, None)
        return here

    def _meanwhile(self) -> str:
        if self.options.on_outage == "local":
            return f"this process goes on with {self.options.share:.0%} of the limit"
        return "calls wait until they are back"
