"""An event loop that stood still reads what came meanwhile before it says that nothing came."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import ssl
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager

import aiohttp
import pytest

from wan_async import RateLimit, SessionPool, SubmissionUnknownError, Timeout, WanClient

from ..calls.support import FOX

FAST = RateLimit(1000, per=1.0)
TIMEOUT = 0.4


class ThreadedServer:
    """Creates tasks in a thread of its own, so that it answers while the client's loop stands still.

    Args:
        sock: listens.
        tls: the server's side of TLS, None for plain HTTP.
        delay: seconds until it answers; None: it never does.
    """

    def __init__(self, sock: socket.socket, tls: ssl.SSLContext | None, delay: float | None) -> None:
        self.created = 0
        self._tls = tls
        self._delay = delay
        self._sock = sock
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        try:
            while True:
                peer, _ = self._sock.accept()
                threading.Thread(target=self._serve, args=[peer], daemon=True).start()
        except OSError:
            pass

    def _serve(self, peer: socket.socket) -> None:
        with self._tls.wrap_socket(peer, server_side=True) if self._tls else peer as connection:
            while received := connection.recv(1 << 16):
                assert received.startswith(b"POST")
                with self._lock:
                    self.created += 1
                    number = self.created
                if self._delay is None:
                    time.sleep(5)
                    return
                time.sleep(self._delay)
                body = b'{"code":200,"data":{"taskId":"t%d"}}' % number
                head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
                for piece in (head, body[:5], body[5:]):
                    connection.sendall(piece)
                    time.sleep(0.01)


@contextmanager
def serving(tls: ssl.SSLContext | None = None, delay: float | None = 0.1) -> Generator[tuple[ThreadedServer, str]]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        server = ThreadedServer(sock, tls, delay)
        yield server, f"{'https' if tls else 'http'}://127.0.0.1:{sock.getsockname()[1]}"
        sock.shutdown(socket.SHUT_RDWR)


async def submitted_over_a_stall(url: str, pool: SessionPool | None, server: ThreadedServer) -> set[str]:
    async with WanClient("k", base_url=url, pool=pool, limit=FAST, timeout=Timeout(TIMEOUT)) as wan:
        submissions = [asyncio.ensure_future(wan.submit(FOX)) for _ in range(5)]
        while server.created < 5:
            await asyncio.sleep(0.001)
        time.sleep(2 * TIMEOUT)  # the loop stands still while the answers come
        return {task.id for task in await asyncio.gather(*submissions)}


@pytest.mark.parametrize("way", ["direct", "by the session", "over TLS", "a session of the caller's own", "uvloop"])
def test_a_stall_loses_no_id(
    way: str, untrusted: ssl.SSLContext, trusting: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "by the session":
        monkeypatch.setattr(aiohttp, "__version__", "3.15.0")
    loops = pytest.importorskip("uvloop").new_event_loop if way == "uvloop" else asyncio.new_event_loop

    async def main() -> set[str]:
        with serving(untrusted if way == "over TLS" else None) as (server, url):
            if way not in {"over TLS", "a session of the caller's own"}:
                return await submitted_over_a_stall(url, None, server)
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusting)) as session:
                return await submitted_over_a_stall(url, SessionPool(session), server)

    with asyncio.Runner(loop_factory=loops) as runner:
        assert runner.run(main()) == {"t1", "t2", "t3", "t4", "t5"}


async def test_what_did_not_come_is_still_told_in_time() -> None:
    with serving(delay=None) as (server, url):
        async with WanClient("k", base_url=url, limit=FAST, timeout=Timeout(TIMEOUT)) as wan:
            started = time.monotonic()
            submission = asyncio.ensure_future(wan.submit(FOX))
            while not server.created:
                await asyncio.sleep(0.001)
            time.sleep(2 * TIMEOUT)
            with pytest.raises(SubmissionUnknownError, match=r"no answer within 0\.4 s"):
                await submission
            assert time.monotonic() - started < 4 * TIMEOUT


PROGRAM = """
    import asyncio, sys
    from wan_async import RateLimit, Timeout, Wan22TextToVideoTurbo, WanClient

    async def main():
        wan = WanClient("k", base_url=sys.argv[1], limit=RateLimit(1000, per=1.0), timeout=Timeout(0.4))
        async with wan:
            tasks = [wan.submit(Wan22TextToVideoTurbo(prompt="a fox")) for _ in range(5)]
            print(sorted({task.id for task in await asyncio.gather(*tasks)}))

    asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows stops no process")
def test_a_stopped_process_loses_no_id() -> None:
    with serving(delay=0.2) as (server, url):
        command = [sys.executable, "-c", textwrap.dedent(PROGRAM), url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
            while server.created < 5 and program.poll() is None:
                time.sleep(0.001)
            os.kill(program.pid, signal.SIGSTOP)
            time.sleep(2 * TIMEOUT)
            os.kill(program.pid, signal.SIGCONT)
            output, _ = program.communicate(timeout=30)
    assert output.strip() == "['t1', 't2', 't3', 't4', 't5']"
