"""The event loop behind the sync clients: one for all of the process, in a thread of its own, while any is open."""

from __future__ import annotations

import asyncio
import atexit
import os
import sys
import threading
import weakref
from collections.abc import Callable, Coroutine
from concurrent import futures
from typing import Any, Generic, TypeVar

import anyio
from anyio.from_thread import BlockingPortal

T = TypeVar("T")

HEARD = 0.1 if sys.platform == "win32" else None
"""Seconds after which a waiting thread hears of Ctrl-C: on Windows it does not while it waits for a lock."""


class DoorCall(Generic[T]):
    """A coroutine at work in the loop's thread.

    Args:
        portal: leads there.
        function: makes the coroutine.
    """

    def __init__(self, portal: BlockingPortal, function: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._portal = portal
        self._function = function
        self._task: asyncio.Task[Any] | None = None
        self._error: BaseException | None = None
        self._ended = portal.start_task_soon(self._run)

    async def _run(self) -> T:
        self._task = asyncio.current_task()
        try:
            return await self._function()
        except BaseException as error:
            self._error = error
            raise

    def when_ended(self, notify: Callable[[], None]) -> None:
        """Call `notify` in the loop's thread once the coroutine has ended."""
        self._ended.add_done_callback(lambda _: notify())

    def result(self) -> T:
        """The coroutine's value or error; what interrupts the wait cancels it, and gets its notes."""
        try:
            self._wait()
        except BaseException as interrupt:
            self.cancel(interrupt)
            raise
        return self._ended.result()

    def cancel(self, interrupt: BaseException) -> None:
        """Cancel the coroutine, wait until it has ended, and note on the interrupt what it leaves behind."""
        self._portal.start_task_soon(self._cancel)
        self._wait()
        for note in getattr(self._error, "__notes__", ()):
            interrupt.add_note(note)
        if self._error is None and not self._ended.cancelled():
            interrupt.add_note(f"the call had just ended: {self._ended.result()!r}")

    async def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _wait(self) -> None:
        while not futures.wait([self._ended], HEARD).done:
            pass


class Door:
    """The way into the loop's thread. The thread starts with the first client that calls and ends with the last."""

    def __init__(self) -> None:
        self._holders: weakref.WeakSet[object] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._portal: BlockingPortal | None = None
        self._thread: threading.Thread | None = None
        if sys.platform != "win32":
            os.register_at_fork(after_in_child=self._forget)
        atexit.register(self._end, cancel=True)

    def call(self, holder: object, function: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine there; see `DoorCall.result`."""
        return self.start(holder, function).result()

    def start(self, holder: object, function: Callable[[], Coroutine[Any, Any, T]]) -> DoorCall[T]:
        """Start a coroutine there.

        Args:
            holder: the client, for which the thread stays until it is closed.
            function: makes the coroutine.

        Raises:
            RuntimeError: called in the loop's own thread, such as by `on_event`.
        """
        with self._lock:
            self._holders.add(holder)
            portal = self._portal
            if portal is None:
                portal = self._portal = self._open()
        return DoorCall(portal, function)

    def close(self, holder: object, function: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a client's last coroutine; with no other client open the thread ends."""
        if holder in self._holders:
            self.call(holder, function)
        with self._lock:
            self._holders.discard(holder)
            if not self._holders:
                self._end(cancel=False)  # what other threads have under way ends first

    def _open(self) -> BlockingPortal:
        opened: futures.Future[BlockingPortal] = futures.Future()

        async def main() -> None:
            async with BlockingPortal() as portal:
                opened.set_result(portal)
                await portal.sleep_until_stopped()

        # a daemon: a client that nobody closed must not keep the process from ending
        self._thread = threading.Thread(target=anyio.run, args=[main], name="wan_async.sync", daemon=True)
        self._thread.start()
        return opened.result()

    def _end(self, *, cancel: bool) -> None:
        portal, thread = self._portal, self._thread
        self._portal = self._thread = None
        if portal is not None and thread is not None and thread.is_alive():
            portal.start_task_soon(portal.stop, cancel)
            thread.join()

    def _forget(self) -> None:
        """In a forked child the thread is not there."""
        self._portal = self._thread = None
        self._holders = weakref.WeakSet()
        self._lock = threading.Lock()


door = Door()
