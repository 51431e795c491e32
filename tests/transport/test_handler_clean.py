"""A parser that goes on to the next answer reads it as a new one would, whatever came before."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import TypeAlias

from hypothesis import example, given, settings
from hypothesis import strategies as st

from wan_async._transport.handler import Handler

from ..servers import http

BODY = b'{"code": 200}'
CHUNKS = b"5\r\nfirst\r\n0\r\n"
CHUNKED = http(200, b"", {"Content-Length": "", "Transfer-Encoding": "chunked"})
ANSWERS = (
    http(200, BODY),
    http(429, b"", {"Retry-After": "7"}),
    http(204, b"", {"Content-Length": ""}),
    http(200, b"\r\n\r\n"),
    http(200, BODY, {"X-One": "its own"}),
    CHUNKED + CHUNKS + b"\r\n",
    CHUNKED + CHUNKS + b"Retry-After: 60\r\nContent-Encoding: gzip\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + http(200, BODY),
    http(200, BODY).replace(b"\r\n", b"\n"),
    http(200, BODY, {"Connection": "close"}),
)
JUNK = (
    b"", b"\r\n", b"\n", b"x", b"HTTP/1.1 429 No\r\nX-Cut: ", BODY, http(422, BODY), http(422, BODY)[:60],
    b"HTTP/1.1 429 No\r\nX-Cut: " + BODY,
)  # fmt: skip
Exchange: TypeAlias = tuple[bytes, bytes, list[int], bytes]
"""An answer, what comes right behind it, where the bytes are cut, and what comes later, unasked."""

CUTS = st.lists(st.integers(1, 150), max_size=2)
EXCHANGES = st.lists(
    st.tuples(st.sampled_from(ANSWERS), st.sampled_from(JUNK), CUTS, st.sampled_from(JUNK)), max_size=4
)


class Wire(asyncio.Transport):
    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        pass


async def read(exchanges: list[Exchange], *, anew: bool) -> tuple[list[object], int]:
    """What a connection's answers come to, until it is not used any more, and how often a parser went on."""
    handler = Handler(asyncio.get_running_loop())
    handler.connection_made(Wire())
    came: list[object] = []
    went_on = 0
    for answer, behind, cuts, later in exchanges:
        parser = handler._parser  # pyright: ignore[reportPrivateUsage]
        if handler.expect_answer() is None:
            came.append("ended")
            break
        went_on += handler._parser is parser  # pyright: ignore[reportPrivateUsage]
        assert handler.asks()
        places = [0, *sorted(cuts), len(answer + behind)]
        for start, end in pairwise(places):
            if piece := (answer + behind)[start:end]:
                handler.data_received(piece)
        try:
            async with asyncio.timeout(0.01):
                message, content = await handler.read()
                while message.code < 200:
                    message, content = await handler.read()
                body = await content.read()
        except (TimeoutError, Exception) as error:  # noqa: BLE001 - both ways come to the same
            came.append(type(error))
            break
        came.append((message.code, body, dict(message.headers)))
        handler.rest(None if message.compression else body)
        if anew:
            handler._is_clean = False  # pyright: ignore[reportPrivateUsage]
        if later:
            handler.data_received(later)
    return came, went_on


@settings(max_examples=400, deadline=None)
@given(EXCHANGES)
@example([(ANSWERS[6], b"", [], b""), (ANSWERS[0], b"", [], b"")])
@example([(ANSWERS[0], JUNK[4], [], b""), (ANSWERS[0], b"", [], b"")])
@example([(ANSWERS[0], JUNK[8], [], b""), (ANSWERS[0], b"", [], b"")])
@example([(ANSWERS[0], b"", [], JUNK[7]), (ANSWERS[0], b"", [], b"")])
def test_a_parser_that_goes_on_reads_as_a_new_one(exchanges: list[Exchange]) -> None:
    (came, _), (anew, _) = (asyncio.run(read(exchanges, anew=new)) for new in (False, True))
    assert came == anew


def test_it_goes_on_behind_usual_answers_alone() -> None:
    usual, cut = [(ANSWERS[0], b"", list[int](), b"")] * 3, [(ANSWERS[0], b"", [20], b"")] * 3
    assert [asyncio.run(read(these, anew=False))[1] for these in (usual, cut)] == [2, 0]
