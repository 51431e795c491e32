"""The handler of our connections: aiohttp's, which keeps its parser from answer to answer, and what it refuses.

A length that counts letters for bytes, junk behind the body, a header without a colon: aiohttp throws away the whole
piece that it read as no HTTP. It is kept, for the id of a paid task may stand in it. Nobody reads more out of one than
an id; see `fates.task_in`.
"""

from __future__ import annotations

import asyncio
import re
from typing import Final

from aiohttp.client_proto import ResponseHandler
from aiohttp.http import HttpProcessingError

from .._protocol import Answer

LONGEST_LINE: Final = 1 << 16
MOST_LINES: Final = 1024
"""Of an answer's head, in bytes: by aiohttp's 8,190 and 128, a CDN's policies or cookies would hide an id that came."""

KEPT: Final = 1 << 16
"""Bytes that are kept of an answer that broke off."""

_STATUS = re.compile(rb"\s*HTTP/\d[.\d]* +(\d{3})\b")
_CHUNK = re.compile(rb"(?:\A|\r\n)[0-9a-fA-F]+\r\n")
_BLANK = re.compile(rb"\r?\n\r?\n")


class Handler(ResponseHandler):
    """The protocol of a connection.

    Attributes:
        unparsed: the piece that could not be read.
        idle: True once an answer was read, until the next is expected.
    """

    unparsed: bytes = b""
    idle: bool = False
    _own_parser: object = None

    def expect_answer(self) -> asyncio.WriteTransport | None:
        """Be ready for the next answer, and give what its request is written to; None if the connection has ended.

        A parser reads one answer after the other, and a new one for each, as aiohttp's sessions have, costs 2 µs.
        """
        transport = self.transport
        if transport is None or transport.is_closing() or self.should_close:
            return None
        if self._parser is None or self._parser is not self._own_parser:
            self.set_response_params(
                read_until_eof=True, max_line_size=LONGEST_LINE, max_field_size=LONGEST_LINE, max_headers=MOST_LINES
            )
            self._own_parser = self._parser
        self.idle = False
        return transport

    def data_received(self, data: bytes) -> None:
        """Read a piece, or keep it; what comes unasked ends the connection: it would begin the next answer."""
        if self.idle:
            self.force_close()
        super().data_received(data)
        if isinstance(self._exception, HttpProcessingError) and not self.unparsed:
            self.unparsed = data[:KEPT]


def answer_in(piece: bytes) -> Answer | None:
    """Status and body as they stand there, the body with all that follows; None where no answer begins."""
    while (status := _STATUS.match(piece)) and (blank := _BLANK.search(piece)):
        head, piece = piece[: blank.start()], piece[blank.end() :]
        if not status[1].startswith(b"1"):  # just a note that the answer will come
            return Answer(int(status[1]), _CHUNK.sub(b"", piece) if b"chunked" in head.lower() else piece)
    return None
