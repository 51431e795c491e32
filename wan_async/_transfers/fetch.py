"""A clip's bytes, in order, over as many requests as it takes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Protocol, TypeAlias

from .._policy.backoff import Backoff
from ..errors import NotFoundError, TransportError
from . import resume
from .clip import Renewed

if TYPE_CHECKING:
    from .clip import Link

AT_ONCE = 1 << 16
"""Bytes after which a broken connection is followed by the next without a pause."""


class OpenReply(Protocol):
    """An answer whose body is still to be read."""

    status: int
    headers: Mapping[str, str]

    async def read(self) -> bytes:
        """The next bytes, b"" at the end; TransportError if it broke off."""
        ...

    def close(self) -> None:
        """Hang up."""
        ...


Get: TypeAlias = Callable[[str, Mapping[str, str]], Awaitable[OpenReply]]


class StartAnew(Exception):
    """The bytes so far belong to another version of the file; the next ones are the first of the new version."""


class Fetch:
    """Reads one clip.

    Args:
        get: opens a link.
        link: where the clip is.
        max_elapsed: seconds without a new byte after which the last error is raised.
    """

    def __init__(self, get: Get, link: Link, max_elapsed: float) -> None:
        self._get = get
        self._link = link
        self._max_elapsed = max_elapsed
        self._have = resume.Have()
        self._furthest = 0
        self._reply: OpenReply | None = None
        self._skip = 0
        self._fresh_bytes = 0
        self._whole = False
        self._setback: TransportError | None = None
        self._backoff = self._new_backoff()

    async def read(self) -> bytes:
        """The next bytes, b"" once the clip is whole.

        Raises:
            StartAnew: forget the bytes so far, and read on.
            NotFoundError: the link is refused, and so is every other that the provider gives.
            TransportError: no new byte came for `max_elapsed` seconds.
            WanError: the provider could not be asked for another link.
        """
        while not self._whole:
            if self._setback is not None:
                await self._pause(self._setback)
            try:
                if self._reply is None:
                    await self._open()
                elif chunk := await self._next(self._reply):
                    return chunk
            except TransportError as error:
                self.close()
                self._setback = error
        return b""

    async def gathered(self, least: int) -> bytes:
        """The next `least` bytes or some more, fewer at the end; raises what `read` does."""
        gathered = bytearray()
        while len(gathered) < least and (chunk := await self.read()):
            gathered += chunk
        return bytes(gathered)

    def close(self) -> None:
        """Hang up; reading on opens again."""
        if self._reply is not None:
            self._reply.close()
            self._reply = None

    async def _open(self) -> None:
        reply = await self._get(self._link.url, resume.headers_for(self._have))
        verdict = resume.decide(reply.status, reply.headers, self._have)
        if isinstance(verdict, resume.Body):
            self._reply, self._skip, self._fresh_bytes = reply, verdict.skip, 0
            self._have = resume.Have(self._have.size, verdict.version)
            return
        reply.close()
        match verdict:
            case resume.Complete():
                self._whole = True
            case resume.Changed():
                self._begin_anew("the file at the media host has changed")
            case resume.LinkRefused(why):
                await self._replace_link(reply.status, why)
            case resume.TryLater(why):
                raise TransportError(f"the media host answered {why}")

    async def _replace_link(self, status: int, why: str) -> None:
        match await self._link.refused():
            case Renewed.NONE:
                raise NotFoundError(status, f"the clip's link is refused ({why}), and there is no other", status)
            case Renewed.OTHER_FILE if self._have.size:
                self._begin_anew("the task's record names another file")
            case _:
                pass

    async def _next(self, reply: OpenReply) -> bytes:
        """New bytes; b"" where there are none yet, or no more."""
        chunk = await reply.read()
        if not chunk:
            self._end()
        if self._skip:
            passed = min(self._skip, len(chunk))
            self._skip -= passed
            chunk = chunk[passed:]
        if chunk:
            self._count(len(chunk))
        return chunk

    def _count(self, count: int) -> None:
        self._have = resume.Have(self._have.size + count, self._have.version)
        missing = self._have.missing
        if missing is not None and missing < 0:
            self._begin_anew("the media host sent more bytes than it announced")
        self._fresh_bytes += count
        if self._have.size > self._furthest:
            self._furthest = self._have.size
            self._link.worked()
            self._backoff = self._new_backoff()

    def _end(self) -> None:
        """The body is over: the clip is whole, or the host lied about its length."""
        self.close()
        missing = self._have.missing
        if self._skip or missing or not self._have.size:
            raise TransportError(f"the media host's answer ended after {self._have.size} bytes, {missing} too few")
        self._whole = True

    def _begin_anew(self, why: str) -> None:
        self.close()
        self._have = resume.Have()
        self._fresh_bytes = 0
        self._setback = TransportError(why)
        raise StartAnew

    async def _pause(self, error: TransportError) -> None:
        self._setback = None
        now = asyncio.get_running_loop().time()
        delay = self._backoff.delay(now, random.random())  # noqa: S311
        if delay is None:
            raise error
        await asyncio.sleep(0 if self._fresh_bytes >= AT_ONCE else delay)
        self._fresh_bytes = 0

    def _new_backoff(self) -> Backoff:
        return Backoff(self._max_elapsed, asyncio.get_running_loop().time())
