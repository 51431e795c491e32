"""A connector that knows that nothing was sent where a proxy breaks before its tunnel is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
from aiohttp.http import HttpProcessingError

from .failures import NEVER_LEFT, words_of

if TYPE_CHECKING:
    from aiohttp.client_reqrep import ClientRequest
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

_BROKE = (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError, aiohttp.ClientResponseError, HttpProcessingError)


class ProxyConnector(aiohttp.TCPConnector):
    """Connects by way of proxies."""

    async def connect(self, req: ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout) -> Connection:
        """Connect; what breaks here breaks before the request is written.

        Raises:
            aiohttp.ClientConnectorError: the proxy hung up, or its answer is no HTTP.
        """
        try:
            return await super().connect(req, traces, timeout)
        except NEVER_LEFT:
            raise
        except _BROKE as error:
            failure = aiohttp.ClientConnectorError(req.connection_key, OSError(None, words_of(error)))
        raise failure
