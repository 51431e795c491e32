"""wan_async: the Wan video-generation job API for asyncio, safe with money and with days-long batches.

Beside what is here: `wan_async.events` (what `on_event` is told) and `wan_async.emulator` (the provider, on loopback).
"""

from typing import TYPE_CHECKING

from ._batch import Batch, BatchStats, Outcome
from ._bus import CallbackBus, Listener
from ._callbacks import CallbackReply, Callbacks
from ._client import WanClient
from ._policy.settings import Polling, RateLimit, Retry, Timeout
from ._protocol import TaskRecord, TaskState
from ._protocol.callbacks import WakeUp
from ._task import WanTask
from ._transport import SessionPool, Transport
from ._version import __version__
from .errors import (
    ApiError,
    AuthenticationError,
    BudgetExceededError,
    CallbackError,
    ConfigurationError,
    FeatureDisabledError,
    InsufficientCreditsError,
    InvalidInputError,
    JournalError,
    KeyQuotaError,
    MaintenanceError,
    NotFoundError,
    RateLimitError,
    RejectedError,
    ResponseError,
    ServerError,
    SubmissionUnknownError,
    TaskFailedError,
    TaskTimeoutError,
    TransportError,
    WanError,
)
from .models import (
    CustomInput,
    Wan22AnimateMove,
    Wan22AnimateReplace,
    Wan22ImageToVideoTurbo,
    Wan22TextToVideoTurbo,
    Wan26ImageToVideo,
    WanInput,
)

if TYPE_CHECKING:
    from ._journal import Entry as JournalEntry
    from ._journal import Journal, JournalCounts
    from ._journal import State as JournalState
    from ._transfers import UploadedFile

__all__ = [
    "ApiError",
    "AuthenticationError",
    "Batch",
    "BatchStats",
    "BudgetExceededError",
    "CallbackBus",
    "CallbackError",
    "CallbackReply",
    "Callbacks",
    "ConfigurationError",
    "CustomInput",
    "FeatureDisabledError",
    "InsufficientCreditsError",
    "InvalidInputError",
    "Journal",
    "JournalCounts",
    "JournalEntry",
    "JournalError",
    "JournalState",
    "KeyQuotaError",
    "Listener",
    "MaintenanceError",
    "NotFoundError",
    "Outcome",
    "Polling",
    "RateLimit",
    "RateLimitError",
    "RejectedError",
    "ResponseError",
    "Retry",
    "ServerError",
    "SessionPool",
    "SubmissionUnknownError",
    "TaskFailedError",
    "TaskRecord",
    "TaskState",
    "TaskTimeoutError",
    "Timeout",
    "Transport",
    "TransportError",
    "UploadedFile",
    "WakeUp",
    "Wan22AnimateMove",
    "Wan22AnimateReplace",
    "Wan22ImageToVideoTurbo",
    "Wan22TextToVideoTurbo",
    "Wan26ImageToVideo",
    "WanClient",
    "WanError",
    "WanInput",
    "WanTask",
    "__version__",
]

_LATER = {
    "Journal": ("._journal", "Journal"),
    "JournalCounts": ("._journal", "JournalCounts"),
    "JournalEntry": ("._journal", "Entry"),
    "JournalState": ("._journal", "State"),
    "UploadedFile": ("._transfers", "UploadedFile"),
}
"""Loaded when used: with sqlite3 and anyio they are 15 of the 95 ms that importing all would take."""


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module, its = _LATER[name]
    value = globals()[name] = getattr(import_module(module, __name__), its)
    return value
