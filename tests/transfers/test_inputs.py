"""Local files where a media URL goes: checked before anything is paid, uploaded once, known by their path."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
import pytest_asyncio
from msgspec import UNSET, Meta, UnsetType

from wan_async import (
    ConfigurationError,
    InvalidInputError,
    Outcome,
    Retry,
    TransportError,
    Wan22AnimateMove,
    Wan22ImageToVideoTurbo,
    Wan22TextToVideoTurbo,
    Wan26ImageToVideo,
    WanClient,
    WanInput,
)
from wan_async._batch import Batch
from wan_async._calls import Recorder
from wan_async._inputs.local_files import KINDS, files_in, path_to_text, with_paths, with_urls
from wan_async._policy.limiter import Permit
from wan_async._transfers import uploads
from wan_async._transfers.inputs import check, submit_with_files
from wan_async._transfers.sources import StoredSource
from wan_async.emulator import Emulator, Fault

from .support import MP4, PNG, client

MP3 = b"ID3\x03" + bytes(100)
OGG = b"OggS\x00\x02" + bytes(60)
LARGEST = KINDS["image"].largest


@pytest_asyncio.fixture
async def emulator() -> Emulator:
    return Emulator("secret-key", seconds=0.05, limit=None, query_limit=None, render=False)


@pytest_asyncio.fixture
async def wan(emulator: Emulator) -> AsyncGenerator[WanClient]:
    async with emulator.serve() as url, client(url, upload=True) as wan:
        yield wan


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "fox & hound.bin"
    path.write_bytes(PNG)
    return path


def sent(emulator: Emulator) -> list[dict[str, Any]]:
    return [dict(task.input) for task in emulator.tasks.values()]


async def outcomes(batch: Batch) -> dict[str, Outcome]:
    async with batch as results:
        return {outcome.key: outcome async for outcome in results}


async def test_a_file_is_uploaded_and_its_url_sent(wan: WanClient, emulator: Emulator, image: Path) -> None:
    record = await wan.run(Wan22ImageToVideoTurbo(prompt="p", image_url=image))
    assert record.url
    (fields,) = sent(emulator)
    assert fields["image_url"].endswith(".png")
    assert fields["image_url"].startswith("http://")
    assert emulator.stats.uploads == 1


async def test_files_stand_in_lists_and_beside_urls(
    wan: WanClient, emulator: Emulator, image: Path, tmp_path: Path
) -> None:
    video = tmp_path / "v"
    video.write_bytes(MP4)
    await wan.run(Wan26ImageToVideo(prompt="pp", image_urls=[image]))
    await wan.run(Wan22AnimateMove(video_url=video, image_url="https://example.com/a.png"))
    listed, beside = sent(emulator)
    assert listed["image_urls"][0].endswith(".png")
    assert beside["video_url"].endswith(".mp4")
    assert beside["image_url"] == "https://example.com/a.png"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (None, "No such file"),
        (b"GIF89a" + bytes(200), "image/gif"),
        (MP4, "video/mp4"),
        (b"hello " * 50, "application/octet-stream"),
        (b"", "application/octet-stream"),
        (PNG + bytes(LARGEST), f"{LARGEST + len(PNG)} bytes"),
    ],
)
async def test_a_file_that_no_model_takes_is_refused_before_anything_is_paid(
    wan: WanClient, emulator: Emulator, tmp_path: Path, content: bytes | None, found: str
) -> None:
    path = tmp_path / "file.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidInputError, match=found) as caught:
        await wan.run(Wan26ImageToVideo(prompt="pp", image_urls=[path]))
    assert caught.value.field == "image_urls[0]"
    assert caught.value.given == path
    assert emulator.stats.created == emulator.stats.uploads == 0


class Spoken(WanInput, frozen=True, kw_only=True):
    """An input with all the kinds that the five models do not have."""

    model = "wan/spoken"
    audio_url: Annotated[str, Meta(extra={"url": True, "media": "audio"})] | UnsetType = UNSET
    voice: Annotated[str, Meta(extra={"url": True, "media": "voice"})] | UnsetType = UNSET
    video: Annotated[str, Meta(extra={"url": True, "media": "edited"})] | UnsetType = UNSET


@pytest.mark.parametrize(
    ("field", "content", "size", "refused"),
    [
        ("audio_url", MP3, 10 << 20, None),
        ("audio_url", OGG, 100, None),
        ("audio_url", MP3, (10 << 20) + 1, "at most 10 MB"),
        ("audio_url", PNG, 5000, "audio/mpeg or audio/wav or audio/ogg .* image/png"),
        ("voice", MP3, 15 << 20, None),
        ("voice", MP3, (15 << 20) + 1, "at most 15 MB"),
        ("voice", OGG, 100, "audio/wav or audio/mpeg; this one is audio/ogg"),
        ("video", MP4, 11 << 20, None),
        ("video", MP3, 100, "at most 100 MB that is video/mp4 or video/quicktime"),
    ],
)
async def test_sound_and_long_videos_have_sizes_and_types_of_their_own(
    tmp_path: Path, field: str, content: bytes, size: int, refused: str | None
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content + bytes(size - len(content)) if size > len(content) else content)
    given: dict[str, Any] = {field: path}
    (file,) = files_in(Spoken(**given))
    source = StoredSource(path, field)
    await source.inspect()
    if refused is None:
        check(file, source)
    else:
        with pytest.raises(InvalidInputError, match=refused) as caught:
            check(file, source)
        assert caught.value.field == field
    await source.aclose()


async def test_a_file_of_ten_megabytes_is_taken(wan: WanClient, tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(PNG + bytes(LARGEST - len(PNG)))
    await wan.run(Wan22ImageToVideoTurbo(prompt="p", image_url=path))


@pytest.mark.parametrize("value", ["fox.png", "file:fox.png", b"fox.png", 5])
def test_text_must_be_a_url(value: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"pathlib\.Path"):
        Wan22ImageToVideoTurbo(prompt="p", image_url=value)


async def test_in_a_batch_a_bad_file_is_that_items_error(
    wan: WanClient, emulator: Emulator, image: Path, tmp_path: Path
) -> None:
    inputs = [
        ("good", Wan22ImageToVideoTurbo(prompt="p", image_url=image)),
        ("missing", Wan22ImageToVideoTurbo(prompt="p", image_url=tmp_path / "missing")),
        ("again", Wan22ImageToVideoTurbo(prompt="q", image_url=image)),
    ]
    found = await outcomes(wan.batch(inputs, journal=tmp_path / "run.db", max_credits=160, max_in_flight=1))
    assert {key: outcome.ok for key, outcome in found.items()} == {"good": True, "missing": False, "again": True}
    assert isinstance(found["missing"].error, InvalidInputError)
    assert (emulator.stats.uploads, emulator.stats.created) == (1, 2)
    (tmp_path / "missing").write_bytes(PNG)
    found = await outcomes(wan.batch(inputs, journal=tmp_path / "run.db"))
    assert all(outcome.ok for outcome in found.values())
    assert emulator.stats.created == 3


async def test_a_resume_needs_no_file_that_is_gone_or_changed(
    wan: WanClient, emulator: Emulator, image: Path, tmp_path: Path
) -> None:
    def inputs() -> list[WanInput]:
        return [
            Wan22ImageToVideoTurbo(prompt="p", image_url=image),
            Wan26ImageToVideo(prompt="pp", image_urls=[image]),
        ]

    await outcomes(wan.batch(inputs(), journal=tmp_path / "run.db"))
    image.unlink()
    found = await outcomes(wan.batch(inputs(), journal=tmp_path / "run.db"))
    assert emulator.stats.created == 2
    assert all(outcome.replayed and outcome.ok for outcome in found.values())
    assert sorted(map(repr, (outcome.input for outcome in found.values()))) == sorted(map(repr, inputs()))


async def test_an_item_of_an_earlier_run_is_uploaded_by_the_next(
    emulator: Emulator, image: Path, tmp_path: Path
) -> None:
    emulator.faults = [Fault("refuse", call="createTask", code=402)]
    inputs = [Wan22ImageToVideoTurbo(prompt="p", image_url=image)]
    async with emulator.serve() as url, client(url, upload=True) as wan:
        with pytest.raises(Exception, match="402"):
            await outcomes(wan.batch(inputs, journal=tmp_path / "run.db"))
        emulator.faults = ()
        found = await outcomes(wan.batch([], journal=tmp_path / "run.db"))
    assert [outcome.ok for outcome in found.values()] == [True]


async def test_an_upload_that_fails_costs_the_item_not_the_batch(
    emulator: Emulator, image: Path, tmp_path: Path
) -> None:
    inputs = [
        ("file", Wan22ImageToVideoTurbo(prompt="p", image_url=image)),
        ("text", Wan22TextToVideoTurbo(prompt="p")),
    ]
    async with emulator.serve() as url:
        async with client(url).with_options(upload_url="http://127.0.0.1:9", retry=Retry(max_elapsed=0.0)) as wan:
            found = await outcomes(wan.batch(inputs, journal=tmp_path / "run.db"))
            assert isinstance(found["file"].error, TransportError)
            assert found["text"].ok
        async with client(url, upload=True) as wan:
            found = await outcomes(wan.batch(inputs, journal=tmp_path / "run.db"))
    assert all(outcome.ok for outcome in found.values())
    assert emulator.stats.created == 2


async def test_what_every_upload_lacks_stops_the_batch(emulator: Emulator, image: Path, tmp_path: Path) -> None:
    inputs = [Wan22ImageToVideoTurbo(prompt=str(number), image_url=image) for number in range(1000)]
    async with emulator.serve() as url, client(url) as wan:
        batch = wan.batch(inputs, journal=tmp_path / "run.db")
        with pytest.raises(ConfigurationError, match="APIKLEY_UPLOAD_URL"):
            await outcomes(batch)
    assert batch.stats.pulled < 200
    assert emulator.stats.created == 0


async def test_files_that_waited_too_long_are_uploaded_again(
    wan: WanClient, emulator: Emulator, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls: list[object] = []
    began: list[str] = []
    now = time.time()
    clock = now

    class Told:
        permit: Permit | None = None

        async def begin(self) -> None:
            began.append("begun")

        async def again(self, error: Exception) -> None:
            raise AssertionError

    async def submit(ready: WanInput, intent: Recorder | None) -> str:
        nonlocal clock
        assert isinstance(ready, Wan22ImageToVideoTurbo)
        urls.append(ready.image_url)
        if len(urls) == 1:
            clock = now + 20.5 * 3600  # so long did the slot take
        assert intent is not None
        await intent.begin()
        return "task"

    monkeypatch.setattr(uploads.time, "time", lambda: clock)
    task_input = Wan22ImageToVideoTurbo(prompt="p", image_url=image)
    sender = wan._transfers.uploads  # pyright: ignore[reportPrivateUsage]
    assert await submit_with_files(sender, task_input, submit, Told()) == "task"
    assert len(set(urls)) == 2
    assert began == ["begun"]
    assert emulator.stats.uploads == 2


def test_a_journalled_input_is_the_same_input_again() -> None:
    for path in (Path("fox & hound.png"), Path("/абв/\udcff.png"), Path("file:x%20y")):
        given = Wan26ImageToVideo(prompt="file:not a path", image_urls=[path])
        fields = with_paths(Wan26ImageToVideo, msgspec.json.decode(given.content()))
        assert Wan26ImageToVideo(**fields) == given
        extra = Wan22ImageToVideoTurbo(prompt="p", image_url=path, extra={"a": 1})
        assert msgspec.json.decode(extra.content())["image_url"] == path_to_text(path)


async def test_a_task_with_a_file_is_sent_again_after_a_429(
    wan: WanClient, emulator: Emulator, image: Path, tmp_path: Path
) -> None:
    emulator.faults = [Fault("refuse", call="createTask", code=429, retry_after=0.05, times=2)]
    inputs = [("a", Wan22ImageToVideoTurbo(prompt="p", image_url=image))]
    found = await outcomes(wan.batch(inputs, journal=tmp_path / "run.db"))
    assert found["a"].ok
    assert (emulator.stats.uploads, emulator.stats.created) == (1, 1)


def test_only_paths_become_text() -> None:
    with pytest.raises(NotImplementedError):
        path_to_text(object())


def test_files_are_found_by_field() -> None:
    one, two = Path("one"), Path("two")
    found = files_in(Wan22AnimateMove(video_url=one, image_url=two))
    assert [(file.field, file.path, file.kind) for file in found] == [
        ("video_url", one, KINDS["video"]),
        ("image_url", two, KINDS["image"]),
    ]
    assert not files_in(Wan22TextToVideoTurbo(prompt="p"))
    ready = with_urls(Wan26ImageToVideo(prompt="pp", image_urls=[one]), {one: "https://host/1"})
    assert ready == Wan26ImageToVideo(prompt="pp", image_urls=["https://host/1"])
