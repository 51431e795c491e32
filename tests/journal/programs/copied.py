"""Copies a journal, and stops for ever at a named instant: `copied.py SOURCE TARGET INSTANT` prints `here` there."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from wan_async import Journal
from wan_async._journal.postgres.sole import Sole
from wan_async._journal.sqlite import files, marks
from wan_async._journal.sqlite.hold import Hold

Any_ = Callable[..., Any]


def stop() -> None:
    print("here", flush=True)
    time.sleep(600)


def before(function: Any_) -> Any_:
    def stopped(*arguments: Any, **options: Any) -> Any:
        stop()
        return function(*arguments, **options)

    return stopped


def after(function: Any_) -> Any_:
    def stopped(*arguments: Any, **options: Any) -> Any:
        result = function(*arguments, **options)
        stop()
        return result

    return stopped


INSTANTS: dict[str, tuple[Any, str, Callable[[Any_], Any_]]] = {
    "among the rows": (Sole, "_fit", before),
    "all rows there": (Sole, "receive", after),
    "file marked": (Hold, "do", after),
    "before the file": (files, "create", before),
    "file there": (files, "create", after),
    "database decided": (marks, "settle", before),
}

if __name__ == "__main__":
    source, target, instant = sys.argv[1:]
    if instant != "never":
        owner, name, changed = INSTANTS[instant]
        setattr(owner, name, changed(getattr(owner, name)))
    Journal.copy(source, target)
