"""Parts that job engines need: the journal and the limit that workers share, their clients, outcomes as plain facts."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from .._client import WanClient
from .._journal.opening import url_of
from .._protocol.secrets import Secret
from .._words import shown
from ..errors import ConfigurationError

if TYPE_CHECKING:
    from .._batch import Outcome
    from .._limits.storage import StoredLimits
    from ..events import Event

ClientArguments: TypeAlias = Mapping[str, Any]
"""Arguments of `WanClient`."""

FACTS = ("task_id", "state", "url", "urls", "path", "credits", "error", "error_type", "replayed")
"""The names of an outcome's facts, besides its key."""


def shared_journal(journal: object) -> Secret:
    """The URL of a journal that many workers may write.

    Raises:
        ConfigurationError: it is none.
    """
    url = url_of(cast("str", journal))
    if url is None:
        why = "an engine runs again what a worker that died had begun, and pays twice without a journal that all share"
        given = "nothing" if journal is None else shown(journal)
        raise ConfigurationError(f"journal: {given} is not allowed; allowed: postgresql://user@host/db#name: {why}")
    return url


def client_on_worker(
    client: ClientArguments | Callable[[], ClientArguments] | None,
    limit_storage: str | StoredLimits | None,
    journal: Secret,
    *,
    hear: Callable[[Event], None] | None = None,
    **ours: Any,
) -> WanClient:
    """A worker's client, whose arguments are made where it runs; the account's windows are shared.

    Without `limit_storage`, `WAN_ASYNC_LIMIT_STORAGE` or the client's own they live on the journal's server. `hear`
    listens to events beside the user's own listener; `ours` are arguments that are not the user's.
    """
    arguments: dict[str, Any] = dict(client() if callable(client) else client or {})
    storage = arguments.pop("limit_storage", None) or limit_storage or os.environ.get("WAN_ASYNC_LIMIT_STORAGE")
    wan = WanClient(**arguments | ours, limit_storage=storage or Secret(journal.partition("#")[0]))
    if hear is not None:
        wan._events.add(hear)  # pyright: ignore[reportPrivateUsage]
    return wan


class OpenClient:
    """A worker's client, made when it is first used, and open while anybody uses it: no engine says that it ends.

    Args:
        make: makes it.

    Attributes:
        client: the client; None before it is made.
    """

    def __init__(self, make: Callable[[], WanClient]) -> None:
        self._make = make
        self._users = 0
        self.client: WanClient | None = None

    @asynccontextmanager
    async def __call__(self) -> AsyncGenerator[WanClient]:
        """Use it in the running event loop, a worker's only one."""
        if self.client is None:
            self.client = self._make()
        self._users += 1
        try:
            yield self.client
        finally:
            self._users -= 1
            if not self._users:
                await self.client.aclose()


def facts_of(outcome: Outcome) -> dict[str, Any]:
    """`FACTS` of an outcome, as plain values."""
    record, error = outcome.record, outcome.error
    return {
        "task_id": outcome.task_id,
        "state": None if record is None else record.state.value,
        "url": None if record is None else record.url,
        "urls": None if record is None else list(record.urls),
        "path": None if outcome.path is None else os.fspath(outcome.path),
        "credits": None if record is None else record.credits,
        "error": None if error is None else str(error),
        "error_type": None if error is None else type(error).__name__,
        "replayed": outcome.replayed,
    }
