"""Files that change while they are read, and callers that leave."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio

from wan_async import (
    InvalidInputError,
    WanClient,
)
from wan_async._transfers.sources import StoredSource

from .support import client
from .upload_host import MEGABYTE, UploadHost, taking_uploads


@pytest_asyncio.fixture
async def host() -> AsyncGenerator[UploadHost]:
    async with taking_uploads() as host:
        yield host


@pytest_asyncio.fixture
async def wan(host: UploadHost) -> AsyncGenerator[WanClient]:
    async with client(host.url, upload=True) as wan:
        yield wan


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


async def test_a_file_that_grows_is_sent_as_it_was_found(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    source = StoredSource(path)
    await source.inspect()
    path.write_bytes(b"1234567890")
    await source.rewind()
    assert (bytes(await source.read()), bytes(await source.read())) == (b"12345", b"")
    await source.aclose()


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
