"""A part of an item's way in which its coroutine may be cancelled; outside of every scope nothing cancels it.

A stop closes the scope of what is not sent, leaving closes the scope of what the next run can do as well. Between the
two lies what must not be interrupted: an intent on its way to the disk, a POST in the air, an outcome being written.
`asyncio.shield` would do the same with a task and a future more for each step.
"""

from __future__ import annotations

import asyncio
from typing import Any


class Scope:
    """Coroutines that are inside, to be cancelled together.

    Attributes:
        closed: True once they were; then nobody enters any more.
    """

    __slots__ = ("_inside", "closed")

    def __init__(self) -> None:
        self._inside: set[asyncio.Task[Any] | None] = set()
        self.closed: bool = False

    def enter(self) -> None:
        """The running coroutine may be cancelled from here on; it is at once where the scope is closed."""
        if self.closed:
            raise asyncio.CancelledError
        self._inside.add(asyncio.current_task())

    def leave(self) -> None:
        """The running coroutine is not cancelled any more; nothing happens if it is not inside."""
        self._inside.discard(asyncio.current_task())

    def close(self) -> None:
        """Cancel all that are inside, but for whoever calls."""
        self.closed = True
        here = asyncio.current_task()
        for task in tuple(self._inside):
            if task is not None and task is not here:
                task.cancel()

    def __enter__(self) -> None:
        self.enter()

    def __exit__(self, *_: object) -> None:
        self.leave()
