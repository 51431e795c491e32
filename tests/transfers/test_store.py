"""Clips to object stores: in memory, and S3 as moto's server plays it on loopback."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from wan_async import ConfigurationError, Outcome, Retry, TransportError, Wan22TextToVideoTurbo, WanClient
from wan_async._transfers import store
from wan_async._transfers.store import opened_store
from wan_async.emulator import Emulator, Fault

from .hosts import CLIP, MediaHost, serving
from .support import PNG, client, finished

obstore = pytest.importorskip("obstore", reason="needs the extra store")

LARGE = CLIP * 60
"""20 MiB: three parts."""


@pytest_asyncio.fixture
async def host() -> AsyncGenerator[MediaHost]:
    async with serving(MediaHost()) as host:
        yield host


@pytest.fixture
def emulator() -> Emulator:
    return Emulator("secret-key", seconds=0.05, limit=None, query_limit=None, render=False)


@pytest_asyncio.fixture
async def wan(host: MediaHost, emulator: Emulator) -> AsyncGenerator[WanClient]:
    """A client of a provider all of whose clips are at the media host."""
    emulator.faults = [Fault("redirect", message=f"{host.url}/clip.mp4")]
    async with emulator.serve() as url, client(url, max_elapsed=0.5) as wan:
        yield wan


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """The URL of moto's S3, and the environment that leads obstore there."""
    pytest.importorskip("moto", reason="needs moto's server")
    log = tmp_path_factory.mktemp("moto") / "log"
    arguments = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with log.open("wb") as output, subprocess.Popen(arguments, stdout=output, stderr=output) as server:
        try:
            url = _listening(log)
            with pytest.MonkeyPatch.context() as patch:
                for name, value in _environment(url).items():
                    patch.setenv(name, value)
                yield url
        finally:
            server.terminate()


def _listening(log: Path) -> str:
    for _ in range(200):
        found = re.search(r"http://127\.0\.0\.1:\d+", log.read_text())
        if found:
            return found[0]
        time.sleep(0.05)
    raise AssertionError(log.read_text())


def _environment(url: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "y",
        "AWS_REGION": "us-east-1",
    }


@pytest_asyncio.fixture
async def bucket(s3: str) -> str:
    """A new bucket's name."""
    name = f"clips-{os.urandom(4).hex()}"
    async with aiohttp.ClientSession() as session, session.put(f"{s3}/{name}") as response:
        assert response.status == 200
    return name


