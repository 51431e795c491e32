"""A proxy on loopback that tunnels and forwards, asks for a password if it has one, and keeps what it was asked."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit


class Proxy:
    """Takes `CONNECT` and requests for whole URLs.

    Attributes:
        asked: the request lines, without the version.
        refuses: the status with which all is refused; 0: nothing is.
    """

    def __init__(self, password: str = "") -> None:
        self.asked: list[str] = []
        self.refuses = 0
        self.url = ""
        self._login = b64encode(f"user:{password}".encode()).decode() if password else None
        self._tasks: set[asyncio.Task[None]] = set()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        line, *fields = head.split("\r\n")[:-2]
        method, target, _ = line.split(" ")
        self.asked.append(f"{method} {target}")
        login = [field.partition(" Basic ")[2] for field in fields if field.lower().startswith("proxy-authorization")]
        status = self.refuses or (407 if self._login and login != [self._login] else 0)
        if status:
            writer.write(b"HTTP/1.1 %d Refused\r\nContent-Length: 0\r\n\r\n" % status)
            writer.close()
            return
        there = urlsplit(target if "://" in target else f"//{target}")
        beyond, onward = await asyncio.open_connection(there.hostname, there.port)
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        else:
            kept = [field for field in fields if not field.lower().startswith("proxy-")]
            path = there.path + (f"?{there.query}" if there.query else "")
            onward.write("\r\n".join([f"{method} {path} HTTP/1.1", *kept, "", ""]).encode())
        await asyncio.gather(_pipe(reader, onward), _pipe(beyond, writer))

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self.accept(reader, writer))
        self._tasks.add(task)

    async def aclose(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while piece := await reader.read(1 << 16):
            writer.write(piece)
    except ConnectionError:
        pass
    finally:
        writer.close()


@asynccontextmanager
async def proxying(password: str = "") -> AsyncGenerator[Proxy]:
    proxy = Proxy(password)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    login = f"user:{password}@" if password else ""
    proxy.url = f"http://{login}127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
        await proxy.aclose()
