"""A receiver of callbacks without an application: for a batch job behind a tunnel, or as a service beside workers."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from .._callbacks.callbacks import Callbacks

__all__ = ["receiving"]

_SHUTDOWN = 1.0
"""Seconds that answers under way get at the end."""

CONNECTIONS = 128
"""Open at once, at most: macOS gives a process 256 files. One more closes the one that was quiet for longest."""


@asynccontextmanager
async def receiving(
    callbacks: Callbacks, port: int = 0, host: str = "127.0.0.1", *, path: str = "/"
) -> AsyncGenerator[str]:
    """Receive callbacks over HTTP; gives the URL at which this computer sees the receiver.

    Args:
        callbacks: verifies them and wakes whoever waits.
        port: 0 takes a free one.
        host: the address to listen on; loopback unless given.
        path: the path to which callbacks come, as the tunnel passes it on; a slash at its end makes no difference.

    Raises:
        OSError: the address is in use or not this computer's.
    """
    connections = _Connections()
    app = web.Application(middlewares=[connections.count])
    for one in {path, path.rstrip("/") or "/", f"{path.rstrip('/')}/"}:
        app.router.add_post(one, callbacks.aiohttp_handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN)
    await runner.setup()
    try:
        accept = partial(connections.accept, runner)
        server = await asyncio.get_running_loop().create_server(accept, host, port)
        try:
            name = f"[{host}]" if ":" in host else host
            yield f"http://{name}:{server.sockets[0].getsockname()[1]}{path}"
        finally:
            server.close()
    finally:
        await runner.cleanup()


class _Connections:
    """Those that are open, the one that was quiet for longest first."""

    def __init__(self) -> None:
        self._open: OrderedDict[asyncio.BaseProtocol, None] = OrderedDict()

    def accept(self, runner: web.AppRunner) -> web.RequestHandler:
        """The protocol of one more connection."""
        server = runner.server
        assert server is not None  # noqa: S101 - set up
        for gone in self._open.keys() - set(server.connections):
            del self._open[gone]
        while len(self._open) >= CONNECTIONS:
            quiet, _ = self._open.popitem(last=False)
            if isinstance(quiet, web.RequestHandler):
                quiet.force_close()
        protocol = server()
        self._open[protocol] = None
        return protocol

    @web.middleware
    async def count(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """A request came over this connection: it is the last to give way."""
        if request.protocol in self._open:
            self._open.move_to_end(request.protocol)
        return await handler(request)