async def text_of(url: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return await response.text()


async def fetched(wan: WanClient, to: str, *keys: str, journal: Path | None = None) -> dict[str, Outcome]:
    inputs = [(key, Wan22TextToVideoTurbo(prompt=key)) for key in keys]
    async with wan.batch(inputs, download_to=to, journal=journal) as results:
        return {outcome.key: outcome async for outcome in results}


async def put(wan: WanClient, to: str, key: str) -> str:
    """Where the clip of that key was put."""
    (outcome,) = (await fetched(wan, to, key)).values()
    assert outcome.error is None
    return str(outcome.path)


async def stored(url: str) -> bytes:
    opened, prefix = opened_store(url.rpartition("/")[0])
    answer = await obstore.get_async(opened, prefix + url.rpartition("/")[2])
    return bytes(await answer.bytes_async())


async def test_clips_go_into_memory(wan: WanClient, host: MediaHost) -> None:
    found = await fetched(wan, "memory://clips/today/", "fox", "../x")
    assert found["fox"].path == f"memory://clips/today/fox-{found['fox'].task_id}.mp4"
    assert str(found["../x"].path).startswith("memory://clips/today/_")
    for outcome in found.values():
        assert await stored(str(outcome.path)) == CLIP


@pytest.mark.parametrize("clip", [CLIP, LARGE])
async def test_clips_go_to_s3(wan: WanClient, host: MediaHost, bucket: str, clip: bytes) -> None:
    host.content = clip
    found = await fetched(wan, f"s3://{bucket}/a/b", "fox")
    assert found["fox"].path == f"s3://{bucket}/a/b/fox-{found['fox'].task_id}.mp4"
    assert await stored(str(found["fox"].path)) == clip
    opened, _ = opened_store(f"s3://{bucket}")
    assert [one["path"].startswith("a/b/fox-") for page in opened.list() for one in page] == [True]


async def test_a_picture_is_named_as_one(wan: WanClient, host: MediaHost) -> None:
    host.content = PNG
    assert (await put(wan, "memory://pictures", "fox")).endswith(".png")


async def test_a_source_that_breaks_is_gone_on_with(wan: WanClient, host: MediaHost, bucket: str) -> None:
    host.content, host.break_every = LARGE, 3_000_000
    assert await stored(await put(wan, f"s3://{bucket}", "fox")) == LARGE
    assert host.sent < len(LARGE) * 1.3, "what was there was fetched again"


@pytest.mark.parametrize("length", [100_000, 12_000_000])
async def test_a_source_that_stays_broken_leaves_no_object_and_no_parts(
    wan: WanClient, host: MediaHost, bucket: str, s3: str, length: int
) -> None:
    host.content, host.break_every, host.ranges = LARGE, length, False
    found = await fetched(wan, f"s3://{bucket}", "fox")
    assert found["fox"].ok
    assert found["fox"].path is None
    assert isinstance(found["fox"].error, TransportError)
    assert "<Key>" not in await text_of(f"{s3}/{bucket}")
    assert "<Upload>" not in await text_of(f"{s3}/{bucket}?uploads")


async def test_a_file_that_changes_is_put_anew(wan: WanClient, host: MediaHost, bucket: str) -> None:
    host.content, host.break_every = LARGE, 12_000_000
    host.change_at(2, LARGE[::-1])
    path = await put(wan.with_options(retry=Retry(max_elapsed=20.0)), f"s3://{bucket}", "fox")
    assert await stored(path) == LARGE[::-1]


@pytest.mark.parametrize("clip", [CLIP, LARGE])
async def test_equal_keys_and_what_is_there_are_never_mixed_up(
    wan: WanClient, host: MediaHost, bucket: str, clip: bytes
) -> None:
    opened, _ = opened_store(f"s3://{bucket}")
    await obstore.put_async(opened, "fox.mp4", b"precious")
    paths: set[str] = set()
    for content in (clip, clip[::-1]):
        host.content = content
        paths.add(path := await put(wan, f"s3://{bucket}", "fox"))
        assert await stored(path) == content
    assert len(paths) == 2
    assert await stored(f"s3://{bucket}/fox.mp4") == b"precious"


async def test_an_object_of_the_same_task_is_put_anew(wan: WanClient, host: MediaHost) -> None:
    path = await put(wan, "memory://again", "fox")
    opened, prefix = opened_store("memory://again")
    await obstore.put_async(opened, prefix + path.rpartition("/")[2], b"what a killed run left")
    target = store.StoreFolder("memory://again", lambda: wan._transfers.downloads)  # pyright: ignore[reportPrivateUsage]
    task_id = path.rpartition("-")[2].removesuffix(".mp4")
    assert await target.fetch("fox", finished(f"{host.url}/clip.mp4", task_id)) == path
    assert await stored(path) == CLIP


async def test_the_journal_knows_the_object(wan: WanClient, host: MediaHost, tmp_path: Path) -> None:
    first = await fetched(wan, "memory://journalled", "fox", journal=tmp_path / "run.db")
    again = await fetched(wan, "memory://journalled", "fox", journal=tmp_path / "run.db")
    assert again["fox"].replayed
    assert again["fox"].path == first["fox"].path
    assert str(again["fox"].path).startswith("memory://journalled/fox-")


@pytest.mark.parametrize(
    ("fault", "told"), [("PermissionDeniedError", OSError), ("UnauthenticatedError", OSError), ("GenericError", None)]
)
async def test_a_store_that_does_not_allow_it_stops_the_batch_and_one_that_is_down_does_not(
    wan: WanClient, monkeypatch: pytest.MonkeyPatch, fault: str, told: type[OSError] | None
) -> None:
    put_async = obstore.put_async

    async def refuse(opened: object, path: str, content: object, **_: object) -> None:
        if content == b"trial":
            await put_async(opened, path, content)
        else:
            raise getattr(obstore.exceptions, fault)("no\n\nDebug source:\nsecrets")

    monkeypatch.setattr(obstore, "put_async", refuse)
    if told is not None:
        with pytest.raises(told, match=r"^no$"):
            await fetched(wan, "memory://refused", *map(str, range(500)))
        return
    found = await fetched(wan, "memory://refused", "fox")
    assert isinstance(found["fox"].error, TransportError)
    assert "secrets" not in str(found["fox"].error)


async def test_a_missing_bucket_is_told_before_anything_is_paid(
    wan: WanClient, host: MediaHost, s3: str, emulator: Emulator
) -> None:
    assert s3
    with pytest.raises(ConfigurationError) as caught:
        await fetched(wan, "s3://missing-bucket/x", *map(str, range(500)))
    assert str(caught.value) == (
        "download_to: 's3://missing-bucket/x' cannot be written: NoSuchBucket: The specified bucket does not exist; "
        "allowed: a bucket that is there and that these credentials may write to"
    )
    assert emulator.stats.created == 0


async def test_a_bucket_that_vanishes_stops_the_batch_in_words(
    wan: WanClient, host: MediaHost, bucket: str, s3: str
) -> None:
    target = store.StoreFolder(f"s3://{bucket}", lambda: wan._transfers.downloads)  # pyright: ignore[reportPrivateUsage]
    await target.check()
    async with aiohttp.ClientSession() as session, session.delete(f"{s3}/{bucket}") as response:
        assert response.status == 204, "the trial is still there"
    with pytest.raises(OSError, match=r"^NoSuchBucket: The specified bucket does not exist$"):
        await target.fetch("fox", finished(f"{host.url}/clip.mp4"))


async def test_a_store_that_does_not_answer_is_told(wan: WanClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async def wait(*_: object) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(obstore, "put_async", wait)
    monkeypatch.setattr(store, "TRIAL", 0.05)
    with pytest.raises(ConfigurationError, match=r"'memory://silent' cannot be written: no answer within 0.05 s"):
        await fetched(wan, "memory://silent", "fox")


@pytest.mark.parametrize("url", ["ftp://host/x", "s3://", "https://host/x", "file:///tmp"])
async def test_other_places_are_refused(wan: WanClient, url: str) -> None:
    with pytest.raises(ConfigurationError, match="download_to"):
        wan.batch([], download_to=url)


async def test_a_setting_that_is_missing_is_told(wan: WanClient) -> None:
    with pytest.raises(ConfigurationError, match="Account") as caught:
        wan.batch([], download_to="az://container")
    assert "Debug" not in str(caught.value)


async def test_without_the_extra_its_pip_command_is_told(wan: WanClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(ConfigurationError, match=r'pip install "wan-async\[store\]"'):
        wan.batch([], download_to="s3://bucket")
