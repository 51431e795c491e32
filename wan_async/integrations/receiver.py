"""A receiver of callbacks without an application: for a batch job behind a tunnel, or as a service beside workers."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from .._callbacks import Callbacks

__all__ = ["receiving"]

_SHUTDOWN = 1.0
"""Seconds that answers under way get at the end."""


@asynccontextmanager
async def receiving(
    callbacks: Callbacks, port: int = 0, host: str = "127.0.0.1", *, path: str = "/"
) -> AsyncGenerator[str]:
    """Receive callbacks over HTTP; gives the URL at which this computer sees the receiver.

    Args:
        callbacks: verifies them and tells whoever waits.
        port: 0 takes a free one.
        host: the address to listen on; loopback unless told otherwise.
        path: the path to which callbacks come, as the tunnel passes it on.

    Raises:
        OSError: the address is in use or not this computer's.
    """
    app = web.Application()
    app.router.add_post(path, callbacks.aiohttp_handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        name = f"[{host}]" if ":" in host else host
        yield f"http://{name}:{runner.addresses[0][1]}{path}"
    finally:
        await runner.cleanup()
