"""A secret on its way: text where it is used, dots where it is shown.

Crash reporters send the locals of a traceback away by their `repr`, and some errors of aiohttp show a request's headers
by theirs. A header's value must be text, so a secret is text; what is made of one must be made a secret again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, TypeVar
from urllib.parse import urlsplit

import msgspec

from ..errors import AuthenticationError, ResponseError, WanError

if TYPE_CHECKING:
    from collections.abc import Callable

    from .answers import Answer

T = TypeVar("T")

_SHORTEST = 3
"""Letters of a key that is looked for in an answer: for a test's "k" the words would lose each k. Real ones have 32."""


class Secret(str):
    """Text whose `repr` is dots: a key, or a header that holds one."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'…'"


class ApiKey(Secret):
    """The API key.

    Attributes:
        source: where it came from, in words.
    """

    __slots__ = ("source",)
    source: str

    def __new__(cls, key: str = "", source: str = "") -> Self:
        """Make a key."""
        made = super().__new__(cls, key)
        made.source = source
        return made


def authorization(key: str) -> Secret:
    """The value of the `Authorization` header."""
    return Secret(f"Bearer {key}")


def read_answer(key: str, url: str, reader: Callable[[Answer], T], answer: Answer) -> T:
    """The answer's value.

    An error of the reader does not hold the key, even where a page shows what it was sent; a refused key's says where
    it came from, and that it was the host of `url` that refused it.
    """
    try:
        return _hiding(key, reader, answer)
    except AuthenticationError as error:
        refusal = error
    source = f" from {key.source}" if isinstance(key, ApiKey) else ""
    refused = f"the key{source} was refused by {urlsplit(url).netloc}"
    raise AuthenticationError(refusal.code, refusal.message, refusal.status, refused)


def _hiding(key: str, reader: Callable[[Answer], T], answer: Answer) -> T:
    try:
        return reader(answer)
    except WanError as error:
        failure = error
    shown = _shown(key, failure, reader, answer)
    del failure  # with the key: it is neither the context nor a local of what is raised
    raise shown.with_traceback(None)


def _shown(key: str, failure: WanError, reader: Callable[[Answer], object], answer: Answer) -> WanError:
    """The same error without the key, as the answer without it reads; never another one, whatever the key hides."""
    body = without(key, answer.body)
    if body == answer.body:
        return failure
    try:
        reader(msgspec.structs.replace(answer, body=body))
    except WanError as error:
        if type(error) is type(failure):
            return error
    if isinstance(failure, ResponseError):
        return ResponseError(failure.message, answer.status, body)
    return type(failure)(*(arg.replace(key, "...") if isinstance(arg, str) else arg for arg in failure.args))


def without(key: str, body: bytes) -> bytes:
    """The body without the key."""
    return body if len(key) < _SHORTEST else body.replace(key.encode(), b"...")


def forget_frames(error: BaseException) -> None:
    """Take the frames from an error and its causes: the locals of an HTTP library hold what was sent."""
    cleared: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in cleared:
        cleared.add(id(one))
        one.__traceback__ = None
        one = one.__cause__ or one.__context__
