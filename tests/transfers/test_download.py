"""Downloads from media hosts that break, lie, redirect, refuse and expire."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from wan_async import (
    InvalidInputError,
    NotFoundError,
    TaskRecord,
    TaskState,
    TransportError,
    WanClient,
    WanError,
)
from wan_async._transfers import downloads as downloads_module
from wan_async._transfers import files

from .hosts import CLIP, MediaHost, link, serving
from .support import PNG, client, finished, names


async def test_a_record_into_a_folder_is_named_by_its_task(host: MediaHost, wan: WanClient, tmp_path: Path) -> None:
    path = await wan.download(finished(link(host), "0a1b"), tmp_path)
    assert path == tmp_path / "0a1b.mp4"
    assert path.read_bytes() == CLIP
    assert names(tmp_path) == ["0a1b.mp4"]


async def test_a_missing_folder_is_made(host: MediaHost, wan: WanClient, tmp_path: Path) -> None:
    path = await wan.download(finished(link(host)), f"{tmp_path}/a/b/")
    assert path == tmp_path / "a/b/t1.mp4"
    path = await wan.download(link(host), tmp_path / "c" / "my clip.bin")
    assert path == tmp_path / "c" / "my clip.bin"
    assert path.read_bytes() == CLIP


async def test_a_picture_is_named_as_one(host: MediaHost, wan: WanClient, tmp_path: Path) -> None:
    host.content = PNG + CLIP
    for _ in range(2):
        path = await wan.download(finished(link(host), "one"), tmp_path)
        assert path == tmp_path / "one.png"
    assert await wan.download(link(host), tmp_path / "as named.mp4") == tmp_path / "as named.mp4"
    assert names(tmp_path) == ["as named.mp4", "one.png"]
    assert len(host.asked) == 2


async def test_links_of_equal_names_are_different_files(host: MediaHost, wan: WanClient, tmp_path: Path) -> None:
    first = await wan.download(f"{host.url}/a/clip.mp4?signature=1", tmp_path)
    second = await wan.download(f"{host.url}/b/clip.mp4", tmp_path)
    assert first != second
    assert await wan.download(f"{host.url}/a/clip.mp4?signature=2", tmp_path) == first
    assert len(host.asked) == 2


@pytest.mark.parametrize("there", [b"", b"another", CLIP[::-1], CLIP])
async def test_a_file_that_the_caller_named_is_replaced(
    host: MediaHost, wan: WanClient, tmp_path: Path, there: bytes
) -> None:
    target = tmp_path / "clip.mp4"
    target.write_bytes(there)
    assert await wan.download(finished(link(host)), target) == target
    assert target.read_bytes() == CLIP
    assert len(host.asked) == 1


async def test_a_file_is_replaced_at_once_and_whole(host: MediaHost, wan: WanClient, tmp_path: Path) -> None:
    target = tmp_path / "clip.mp4"
    target.write_bytes(b"another")
    host.break_every, host.ranges = 100_000, False
    download = asyncio.create_task(wan.download(link(host), target))
    while len(host.asked) < 3:
        assert target.read_bytes() == b"another"
        await asyncio.sleep(0.001)
    host.break_every = None
    await download
    assert target.read_bytes() == CLIP


async def test_a_clip_that_this_client_wrote_costs_no_request(host: MediaHost, wan: WanClient, tmp_path: Path) -> None:
    for _ in range(2):
        assert await wan.download(finished(link(host), "one"), tmp_path) == tmp_path / "one.mp4"
        assert await wan.download(link(host), tmp_path / "by link") == tmp_path / "by link"
    assert len(host.asked) == 2


async def test_a_path_comes_back_as_it_was_given(
    host: MediaHost, wan: WanClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for to, given in (("x.mp4", Path("x.mp4")), (tmp_path / "x.mp4", tmp_path / "x.mp4"), ("a/", Path("a/t1.mp4"))):
        assert await wan.download(finished(link(host)), to) == given
    monkeypatch.chdir(tmp_path / "a")
    assert await wan.download(finished(link(host)), tmp_path / "x.mp4") == tmp_path / "x.mp4"
    assert await wan.download(finished(link(host)), "t1.mp4") == Path("t1.mp4")
    assert len(host.asked) == 2


async def test_a_file_that_somebody_changed_is_fetched_again(host: MediaHost, wan: WanClient, tmp_path: Path) -> None:
    path = await wan.download(finished(link(host)), tmp_path)
    other = tmp_path / "other"
    other.write_bytes(CLIP[::-1])
    other.replace(path)
    await wan.download(finished(link(host)), tmp_path)
    assert path.read_bytes() == CLIP
    path.unlink()
    await wan.download(finished(link(host)), tmp_path)
    assert path.read_bytes() == CLIP
    assert len(host.asked) == 3


async def test_another_client_believes_no_file(host: MediaHost, wan: WanClient, tmp_path: Path) -> None:
    path = await wan.download(finished(link(host)), tmp_path)
    host.content = CLIP[::-1]
    async with client(host.url) as other:
        assert await other.download(finished(link(host)), tmp_path) == path
    assert path.read_bytes() == CLIP[::-1]


async def test_two_tasks_into_one_file_are_not_taken_for_one_another(
    host: MediaHost, wan: WanClient, tmp_path: Path
) -> None:
    async with serving(MediaHost(CLIP[::-1])) as other:
        records = finished(link(host), "one"), finished(link(other), "two")
        for number, content in ((0, CLIP), (1, CLIP[::-1]), (0, CLIP)):
            path = await wan.download(records[number], tmp_path / "clip.mp4")
            assert path.read_bytes() == content
        host.pause = other.pause = 0.05
        await asyncio.gather(*[wan.download(records[number % 2], path) for number in range(6)])
        assert path.read_bytes() in (CLIP, CLIP[::-1])
    assert names(tmp_path) == ["clip.mp4"]


async def test_of_two_callers_one_may_leave(host: MediaHost, wan: WanClient, tmp_path: Path) -> None:
    host.pause = 0.1
    first, second = [asyncio.create_task(wan.download(finished(link(host)), tmp_path)) for _ in range(2)]
    while not host.asked:
        await asyncio.sleep(0.001)
    first.cancel()
    assert (await second).read_bytes() == CLIP
    assert names(tmp_path) == ["t1.mp4"]


async def test_two_downloads_of_one_clip_fetch_it_once(host: MediaHost, wan: WanClient, tmp_path: Path) -> None:
    target = tmp_path / "clip.mp4"
    await asyncio.gather(*[wan.download(link(host), target) for _ in range(5)])
    assert len(host.asked) == 1
    assert names(tmp_path) == ["clip.mp4"]


async def test_a_broken_download_goes_on_where_it_broke(host: MediaHost, wan: WanClient, tmp_path: Path) -> None:
    host.break_every = 100_000
    path = await wan.download(link(host), tmp_path)
    assert path.read_bytes() == CLIP
    assert [asked.start for asked in host.asked] == [0, 100_000, 200_000, 300_000]
    assert {asked.headers.get("if-range") for asked in host.asked[1:]} == {'"one"'}
    assert host.sent == len(CLIP)


async def test_a_host_without_ranges_is_read_again(host: MediaHost, wan: WanClient, tmp_path: Path) -> None:
    host.ranges, host.break_every = False, 100_000

    async def heal() -> None:
        while len(host.asked) < 2:
            await asyncio.sleep(0.001)
        host.break_every = None

    healing = asyncio.create_task(heal())
    path = await wan.download(link(host), tmp_path)
    await healing
    assert path.read_bytes() == CLIP


async def test_a_changed_file_is_not_mixed(host: MediaHost, wan: WanClient, tmp_path: Path) -> None:
    host.content, host.break_every = CLIP * 8, 900_000  # more than is written at once
    host.change_at(3, CLIP[::-1])
    path = await wan.download(link(host), tmp_path)
    assert path.read_bytes() == CLIP[::-1]


@pytest.mark.parametrize("extra", [1, 5000])
async def test_a_body_shorter_than_told_is_not_whole(host: MediaHost, tmp_path: Path, extra: int) -> None:
    host.extra_length = extra
    async with client(host.url, max_elapsed=0.3) as wan:
        with pytest.raises(TransportError):
            await wan.download(link(host), tmp_path)
    assert names(tmp_path) == []


async def test_a_range_that_lies_about_the_total_is_not_whole(host: MediaHost, tmp_path: Path) -> None:
    host.break_every, host.extra_total = 200_000, 1
    async with client(host.url, max_elapsed=0.3) as wan:
        with pytest.raises(TransportError):
            await wan.download(link(host), tmp_path)
    assert names(tmp_path) == []


async def test_a_clip_without_a_length_is_taken(host: MediaHost, wan: WanClient, tmp_path: Path) -> None:
    host.chunked = True
    path = await wan.download(link(host), tmp_path)
    assert path.read_bytes() == CLIP


async def test_a_clip_without_a_length_that_breaks_off_is_not_taken(host: MediaHost, tmp_path: Path) -> None:
    host.chunked, host.break_every, host.ranges = True, 100_000, False
    async with client(host.url, max_elapsed=0.3) as wan:
        with pytest.raises(TransportError):
            await wan.download(link(host), tmp_path)
    assert names(tmp_path) == []


async def test_a_page_instead_of_a_clip_is_not_taken(host: MediaHost, wan: WanClient, tmp_path: Path) -> None:
    host.headers = {"Content-Type": "text/html"}
    with pytest.raises(NotFoundError, match="text/html"):
        await wan.download(link(host), tmp_path)
    assert names(tmp_path) == []


async def test_a_host_that_is_down_is_tried_for_as_long_as_told(host: MediaHost, tmp_path: Path) -> None:
    host.status = 503
    started = asyncio.get_running_loop().time()
    async with client(host.url, max_elapsed=0.5) as wan:
        with pytest.raises(TransportError, match="503"):
            await wan.download(link(host), tmp_path)
    assert 0.4 < asyncio.get_running_loop().time() - started < 2.0
    assert len(host.asked) > 1


async def test_progress_prolongs_the_tries(host: MediaHost, tmp_path: Path) -> None:
    host.break_every, host.pause = 70_000, 0.15
    started = asyncio.get_running_loop().time()
    async with client(host.url, max_elapsed=0.3) as wan:
        path = await wan.download(link(host), tmp_path)
    assert asyncio.get_running_loop().time() - started > 0.6
    assert path.read_bytes() == CLIP


async def test_a_host_that_falls_silent_is_left(host: MediaHost, tmp_path: Path) -> None:
    host.pause = 30.0
    async with client(host.url, max_elapsed=0.0, total=0.2) as wan:
        with pytest.raises(TransportError, match="nothing"):
            await wan.download(link(host), tmp_path)


async def test_a_cancelled_download_leaves_nothing(host: MediaHost, wan: WanClient, tmp_path: Path) -> None:
    host.break_every, host.ranges = 100_000, False
    download = asyncio.create_task(wan.download(link(host), tmp_path / "a" / "clip.mp4"))
    while len(host.asked) < 2:
        await asyncio.sleep(0.01)
    download.cancel()
    with pytest.raises(asyncio.CancelledError):
        await download
    assert names(tmp_path / "a") == []


async def test_a_thread_that_a_cancelled_download_leaves_writes_into_no_other_file(
    host: MediaHost, wan: WanClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing, write = threading.Event(), os.write

    def slow_write(fd: int, content: memoryview) -> int:
        writing.set()
        time.sleep(0.2)
        return write(fd, content)

    monkeypatch.setattr(files.os, "write", slow_write)
    download = asyncio.create_task(wan.download(link(host), tmp_path / "a" / "clip.mp4"))
    while not writing.is_set():
        await asyncio.sleep(0.01)
    for _ in range(5):
        download.cancel()
        await asyncio.sleep(0.01)
    with pytest.raises(asyncio.CancelledError):
        await download
    with (tmp_path / "other").open("wb"):  # takes the descriptor if it was closed too early
        await asyncio.sleep(0.3)
    assert (tmp_path / "other").read_bytes() == b""
    assert names(tmp_path / "a") == []


async def test_downloads_at_once_are_bounded(host: MediaHost, wan: WanClient, tmp_path: Path) -> None:
    host.pause = 0.05
    await asyncio.gather(*[wan.download(link(host), tmp_path / f"{number}") for number in range(30)])
    assert host.most_under_way == downloads_module.AT_ONCE


RUNNING = TaskRecord(task_id="t1", state=TaskState.GENERATING)


@pytest.mark.parametrize("given", ["clip.mp4", "ftp://host/x", "https://host/fox in rain.mp4", 5, None, RUNNING])
async def test_what_is_no_link_is_refused(host: MediaHost, wan: WanClient, tmp_path: Path, given: str) -> None:
    with pytest.raises(InvalidInputError, match="record_or_url"):
        await wan.download(given, tmp_path)


@pytest.mark.parametrize("to", ["", "a\0b", "s3://bucket/x", b"clips", 5, None])
async def test_what_is_no_path_is_refused(host: MediaHost, wan: WanClient, to: str) -> None:
    with pytest.raises(InvalidInputError, match=r"^to: "):
        await wan.download(link(host), to)
    assert not host.asked


async def test_the_servers_names_lead_nowhere(host: MediaHost, wan: WanClient, tmp_path: Path) -> None:
    host.headers = {"Content-Disposition": 'attachment; filename="../../etc/x"'}
    folder = tmp_path / "clips"
    folder.mkdir()
    await wan.download(finished(f"{host.url}/..%2F..%2Fetc/x", "../../etc/x"), folder)
    await wan.download(f"{host.url}/..%2F..%2Fetc%2Fx", folder)
    assert names(tmp_path) == ["clips"]
    assert len(names(folder)) == 2


async def test_the_same_client_downloads_in_another_loop(tmp_path: Path) -> None:
    def run(wan: WanClient, target: Path) -> bytes:
        async def go() -> bytes:
            async with serving(MediaHost()) as host, wan:
                return (await wan.download(link(host), target)).read_bytes()

        return asyncio.run(go())

    wan = client("http://127.0.0.1:9")
    for number in range(2):
        assert await asyncio.to_thread(run, wan, tmp_path / str(number)) == CLIP


@contextmanager
def full_disk(bytes_left: int) -> Generator[None]:
    """Let files of this process not grow beyond so many bytes."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_left, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_full_disk_is_told_and_nothing_is_left(host: MediaHost, wan: WanClient, tmp_path: Path) -> None:
    with full_disk(100_000), pytest.raises(OSError) as caught:
        await wan.download(link(host), tmp_path / "clip.mp4")
    assert not isinstance(caught.value, WanError)
    assert caught.value.errno == errno.EFBIG
    assert caught.value.filename == str(tmp_path / "clip.mp4")
    assert names(tmp_path) == []


async def test_a_device_is_not_replaced_by_a_clip(host: MediaHost, wan: WanClient) -> None:
    with pytest.raises(FileExistsError, match="Is not a file"):
        await wan.download(link(host), os.devnull)
    assert not os.path.isfile(os.devnull)
    assert not host.asked
