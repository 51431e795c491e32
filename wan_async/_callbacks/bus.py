"""Buses, which carry wake-ups from whoever received a callback to all who wait for one."""

from __future__ import annotations

import asyncio
import threading
import weakref
from contextlib import suppress
from typing import Protocol

from .._protocol.callbacks import WakeUp


class Listener(Protocol):
    """A listener to callbacks: a client, in one event loop."""

    def heard(self, wake_up: WakeUp) -> None:
        """A callback came; must not block or raise."""
        ...

    def missed(self) -> None:
        """The bus was away: callbacks may have been missed."""
        ...


class CallbackBus(Protocol):
    """Carries wake-ups from whoever received them to all who wait. Methods are called in an event loop."""

    async def publish(self, wake_up: WakeUp) -> None:
        """Notify all listeners, in this and in other processes. What it raises makes the provider call again."""
        ...

    def attach(self, listener: Listener) -> None:
        """Notify `listener` from now on, in the running event loop."""
        ...

    async def detach(self, listener: Listener) -> None:
        """Notify `listener` no more."""
        ...


class LocalBus:
    """The bus of one process: each listener hears in the event loop in which it was attached; none is kept alive."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: list[tuple[asyncio.AbstractEventLoop, weakref.ref[Listener]]] = []

    async def publish(self, wake_up: WakeUp) -> None:
        """Notify all listeners, those of other event loops as soon as these run."""
        running = asyncio.get_running_loop()
        for loop, known in self._known:
            listener = known()
            if listener is None:
                continue
            if loop is running:
                listener.heard(wake_up)
            else:
                with suppress(RuntimeError):  # the loop was closed, and its client was not
                    loop.call_soon_threadsafe(listener.heard, wake_up)

    def attach(self, listener: Listener) -> None:
        """Notify `listener` from now on."""
        self._change(add=listener)

    async def detach(self, listener: Listener) -> None:
        """Notify `listener` no more."""
        self._change(remove=listener)

    def attached_in(self, loop: asyncio.AbstractEventLoop) -> list[Listener]:
        """The listeners of one event loop."""
        return [listener for its, known in self._known if its is loop and (listener := known()) is not None]

    def _change(self, *, add: Listener | None = None, remove: Listener | None = None) -> None:
        """Put a new list in the place of the old, over which another thread may run; what is gone is left out."""
        with self._lock:
            kept = [
                (loop, known)
                for loop, known in self._known
                if known() not in (None, add, remove) and not loop.is_closed()
            ]
            if add is not None:
                kept.append((asyncio.get_running_loop(), weakref.ref(add)))
            self._known = kept
