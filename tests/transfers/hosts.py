"""A media host on loopback, over real connections, that behaves as badly as it is told."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

CLIP = random.Random(6).randbytes(350_000)


class Asked(NamedTuple):
    """A request as it came; headers by their lower-case names."""

    method: str
    path: str
    headers: dict[str, str]

    @property
    def start(self) -> int:
        """The first byte that was asked for."""
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("range", ""))
        return int(match[1]) if match else 0


class MediaHost:
    """Serves one clip at every path, and the calls of the API that lead to it.

    Attributes:
        content: the clip.
        clips: the clips at certain paths.
        etag: its ETag, None for none.
        ranges: whether ranges are served.
        break_every: bytes of a body after which the connection is reset, None for never.
        extra_length: is added to each Content-Length.
        extra_total: is added to the total in each Content-Range.
        headers: further headers of each clip.
        good: whether a path's link is good, else it is answered 403.
        status: of each clip, instead of 200 or 206.
        redirect: where the clip is said to be, None for here; a list: of one request after the other.
        next_link: the link that download-url gives, None for "url is wrong".
        record_url: the link in the task's record.
        chunked: whether whole clips come without a length.
        pause: seconds before each body.
        asked: the requests for clips.
        calls: the paths of the API that were called.
    """

    def __init__(self, content: bytes = CLIP) -> None:
        self.content = content
        self.clips: dict[str, bytes] = {}
        self.etag: str | None = '"one"'
        self.ranges = True
        self.break_every: int | None = None
        self.extra_length = 0
        self.extra_total = 0
        self.headers: dict[str, str] = {}
        self.good: Callable[[str], bool] = lambda path: True
        self.status = 0
        self.redirect: str | list[str] | None = None
        self.next_link: str | None = None
        self.record_url = ""
        self.chunked = False
        self.pause = 0.0
        self.asked: list[Asked] = []
        self.calls: list[str] = []
        self.sent = 0
        self.url = ""
        self.under_way = self.most_under_way = 0

    def change_at(self, number: int, content: bytes) -> None:
        """Serve another clip from that request on, under another ETag."""

        def change(path: str) -> bool:
            if len(self.asked) == number:
                self.etag, self.content = '"two"', content
            return True

        self.good = change

    async def answer(self, asked: Asked, writer: asyncio.StreamWriter) -> bool:
        """True if the connection can be used again."""
        if asked.path.startswith("/api/"):
            self.calls.append(asked.path)
            writer.write(self._call(asked.path))
            return True
        self.asked.append(asked)
        if self.redirect:
            to = self.redirect if isinstance(self.redirect, str) else self.redirect.pop(0)
            writer.write(_head(302, {"Location": to, "Content-Length": "0"}))
            return True
        if not self.good(asked.path):
            writer.write(_head(403, {"Content-Length": "0"}))
            return True
        return await self._serve(asked, writer)

    def _call(self, path: str) -> bytes:
        if path.endswith("download-url"):
            link = self.next_link
            answer = {"code": 200, "data": link} if link else {"code": 422, "msg": "url is wrong"}
        else:
            result = json.dumps({"resultUrls": [self.record_url]} if self.record_url else {})
            answer = {"code": 200, "data": {"taskId": "t1", "state": "success", "resultJson": result}}
        body = json.dumps(answer).encode()
        return _head(200, {"Content-Length": str(len(body)), "Content-Type": "application/json"}) + body

    async def _serve(self, asked: Asked, writer: asyncio.StreamWriter) -> bool:
        content = self.clips.get(asked.path, self.content)
        start, total = self._start(asked), len(content)
        if start >= total:
            writer.write(_head(416, {"Content-Range": f"bytes */{total}", "Content-Length": "0"}))
            return True
        body = content[start:]
        headers = {"ETag": self.etag or "", "Content-Length": str(len(body) + self.extra_length), **self.headers}
        if start:
            headers |= {"Content-Range": f"bytes {start}-{total - 1}/{total + self.extra_total}"}
        if self.chunked:
            headers |= {"Content-Length": "", "Transfer-Encoding": "chunked"}
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        writer.write(_head(self.status or (206 if start else 200), headers))
        return await self._send(body, writer)

    def _start(self, asked: Asked) -> int:
        current = asked.headers.get("if-range", self.etag) == self.etag
        return asked.start if self.ranges and current else 0

    async def _send(self, body: bytes, writer: asyncio.StreamWriter) -> bool:
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        await asyncio.sleep(self.pause)
        part = body if self.break_every is None else body[: self.break_every]
        for at in range(0, len(part), 1 << 20):
            writer.write(part[at : at + (1 << 20)])
            await writer.drain()
        self.sent += len(part)
        self.under_way -= 1
        return len(part) == len(body) and not self.extra_length


def _head(status: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Words", *(f"{name}: {value}" for name, value in headers.items() if value)]
    return "\r\n".join([*lines, "", ""]).encode()


def link(host: MediaHost) -> str:
    return f"{host.url}/clip.mp4"


@asynccontextmanager
async def serving(host: MediaHost) -> AsyncGenerator[MediaHost]:
    """Serve; the host's `url` is set."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await host.answer(await _read(reader), writer):
                await writer.drain()
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client left
        finally:
            writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    host.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield host
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _read(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    line, *fields = head.split("\r\n")[:-2]
    method, path, _ = line.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
    await reader.readexactly(int(headers.get("content-length", 0)))
    return Asked(method, path, headers)
