"""Reading a clip over replies that are made up, in virtual time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping

import pytest

from wan_async import NotFoundError, RejectedError, ResponseError, ServerError, TaskRecord, TransportError
from wan_async._transfers.clip import Clip, Link
from wan_async._transfers.fetch import Fetch, StartAnew

pytestmark = pytest.mark.virtual_time


class Reply:
    """Headers, then pieces of a body; None in place of a piece breaks off."""

    def __init__(self, status: int, headers: Mapping[str, str], *pieces: bytes | None) -> None:
        self.status = status
        self.headers = headers
        self.pieces = deque(pieces)

    async def read(self) -> bytes:
        piece = self.pieces.popleft() if self.pieces else b""
        if piece is None:
            raise TransportError("broke")
        return piece

    def close(self) -> None:
        self.pieces.clear()


class Web:
    """Gives the replies one after the other, the last again and again."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = deque(replies)
        self.asked: list[tuple[str, Mapping[str, str]]] = []

    async def get(self, url: str, headers: Mapping[str, str]) -> Reply:
        self.asked.append((url, headers))
        if len(self.replies) > 1:
            return self.replies.popleft()
        last = self.replies[0]
        return Reply(last.status, last.headers, *last.pieces)


class Calls:
    """Gives fresh links by number, and the record."""

    def __init__(self, url: str | None = "https://host/clip") -> None:
        self.url = url
        self.fresh = 0
        self.refusal: Exception | None = None
        self.link = "https://host/fresh"

    async def fresh_link(self, url: str) -> str:
        self.fresh += 1
        if self.refusal is not None:
            raise self.refusal
        return f"{self.link}{self.fresh}"

    async def record(self, task_id: str) -> TaskRecord:
        return TaskRecord(task_id=task_id, urls=() if self.url is None else (self.url,))


def fetch(web: Web, calls: Calls | None = None, *, max_elapsed: float = 10.0, task_id: str | None = "t1") -> Fetch:
    return Fetch(web.get, Link(calls or Calls(), Clip("https://host/clip", task_id)), max_elapsed)


async def whole(reader: Fetch) -> bytes:
    got = b""
    while True:
        try:
            chunk = await reader.read()
        except StartAnew:
            got = b""
            continue
        if not chunk:
            return got
        got += chunk


OK = {"Content-Length": "6", "ETag": '"e"'}
PART = {"Content-Range": "bytes 3-5/6", "ETag": '"e"'}


async def test_a_part_with_more_bytes_than_were_told_is_thrown_away() -> None:
    web = Web(Reply(200, OK, b"abc", None), Reply(206, PART, b"defg"), Reply(200, OK, b"abcdef"))
    assert await whole(fetch(web)) == b"abcdef"
    assert "Range" not in web.asked[2][1]


async def test_a_host_that_always_sends_too_much_is_given_up() -> None:
    part = Reply(206, PART, b"defg")
    web = Web(*[reply for _ in range(200) for reply in (Reply(200, OK, b"abc", None), Reply(206, PART, b"defg"))], part)
    with pytest.raises(TransportError, match=r"more bytes|broke"):
        await whole(fetch(web))
    assert asyncio.get_running_loop().time() < 30


async def test_a_clip_of_unknown_length_that_broke_at_its_end_is_whole() -> None:
    web = Web(Reply(200, {"ETag": '"e"'}, b"abc", None), Reply(416, {"Content-Range": "bytes */3"}))
    assert await whole(fetch(web)) == b"abc"


async def test_reading_on_after_the_end_gives_nothing() -> None:
    reader = fetch(Web(Reply(200, OK, b"abcdef")))
    assert await whole(reader) == b"abcdef"
    assert await reader.read() == b""


async def test_a_known_part_is_passed_over_piece_by_piece() -> None:
    web = Web(Reply(200, OK, b"abcd", None), Reply(200, OK, b"ab", b"cde", b"f"))
    reader = fetch(web)
    assert [await reader.read() for _ in range(4)] == [b"abcd", b"e", b"f", b""]


async def test_a_known_part_that_ends_too_early_is_not_whole() -> None:
    web = Web(Reply(200, OK, b"abcd", None), Reply(200, OK, b"ab"))
    with pytest.raises(TransportError, match="too few"):
        await whole(fetch(web))


async def test_a_body_that_ends_in_order_but_too_early_is_not_whole() -> None:
    web = Web(
        Reply(200, OK, b"abc"), Reply(206, PART, b"de"), Reply(206, {**PART, "Content-Range": "bytes 5-5/6"}, b"f")
    )
    assert await whole(fetch(web)) == b"abcdef"
    assert [headers.get("Range") for _, headers in web.asked] == [None, "bytes=3-", "bytes=5-"]


async def test_the_time_without_a_new_byte_is_bounded() -> None:
    web = Web(Reply(200, OK, b"abc", None), Reply(503, {}))
    started = asyncio.get_running_loop().time()
    with pytest.raises(TransportError, match="503"):
        await whole(fetch(web, max_elapsed=100.0))
    assert asyncio.get_running_loop().time() - started == pytest.approx(100.0)


async def test_bytes_that_were_there_already_are_no_progress() -> None:
    web = Web(Reply(200, {"Content-Length": "6"}, b"abc", None))
    with pytest.raises(TransportError, match="broke"):
        await whole(fetch(web, max_elapsed=50.0))
    assert asyncio.get_running_loop().time() == pytest.approx(50.0, abs=1)


async def test_each_refusal_is_answered_with_one_fresh_link() -> None:
    refused = Reply(403, {})
    web = Web(refused, Reply(200, OK, b"abc", None), refused, Reply(206, PART, b"def"))
    calls = Calls(url=None)
    assert await whole(fetch(web, calls)) == b"abcdef"
    assert [url for url, _ in web.asked] == [
        "https://host/clip",
        "https://host/fresh1",
        "https://host/fresh1",
        "https://host/fresh2",
    ]


async def test_the_record_that_tells_the_same_link_gets_a_last_fresh_one() -> None:
    web = Web(Reply(403, {}), Reply(404, {}), Reply(200, OK, b"abcdef"))
    calls = Calls()
    assert await whole(fetch(web, calls)) == b"abcdef"
    assert calls.fresh == 2


@pytest.mark.parametrize(("url", "task_id"), [(None, "t1"), ("nonsense", "t1"), ("https://host/clip", None)])
async def test_without_another_link_the_clip_is_gone(url: str | None, task_id: str | None) -> None:
    calls = Calls(url)
    calls.refusal = RejectedError(422, "url is wrong")
    web = Web(Reply(410, {}))
    with pytest.raises(NotFoundError, match="410"):
        await whole(fetch(web, calls, task_id=task_id))
    assert len(web.asked) == 1


async def test_a_provider_that_fails_is_told() -> None:
    calls = Calls()
    calls.refusal = ServerError(500, "down")
    with pytest.raises(ServerError):
        await whole(fetch(Web(Reply(403, {})), calls))


async def test_a_fresh_link_that_is_none_is_told() -> None:
    calls = Calls()
    calls.link = "file:///etc/passwd"
    with pytest.raises(ResponseError, match="no http"):
        await whole(fetch(Web(Reply(403, {})), calls))
