"""A batch that goes on as long as it is asked for clips, a row at a time: what a worker of an engine has at work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, TypeAlias

from ..errors import WanError

if TYPE_CHECKING:
    from .._batch import Batch, Outcome
    from ..models import WanInput

    Pair: TypeAlias = tuple[str, WanInput]
    Open: TypeAlias = Callable[[AsyncIterator[Pair]], AbstractAsyncContextManager[Batch]]

LINGERS = 1.0
"""Seconds for which a batch with nothing to do is kept: opening another one costs 50 ms."""

MOST_KEYS = 5_000
"""Keys that one batch is asked for: it remembers them all, and what it had goes into the next one."""


class OpenBatch:
    """Gives the outcome of any key at any time, those of earlier batches on the journal too.

    Args:
        open_batch: enters a batch of these pairs, with `replay=True` on a shared journal.
    """

    def __init__(self, open_batch: Open) -> None:
        self._open_batch = open_batch
        self._current: _Running | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def outcome(self, key: str, task_input: WanInput) -> Outcome:
        """The outcome of that key.

        Raises:
            Exception: what ended the batch; no other row would fare better.
        """
        current = self._current
        if current is None or not current.takes(key):
            current = self._start()
        return await current.ask(key, task_input)

    def _start(self) -> _Running:
        if self._current is not None:
            self._current.close()
        self._current = running = _Running()
        task = asyncio.get_running_loop().create_task(running.run(self._open_batch))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return running


class _Running:
    """One batch: what it is asked for goes in as it comes, until it is closed."""

    def __init__(self) -> None:
        self._asked: asyncio.Queue[Pair | None] = asyncio.Queue()
        self._keys: set[str] = set()
        self._waiting: dict[int, asyncio.Future[Outcome]] = {}
        self._closed = False

    def takes(self, key: str) -> bool:
        """Whether this key may be asked for: a batch gives each outcome once."""
        return not self._closed and key not in self._keys and len(self._keys) < MOST_KEYS

    async def ask(self, key: str, task_input: WanInput) -> Outcome:
        """The outcome of a key that it takes."""
        future = self._waiting[len(self._keys)] = asyncio.get_running_loop().create_future()
        self._keys.add(key)
        self._asked.put_nowait((key, task_input))
        return await future

    def close(self) -> None:
        """Take nothing more; what was asked for is still given."""
        if not self._closed:
            self._closed = True
            self._asked.put_nowait(None)

    async def run(self, open_batch: Open) -> None:
        """Have the clips made, and hand over their outcomes by their place in the inputs."""
        ended: BaseException = WanError("the batch ended before this row's outcome was known")
        try:
            async with open_batch(self._inputs()) as results:
                async for outcome in results:
                    future = self._waiting.pop(outcome.index, None)
                    if future is not None and not future.done():
                        future.set_result(outcome)
        except Exception as error:  # noqa: BLE001 - it is raised to whoever asked
            ended = error
        finally:
            self._closed = True
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(ended)

    async def _inputs(self) -> AsyncIterator[Pair]:
        while True:
            try:
                async with asyncio.timeout(LINGERS):
                    asked = await self._asked.get()
            except TimeoutError:
                if self._waiting:
                    continue
                self._closed = True
                return
            if asked is None:
                return
            yield asked
