"""The coroutines of a batch: few, and none left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class Crew:
    """Tasks that end together with their batch.

    Args:
        ended: called when a task has ended, with its error if it raised one.
    """

    def __init__(self, ended: Callable[[BaseException | None], None]) -> None:
        self._ended = ended
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, step: Coroutine[Any, Any, None], *, idle: bool = False) -> None:
        """Run `step`; `idle` tasks have nothing at stake and are cancelled by `dismiss`."""
        task = asyncio.get_running_loop().create_task(step)
        self._tasks.add(task)
        if idle:
            self._idle.add(task)
        task.add_done_callback(self._done)

    def busy(self) -> None:
        """The running task has something at stake from here on: a dismissal lets it finish."""
        self._idle.discard(_me())

    def idle(self) -> None:
        """The running task may be cancelled by a dismissal again."""
        self._idle.add(_me())

    def dismiss(self, *, everybody: bool = False) -> None:
        """Cancel the idle tasks, or all of them."""
        for task in self._tasks if everybody else self._idle:
            task.cancel()

    async def join(self) -> None:
        """Wait until every task has ended; a second cancellation meanwhile cancels them all."""
        try:
            while self._tasks:
                await asyncio.wait(self._tasks)
        finally:
            self.dismiss(everybody=True)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._idle.discard(task)
        self._ended(None if task.cancelled() else task.exception())


def _me() -> asyncio.Task[None]:
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("called outside a task")
    return task
