"""`WanClient`: its arguments, its calls, and what a fault of the caller's own costs."""

from __future__ import annotations

import asyncio
import gc
import weakref
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from wan_async import (
    ConfigurationError,
    InvalidInputError,
    Polling,
    SessionPool,
    TaskState,
    Timeout,
    WanClient,
    WanTask,
)
from wan_async.events import Called, Event, Submitted

from .support import CREATED, CREDITS, FOX, RECORD, FakeTransport, says

BAD_ARGUMENTS: list[tuple[str, object]] = [
    ("api_key", 5),
    ("api_key", ""),
    ("api_key", "secret\r\nX-Evil: 1"),
    ("api_key", "secret "),
    ("api_key", "sécret"),
    ("base_url", 5),
    ("base_url", "api.apikley.ru"),
    ("base_url", "ftp://api"),
    ("base_url", "http://"),
    ("base_url", "http://api?x=1"),
    ("base_url", "http://api#x"),
    ("base_url", "http://user:password@api"),
    ("base_url", "http://user@api"),
    ("base_url", "http://a..b"),
    ("base_url", "http://" + "a" * 64),
    ("base_url", "http://api:0"),
    ("base_url", "http://api:65536"),
    ("limit", 20),
    ("limit", None),
    ("query_limit", "10/1"),
    ("polling", 2.0),
    ("retry", 5),
    ("timeout", 30),
    ("pool", "pool"),
    ("pool", SessionPool),
    ("on_event", "print"),
]


@pytest.mark.parametrize(("name", "value"), BAD_ARGUMENTS, ids=repr)
def test_a_bad_argument_is_named(name: str, value: object) -> None:
    arguments: dict[str, Any] = {"api_key": "secret", name: value}
    with pytest.raises(ConfigurationError, match=rf"^{name}: ") as caught:
        WanClient(**arguments)
    assert "secret" not in repr(caught.value)


@pytest.mark.parametrize(("name", "value"), BAD_ARGUMENTS, ids=repr)
def test_with_options_checks_too(name: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=rf"^{name}: "):
        WanClient("secret").with_options(**cast("Any", {name: value}))


def test_what_is_no_option_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="colour"):
        WanClient("k").with_options(**cast("Any", {"colour": "red"}))


@pytest.mark.parametrize(
    "url",
    [
        "https://api.kie.ai",
        "http://127.0.0.1:8400/",
        "http://[::1]:8400",
        "https://host/prefix/",
        "http://localhost",
        "http://h:",
    ],
)
async def test_a_base_url_is_used_without_its_last_slash(url: str) -> None:
    transport = FakeTransport(CREDITS)
    await WanClient("k", base_url=url, pool=transport).credits()
    assert transport.asked[0][0] == url.rstrip("/")


def test_a_missing_key_says_where_to_put_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in (None, ""):
        if value is None:
            monkeypatch.delenv("APIKLEY_API_KEY", raising=False)
        else:
            monkeypatch.setenv("APIKLEY_API_KEY", value)
        with pytest.raises(ConfigurationError, match=r"api_key: missing.*APIKLEY_API_KEY"):
            WanClient()


async def test_arguments_left_out_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APIKLEY_API_KEY", "from-the-environment")
    monkeypatch.setenv("APIKLEY_BASE_URL", "http://there/")
    transport = FakeTransport(CREDITS)
    await WanClient(pool=transport).credits()
    await WanClient("given", base_url="http://here", pool=transport).credits()
    assert [asked[:2] for asked in transport.asked] == [
        ("http://there", "from-the-environment"),
        ("http://here", "given"),
    ]
    monkeypatch.setenv("APIKLEY_BASE_URL", "")
    await WanClient(pool=transport).credits()
    assert transport.asked[-1][0] == "https://api.apikley.ru"


def test_no_repr_shows_the_key() -> None:
    wan = WanClient("secret", base_url="http://api")
    settings = wan._settings  # pyright: ignore[reportPrivateUsage]
    assert repr(wan) == "WanClient(base_url='http://api')"
    assert "secret" not in f"{settings!r} {settings.__rich_repr__()!r} {wan.task('t')!r}"
    assert "http://api" in f"{settings!r} {settings.__rich_repr__()!r}"


# calls


async def test_submit_gives_a_handle() -> None:
    transport = FakeTransport(CREATED, RECORD)
    async with WanClient("k", pool=transport) as wan:
        task = await wan.submit(FOX, callback_url="https://me/hook")
        assert (task.id, repr(task), (await task.record()).state) == ("t1", "WanTask('t1')", TaskState.WAITING)
    body = msgspec.json.decode(transport.asked[0][2].body or b"")
    assert body == {"model": FOX.model, "callBackUrl": "https://me/hook", "input": {"prompt": FOX.prompt}}


