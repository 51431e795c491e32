"""Tasks that made several pictures: all that was paid for is fetched, each under a name of its own."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from wan_async import TaskRecord, TaskState, Wan27Image, WanClient, WanInput
from wan_async._transfers.clip import Clip, Link, Renewed, clips_of
from wan_async.emulator import Emulator
from wan_async.events import Downloaded, Event

from .support import FAST, names

PICTURES = Wan27Image(prompt="a fox", n=3)


def provider() -> Emulator:
    return Emulator(key="secret-key", seconds=0.0, limit=None, query_limit=None, render=False)


def wan_at(url: str, events: list[Event]) -> WanClient:
    return WanClient("secret-key", base_url=url, limit=FAST, query_limit=FAST, on_event=events.append)


async def test_a_folder_gets_all_and_a_file_the_first(tmp_path: Path) -> None:
    events: list[Event] = []
    async with provider().serve() as url, wan_at(url, events) as wan:
        record = await wan.run(PICTURES)
        path = await wan.download(record, f"{tmp_path}/all/")
        assert await wan.download(record, f"{tmp_path}/all/") == path  # they are there
        await wan.download(record, tmp_path / "fox.png")
    assert path.name == f"{record.task_id}.png"
    wanted = [f"{record.task_id}{nth}.png" for nth in ("-2", "-3", "")]
    assert names(tmp_path / "all") == wanted
    assert names(tmp_path) == ["all", "fox.png"]
    assert len([event for event in events if isinstance(event, Downloaded)]) == 4


@pytest.mark.parametrize("place", ["folder", "memory://pictures/of-three"])
async def test_a_batch_fetches_all_and_names_them_by_their_key(tmp_path: Path, place: str) -> None:
    events: list[Event] = []
    given: list[tuple[str, WanInput]] = [("fox", PICTURES), ("hen", Wan27Image(prompt="a hen"))]
    to = place if "://" in place else str(tmp_path / place)
    async with (
        provider().serve() as url,
        wan_at(url, events) as wan,
        wan.batch(given, download_to=to, journal=tmp_path / "run.db") as results,
    ):
        made = {outcome.key: outcome async for outcome in results}
    got = sorted(event.path.rpartition("/")[2] for event in events if isinstance(event, Downloaded))
    fox, hen = made["fox"].task_id, made["hen"].task_id
    assert got == sorted([f"fox-{fox}.png", f"fox-{fox}-2.png", f"fox-{fox}-3.png", f"hen-{hen}.png"])
    assert str(made["fox"].path).endswith(f"fox-{fox}.png")
    if "://" not in place:
        assert names(tmp_path / place) == got


class Calls:
    """A provider that gives no fresh links, and names three pictures."""

    RECORD = TaskRecord(task_id="t", state=TaskState.SUCCESS, urls=tuple(f"https://host/{n}.png" for n in (1, 2, 3)))

    async def fresh_link(self, url: str) -> str:
        return url.replace(".png", ".png?fresh")

    async def record(self, task_id: str) -> TaskRecord:
        return self.RECORD


async def test_a_refused_link_is_replaced_by_that_of_the_same_picture() -> None:
    link = Link(Calls(), Clip("https://host/old.png", "t", 2))
    assert await link.refused() is Renewed.SAME_FILE
    assert await link.refused() is Renewed.OTHER_FILE
    assert link.url == "https://host/2.png"
    gone = Link(Calls(), Clip("https://host/old.png", "t", 4))
    await gone.refused()
    assert await gone.refused() is Renewed.NONE


async def test_a_link_that_comes_twice_is_one_and_what_is_none_is_left_out() -> None:
    links = ("https://host/a.png", "none", "https://host/b.png", "https://host/a.png")
    clips = await clips_of(msgspec.structs.replace(Calls.RECORD, urls=links), Calls())
    assert [(clip.link, clip.number, clip.stem) for clip in clips] == [
        ("https://host/a.png", 1, "t"),
        ("https://host/b.png", 3, "t-3"),
    ]
