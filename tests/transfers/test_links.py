"""Where a download leads: redirects, refused links, and what nobody may see."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest

from wan_async import (
    NotFoundError,
    ResponseError,
    SessionPool,
    TaskFailedError,
    TaskRecord,
    TaskState,
    TransportError,
    WanClient,
)

from .hosts import CLIP, MediaHost, link, serving
from .support import client, finished, names


async def test_the_key_reaches_no_media_host(host: MediaHost, wan: WanClient, tmp_path: Path) -> None:
    async with serving(MediaHost()) as other:
        host.redirect = f"{other.url}/elsewhere.mp4"
        path = await wan.download(link(host), tmp_path)
        assert path.read_bytes() == CLIP
        assert other.asked
        for asked in host.asked + other.asked:
            assert "authorization" not in asked.headers
            assert "secret-key" not in str(asked)


async def test_the_callers_own_middleware_plays_no_part(host: MediaHost, tmp_path: Path) -> None:
    async def add_key(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        request.headers["Authorization"] = "Bearer secret-key"
        return await handler(request)

    async with (
        aiohttp.ClientSession(middlewares=(add_key,)) as session,
        WanClient("secret-key", base_url=host.url, pool=SessionPool(session)) as wan,
    ):
        await wan.download(link(host), tmp_path)
    assert "authorization" not in host.asked[0].headers


@pytest.mark.parametrize(
    "to", ["http://example.com/x.mp4", "ftp://127.0.0.1/x", "file:///etc/passwd", "http://10.0.0.1/"]
)
async def test_redirects_lead_to_https_only(host: MediaHost, tmp_path: Path, to: str) -> None:
    host.redirect = to
    async with client(host.url, max_elapsed=0.0) as wan:
        with pytest.raises(TransportError, match="not https"):
            await wan.download(link(host), tmp_path)
    assert names(tmp_path) == []


async def test_redirects_end(host: MediaHost, tmp_path: Path) -> None:
    host.redirect = "/again"
    async with client(host.url, max_elapsed=0.0) as wan:
        with pytest.raises(TransportError, match="redirects"):
            await wan.download(link(host), tmp_path)
    assert len(host.asked) == 10


async def test_signed_links_are_followed_letter_for_letter(host: MediaHost, wan: WanClient, tmp_path: Path) -> None:
    chain = ["/a%2Fb%7E.mp4?sig=x%2Fy%3D", "c%2Fd~.mp4?sig=%7e+/=", "?sig=a%2Bb"]
    host.redirect = [f"{host.url}/first%7E?x=%2F", *chain]
    await wan.download(f"{host.url}/%7Eclip?a=%2F", tmp_path)
    paths = [asked.path for asked in host.asked]
    assert paths == ["/%7Eclip?a=%2F", "/first%7E?x=%2F", chain[0], f"/{chain[1]}", f"/c%2Fd~.mp4{chain[2]}"]


@pytest.mark.parametrize("told", ["/fox in rain.mp4?who=füchse", "/füchse/regen\t1.mp4"])
async def test_links_with_raw_letters_are_quoted(host: MediaHost, wan: WanClient, tmp_path: Path, told: str) -> None:
    path = await wan.download(finished(f"{host.url}{told}"), tmp_path)
    assert path.read_bytes() == CLIP
    host.redirect = [told]
    await wan.download(f"{host.url}/clip.mp4", tmp_path)
    host.good = lambda path: "fresh" in path
    host.next_link = f"{host.url}{told}?fresh=1"
    await wan.download(f"{host.url}/old.mp4", tmp_path)
    expected = quote(told, safe="/?=")
    assert [asked.path for asked in host.asked][::2] == [expected, expected, f"{expected}?fresh=1"]


async def test_a_link_that_comes_after_its_success_is_asked_for(
    host: MediaHost, wan: WanClient, tmp_path: Path
) -> None:
    host.record_url = link(host)
    record = TaskRecord(task_id="t1", state=TaskState.SUCCESS)
    path = await wan.download(record, tmp_path)
    assert path.read_bytes() == CLIP


async def test_success_without_a_link_is_told_in_words(host: MediaHost, wan: WanClient, tmp_path: Path) -> None:
    record = TaskRecord(task_id="t1", state=TaskState.SUCCESS)
    with pytest.raises(ResponseError, match=r"^task t1 succeeded, but its result holds no link$"):
        await wan.download(record, tmp_path)
    with pytest.raises(ResponseError, match="task t1 succeeded, but its link 'nix' is no"):
        await wan.download(finished("nix"), tmp_path)
    with pytest.raises(TaskFailedError, match="t1 failed"):
        await wan.download(TaskRecord(task_id="t1", state=TaskState.FAIL), tmp_path)
    assert names(tmp_path) == []


async def test_another_file_in_the_record_is_not_added_to_what_is_there(
    host: MediaHost, wan: WanClient, tmp_path: Path
) -> None:
    async with serving(MediaHost(CLIP[::-1])) as other:
        host.etag = other.etag = None
        host.break_every, host.record_url = 100_000, link(other)
        host.good = lambda path: len(host.asked) == 1
        path = await wan.download(finished(link(host)), tmp_path)
        assert path.read_bytes() == CLIP[::-1]


async def test_an_expired_link_is_replaced(host: MediaHost, wan: WanClient, tmp_path: Path) -> None:
    host.good = lambda path: "fresh" in path
    host.next_link = f"{host.url}/clip.mp4?fresh=1"
    path = await wan.download(link(host), tmp_path)
    assert path.read_bytes() == CLIP
    assert host.calls == ["/api/v1/common/download-url"]


async def test_a_link_that_expires_under_way_is_replaced_each_time(
    host: MediaHost, wan: WanClient, tmp_path: Path
) -> None:
    host.break_every = 100_000
    host.next_link = f"{host.url}/clip.mp4?fresh=1"
    used: list[str] = []
    host.good = lambda path: (used.append(path), len(used) % 2 == 1)[1]  # each link is good once
    path = await wan.download(link(host), tmp_path)
    assert path.read_bytes() == CLIP
    assert len(host.calls) == 3
    assert host.sent == len(CLIP)


async def test_the_record_is_read_again_where_no_fresh_link_helps(
    host: MediaHost, wan: WanClient, tmp_path: Path
) -> None:
    host.good = lambda path: "moved" in path
    host.record_url = f"{host.url}/moved.mp4"
    path = await wan.download(finished(link(host)), tmp_path)
    assert path.read_bytes() == CLIP
    assert [call.partition("?")[0] for call in host.calls] == [
        "/api/v1/common/download-url",
        "/api/v1/jobs/recordInfo",
    ]


async def test_a_link_that_stays_refused_is_given_up(host: MediaHost, wan: WanClient, tmp_path: Path) -> None:
    host.good = lambda path: False
    host.next_link = f"{host.url}/clip.mp4?fresh=1"
    host.record_url = link(host)
    with pytest.raises(NotFoundError) as caught:
        await wan.download(finished(link(host)), tmp_path)
    assert caught.value.status == 403
    assert len(host.asked) == 3
    assert names(tmp_path) == []


async def test_a_foreign_link_is_given_up_at_once(host: MediaHost, wan: WanClient, tmp_path: Path) -> None:
    host.good = lambda path: False
    with pytest.raises(NotFoundError):
        await wan.download(link(host), tmp_path)
    assert len(host.asked) == 1
