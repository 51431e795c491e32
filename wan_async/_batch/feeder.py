"""The caller's inputs, pulled as slots come free, whichever kind of iterable they come as.

A slot is taken, then an item pulled. With a journal, as many as there are free slots are pulled and looked up together,
more of them while all are known, as nearly all of the first are on a resume: a million known items pass in seconds.
What is known gives its slot back at once; each of the others goes its way in a coroutine of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from ..errors import ConfigurationError, InvalidInputError
from ..models import WanInput
from .outcome import Outcome
from .stages import UNSENT, Item, Stage, Unsent

if TYPE_CHECKING:
    from .item import Items

    Start: TypeAlias = Callable[[Item, Stage, asyncio.Semaphore], None]

Inputs: TypeAlias = (
    Iterable[WanInput]
    | Iterable[tuple[str, WanInput]]
    | Iterable[WanInput | tuple[str, WanInput]]
    | AsyncIterable[WanInput]
    | AsyncIterable[tuple[str, WanInput]]
    | AsyncIterable[WanInput | tuple[str, WanInput]]
)

FEWEST = 16
MOST = 512
"""Items looked up together: while some are new, and at most, a few milliseconds of the journal's time."""

_END: Any = object()


class Feeder:
    """Pulls the inputs, one at a time, and starts what is not known.

    Args:
        inputs: the caller's.
        items: have the ledger, which knows what earlier runs did, and the outbox.
        slots: one for each item that is pulled and not handed over yet.
        start: (item, stage, slots) sends an item on its way from where it stands.

    Attributes:
        pulled: how many were pulled.
    """

    def __init__(self, inputs: Inputs, items: Items, slots: asyncio.Semaphore, start: Start) -> None:
        self._source: AsyncIterator[Any] | Iterator[Any]
        if isinstance(inputs, AsyncIterable):
            self._source = aiter(cast("AsyncIterable[Any]", inputs))
        elif isinstance(inputs, Iterable):
            self._source = iter(cast("Iterable[Any]", inputs))
        else:
            raise ConfigurationError(f"inputs: {inputs!r} is not allowed; allowed: an iterable or async iterable")
        self._items = items
        self._slots = slots
        self._start = start
        self._together = FEWEST
        self._raised: Exception | None = None
        self.pulled: int = 0

    async def run(self) -> None:
        """Pull until the inputs end; what earlier runs left to be sent goes first.

        Raises:
            BaseException: the caller's iterable raised it, or the ledger.
        """
        earlier = self._items.ledger.earlier
        while earlier is not None and (queued := await earlier.queued()):
            for item in queued:
                await self._slots.acquire()
                await self._send([item])
        while page := await self._page():
            await self._admit(page)
            if len(page) == self._together or self._raised is not None or self.pulled % FEWEST == 0:
                await asyncio.sleep(0)  # what was started goes its way

    async def aclose(self) -> None:
        """Close an async generator, so that none of its cleanup is left to the garbage collector."""
        close = getattr(self._source, "aclose", None)
        if close is not None:
            await close()

    async def _page(self) -> list[Item | Outcome]:
        """The next items, each with a slot; an empty list at the end.

        What the caller's iterable raises is kept until those before it have gone their way.
        """
        if self._raised is not None:
            raise self._raised
        await self._slots.acquire()
        source = self._source
        given = await anext(source, _END) if isinstance(source, AsyncIterator) else next(source, _END)
        page: list[Item | Outcome] = []
        while given is not _END:
            page.append(self._read(given))
            if isinstance(source, AsyncIterator) or len(page) >= self._together or self._slots.locked():
                return page
            await self._slots.acquire()  # at once: it is not locked
            try:
                given = next(source, _END)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is raised later
                self._raised = error
                given = _END
        self._slots.release()
        return page

    async def _admit(self, page: list[Item | Outcome]) -> None:
        """Start what is not known; hand over what ended before it began."""
        items: list[Item] = []
        for one in page:
            if isinstance(one, Item):
                items.append(one)
            else:
                self._items.outbox.put(one, self._slots)
        unsent: list[Item] = []
        known = 0
        for item, stage in await self._items.ledger.admit(items) if items else ():
            if stage is None:
                known += 1
                self._slots.release()
            elif isinstance(stage, Unsent):
                unsent.append(item)
            else:
                self._start(item, stage, self._slots)
        self._together = min(2 * self._together, MOST) if known == len(page) else FEWEST
        await self._send(unsent)  # after those that wait for nothing

    async def _send(self, items: list[Item]) -> None:
        """Start items that are to be sent, each when it is its turn: before that it needs no coroutine."""
        for item in items:
            await self._items.turns.acquire()
            self._start(item, UNSENT, self._slots)

    def _read(self, given: Any) -> Item | Outcome:
        """The item of what was pulled, or the outcome of what is none."""
        index = self.pulled
        self.pulled += 1
        key, what = "", "an input or a (key, input) pair"
        task_input: object = given
        try:
            if isinstance(given, tuple) and len(cast("tuple[Any, ...]", given)) == 2:
                key, task_input = _key(given[0]), cast("object", given[1])
                what = "an input such as Wan22TextToVideoTurbo"
            if isinstance(task_input, WanInput):
                return self._items.ledger.item(index, key, task_input)
            error = InvalidInputError("input", task_input, what)
        except InvalidInputError as refusal:
            error = refusal
        except Exception as fault:  # noqa: BLE001 - half an emoji, or what is no JSON: a bad row is just a row
            error = InvalidInputError("input", task_input, f"values that can be written as JSON ({fault})")
        return Outcome(index=index, key=key or str(index), input=None, error=error)


def _key(given: Any) -> str:
    """A key as plain text: subclasses of `str` (numpy's, markupsafe's) are written like it and do not compare like it.

    Raises:
        InvalidInputError: it is no text, or none that a file or database can hold.
    """
    if not isinstance(given, str) or not given:
        raise InvalidInputError("key", given, "text of at least 1 character")
    key = str.__str__(given)
    if not key.isascii():
        try:
            key.encode()
        except UnicodeEncodeError:
            raise InvalidInputError("key", key, "text without lone surrogates, such as UTF-8 can hold") from None
    return key
