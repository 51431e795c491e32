"""Buses, which carry wake-ups from whoever received a callback to all who wait for one."""

from __future__ import annotations

import asyncio
import threading
import weakref
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


class Listeners:
    """Those of this process, each notified in the event loop in which it was added; none is kept alive."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: list[tuple[asyncio.AbstractEventLoop, weakref.ref[Listener]]] = []

    def add(self, listener: Listener) -> None:
        """Notify `listener` from now on."""
        self._change(add=listener)

    def remove(self, listener: Listener) -> None:
        """Notify `listener` no more."""
        self._change(remove=listener)

    def notify(self, wake_up: WakeUp) -> None:
        """Notify all, those of other event loops as soon as these run."""
        running = asyncio.get_running_loop()
        for loop, known in self._known:
            listener = known()
            if listener is None:
                continue
            if loop is running:
                listener.heard(wake_up)
            else:
                _call_in(loop, listener, wake_up)

    def of(self, loop: asyncio.AbstractEventLoop) -> list[Listener]:
        """Those of one event loop."""
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


def _call_in(loop: asyncio.AbstractEventLoop, listener: Listener, wake_up: WakeUp) -> None:
    try:
        loop.call_soon_threadsafe(listener.heard, wake_up)
    except RuntimeError:  # the loop was closed, and its client was not
        pass


class LocalBus:
    """The bus of one process, whatever event loops it runs."""

    def __init__(self) -> None:
        self._listeners = Listeners()

    async def publish(self, wake_up: WakeUp) -> None:
        """Notify all listeners."""
        self._listeners.notify(wake_up)

    def attach(self, listener: Listener) -> None:
        """Notify `listener` from now on."""
        self._listeners.add(listener)

    async def detach(self, listener: Listener) -> None:
        """Notify `listener` no more."""
        self._listeners.remove(listener)
