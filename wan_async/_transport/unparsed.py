"""Answers that aiohttp refuses as no HTTP: what came is kept, for the id of a paid task may stand in it.

A length that counts letters for bytes, junk behind the body, a header without a colon: aiohttp then throws away the
whole piece that it read. Nobody reads more out of one than an id; see `fates.task_in`.
"""

from __future__ import annotations

import re
from typing import Final

from aiohttp.client_proto import ResponseHandler
from aiohttp.http import HttpProcessingError

from .._protocol import Answer

KEPT: Final = 1 << 16
"""Bytes that are kept of an answer that broke off."""

_STATUS = re.compile(rb"\s*HTTP/\d[.\d]* +(\d{3})\b")
_CHUNK = re.compile(rb"(?:\A|\r\n)[0-9a-fA-F]+\r\n")
_BLANK = re.compile(rb"\r?\n\r?\n")


class KeepingHandler(ResponseHandler):
    """The protocol of aiohttp's connections, which keeps the piece that could not be read.

    Attributes:
        unparsed: that piece.
    """

    unparsed: bytes = b""

    def data_received(self, data: bytes) -> None:
        """Read a piece, or keep it."""
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
