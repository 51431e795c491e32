"""Uploads: streamed, named apart, repeated where that is possible, and each content once."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from wan_async import (
    AuthenticationError,
    ConfigurationError,
    InvalidInputError,
    RejectedError,
    ResponseError,
    TransportError,
    UploadedFile,
    WanClient,
)
from wan_async._transfers import uploads

from .support import PNG, client
from .upload_host import MEGABYTE, UploadHost, hashed, stream, taking_uploads


@pytest_asyncio.fixture
async def host() -> AsyncGenerator[UploadHost]:
    async with taking_uploads() as host:
        yield host


@pytest_asyncio.fixture
async def wan(host: UploadHost) -> AsyncGenerator[WanClient]:
    async with client(host.url, upload=True) as wan:
        yield wan


async def test_a_file_arrives_with_its_name_type_and_length(host: UploadHost, wan: WanClient, tmp_path: Path) -> None:
    path = tmp_path / "my fox.jpeg"
    path.write_bytes(PNG)
    uploaded = await wan.upload(path)
    (came,) = host.uploads
    assert (came.size, came.digest, came.mime_type) == (len(PNG), hashed(PNG), "image/png")
    assert re.fullmatch(r"my fox-[0-9a-f]{16}\.png", came.filename)
    assert came.fields == {"uploadPath": "wan-async", "fileName": came.filename}
    assert int(came.headers["Content-Length"]) > len(PNG)
    assert host.posts == ["/api/file-stream-upload"]
    assert host.keys == ["Bearer secret-key"]
    assert (uploaded.url, uploaded.name) == ("https://files.test/1", came.filename)
    assert (uploaded.size, uploaded.mime_type) == (len(PNG), "image/png")
    assert 86_300 < uploaded.expires_at.timestamp() - time.time() <= 86_400


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 3_000_000])
async def test_every_byte_arrives(host: UploadHost, wan: WanClient, tmp_path: Path, size: int) -> None:
    content = (MEGABYTE * 3)[:size]
    path = tmp_path / "file"
    path.write_bytes(content)
    await wan.upload(path)
    await wan.upload(stream(b"x" + content), name="s")
    await wan.upload(b"y" + content)
    assert [came.digest for came in host.uploads] == [hashed(first + content) for first in (b"", b"x", b"y")]
    assert [came.size for came in host.uploads] == [size, size + 1, size + 1]


async def test_a_stream_is_sent_as_it_comes(host: UploadHost, wan: WanClient) -> None:
    uploaded = await wan.upload(stream(MEGABYTE), name="x.bin")
    assert host.uploads[0].headers["Transfer-Encoding"] == "chunked"
    assert uploaded.size == len(MEGABYTE)
    assert re.fullmatch(r"x-[0-9a-f]{16}\.bin", uploaded.name)


async def test_a_url_is_fetched_by_the_host(host: UploadHost, wan: WanClient) -> None:
    uploaded = await wan.upload("https://example.com/a/fox.png?size=1")
    (came,) = host.uploads
    assert host.posts == ["/api/file-url-upload"]
    assert came.fields["fileUrl"] == "https://example.com/a/fox.png?size=1"
    assert re.fullmatch(r"fox-[0-9a-f]{16}\.png", came.fields["fileName"])
    assert (uploaded.size, uploaded.mime_type) == (7, "image/png")


async def test_the_same_content_is_uploaded_once(host: UploadHost, wan: WanClient, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(PNG)
    uploads = await asyncio.gather(wan.upload(path), wan.upload(PNG), wan.upload(path, name="other"))
    assert len(host.uploads) == 1
    assert len(set(uploads)) == 1
    streamed = await wan.upload(stream(PNG))
    assert streamed == uploads[0]


async def test_equal_names_are_told_apart(host: UploadHost, wan: WanClient) -> None:
    await wan.upload(b"1", name="a.png")
    await wan.upload(b"2", name="a.png")
    assert host.uploads[0].filename != host.uploads[1].filename


async def test_what_will_expire_soon_is_uploaded_again(
    host: UploadHost, wan: WanClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await wan.upload(PNG)
    now = time.time()
    monkeypatch.setattr(uploads.time, "time", lambda: now + 19.9 * 3600)
    await wan.upload(PNG)
    assert len(host.uploads) == 1
    monkeypatch.setattr(uploads.time, "time", lambda: now + 20.1 * 3600)
    await wan.upload(PNG)
    assert len(host.uploads) == 2


async def test_few_contents_are_remembered(host: UploadHost, wan: WanClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "REMEMBERED", 2)
    for content in (b"1", b"2", b"3", b"3", b"2", b"1"):
        await wan.upload(content)
    assert len(host.uploads) == 4


@pytest.mark.parametrize(
    "fault",
    ["reset", (500, {"code": 500, "msg": "oops"}), (502, {}), (200, {"code": 455}), (429, {}), (200, {"code": 200})],
)
async def test_an_upload_is_repeated(host: UploadHost, wan: WanClient, fault: str) -> None:
    host.faults.extend([fault, fault])
    uploaded = await wan.upload(MEGABYTE)
    assert uploaded.url == "https://files.test/1"
    assert host.uploads[0].digest == hashed(MEGABYTE)
    assert len(host.posts) == 3


async def test_an_upload_by_url_is_repeated(host: UploadHost, wan: WanClient) -> None:
    host.faults.extend(["reset", (503, {})])
    await wan.upload("https://example.com/a.png")
    assert len(host.posts) == 3


async def test_a_stream_that_was_read_is_not_sent_again(host: UploadHost, wan: WanClient) -> None:
    host.faults.append((503, {}))
    with pytest.raises(ResponseError):
        await wan.upload(stream(MEGABYTE))
    assert len(host.posts) == 1


async def test_a_short_stream_can_be_sent_again(host: UploadHost, wan: WanClient) -> None:
    host.faults.append((503, {}))
    await wan.upload(stream(PNG))
    assert host.uploads[0].digest == hashed(PNG)
    await wan.upload(PNG)
    assert len(host.uploads) == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((200, {"code": 401, "msg": "no"}), AuthenticationError),
        ((200, {"code": 422, "msg": "too large"}), RejectedError),
    ],
)
async def test_a_verdict_is_final(
    host: UploadHost, wan: WanClient, answer: tuple[int, dict[str, object]], error: type[Exception]
) -> None:
    host.faults.append(answer)
    with pytest.raises(error):
        await wan.upload(PNG)
    assert len(host.posts) == 1


async def test_the_key_follows_no_redirect(host: UploadHost) -> None:
    host.faults.append((307, {}))
    async with client(host.url, upload=True, max_elapsed=0.0) as wan:
        with pytest.raises(ResponseError):
            await wan.upload(PNG)
    assert host.posts == ["/api/file-stream-upload"]


async def test_a_host_that_falls_silent_is_left(host: UploadHost) -> None:
    host.faults.append("silent")
    async with client(host.url, upload=True, max_elapsed=0.0, total=0.2) as wan:
        with pytest.raises(TransportError, match="nothing"):
            await wan.upload(PNG)


async def test_a_slow_stream_is_not_taken_for_silence(host: UploadHost) -> None:
    async def slow() -> AsyncIterator[bytes]:
        for _ in range(6):
            await asyncio.sleep(0.15)
            yield MEGABYTE[:100_000]

    async with client(host.url, upload=True, max_elapsed=0.0, total=0.4) as wan:
        uploaded = await wan.upload(slow())
    assert uploaded.size == 600_000


async def test_a_piece_that_comes_as_the_host_is_left_is_no_fault_of_the_stream(host: UploadHost) -> None:
    async def content() -> AsyncIterator[bytes]:
        yield b"x" * 100_000  # more than is kept for a second try
        end = time.monotonic() + 0.3
        while time.monotonic() < end:  # the loop sees only now that it is late, with a piece on its way
            pass
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        yield b"y"
        await asyncio.sleep(10)

    async with client(host.url, upload=True, total=0.2, max_elapsed=0.1) as wan:
        with pytest.raises(TransportError, match=r"said nothing for 0\.2 s"):
            await wan.upload(content())


async def test_the_callers_error_comes_out_bare(host: UploadHost, wan: WanClient) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield MEGABYTE
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        await wan.upload(broken())
    assert len(host.posts) <= 1
    assert not host.uploads


@pytest.mark.parametrize("given", ["fox.png", "ftp://host/x", 5, None])
async def test_what_cannot_be_uploaded_is_told(host: UploadHost, wan: WanClient, given: str) -> None:
    with pytest.raises(InvalidInputError, match=r"pathlib\.Path"):
        await wan.upload(given)
    assert not host.posts


async def test_files_that_cannot_be_read_are_told(host: UploadHost, wan: WanClient, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "missing", tmp_path / "pipe"):
        with pytest.raises(InvalidInputError, match="file that can be read"):
            await wan.upload(path)
    assert not host.posts


async def test_without_a_host_both_places_to_name_it_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APIKLEY_UPLOAD_URL", raising=False)
    async with WanClient("k") as wan:
        with pytest.raises(ConfigurationError, match=r"upload_url=….*APIKLEY_UPLOAD_URL"):
            await wan.upload(PNG)


async def test_the_environment_names_the_host(host: UploadHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APIKLEY_UPLOAD_URL", host.url + "/")
    async with WanClient("k") as wan:
        await wan.upload(PNG)
    assert host.posts == ["/api/file-stream-upload"]
    monkeypatch.setenv("APIKLEY_UPLOAD_URL", "nonsense")
    with pytest.raises(ConfigurationError, match="upload_url"):
        WanClient("k")


async def test_the_hosts_answer_is_looked_at(host: UploadHost) -> None:
    host.answer = {"downloadUrl": "file:///etc/passwd"}
    async with client(host.url, upload=True, max_elapsed=0.0) as wan:
        with pytest.raises(ResponseError, match="no http"):
            await wan.upload(PNG)


async def test_an_endless_answer_is_not_read(host: UploadHost) -> None:
    host.answer = {"more": "x" * (2 << 20)}
    async with client(host.url, upload=True, max_elapsed=0.0) as wan:
        with pytest.raises(TransportError, match="larger than"):
            await wan.upload(PNG)


async def test_uploads_at_once_are_bounded(host: UploadHost, wan: WanClient) -> None:
    host.pause = 0.05
    await asyncio.gather(*[wan.upload(bytes([number])) for number in range(30)])
    assert host.most_under_way == uploads.AT_ONCE


async def test_a_content_that_is_not_known_has_the_type_of_its_name(host: UploadHost, wan: WanClient) -> None:
    assert (await wan.upload(PNG, name="x.webp")).mime_type == "image/png"
    assert (await wan.upload(b"?", name="x.webp")).mime_type == "image/webp"
    assert (await wan.upload(b"!", name="x")).mime_type == "application/octet-stream"


def test_an_uploaded_file_is_a_value() -> None:
    assert UploadedFile.__struct_config__.frozen
