"""The page over HTTP: now's data, and only the clips that the journal names."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import closing
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from wan_async._gallery import ById, read_gallery, serving
from wan_async._gallery.server import LiveData

from .support import LIMIT, Item, journal


@pytest.fixture
async def url(tmp_path: Path) -> AsyncGenerator[str]:
    folder = tmp_path / "clips"
    folder.mkdir()
    (folder / "a.mp4").write_bytes(b"0123456789")
    (tmp_path / "secret").write_bytes(b"s")
    (folder / "link.mp4").symlink_to(tmp_path / "secret")
    paths = [folder / "a.mp4", tmp_path / "secret", folder / "../secret", folder / "link.mp4"]
    path = journal(tmp_path / "run.db", [Item(f"k{n}", path=str(path)) for n, path in enumerate(paths)])
    links = ById([folder])
    source = LiveData(path, partial(read_gallery, path, links, limit=LIMIT, newest=100, live=0.2))
    async with serving(source, links, 0) as url:
        yield url


@pytest.fixture
async def web() -> AsyncGenerator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def test_only_named_clips_below_the_folder(url: str, web: aiohttp.ClientSession) -> None:
    async with web.get(url + "data.json") as answer:
        rows = (await answer.json())["rows"]
    assert [row.get("clip") for row in rows] == ["clips/1", None, None, None]
    async with web.get(url + "clips/1", headers={"Range": "bytes=2-4"}) as answer:
        assert (answer.status, await answer.read(), answer.content_type) == (206, b"234", "video/mp4")
    for path in ("clips/2", "clips/3", "clips/4", "clips/99", "clips/..%2Fsecret", "clips/%2e%2e/secret", "secret"):
        async with web.get(url + path) as answer:
            assert answer.status == 404, path


async def test_a_saved_picture_is_one_and_so_is_a_link_to_one(tmp_path: Path, web: aiohttp.ClientSession) -> None:
    (tmp_path / "fox.PNG").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "hen.mp4").write_bytes(b"0")
    saved = [Item(name, path=str(tmp_path / name)) for name in ("fox.PNG", "hen.mp4")]
    links = [Item(link, url=f"https://example.com/{link}") for link in ("a.webp?sign=.mp4", "a.mp4#a.png", "png")]
    path, by_id = journal(tmp_path / "run.db", [*saved, *links]), ById([tmp_path])
    source = LiveData(path, partial(read_gallery, path, by_id, limit=LIMIT, newest=100, live=0.2))
    async with serving(source, by_id, 0) as url, web.get(url + "data.json") as answer:
        rows = (await answer.json())["rows"]
        assert [row.get("picture", False) for row in rows] == [True, False, True, False, False]
        async with web.get(url + rows[0]["clip"]) as picture:
            assert (picture.status, picture.content_type) == (200, "image/png")


async def test_further_pictures_are_served_beside_the_first_alone(tmp_path: Path, web: aiohttp.ClientSession) -> None:
    (tmp_path / "secret-2.png").write_bytes(b"s")
    folder = tmp_path / "clips"
    folder.mkdir()
    for name in ("fox.png", "fox-2.png"):
        (folder / name).write_bytes(name.encode())
    (folder / "fox-3.png").symlink_to(tmp_path / "secret-2.png")
    urls = ("https://host/1.png", "https://host/2.png", "https://host/3.png", "javascript:1")
    items = [Item("fox", path=str(folder / "fox.png"), urls=urls), Item("hen", url="https://host/hen.mp4")]
    path, by_id = journal(tmp_path / "run.db", items), ById([folder])
    source = LiveData(path, partial(read_gallery, path, by_id, limit=LIMIT, newest=100, live=0.2))
    async with serving(source, by_id, 0) as url, web.get(url + "data.json") as answer:
        rows = (await answer.json())["rows"]
        assert [row.get("more") for row in rows] == [["clips/1/2", "https://host/3.png"], None]
        for link, content in (
            ("clips/1/2", b"fox-2.png"),
            ("clips/1/3", None),
            ("clips/1/9", None),
            ("clips/2/2", None),
        ):
            async with web.get(url + link) as picture:
                assert (await picture.read() if picture.status == 200 else None) == content, link


async def test_data_come_again_only_when_the_journal_was_written(
    url: str, web: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with web.get(url + "data.json") as answer:
        tag = answer.headers["ETag"]
    async with web.get(url + "data.json", headers={"If-None-Match": tag}) as answer:
        assert answer.status == 304
    with closing(sqlite3.connect(tmp_path / "run.db")) as database, database:
        database.execute("UPDATE item SET state = 'failed' WHERE id = 2")
    async with asyncio.timeout(20):
        while True:
            async with web.get(url + "data.json", headers={"If-None-Match": tag}) as answer:
                if answer.status == 200:
                    assert (await answer.json())["summary"]["counts"]["failed"] == 1
                    return
            await asyncio.sleep(0.05)  # a read is kept for a while


async def test_another_sites_name_is_refused(url: str, web: aiohttp.ClientSession) -> None:
    async with web.get(url) as answer:
        assert (answer.status, answer.content_type) == (200, "text/html")
    async with web.get(url, headers={"Host": "evil.example.com"}) as answer:
        assert answer.status == 421
