"""A link on loopback: what is sent arrives late, though its sender was killed meanwhile; or over TLS."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit


class Link:
    """Forwards connections.

    Attributes:
        port: where clients connect.
        seconds: from when a piece came until it arrives; on the way back there is no delay.
    """

    def __init__(self, to: str) -> None:
        self.port = 0
        self.seconds = 0.0
        self._to = urlsplit(to)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._forward(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def aclose(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, onward = await asyncio.open_connection(self._to.hostname, self._to.port)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_pipe(back, writer, 0.0))
                both.create_task(_pipe(reader, onward, self.seconds))
        finally:
            writer.close()
            onward.close()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    try:
        while piece := await reader.read(1 << 16):
            await asyncio.sleep(seconds)
            writer.write(piece)
    except ConnectionError:
        return
    writer.close()


@asynccontextmanager
async def linked(to: str, tls: ssl.SSLContext | None = None) -> AsyncGenerator[Link]:
    """A link to the host of that URL; clients speak TLS where it is given."""
    link = Link(to)
    server = await asyncio.start_server(link.serve, "127.0.0.1", 0, ssl=tls)
    link.port = server.sockets[0].getsockname()[1]
    try:
        yield link
    finally:
        server.close()
        await link.aclose()
