"""The caller's inputs, pulled one at a time, whichever kind of iterable they come as."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import Any, TypeAlias, cast

import msgspec

from ..errors import ConfigurationError, InvalidInputError
from ..models import WanInput

Inputs: TypeAlias = (
    Iterable[WanInput]
    | Iterable[tuple[str, WanInput]]
    | Iterable[WanInput | tuple[str, WanInput]]
    | AsyncIterable[WanInput]
    | AsyncIterable[tuple[str, WanInput]]
    | AsyncIterable[WanInput | tuple[str, WanInput]]
)


class Pulled(msgspec.Struct, frozen=True):
    """One item as it was pulled: what is no input carries its error."""

    index: int
    key: str | None
    input: WanInput | None
    error: InvalidInputError | None = None


class Feed:
    """Pulls from `inputs` when asked, never two at once and never ahead.

    Attributes:
        is_async: True if an item may have to be waited for.
        over: True if there is nothing more to pull.
        count: how many were pulled.
    """

    def __init__(self, inputs: Inputs) -> None:
        self._source: AsyncIterator[Any] | Iterator[Any]
        if isinstance(inputs, AsyncIterable):
            self._source = aiter(cast("AsyncIterable[Any]", inputs))
        elif isinstance(inputs, Iterable):
            self._source = iter(cast("Iterable[Any]", inputs))
        else:
            raise ConfigurationError(f"inputs: {inputs!r} is not allowed; allowed: an iterable or async iterable")
        self.is_async = isinstance(self._source, AsyncIterator)
        self.over = False
        self.count = 0

    async def pull(self) -> Pulled | None:
        """The next item, None at the end. What the caller's iterable raises comes out bare, once."""
        if self.over:
            return None
        try:
            if isinstance(self._source, AsyncIterator):
                return self._taken(await anext(self._source, _END))
            return self._taken(next(self._source, _END))
        except BaseException:
            self.over = True
            raise

    def pull_nowait(self) -> Pulled | None:
        """The next item if it is there without waiting, else None."""
        if self.over or isinstance(self._source, AsyncIterator):
            return None
        try:
            return self._taken(next(self._source, _END))
        except BaseException:
            self.over = True
            raise

    def _taken(self, item: Any) -> Pulled | None:
        if item is _END:
            self.over = True
            return None
        index = self.count
        self.count += 1
        return _read(index, item)

    async def aclose(self) -> None:
        """Close an async generator, so that none of its cleanup is left to the garbage collector."""
        close = getattr(self._source, "aclose", None)
        if close is not None:
            await close()


_END: Any = object()


def _read(index: int, item: Any) -> Pulled:
    if isinstance(item, WanInput):
        return Pulled(index, None, item)
    if isinstance(item, tuple) and len(cast("tuple[Any, ...]", item)) == 2:
        key, value = cast("tuple[Any, Any]", item)
        if not isinstance(key, str) or not key:
            return Pulled(index, None, None, InvalidInputError("key", key, "text of at least 1 character"))
        if isinstance(value, WanInput):
            return Pulled(index, key, value)
        return Pulled(index, key, None, InvalidInputError("input", value, "an input such as Wan22TextToVideoTurbo"))
    return Pulled(index, None, None, InvalidInputError("input", item, "an input or a (key, input) pair"))
