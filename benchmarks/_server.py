"""A provider that answers at once with canned bytes, in a process of its own, so that clients are what is measured.

Each createTask gets an id of its own; every recordInfo is a finished task's. A bare asyncio protocol: about 10 µs a
request, so that one core serves more than any client here can ask.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

_RECORD = (
    b'{"code":200,"msg":"success","data":{"taskId":"%b","model":"wan/2-2-a14b-text-to-video-turbo","state":"success",'
    b'"param":"{\\"input\\":\\"{\\\\\\"prompt\\\\\\":\\\\\\"a fox\\\\\\"}\\",'
    b'\\"model\\":\\"wan/2-2-a14b-text-to-video-turbo\\"}",'
    b'"resultJson":"{\\"resultUrls\\":[\\"https://tempfile.example.com/a/1.mp4\\"]}","failCode":null,"failMsg":null,'
    b'"costTime":56,"completeTime":1777803956261,"createTime":1777803900000,"creditsConsumed":80}}'
)
_CREATED = b'{"code":200,"msg":"success","data":{"taskId":"%b","recordId":"%b"}}'
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


class _Answers(asyncio.Protocol):
    created = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._held = b""

    def data_received(self, data: bytes) -> None:
        data = self._held + data
        while (end := data.find(b"\r\n\r\n")) >= 0:
            head = data[:end]
            length = 0
            at = head.lower().find(b"content-length:")
            if at >= 0:
                length = int(head[at + 15 :].split(b"\r\n", 1)[0])
            if len(data) < end + 4 + length:
                break
            data = data[end + 4 + length :]
            self._answer(head)
        self._held = data

    def _answer(self, head: bytes) -> None:
        if head.startswith(b"POST"):
            _Answers.created += 1
            task_id = b"%032x" % _Answers.created
            body = _CREATED % (task_id, task_id)
        else:
            body = _RECORD % head.split(b"taskId=", 1)[1].split(b" ", 1)[0]
        self._transport.write(_HEAD % len(body) + body)


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Answers, "127.0.0.1", 0, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)  # ends with whoever started it


@contextmanager
def serving() -> Iterator[str]:
    """Run the server in a process of its own; gives its URL."""
    command = [sys.executable, "-m", "benchmarks._server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if process.stdout is None or process.stdin is None:
            raise RuntimeError("the server has no pipes")
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()


if __name__ == "__main__":
    asyncio.run(_serve())