async def test_record_is_one_query() -> None:
    transport = FakeTransport(RECORD)
    record = await WanClient("k", pool=transport).record("t1")
    assert (record.task_id, record.state) == ("t1", TaskState.WAITING)
    assert [asked[2].path for asked in transport.asked] == ["/api/v1/jobs/recordInfo?taskId=t1"]


async def test_credits_is_a_number() -> None:
    assert await WanClient("k", pool=FakeTransport(CREDITS)).credits() == 12.5


@pytest.mark.virtual_time
async def test_run_and_wait_end_with_the_clip() -> None:
    clip = {"taskId": "t1", "state": "success", "resultJson": '{"resultUrls":["https://x/y.mp4"]}'}
    done = says(200, clip)
    async with WanClient("k", pool=FakeTransport(CREATED, done)) as wan:
        assert (await wan.run(FOX)).url == "https://x/y.mp4"
        assert (await wan.wait("t1")).url == "https://x/y.mp4"


@pytest.mark.virtual_time
@pytest.mark.parametrize("journalled", [False, True])
async def test_a_batch_is_submitted_and_waited_for(journalled: bool, tmp_path: Path) -> None:
    done = says(200, {"taskId": "t1", "state": "success", "resultJson": '{"resultUrls":["https://x/y.mp4"]}'})
    journal = tmp_path / "run.db" if journalled else None
    async with (
        WanClient("k", pool=FakeTransport(CREATED, done)) as wan,
        wan.batch([FOX], journal=journal) as results,
    ):
        assert [(outcome.ok, outcome.task_id) async for outcome in results] == [(True, "t1")]


def test_a_handle_needs_no_loop() -> None:
    assert isinstance(WanClient("k").task("t1"), WanTask)


@pytest.mark.parametrize("task_id", ["", None, 5, "a\nb", "\ud800"])
def test_a_task_id_is_text(task_id: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"^task_id: "):
        WanClient("k").task(task_id)


@pytest.mark.parametrize("task_input", [None, {"model": "wan/2-6"}, "a fox"])
async def test_what_is_no_input_is_not_sent(task_input: Any) -> None:
    transport = FakeTransport(CREATED)
    with pytest.raises(InvalidInputError, match=r"^task_input: "):
        await WanClient("k", pool=transport).submit(task_input)
    assert not transport.asked


@pytest.mark.parametrize("url", ["", "me/hook", "ftp://me", 5])
async def test_a_callback_url_is_a_url(url: Any) -> None:
    transport = FakeTransport(CREATED)
    with pytest.raises(InvalidInputError, match=r"^callback_url: "):
        await WanClient("k", pool=transport).submit(FOX, callback_url=url)
    assert not transport.asked


async def test_options_are_used() -> None:
    transport = FakeTransport(CREDITS)
    wan = WanClient("k", pool=transport, timeout=Timeout(3.0)).with_options(api_key="other", timeout=Timeout(4.0))
    await wan.credits()
    assert transport.asked[0][1] == "other"
    assert transport.asked[0][3] == 4.0


# events


async def test_a_listener_that_raises_costs_nothing() -> None:
    events: list[Event] = []
    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))

    def listen(event: Event) -> None:
        events.append(event)
        raise KeyError("broken display")

    wan = WanClient("k", pool=FakeTransport(CREATED), on_event=listen)
    assert (await wan.submit(FOX)).id == "t1"
    assert [type(event) for event in events] == [Called, Submitted]
    assert [(fault["message"], str(fault["exception"])) for fault in faults] == [
        ("on_event raised", "'broken display'")
    ] * 2


# lifetime


async def test_a_client_may_be_closed_twice_or_unused() -> None:
    wan = WanClient("k", pool=FakeTransport(CREDITS))
    await wan.aclose()
    async with wan:
        await wan.credits()
        await wan.aclose()
    await wan.aclose()


async def test_a_client_releases_its_pool_once() -> None:
    async with SessionPool() as pool:
        wan = WanClient("k", pool=pool)
        async with wan, wan:
            assert pool.sessions().users == 2
        await wan.aclose()
        assert pool.sessions().users == 1


async def test_the_pool_is_released_even_if_closing_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    async def cancelled(_: object) -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr("wan_async._polling.poller.Poller.aclose", cancelled)
    async with SessionPool() as pool:
        wan = await WanClient("k", pool=pool).__aenter__()
        with pytest.raises(asyncio.CancelledError):
            await wan.aclose()
        assert pool.sessions().users == 1


def test_loops_that_are_over_are_not_kept() -> None:
    done = says(200, {"taskId": "t1", "state": "success", "resultJson": '{"resultUrls":["https://x/y.mp4"]}'})
    wan = WanClient("k", pool=FakeTransport(done), polling=Polling(first=0.001, interval=1))
    loops: list[weakref.ref[asyncio.AbstractEventLoop]] = []

    async def main() -> None:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        await wan.wait("t1")

    for _ in range(4):
        asyncio.run(main())
    gc.collect()
    assert [loop() is None for loop in loops[:-1]] == [True, True, True]
