"""`wan_async.progress`: the outcomes of a batch, and how far it is."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Self, TextIO

from ..errors import ConfigurationError
from .display import display_on, showing, showing_beside
from .pace import Follow

if TYPE_CHECKING:
    from .._batch import Batch, Outcome
    from ..sync import Batch as SyncBatch

_EVERY = 10.0
"""Seconds between lines where there is nothing to draw on."""


class progress:
    """The outcomes of a batch as they come, with its progress shown.

    ```python
    async with wan.batch(inputs, journal="run.db") as results:
        async for outcome in progress(results, total=1000):
            ...
    ```

    A batch of `wan_async.sync` is shown by `for outcome in progress(results): …`.

    A bar with counts on a terminal and in notebooks (extra `cli`), a line every 10 s elsewhere: done, running, failed,
    throttled, the account's limit as used and learnt, pace, time left, credits. It ends with the loop or its batch.

    Args:
        results: a batch, entered.
        total: items in its inputs, for the bar and the time left; None where nobody knows.
        stream: the text stream that shows it; by default stderr.
    """

    def __init__(self, results: Batch | SyncBatch, *, total: int | None = None, stream: TextIO | None = None) -> None:
        if total is not None and (not isinstance(total, int) or total < 0):
            raise ConfigurationError(f"total: {total!r} is not allowed; allowed: an integer ≥ 0, or None")
        self._results: Any = results
        self._follow = Follow(results, total)
        self._stream = stream
        self._over = asyncio.Event()
        self._shown: asyncio.Task[None] | None = None

    def __iter__(self) -> Iterator[Outcome]:
        results: Any = self._results
        if not isinstance(results, Iterable):
            raise ConfigurationError("progress: this batch is shown by `async for`")
        with (
            display_on(self._stream or sys.stderr, every=_EVERY) as display,
            showing_beside(display, self._follow.view),
        ):
            yield from results

    def __aiter__(self) -> Self:
        if isinstance(self._results, Iterable):
            raise ConfigurationError("progress: a batch of wan_async.sync is shown by `for`")
        return self

    async def __anext__(self) -> Outcome:
        if self._shown is None:
            self._results.on_close(self._end)  # after a `break` nobody comes back to this loop
            self._shown = asyncio.get_running_loop().create_task(self._show())
        try:
            return await anext(self._results)
        except BaseException:
            await self._end()
            raise

    async def _end(self) -> None:
        """Show the end: what the caller prints next is not in the midst of it."""
        self._over.set()
        if self._shown is not None:
            await asyncio.wait([self._shown])

    async def _show(self) -> None:
        with display_on(self._stream or sys.stderr, every=_EVERY) as display:
            async with showing(display, self._follow.view):
                await self._over.wait()
