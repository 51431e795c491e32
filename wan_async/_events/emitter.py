"""A client's emitter: each event is made only if somebody wants it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..events import Event
from .lines import LINES, write


class Emitter:
    """Hands a client's events to the log and to who listens.

    Args:
        listener: listens from the start.
        key_id: stands for the key in the log, and does not reveal it.
    """

    __slots__ = ("_listeners", "_onlooker", "key_id")

    def __init__(self, listener: Callable[[Event], None] | None = None, key_id: str = "") -> None:
        self.key_id: str = key_id
        self._listeners: tuple[Callable[[Event], None], ...] = () if listener is None else (listener,)
        self._onlooker: Callable[[Event], None] | None = None

    def wanted(self, kind: type[Event]) -> Callable[[], bool]:
        """A callable that says whether anybody wants an event of this kind now."""
        is_enabled, level = LINES[kind].logger.isEnabledFor, LINES[kind].level
        return lambda: bool(self._listeners) or is_enabled(level)

    def __call__(self, event: Event) -> None:
        write(event, self.key_id)
        for listener in self._listeners:
            try:
                listener(event)
            except Exception as error:  # noqa: BLE001 - a broken display must not cost a paid task
                context = {"message": "on_event raised", "exception": error}
                asyncio.get_running_loop().call_exception_handler(context)
        if self._onlooker is not None:
            self._onlooker(event)

    def show(self, onlooker: Callable[[Event], None]) -> None:
        """Call `onlooker` with the events that others want; none is made for it alone."""
        self._onlooker = onlooker

    def add(self, listener: Callable[[Event], None]) -> None:
        """Call `listener` with each event from now on."""
        self._listeners = (*self._listeners, listener)

    def remove(self, listener: Callable[[Event], None]) -> None:
        """Undo `add`; nothing happens if it was not added."""
        self._listeners = tuple(one for one in self._listeners if one is not listener)
