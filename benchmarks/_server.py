"""A provider that answers at once with canned bytes, in a process of its own, so that clients are what is measured.

Each createTask gets an id of its own; every recordInfo is a finished task's, or every n-th poll of a task finds it so.
SDKs of other services get their own shapes. A bare asyncio protocol: about 10 µs a request, so that one core serves
more than any client here can ask.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import ClassVar, cast

_RECORD = (
    b'{"code":200,"msg":"success","data":{"taskId":"%b","model":"wan/2-2-a14b-text-to-video-turbo","state":"success",'
    b'"param":"{\\"input\\":\\"{\\\\\\"prompt\\\\\\":\\\\\\"a fox\\\\\\"}\\",'
    b'\\"model\\":\\"wan/2-2-a14b-text-to-video-turbo\\"}",'
    b'"resultJson":"{\\"resultUrls\\":[\\"https://tempfile.example.com/a/1.mp4\\"]}","failCode":null,"failMsg":null,'
    b'"costTime":56,"completeTime":1777803956261,"createTime":1777803900000,"creditsConsumed":80}}'
)
_GENERATING = (
    b'{"code":200,"msg":"success","data":{"taskId":"%b","model":"wan/2-2-a14b-text-to-video-turbo","state":"generating",'
    b'"param":"{\\"input\\":\\"{\\\\\\"prompt\\\\\\":\\\\\\"a fox\\\\\\"}\\",'
    b'\\"model\\":\\"wan/2-2-a14b-text-to-video-turbo\\"}",'
    b'"resultJson":"","failCode":null,"failMsg":null,"costTime":null,"completeTime":null,"createTime":1777803900000}}'
)
_CREATED = b'{"code":200,"msg":"success","data":{"taskId":"%b","recordId":"%b"}}'
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


_PREDICTION = (
    b'{"id":"gm3qorzdhgbfurvjtvhg6dckhu","model":"wan-video/wan-2.2","version":"5c7d5dc6dd8bf75c1acaa8565735e798",'
    b'"input":{"prompt":"a fox"},"logs":"","error":null,"status":"starting","created_at":"2025-10-10T22:48:02.301Z",'
    b'"urls":{"get":"http://127.0.0.1/v1/predictions/gm3","cancel":"http://127.0.0.1/v1/predictions/gm3/cancel"}}'
)
_VIDEO = (
    b'{"id":"video_1","object":"video","created_at":1777803900,"model":"sora-2","progress":0,"prompt":"a fox",'
    b'"seconds":"4","size":"1280x720","status":"queued"}'
)
_RUNWAY = (
    b'{"id":"17f20503-6c24-4c16-946b-35dbbce2af2f","createdAt":"2025-10-10T22:48:02.301Z","status":"PENDING",'
    b'"estimatedCost":{"credits":40}}'
)
_FAL = (
    b'{"request_id":"764cabcf-b745-4b3e-ae38-1200304cf45b","status":"IN_QUEUE","queue_position":0,'
    b'"response_url":"%(url)b","status_url":"%(url)b/status","cancel_url":"%(url)b/cancel"}'
)
_OF_OTHERS = {b"/v1/predictions": _PREDICTION, b"/openai": _VIDEO, b"/runway": _RUNWAY}
"""What the SDKs of other services are answered, by how their paths begin."""


class _Answers(asyncio.Protocol):
    created = 0
    delay = 0.0
    polls = 1
    polled: ClassVar[dict[bytes, int]] = {}

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
        path = head.split(b" ", 2)[1]
        others = next((answer for prefix, answer in _OF_OTHERS.items() if path.startswith(prefix)), None)
        if others is not None:
            body = others
        elif path.startswith(b"/fal-ai"):
            port = self._transport.get_extra_info("sockname")[1]
            body = _FAL % {b"url": b"http://127.0.0.1:%d/fal-ai/wan/requests/764cabcf" % port}
        elif head.startswith(b"POST"):
            _Answers.created += 1
            task_id = b"%032x" % _Answers.created
            body = _CREATED % (task_id, task_id)
        else:
            body = self._record(head.split(b"taskId=", 1)[1].split(b" ", 1)[0])
        answer = _HEAD % len(body) + body
        if self.delay:
            asyncio.get_running_loop().call_later(self.delay, self._transport.write, answer)
        else:
            self._transport.write(answer)

    def _record(self, task_id: bytes) -> bytes:
        if self.polls > 1:
            polls = self.polled.pop(task_id, 0) + 1
            if polls < self.polls:
                self.polled[task_id] = polls
                return _GENERATING % task_id
        return _RECORD % task_id


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Answers, "127.0.0.1", 0, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)  # ends with whoever started it


@contextmanager
def serving(delay: float = 0.0, polls: int = 1) -> Generator[str]:
    """Run the server in a process of its own; gives its URL.

    Args:
        delay: it answers after so many seconds.
        polls: a task is done at that many polls.
    """
    command = [sys.executable, "-m", "benchmarks._server", str(delay), str(polls)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if process.stdout is None or process.stdin is None:
            raise RuntimeError("the server has no pipes")
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()


if __name__ == "__main__":
    _Answers.delay, _Answers.polls = float(sys.argv[1]), int(sys.argv[2])
    asyncio.run(_serve())
