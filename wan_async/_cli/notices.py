"""Notices for a user who waits: why nothing moves, what is tried, and until when."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable

import click

from .._policy.settings import Retry
from ..events import Event, Repeated
from .common import quiet

_EVERY = 30.0
"""Seconds until the same is printed again."""
_FILES = os.strerror(errno.EMFILE)


class Notices:
    """Hears a client's events, and prints what is repeated: at once, then now and then.

    Args:
        retry: how long it is repeated.
        clock: gives seconds.

    Attributes:
        say: prints a line; a display puts its own here.
    """

    def __init__(self, retry: Retry, clock: Callable[[], float] = time.monotonic) -> None:
        self._for = retry.max_elapsed
        self._clock = clock
        self._next: dict[str, float] = {}
        self._quiet = quiet()
        self.say: Callable[[str], None] = _on_stderr

    def __call__(self, event: Event) -> None:
        if not isinstance(event, Repeated) or self._quiet:
            return
        words, now = str(event.error), self._clock()
        if now >= self._next.get(words, 0.0):
            self._next[words] = now + _EVERY
            hint = "; raise the limit of open files (ulimit -n)" if _FILES in words else ""
            self.say(f"{words}; tried again for {self._for:g} s (--retry){hint}")


def _on_stderr(line: str) -> None:
    click.echo(f"wan-async: {line}", err=True)
