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
from wan_async._transfers.store import opened_store
from wan_async.emulator import Emulator, Fault

from .hosts import CLIP, MediaHost, serving
from .support import client

obstore = pytest.importorskip("obstore", reason="needs the extra store")

LARGE = CLIP * 60
"""20 MiB: three parts."""


@pytest_asyncio.fixture
async def host() -> AsyncGenerator[MediaHost]:
    async with serving(MediaHost()) as host:
        yield host


@pytest_asyncio.fixture
async def wan(host: MediaHost) -> AsyncGenerator[WanClient]:
    """A client of a provider all of whose clips are at the media host."""
    emulator = Emulator("secret-key", seconds=0.05, limit=None, query_limit=None, render=False)
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


async def stored(url: str) -> bytes:
    opened, prefix = opened_store(url.rpartition("/")[0])
    answer = await obstore.get_async(opened, prefix + url.rpartition("/")[2])
    return bytes(await answer.bytes_async())


async def test_clips_go_into_memory(wan: WanClient, host: MediaHost) -> None:
    found = await fetched(wan, "memory://clips/today/", "fox", "../x")
    assert found["fox"].path == "memory://clips/today/fox.mp4"
    assert str(found["../x"].path).startswith("memory://clips/today/_")
    for outcome in found.values():
        assert await stored(str(outcome.path)) == CLIP


@pytest.mark.parametrize("clip", [CLIP, LARGE])
async def test_clips_go_to_s3(wan: WanClient, host: MediaHost, bucket: str, clip: bytes) -> None:
    host.content = clip
    found = await fetched(wan, f"s3://{bucket}/a/b", "fox")
    assert found["fox"].path == f"s3://{bucket}/a/b/fox.mp4"
    assert await stored(f"s3://{bucket}/a/b/fox.mp4") == clip


async def test_a_source_that_breaks_is_gone_on_with(wan: WanClient, host: MediaHost, bucket: str) -> None:
    host.content, host.break_every = LARGE, 3_000_000
    await fetched(wan, f"s3://{bucket}", "fox")
    assert await stored(f"s3://{bucket}/fox.mp4") == LARGE
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
    await fetched(wan.with_options(retry=Retry(max_elapsed=20.0)), f"s3://{bucket}", "fox")
    assert await stored(f"s3://{bucket}/fox.mp4") == LARGE[::-1]


@pytest.mark.parametrize("clip", [CLIP, LARGE])
async def test_what_is_there_is_not_overwritten(wan: WanClient, host: MediaHost, bucket: str, clip: bytes) -> None:
    opened, _ = opened_store(f"s3://{bucket}")
    await obstore.put_async(opened, "fox.mp4", b"precious")
    host.content = clip
    found = await fetched(wan, f"s3://{bucket}", "fox")
    assert found["fox"].path == f"s3://{bucket}/fox.mp4"
    assert await stored(f"s3://{bucket}/fox.mp4") == b"precious"
    assert not host.asked


async def test_what_came_meanwhile_is_not_overwritten(wan: WanClient, host: MediaHost) -> None:
    host.pause = 0.3
    opened, prefix = opened_store("memory://race")
    fetching = asyncio.create_task(fetched(wan, "memory://race", "fox"))
    while not host.asked:
        await asyncio.sleep(0.01)
    await obstore.put_async(opened, f"{prefix}fox.mp4", b"precious")
    assert (await fetching)["fox"].path == "memory://race/fox.mp4"
    assert await stored("memory://race/fox.mp4") == b"precious"


async def test_the_journal_knows_the_object(wan: WanClient, host: MediaHost, tmp_path: Path) -> None:
    first = await fetched(wan, "memory://journalled", "fox", journal=tmp_path / "run.db")
    again = await fetched(wan, "memory://journalled", "fox", journal=tmp_path / "run.db")
    assert again["fox"].replayed
    assert again["fox"].path == first["fox"].path == "memory://journalled/fox.mp4"


@pytest.mark.parametrize("step", ["head_async", "put_async"])
@pytest.mark.parametrize(
    ("fault", "told"), [("PermissionDeniedError", OSError), ("UnauthenticatedError", OSError), ("GenericError", None)]
)
async def test_a_store_that_does_not_allow_it_stops_the_batch_and_one_that_is_down_does_not(
    wan: WanClient, monkeypatch: pytest.MonkeyPatch, step: str, fault: str, told: type[OSError] | None
) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise getattr(obstore.exceptions, fault)("no\n\nDebug source:\nsecrets")

    monkeypatch.setattr(obstore, step, refuse)
    if told is not None:
        with pytest.raises(told, match=r"^no$"):
            await fetched(wan, "memory://refused", *map(str, range(500)))
        return
    found = await fetched(wan, "memory://refused", "fox")
    assert isinstance(found["fox"].error, TransportError)
    assert "secrets" not in str(found["fox"].error)


async def test_a_missing_bucket_stops_the_batch(wan: WanClient, host: MediaHost, s3: str) -> None:
    assert s3
    with pytest.raises(OSError, match="missing-bucket"):
        await fetched(wan, "s3://missing-bucket", *map(str, range(500)))


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
