"""A part of an item's way in which its coroutine may be cancelled; outside of every scope nothing cancels it.

A stop closes the scope of what is not sent, leaving closes the scope of what the next run can do as well. Between the
two lies what must not be interrupted: an intent on its way to the disk, a POST in the air, an outcome being written.
`asyncio.shield` would do the same with a task and a future more for each step.
"""

from __future__ import annotations

import asyncio
from asyncio import current_task
from typing import Any


class Scope:
    """Coroutines of one event loop that are inside, to be cancelled together.

    Attributes:
        closed: True once they were; then nobody enters any more.
        loop: their event loop; who knows it need not ask for it at each step, a system call on 3.11.
    """

    __slots__ = ("_inside", "closed", "loop")

    def __init__(self) -> None:
        self._inside: set[asyncio.Task[Any] | None] = set()
        self.closed: bool = False
        self.loop: asyncio.AbstractEventLoop | None = None

    def enter(self) -> None:
        """The running coroutine may be cancelled from here on; it is at once where the scope is closed."""
        if self.closed:
            raise asyncio.CancelledError
        self._inside.add(current_task(self.loop))

    def leave(self) -> None:
        """The running coroutine is not cancelled any more; nothing happens if it is not inside."""
        self._inside.discard(current_task(self.loop))

    def close(self) -> None:
        """Cancel all that are inside, but for whoever calls."""
        self.closed = True
        here = asyncio.current_task()
        for task in tuple(self._inside):
            if task is not None and task is not here:
                task.cancel()

    __enter__ = enter

    def __exit__(self, *_: object) -> None:
        self._inside.discard(current_task(self.loop))
