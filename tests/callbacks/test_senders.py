"""Ways of sending a body that real HTTP clients have: in chunks, after a "100 Continue", byte by byte, kept alive."""

from __future__ import annotations

import asyncio

import pytest

from wan_async import Callbacks

from .support import KEY, body, signed
from .test_frameworks import Make, bare, fastapi, litestar, quart, receiving_in, starlette
from .test_replies import URL, Bus


def head(task_id: str, *more: str) -> bytes:
    fields = [f"{name}: {value}" for name, value in signed(task_id).items()]
    return "\r\n".join(["POST /wan/ HTTP/1.1", "Host: h", *fields, *more, "", ""]).encode()


def in_chunks(text: bytes, size: int) -> bytes:
    parts = [text[at : at + size] for at in range(0, len(text), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


async def answer(reader: asyncio.StreamReader) -> bytes:
    status = await reader.readuntil(b"\r\n\r\n")
    if b" 100 " in status:
        return status
    length = int(status.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return status + await reader.readexactly(length)


@pytest.mark.parametrize("make", [None, bare, starlette, fastapi, litestar, quart])
async def test_bodies_come_in_any_way(make: Make | None) -> None:
    callbacks = Callbacks(URL, KEY, bus=(bus := Bus()))
    async with receiving_in(make, callbacks) as url, asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.split(":")[2].partition("/")[0]))

        writer.write(head("chunked", "Transfer-Encoding: chunked") + in_chunks(body("chunked"), 7))
        assert b" 200 " in await answer(reader)

        text = body("expecting")
        writer.write(head("expecting", f"Content-Length: {len(text)}", "Expect: 100-continue"))
        assert b" 100 " in await answer(reader)
        writer.write(text)
        assert b" 200 " in await answer(reader)

        text = body("slow")
        for byte in head("slow", f"Content-Length: {len(text)}") + text:
            writer.write(bytes([byte]))
            await asyncio.sleep(0)
        assert b" 200 " in await answer(reader)

        text = body("two")
        writer.write((head("two", f"Content-Length: {len(text)}") + text) * 2)  # a repeat at once behind the first
        assert [b" 200 " in await answer(reader) for _ in range(2)] == [True, True]
        writer.close()
    assert [one.task_id for one in bus.published] == ["chunked", "expecting", "slow", "two"]


@pytest.mark.parametrize("make", [None, bare])
async def test_chunks_without_end_are_too_large(make: Make | None) -> None:
    async with receiving_in(make, Callbacks(URL, KEY, bus=(bus := Bus()))) as url, asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.split(":")[2].partition("/")[0]))
        writer.write(head("t", "Transfer-Encoding: chunked") + in_chunks(b" " * (3 << 20), 1 << 16)[:-5])
        assert b" 413 " in await answer(reader)
        writer.close()
    assert bus.published == []
