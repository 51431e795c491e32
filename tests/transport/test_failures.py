"""A failed exchange: whether the request may have left, in words that hold no secret."""

from __future__ import annotations

import traceback

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from wan_async._transport.failures import FAILURES, failure_of
from wan_async._transport.proxies import Proxy

SECRET = "5ecret"
PROXY = Proxy(f"http://user:{SECRET}@proxy:3128")
TO = ConnectionKey("h", 443, True, True, None, None, None)
ASKED = aiohttp.RequestInfo(
    URL("http://h"), "POST", CIMultiDictProxy(CIMultiDict({"Authorization": f"Bearer {SECRET}"})), URL("http://h")
)


@pytest.mark.parametrize(
    ("error", "sent"),
    [
        (aiohttp.ClientConnectorError(TO, OSError(111, "refused")), False),
        (aiohttp.ClientConnectorDNSError(TO, OSError("no such host")), False),
        (aiohttp.ConnectionTimeoutError("no connection in time"), False),
        (aiohttp.ClientHttpProxyError(ASKED, (), status=407, message="who are you?"), False),
        (aiohttp.InvalidURL("http://"), False),
        (aiohttp.ServerDisconnectedError(), True),
        (aiohttp.ClientPayloadError("cut"), True),
        (aiohttp.SocketTimeoutError("late"), True),
        (ConnectionResetError("reset"), True),
        (TimeoutError(), True),
        (RuntimeError("unable to perform operation on <TCPTransport closed>"), True),
        (EOFError(), True),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
@pytest.mark.parametrize("proxy", [None, PROXY])
def test_only_what_never_left_is_not_sent(error: Exception, sent: bool, proxy: Proxy | None) -> None:
    assert isinstance(error, FAILURES)
    failure = failure_of(error, "no answer within 5 s", proxy)
    assert failure.sent is sent
    assert ("through the proxy http://proxy:3128" in str(failure)) is (proxy is not None)
    shown = "".join(traceback.TracebackException.from_exception(failure, capture_locals=True).format())
    assert SECRET not in f"{shown} {failure!r} {failure.__cause__!r}"


def test_a_time_that_is_over_is_told_in_the_callers_words() -> None:
    assert str(failure_of(TimeoutError(), "no answer within 5 s", None)).startswith("no answer within 5 s")
