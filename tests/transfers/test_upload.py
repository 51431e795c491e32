"""Uploads: streamed, named apart, repeated where that is possible, and each content once."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator
from hashlib import blake2b
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
from wan_async._transfers import media, uploads
from wan_async._transfers.sources import StoredSource
from wan_async._transfers.uploads import unique_name

from .support import MP4, PNG, client
from .upload_host import UploadHost, taking_uploads

MEGABYTE = os.urandom(1 << 20)


@pytest_asyncio.fixture
async def host() -> AsyncGenerator[UploadHost]:
    async with taking_uploads() as host:
        yield host


@pytest_asyncio.fixture
async def wan(host: UploadHost) -> AsyncGenerator[WanClient]:
    async with client(host.url, upload=True) as wan:
        yield wan


async def stream(content: bytes, piece: int = 10_000) -> AsyncIterator[bytes]:
    for at in range(0, len(content), piece):
        await asyncio.sleep(0)
        yield content[at : at + piece]


def hashed(content: bytes) -> str:
    return blake2b(content).hexdigest()


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


async def test_the_callers_error_comes_out_bare(host: UploadHost, wan: WanClient) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield MEGABYTE
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        await wan.upload(broken())
    assert len(host.posts) <= 1
    assert not host.uploads


async def test_a_file_that_shrinks_is_refused(host: UploadHost, wan: WanClient, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(MEGABYTE * 8)
    host.faults.append("reset")
    uploading = asyncio.create_task(wan.upload(path))
    while not host.posts:
        await asyncio.sleep(0)
    os.truncate(path, 10)
    with pytest.raises(InvalidInputError, match="shrink"):
        await uploading


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


@pytest.mark.parametrize("step", ["_open", "_hash_on"])
async def test_a_cancelled_upload_leaves_no_open_file(
    host: UploadHost, wan: WanClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    begun, work = threading.Event(), getattr(StoredSource, step)

    def slowly(source: StoredSource, *args: object) -> object:
        begun.set()
        time.sleep(0.2)
        return work(source, *args)

    path = tmp_path / "a"
    path.write_bytes(MEGABYTE)
    monkeypatch.setattr(StoredSource, step, slowly)
    uploading = asyncio.create_task(wan.upload(path))
    while not begun.is_set():
        await asyncio.sleep(0.01)
    for _ in range(5):
        uploading.cancel()
        await asyncio.sleep(0.01)
    with pytest.raises(asyncio.CancelledError):
        await uploading
    assert str(path) not in [os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")]
    assert not host.posts


async def test_uploads_at_once_are_bounded(host: UploadHost, wan: WanClient) -> None:
    host.pause = 0.05
    await asyncio.gather(*[wan.upload(bytes([number])) for number in range(30)])
    assert host.most_under_way == uploads.AT_ONCE


async def test_without_the_extra_the_name_tells_the_type(
    host: UploadHost, wan: WanClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "puremagic", None)
    assert (await wan.upload(PNG, name="x.webp")).mime_type == "image/webp"
    assert (await wan.upload(b"?", name="x")).mime_type == "application/octet-stream"


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01" + bytes(200), "image/jpeg"),
        (b"\xff\xd8\xff\xdb\x00\x43" + bytes(200), "image/jpeg"),
        (b"RIFF\x24\x00\x00\x00WEBPVP8 " + bytes(200), "image/webp"),
        (MP4, "video/mp4"),
        (b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41" + bytes(200), "video/mp4"),
        (b"\x00\x00\x00\x18ftypiso5\x00\x00\x02\x00iso5iso6mp41" + bytes(200), "video/mp4"),
        (b"\x00\x00\x00\x14ftypqt  \x00\x00\x00\x00qt  " + bytes(200), "video/quicktime"),
        (
            b"\x1aE\xdf\xa3\xa3B\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82\x88matroska" + bytes(200),
            "video/x-matroska",
        ),
        (
            b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82\x84webm" + bytes(200),
            "video/webm",
        ),
        (b"GIF89a" + bytes(200), "image/gif"),
        (b"<!DOCTYPE html><html>", "text/html"),
        (b"hello " * 50, media.UNKNOWN),
        (b"", media.UNKNOWN),
    ],
)
def test_the_content_tells_the_type(head: bytes, kind: str) -> None:
    assert media.media_type(head) == kind


@pytest.mark.parametrize("name", ["", "../../etc/x", 'a"b\r\nX: y', "x" * 500 + ".png", "ж.жпг", "a.ex e"])
def test_unique_names_are_safe_in_a_header(name: str) -> None:
    unique = unique_name(name, "")
    assert not set(unique) & set('"\r\n/\\')
    assert len(unique.encode()) <= 200
    assert unique != unique_name(name, "")


def test_an_uploaded_file_is_a_value() -> None:
    assert UploadedFile.__struct_config__.frozen
