"""What the log says, at which level, and what it never says."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from wan_async import Callbacks, RateLimit, TransportError, WanClient, WanError
from wan_async._arguments import Options
from wan_async._events import Emitter
from wan_async._policy.settings import Retry
from wan_async._protocol import TaskState
from wan_async.emulator import Emulator, Fault
from wan_async.events import (
    Adopted,
    BatchEnded,
    BatchStarted,
    Called,
    Downloaded,
    Event,
    Finished,
    LimitLearnt,
    Polled,
    Repeated,
    SubmissionUnknown,
    Submitted,
    Throttled,
    Uploaded,
    Woken,
)
from wan_async.integrations.receiver import receiving

from ..callbacks.support import clip
from ..databases import free_port

RESET = TransportError("reset")
SAID: list[tuple[Event, str, str, str]] = [
    (Called("GET", "/p", 200, 429, 0.0421), "calls", "DEBUG", "GET /p: HTTP 200, code 429, 42 ms"),
    (Called("GET", "/p", None, None, 1, RESET), "calls", "DEBUG", "GET /p: reset, 1000 ms"),
    (Submitted("t", "m"), "calls", "INFO", "task t submitted, m"),
    (SubmissionUnknown("m", RESET), "calls", "WARNING", "a submission's fate is unknown: reset"),
    (Throttled("/p", 2.5), "calls", "WARNING", "/p: throttled, Retry-After 2.5"),
    (Repeated("/p", RESET, 0.5), "calls", "WARNING", "/p: sent again in 0.5 s: reset"),
    (Adopted("t"), "callbacks", "INFO", "task t adopted: its callback names a lost submission"),
    (Woken("t"), "callbacks", "DEBUG", "task t called back"),
    (Polled("t", TaskState.WAITING), "poller", "DEBUG", "task t polled: waiting"),
    (Polled("t", None, RESET), "poller", "DEBUG", "task t polled: reset"),
    (Finished("t", "m", TaskState.FAIL, None, 3.25), "poller", "INFO", "task t ended: fail after 3.2 s"),
    (Finished("t", "m", TaskState.SUCCESS, 40, 3), "poller", "INFO", "task t ended: success after 3.0 s, 40 credits"),
    (Downloaded("t", "/x.mp4"), "transfers", "INFO", "task t downloaded: /x.mp4"),
    (Downloaded(None, "/x.mp4"), "transfers", "INFO", "a link's clip downloaded: /x.mp4"),
    (Uploaded("x.png", 7), "transfers", "INFO", "x.png uploaded, 7 bytes"),
    (
        LimitLearnt("submissions", RateLimit(20, per=10.0), 7),
        "limits",
        "INFO",
        "submissions: 7 of 20 calls in 10 s are made from now on",
    ),
    (BatchStarted("run.db", 100), "batch", "INFO", "batch started, journal run.db, 100 in flight"),
    (BatchEnded(3, 1, 1, 1), "batch", "INFO", "batch ended: 3 submitted, 1 succeeded, 1 failed, 1 unknown"),
    (
        BatchEnded(0, 0, 0, 0, "402"),
        "batch",
        "INFO",
        "batch ended: 0 submitted, 0 succeeded, 0 failed, 0 unknown, by 402",
    ),
]


@pytest.mark.parametrize(("event", "child", "level", "words"), SAID, ids=lambda value: type(value).__name__)
def test_an_event_is_a_line_with_its_fields(
    event: Event, child: str, level: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "wan_async")
    Emitter(key_id="ab12")(event)
    (record,) = caplog.records
    assert (record.name, record.levelname, record.getMessage()) == (f"wan_async.{child}", level, words)
    fields = {name: value for name, value in vars(record).items() if name in event.__struct_fields__}
    assert set(fields) == set(event.__struct_fields__) - {"at"}
    json.dumps(fields)  # any formatter can write them
    assert vars(record)["key_id"] == "ab12"


def test_every_event_was_thought_of() -> None:
    assert {type(event) for event, *_ in SAID} == set(Event.__args__)


def in_a_process(before: str = "", **environment: str) -> str:
    program = "import wan_async, logging; logging.getLogger('wan_async.calls').info('heard %s', 1)"
    command = [sys.executable, "-c", before + program]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **environment})
    assert ended.stdout == ""
    return ended.stderr


def test_the_log_is_silent_until_it_is_asked_for() -> None:
    assert in_a_process() == ""
    assert in_a_process(WAN_ASYNC_LOG="info").endswith("INFO wan_async.calls: heard 1\n")
    assert in_a_process(WAN_ASYNC_LOG="DEBUG").endswith("INFO wan_async.calls: heard 1\n")
    assert "allowed: info, debug" in in_a_process(WAN_ASYNC_LOG="loud")


@pytest.mark.parametrize(("where", "lines"), [("", 1), (", filename='log'", 2)])
def test_a_program_that_prints_its_log_prints_each_line_once(where: str, lines: int, tmp_path: Path) -> None:
    before = f"import os, logging; os.chdir({str(tmp_path)!r}); logging.basicConfig(level=20{where}); "
    printed = in_a_process(before, WAN_ASYNC_LOG="info")
    written = (tmp_path / "log").read_text() if where else ""
    assert (printed + written).count("heard 1") == lines


SECRETS = ("sk-5ecret", "hook-5ecret", "signed-5ecret", "wan_token", "X-Amz-Signature", "Bearer")


@asynccontextmanager
async def link_host() -> AsyncGenerator[str]:
    """Gives a signed link, which is answered with 500 once and then with 403."""
    answers = iter([web.HTTPInternalServerError])

    async def answer(request: web.Request) -> web.StreamResponse:
        raise next(answers, web.HTTPForbidden)(text="X-Amz-Signature is expired: signed-5ecret")

    app = web.Application()
    app.router.add_get("/clip.mp4", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port := free_port())
    await site.start()
    try:
        yield f"http://127.0.0.1:{port}/clip.mp4?X-Amz-Signature=signed-5ecret"
    finally:
        await runner.cleanup()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_no_secret_is_ever_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    faults = [
        Fault("drop_after", call="createTask", times=1),
        Fault("html", call="createTask", times=1),
        Fault("refuse", call="createTask", code=429, times=2),
        Fault("html", call="recordInfo", times=2),
        Fault("refuse", call="recordInfo", code=500, times=2),
    ]
    emulator = Emulator(
        key="sk-5ecret",
        webhook_key="hook-5ecret",
        seconds=0.2,
        render=False,
        limit=None,
        query_limit=None,
        faults=faults,
    )
    port, fast = free_port(), RateLimit(1000, per=1.0)
    callbacks = Callbacks(f"http://127.0.0.1:{port}/wan", "hook-5ecret", adopt_within=1.0)
    retry = Retry(max_elapsed=1.0)
    options: Options = {"limit": fast, "query_limit": fast, "callbacks": callbacks, "retry": retry}
    async with (
        emulator.serve() as url,
        link_host() as link,
        receiving(callbacks, port, path="/wan"),
        WanClient("sk-5ecret", **{**options, "base_url": url, "upload_url": url}) as wan,
        WanClient("sk-5ecret-wrong", **{**options, "base_url": url}) as stranger,
        WanClient("sk-5ecret", **{**options, "base_url": "http://127.0.0.1:9"}) as lost,
    ):
        inputs = (clip(number) for number in range(8))
        async with wan.batch(inputs, journal=tmp_path / "run.db", download_to=tmp_path) as results:
            async for _ in results:
                pass
        await wan.upload(b"\x89PNG\r\n\x1a\n" + bytes(100))
        for failing in (
            wan.download(link, tmp_path / "x.mp4"),
            wan.upload("http://127.0.0.1:9/x.png?X-Amz-Signature=signed-5ecret"),
            stranger.credits(),
            stranger.submit(clip()),
            lost.submit(clip()),
        ):
            with pytest.raises(WanError):
                await asyncio.wait_for(failing, 10)
    ours = [record for record in caplog.records if record.name.startswith("wan_async")]
    lines = [f"{record.getMessage()} {vars(record)}" for record in ours]
    assert len(lines) > 40
    children = {"calls", "poller", "callbacks", "transfers"}
    assert {f"wan_async.{child}" for child in children} <= {record.name for record in ours}
    assert {record.levelname for record in ours} >= {"DEBUG", "INFO", "WARNING"}
    for secret in SECRETS:
        assert not [line for line in lines if secret in line], secret
