"""The coroutines that a batch has under way; none is left behind."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable, Coroutine
from typing import Any


class Stake(enum.IntEnum):
    """What is lost if a task of the crew is cancelled."""

    NOTHING = 0
    """It waits for a slot or for the caller's next item."""
    ITEM = 1
    """It has an item that is not sent yet: the item is not sent."""
    CLIP = 2
    """It fetches a clip: the next run fetches it."""
    MONEY = 3
    """Its request may be in the air, or it writes down what came of it."""


class Crew:
    """Tasks that end together with their batch.

    Args:
        ended: called when one has ended, with its error if it has one.
    """

    def __init__(self, ended: Callable[[BaseException | None], None]) -> None:
        self._ended = ended
        self._stakes: dict[asyncio.Task[None], Stake] = {}

    def __len__(self) -> int:
        return len(self._stakes)

    def start(self, step: Coroutine[Any, Any, None], stake: Stake) -> None:
        """Run `step` as a task with something at stake."""
        task = asyncio.get_running_loop().create_task(step)
        self._stakes[task] = stake
        task.add_done_callback(self._done)

    def at_stake(self, stake: Stake) -> None:
        """The running task has this at stake from here on."""
        task = asyncio.current_task()
        if task is not None and task in self._stakes:
            self._stakes[task] = stake

    def dismiss(self, most: Stake) -> None:
        """Cancel the tasks that have no more than `most` at stake."""
        for task, stake in self._stakes.items():
            if stake <= most:
                task.cancel()

    async def join(self) -> None:
        """Wait until every task has ended; a second cancellation meanwhile cancels them all."""
        try:
            while self._stakes:
                await asyncio.wait(self._stakes)
        finally:
            if self._stakes:
                self.dismiss(Stake.MONEY)
                await asyncio.sleep(0)  # what a cancelled one has to write, it asks for now

    def _done(self, done: asyncio.Task[None]) -> None:
        del self._stakes[done]
        self._ended(None if done.cancelled() else done.exception())
