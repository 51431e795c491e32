"""The handler of our connections: aiohttp's, which ends those that say what nobody asked, and keeps what is no HTTP.

A length that counts letters for bytes, junk behind the body, a header without a colon: aiohttp throws away the whole
piece that it read as no HTTP. It is kept, for the id of a paid task may stand in it. Nobody reads more out of one than
an id; see `fates.task_in`.
"""

from __future__ import annotations

import asyncio
import re
from itertools import islice
from typing import Any, Final

from aiohttp.client_proto import ResponseHandler
from aiohttp.http import HttpProcessingError

from .._protocol import Answer
from ..errors import TransportError

UNSENT: Final = "the connection ended before the request was sent"

LONGEST_LINE: Final = 1 << 16
MOST_LINES: Final = 1024
"""Of an answer's head, in bytes: by aiohttp's 8,190 and 128, a CDN's policies or cookies would hide an id that came."""

KEPT: Final = 1 << 16
"""Bytes that are kept of an answer that broke off."""

_PIECE: Final = 1 << 16
"""Bytes that are read at once. For asyncio's 256 KiB glibc maps memory anew at each answer, a third of a call's CPU,
unless the program has freed a larger block before. Below 128 KiB it maps none."""

_END: Final = b"\r\n\r\n"
_STATUS = re.compile(rb"\s*HTTP/\d[.\d]* +(\d{3})\b")
_CHUNK = re.compile(rb"(?:\A|\r\n)[0-9a-fA-F]+\r\n")
_BLANK = re.compile(rb"\r?\n\r?\n")


class Handler(ResponseHandler):
    """The protocol of a connection.

    Attributes:
        unparsed: the piece that could not be read.
        idle: True once an answer was read, until the next request is written, be it ours or that of the session itself.
        unsent: True if nothing of the last request left.
    """

    unparsed: bytes = b""
    idle: bool = False
    unsent: bool = False
    _piece: bytes | None = None  # of the answer that is being read; empty if it has come in several
    _is_clean: bool = False
    _is_sessions: bool = False  # the last request was the session's own
    _answers: int = 0  # to that

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, and have asyncio read it in smaller pieces; other loops have buffers of their own."""
        readers: tuple[Any, Any] = (transport, getattr(transport, "_ssl_protocol", None))
        for reader in readers:
            if hasattr(reader, "max_size"):
                reader.max_size = _PIECE
        super().connection_made(transport)

    def expect_answer(self) -> asyncio.WriteTransport | None:
        """Be ready for the next answer, and give what its request is written to; None if the connection has ended.

        A parser goes on to the next answer if it certainly stands between two: a new one costs 2 µs. What stands in it
        behind an answer (its trailers, half a head) would be the next answer's.
        """
        transport = self.transport
        if transport is None or transport.is_closing() or self.should_close:
            return None
        if self._is_clean:
            self._begin()
        else:
            self.set_response_params(
                read_until_eof=True, max_line_size=LONGEST_LINE, max_field_size=LONGEST_LINE, max_headers=MOST_LINES
            )
        self.idle = True  # what comes before the request is written is no answer to it
        self._is_sessions = False
        return transport

    def asks(self) -> bool:
        """The request leaves now, and what comes from here on is its answer; False if something came before."""
        self.idle = False
        return not self._should_close

    def refuse(self) -> None:
        """Notify whoever waits for the answer that nothing of the request left."""
        self.unsent = True
        self._buffer.clear()
        self.set_exception(TransportError(UNSENT, sent=False))

    def rest(self, body: bytes | None) -> None:
        """Expect nothing: an answer was read; `body` as it stood there, None if it did not stand there like that.

        The parser is clean if all came in one piece, and that is exactly as long as a head and this body.
        """
        piece, self._piece = self._piece or b"", None
        self._is_clean = body is not None and len(piece) == piece.find(_END) + len(_END) + len(body)
        self.idle = True

    def _begin(self) -> None:
        self.idle = self._is_clean = False
        self._piece = None

    def set_response_params(self, **params: Any) -> None:
        """Expect an answer that reads as these say."""
        self._begin()
        self._is_sessions, self._answers = True, 0
        super().set_response_params(**params)

    def data_received(self, data: bytes) -> None:
        """Read a piece, or keep it; what comes unasked ends the connection: more of it would begin the next answer."""
        if self.idle:
            self._is_clean = False
            if not data.isspace():  # a line break behind an answer is passed over
                self.force_close()
        if data:  # else aiohttp goes on with what it has
            self._piece = data if self._piece is None else b""
        waiting = len(self._buffer)
        super().data_received(data)
        if self._is_sessions:
            self._answers += sum(message.code >= 200 for (message, _), _ in islice(self._buffer, waiting, None))
            if self._answers > 1 and not self.idle and self.transport is not None:
                self.transport.close()  # a session gave it back where the first one ended, and would take it again
        if isinstance(self._exception, HttpProcessingError) and not self.unparsed:
            self.unparsed = data[:KEPT]


def answer_in(piece: bytes) -> Answer | None:
    """Status and body as they stand there, the body with all that follows; None where no answer begins."""
    while (status := _STATUS.match(piece)) and (blank := _BLANK.search(piece)):
        head, piece = piece[: blank.start()], piece[blank.end() :]
        if not status[1].startswith(b"1"):  # just a note that the answer will come
            return Answer(int(status[1]), _CHUNK.sub(b"", piece) if b"chunked" in head.lower() else piece)
    return None
