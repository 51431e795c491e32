"""Cleaning up in a thread, even for a caller that is cancelled, and cancelled again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import anyio


async def surely(work: Callable[[], None]) -> None:
    """Do `work` in a thread and wait for its end; a cancellation meanwhile is raised after that.

    The thread is asked for before anything is waited for, and not by way of a task: whatever cancels tasks, the work
    is done.
    """
    doing = asyncio.get_running_loop().run_in_executor(None, work)
    cancelled: asyncio.CancelledError | None = None
    with anyio.CancelScope(shield=True):  # anyio would cancel again and again
        while not doing.done():
            try:
                await asyncio.wait([doing])
            except asyncio.CancelledError as asked:
                cancelled = asked
    if cancelled is not None:
        raise cancelled
    doing.result()
