"""wan_async: the Wan video-generation job API for asyncio, safe with money and with days-long batches.

Beside what is here: `wan_async.sync` (the same without `await`), `wan_async.events` (for `on_event`),
`wan_async.integrations` (frameworks and engines), `wan_async.emulator` (the provider, on loopback) and
`wan_async.testing` (fixtures for pytest).
A name is loaded when it is first used: the command line, which asks for few of them, answers at once.
"""

from importlib import import_module
from os import environ
from typing import TYPE_CHECKING, Any

from ._version import __version__ as __version__

if environ.get("WAN_ASYNC_LOG"):
    import_module("._events.lines", __name__)  # it sets the log up

if TYPE_CHECKING:
    from ._batch import Batch as Batch
    from ._batch import BatchStats as BatchStats
    from ._batch import Outcome as Outcome
    from ._callbacks.bus import CallbackBus as CallbackBus
    from ._callbacks.bus import Listener as Listener
    from ._callbacks.callbacks import Callbacks as Callbacks
    from ._client import WanClient as WanClient
    from ._journal import Journal as Journal
    from ._journal import JournalCounts as JournalCounts
    from ._journal.entries import JournalEntry as JournalEntry
    from ._journal.entries import JournalState as JournalState
    from ._limits.file import FileLimits as FileLimits
    from ._limits.postgres import PostgresLimits as PostgresLimits
    from ._limits.redis import RedisLimits as RedisLimits
    from ._policy.settings import Polling as Polling
    from ._policy.settings import RateLimit as RateLimit
    from ._policy.settings import Retry as Retry
    from ._policy.settings import Timeout as Timeout
    from ._progress import progress as progress
    from ._protocol import TaskRecord as TaskRecord
    from ._protocol import TaskState as TaskState
    from ._protocol.callbacks import CallbackReply as CallbackReply
    from ._protocol.callbacks import WakeUp as WakeUp
    from ._task import WanTask as WanTask
    from ._transfers import UploadedFile as UploadedFile
    from ._transport.pool import SessionPool as SessionPool
    from ._transport.pool import Transport as Transport
    from .errors import *  # noqa: F403
    from .models import *  # noqa: F403 - a new model is public once it stands in `AnyInput`

_NAMES = {
    "_batch": ("Batch", "BatchStats", "Outcome"),
    "_callbacks.bus": ("CallbackBus", "Listener"),
    "_callbacks.callbacks": ("Callbacks",),
    "_client": ("WanClient",),
    "_journal": ("Journal", "JournalCounts"),
    "_journal.entries": ("JournalEntry", "JournalState"),
    "_limits.file": ("FileLimits",),
    "_limits.postgres": ("PostgresLimits",),
    "_limits.redis": ("RedisLimits",),
    "_policy.settings": ("Polling", "RateLimit", "Retry", "Timeout"),
    "_progress": ("progress",),
    "_protocol": ("TaskRecord", "TaskState"),
    "_protocol.callbacks": ("CallbackReply", "WakeUp"),
    "_task": ("WanTask",),
    "_transfers": ("UploadedFile",),
    "_transport.pool": ("SessionPool", "Transport"),
}
"""The names above by module, for when they are used; `errors` and `models` say themselves what is public."""
_OF_EXTRAS = ("PostgresLimits", "RedisLimits")
"""Names whose module needs an extra: `import *` leaves them out."""
_MODULES = ("emulator", "errors", "events", "integrations", "models", "prices", "sync")


def _where() -> dict[str, str]:
    """The module of each public name."""
    public = {name: module for module in ("errors", "models") for name in _module(module).__all__}
    return {name: module for module, names in _NAMES.items() for name in names} | public


def _module(name: str) -> Any:
    return import_module(f".{name}", __name__)


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return _module(name)
    if name == "__all__":
        return sorted({"__version__", *_where()}.difference(_OF_EXTRAS))
    module = None if name.startswith("_") else _where().get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(_module(module), name)
    return value


def __dir__() -> list[str]:
    return [*_where(), *_MODULES, "__version__"]
