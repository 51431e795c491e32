"""`Retry-After`: a number of seconds or one of the three forms of an HTTP-date (RFC 9110, 5.6.7 and 10.2.3)."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from wan_async import RateLimitError
from wan_async._protocol import Answer
from wan_async._protocol.answers import read_created, read_record


@pytest.fixture
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose clock is not set to UTC: dates without a zone are GMT all the same."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("5", 5.0),
        ("0.25", 0.25),
        (" 7 ", 7.0),
        ("-3", 0.0),
        ("0", 0.0),
        ("3600", 3600.0),
        ("3600.5", 60.0),
        ("1700000000", 60.0),
        ("1e300", 60.0),
        ("-1700000000", 0.0),
        ("Fri, 01 Jan 2099 00:00:00 GMT", 60.0),
        ("Thu, 01 Jan 1970 00:17:00 GMT", 20.0),
        ("Thu Jan  1 00:17:00 1970", 20.0),
        ("Thu, 01 Jan 1970 00:17:00 -0000", 20.0),
        ("Thu, 01 Jan 1970 01:17:00 +0100", 20.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("1e999", None),
        ("5, 6", None),
        ("Thu, 99 Jan 1970 00:17:00 GMT", None),
        ('+99999999999 Oct " 99:99:99 2015', None),
        ("9" * 5000, None),
    ],
)
@pytest.mark.usefixtures("tokyo")
def test_retry_after(value: str, seconds: float | None) -> None:
    for name in ("retry-after", "Retry-After"):
        for status, body in ((200, b'{"code":429}'), (429, b"slow")):
            with pytest.raises(RateLimitError) as caught:
                read_created(Answer(status, body, {name: value}, received_at=1000.0))
            assert caught.value.retry_after == seconds


def test_without_retry_after_there_is_none() -> None:
    with pytest.raises(RateLimitError) as caught:
        read_record(Answer(429, b""))
    assert caught.value.args == (429, "", 429, None)
