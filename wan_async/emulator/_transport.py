"""The emulator without sockets: requests go straight to it, also in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from urllib.parse import parse_qsl, unquote

from .._protocol import Answer, Request
from ..errors import TransportError
from ._callbacks import Dispatcher
from ._calls import Call, Reply
from ._clock import Clock
from ._provider import Provider


class EmulatorTransport:
    """Carries API requests to an emulator in the same process; see `Emulator.transport`."""

    def __init__(
        self, provider: Provider, clock: Clock, latency: float, dispatcher: Callable[[], Dispatcher] | None
    ) -> None:
        self._provider = provider
        self._clock = clock
        self._latency = latency
        self._make_dispatcher = dispatcher
        self._dispatcher: Dispatcher | None = None

    async def exchange(self, base_url: str, key: str, request: Request, timeout: float) -> Answer:
        """Send one request, once, and give the whole answer.

        Args:
            base_url: scheme and host of the API; the emulator's links begin with it.
            key: the API key.
            request: what to send.
            timeout: seconds for the whole exchange.

        Raises:
            TransportError: no whole answer came; `sent` is False if the emulator never got the request.
        """
        self._provider.jobs.base_url = base_url
        if self._make_dispatcher is not None and self._dispatcher is None:
            self._dispatcher = self._make_dispatcher()
            self._dispatcher.start()
        await asyncio.sleep(self._latency)
        reply = self._provider.handle(_call(key, request), self._clock.now())
        await self._travel_back(reply, timeout)
        headers = {name.lower(): value for name, value in reply.headers.items()}
        return Answer(reply.status, reply.body, headers, self._clock.unix(self._clock.now()))

    async def aclose(self) -> None:
        """Stop sending callbacks; the transport can be used again afterwards."""
        if self._dispatcher is not None:
            await self._dispatcher.stop()
            self._dispatcher = None

    async def _travel_back(self, reply: Reply, timeout: float) -> None:
        if not reply.arrived:
            raise TransportError("no connection: dropped by the emulator", sent=False)
        if self._latency + reply.delay + self._latency > timeout:
            await asyncio.sleep(max(0.0, timeout - self._latency))
            raise TransportError(f"no answer within {timeout:g} s", sent=True)
        await asyncio.sleep(reply.delay + self._latency)
        if reply.sent != "all":
            raise TransportError("the connection broke: dropped by the emulator", sent=True)


def _call(key: str, request: Request) -> Call:
    path, _, query = request.path.partition("?")
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    return Call(request.method, unquote(path), dict(parse_qsl(query)), headers, request.body or b"")
