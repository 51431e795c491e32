"""Failed exchanges: whether the request may have left, and what may be shown of it.

Which aiohttp error means that nothing was sent was tried against 3.14: a refused connection, DNS, TLS (all
`ClientConnectorError`), no connection in time (`ConnectionTimeoutError`), and what stops a connection before it is
used. Everything else may have reached the provider: a server that closed after reading, a reset, a read timeout, a cut
body, and a kept-alive connection that the server had closed. The last is why connections are kept for seconds only.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import aiohttp
from aiohttp.http import HttpProcessingError

from .._protocol.secrets import forget_frames
from ..errors import TransportError

if TYPE_CHECKING:
    from .proxies import Proxy

_QUOTED = re.compile(r":?\s+(?:bytearray\()?b['\"]")

NEVER_LEFT = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientHttpProxyError,  # the proxy refused the tunnel
    aiohttp.ServerFingerprintMismatch,
    aiohttp.InvalidURL,
    aiohttp.NonHttpUrlClientError,
)
FAILURES = (
    aiohttp.ClientError,
    HttpProcessingError,
    OSError,  # TimeoutError too
    EOFError,
    RuntimeError,  # uvloop's answer to a write on a closed transport
    ValueError,
)


def failure_of(error: Exception, late: str, proxy: Proxy | None) -> TransportError:
    """The error for the caller, without the key or a proxy's password; raise it outside of the `except`.

    Args:
        error: one of `FAILURES`.
        late: says that the time was over.
        proxy: what the way led through.
    """
    through = "" if proxy is None else f" through the proxy {proxy}"
    words = words_of(error)
    if isinstance(error, NEVER_LEFT):
        failure = TransportError(f"no connection{through}: {words}", sent=False)
    elif isinstance(error, TimeoutError):
        failure = TransportError(f"{late}{through}")
    else:
        failure = TransportError(f"the connection{through} broke: {words}")
    failure.__cause__ = _showable(error)
    return failure


def words_of(error: Exception) -> str:
    """The error in words: without a URL, which may hold a proxy's password, and without what the peer sent."""
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"{error.status} {error.message}"
    words = str(error)
    if isinstance(error, (aiohttp.ClientResponseError, HttpProcessingError)):
        words = _QUOTED.split(error.message, maxsplit=1)[0]
    return words or type(error).__name__


def _showable(error: Exception) -> BaseException | None:
    """The cause as it may be shown: some errors show a request's headers, or a proxy's password, by their `repr`."""
    if isinstance(error, aiohttp.ClientResponseError):
        return None
    shown = error.args[-1] if isinstance(error, aiohttp.ClientConnectorError) else error
    forget_frames(shown)
    return shown
