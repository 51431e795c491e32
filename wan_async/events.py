"""What a client tells about while it works, to `WanClient(on_event=…)`: for logs, metrics and progress displays.

The callable runs on the event loop and must not block; what it raises goes to the loop's exception handler and changes
nothing.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from .errors import WanError

__all__ = ["Event", "Repeated", "Submitted", "Throttled"]


class Submitted(msgspec.Struct, frozen=True):
    """createTask answered with a task id: from here on the task is paid for.

    Attributes:
        task_id: the task's id.
        model: the model's name on the wire.
    """

    task_id: str
    model: str


class Throttled(msgspec.Struct, frozen=True):
    """The service said 429; the call waits for its next slot.

    Attributes:
        path: the call's path.
        retry_after: seconds by the answer's `Retry-After`, or None.
    """

    path: str
    retry_after: float | None


class Repeated(msgspec.Struct, frozen=True):
    """A call failed in a way that is safe to repeat, and will be.

    Attributes:
        path: the call's path.
        error: what happened.
        delay: seconds until it is sent again.
    """

    path: str
    error: WanError
    delay: float


Event: TypeAlias = Submitted | Throttled | Repeated
