"""What `Callbacks` answers, remembers and logs."""

from __future__ import annotations

import json
import logging
import time

import pytest

from wan_async import CallbackReply, Callbacks, ConfigurationError
from wan_async._callbacks.bus import Listener
from wan_async._callbacks.callbacks import REMEMBERED
from wan_async._protocol.callbacks import MAX_BODY, WakeUp

from .support import KEY, body, signed

URL = "https://example.com/wan"


class Bus:
    """Keeps what is published, and fails as often as asked."""

    def __init__(self, fails: int = 0) -> None:
        self.published: list[WakeUp] = []
        self._fails = fails

    async def publish(self, wake_up: WakeUp) -> None:
        if self._fails:
            self._fails -= 1
            raise OSError("away")
        self.published.append(wake_up)

    def attach(self, listener: Listener) -> None:
        raise NotImplementedError

    async def detach(self, listener: Listener) -> None:
        raise NotImplementedError


async def test_the_answer_is_the_one_that_the_provider_expects() -> None:
    reply = await Callbacks(URL, KEY).receive(signed("t"), body("t"))
    assert reply == CallbackReply(200, b'{"code":200,"msg":"success"}')


async def test_keys_can_be_rotated() -> None:
    callbacks = Callbacks(URL, ["new", "old"], bus=(bus := Bus()))
    for key in ("old", "new"):
        assert (await callbacks.receive(signed(key, key), body(key))).status == 200
    assert (await callbacks.receive(signed("t", "older"), body("t"))).status == 401
    assert [one.task_id for one in bus.published] == ["old", "new"]


@pytest.mark.parametrize(
    ("headers", "text", "status"),
    [
        ({}, body("t"), 401),
        (signed("t", "forged"), body("t"), 401),
        (signed("t", at=0), body("t"), 401),
        (signed("t"), b"<html>", 400),
        (signed("t"), b"{}", 400),
        (signed("t"), b" " * (MAX_BODY + 1), 413),
    ],
)
async def test_what_is_refused_says_why_and_tells_nobody(headers: dict[str, str], text: bytes, status: int) -> None:
    reply = await Callbacks(URL, KEY, bus=(bus := Bus())).receive(headers, text)
    assert reply.status == status
    assert json.loads(reply.body)["msg"]
    assert bus.published == []


async def test_a_replay_within_the_window_tells_nobody_again(monkeypatch: pytest.MonkeyPatch) -> None:
    callbacks = Callbacks(URL, KEY, bus=(bus := Bus()))
    headers = signed("t", at=(now := time.time()) + 250)
    clock = time.monotonic()
    for later in (0, 1, 549):  # the last instant at which this signature is good
        monkeypatch.setattr(time, "time", lambda later=later: now + later)
        monkeypatch.setattr(time, "monotonic", lambda later=later: clock + later)
        assert (await callbacks.receive(headers, body("t"))).status == 200
    assert len(bus.published) == 1
    assert (await callbacks.receive(signed("t", at=now + 260), body("t"))).status == 200
    assert len(bus.published) == 2


async def test_a_signature_is_forgotten_when_it_is_no_good_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    callbacks = Callbacks(URL, KEY)
    await callbacks.receive(signed("a"), body("a"))
    clock = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: clock + 601)
    await callbacks.receive(signed("b"), body("b"))
    assert len(callbacks._signatures) == 1  # pyright: ignore[reportPrivateUsage]


async def test_replays_are_remembered_in_bounded_memory() -> None:
    callbacks = Callbacks(URL, KEY)
    callbacks._signatures.update((str(number), 1e12) for number in range(REMEMBERED))  # pyright: ignore[reportPrivateUsage]
    await callbacks.receive(signed("t"), body("t"))
    assert len(callbacks._signatures) == REMEMBERED  # pyright: ignore[reportPrivateUsage]


async def test_a_callback_that_could_not_be_passed_on_is_asked_for_again(caplog: pytest.LogCaptureFixture) -> None:
    callbacks = Callbacks(URL, KEY, bus=(bus := Bus(fails=1)))
    headers = signed("t")
    assert (await callbacks.receive(headers, body("t"))).status == 503
    assert "could not be passed on" in caplog.text
    assert (await callbacks.receive(headers, body("t"))).status == 200
    assert [one.task_id for one in bus.published] == ["t"]


async def test_without_a_key_all_is_taken_and_that_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    callbacks = Callbacks(URL, bus=(bus := Bus()))
    for _ in range(3):
        assert (await callbacks.receive({}, body("t"))).status == 200
    assert len(bus.published) == 3
    assert [record.getMessage() for record in caplog.records if "not verified" in record.getMessage()] == [
        "callbacks are not verified: Callbacks(key=…) is not set; each only has a record read"
    ]


async def test_a_flood_of_forgeries_is_one_line_in_the_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.WARNING)
    callbacks = Callbacks(URL, KEY)
    clock = time.monotonic()
    for number in range(1000):
        await callbacks.receive({}, body(str(number)))
    assert len(caplog.records) == 1
    monkeypatch.setattr(time, "monotonic", lambda: clock + 11)
    await callbacks.receive({}, body("t"))
    assert "999 more" in caplog.text


async def test_the_token_of_the_url_goes_before_that_of_the_body() -> None:
    callbacks = Callbacks(URL, KEY, bus=(bus := Bus()))
    param = '{"callBackUrl": "https://h/?wan_token=body"}'
    await callbacks.receive(signed("a"), body("a", param=param), url="/wan?wan_token=url")
    await callbacks.receive(signed("b"), body("b", param=param), url="/wan")
    assert bus.published == [WakeUp("a", "url"), WakeUp("b", "body")]


def test_tokens_are_long_and_never_the_same() -> None:
    tokens = {Callbacks.new_token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert min(map(len, tokens)) >= 22  # 128 bits


@pytest.mark.parametrize("url", ["", "example.com", "ftp://h/", "https://h/#part", "https://h/ö", 7])
def test_a_url_that_the_provider_cannot_call_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"Callbacks\.url"):
        Callbacks(url)


@pytest.mark.parametrize("key", ["", [], ["a", ""], [7], "a\ud800"])
def test_a_key_that_can_sign_nothing_is_refused(key: str) -> None:
    with pytest.raises(ConfigurationError, match=r"Callbacks\.key"):
        Callbacks(URL, key)


def test_no_key_is_shown() -> None:
    assert KEY not in repr(Callbacks(URL, KEY))
    with pytest.raises(ConfigurationError) as raised:
        Callbacks(URL, [KEY, ""])
    assert KEY not in str(raised.value)
