"""The emulator over real HTTP: what a client sees of each fault, files, callbacks, and a server that leaves nothing."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import io
import logging
import sys
from collections.abc import Mapping
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from wan_async import RateLimit, Wan22TextToVideoTurbo, WanClient
from wan_async.emulator import Emulator, Fault

from .support import FOX, HEADERS, MODEL, over_http


@pytest.mark.parametrize(
    ("fault", "seen", "created"),
    [
        (Fault("drop_before", call="createTask"), aiohttp.ServerDisconnectedError, 0),
        (Fault("drop_after", call="createTask"), aiohttp.ServerDisconnectedError, 1),
        (Fault("half", call="createTask"), aiohttp.ClientPayloadError, 1),
        (Fault("slow", call="createTask", seconds=5.0), TimeoutError, 1),
        (Fault("garbage", call="createTask"), msgspec.DecodeError, 1),
        (Fault("html", call="createTask", status=502), msgspec.DecodeError, 0),
        (Fault("html", call="createTask", status=502, done=True), msgspec.DecodeError, 1),
    ],
    ids=lambda value: getattr(value, "kind", None),
)
async def test_what_a_client_sees_of_a_fault(fault: Fault, seen: type[Exception], created: int) -> None:
    provider = Emulator(faults=[fault])
    async with over_http(provider) as http:
        with pytest.raises(seen):
            async with asyncio.timeout(0.5 if seen is TimeoutError else None):
                await http.create()
        provider.faults = ()
        assert (await http.create())["code"] == 200
    assert provider.stats.created == created + 1


async def test_storms_come_in_the_envelope_or_by_status_with_retry_after() -> None:
    provider = Emulator(faults=[Fault("refuse", call="createTask", status=429, retry_after=7.0)])
    async with over_http(provider) as http:
        url = http.url + "/api/v1/jobs/createTask"
        async with http.session.post(url, data=msgspec.json.encode(FOX), headers=HEADERS) as response:
            assert (response.status, response.headers["Retry-After"]) == (429, "7")
        provider.faults = [Fault("refuse", call="createTask")]
        assert (await http.create())["code"] == 429
        provider.faults = [Fault("no_id", call="createTask")]
        assert await http.create() == {"code": 200, "msg": "success", "data": None}
        provider.faults = [Fault("html", call="createTask", status=403, message="error code: 1010")]
        async with http.session.post(url, data=b"{}", headers=HEADERS) as response:
            assert (response.status, await response.text()) == (403, "error code: 1010")


async def clip_url(http: Any, body: object = None) -> str:
    task_id = (await http.create(body))["data"]["taskId"]
    await asyncio.sleep(0.05)
    data = (await http.record(task_id))["data"]
    return msgspec.json.decode(data["resultJson"])["resultUrls"][0]


async def test_results_are_served_without_a_key_in_ranges_and_as_attachments() -> None:
    async with over_http(Emulator(seconds=0.01, render=False)) as http:
        url = await clip_url(http)
        async with http.session.get(url) as response:
            whole, etag = await response.read(), response.headers["ETag"]
            assert response.headers["Content-Disposition"].startswith("attachment")
            assert response.headers["Content-Type"] == "video/mp4"
            assert 1000 < len(whole) == response.content_length
        for asked, status, part in (
            ({"Range": "bytes=10-19"}, 206, whole[10:20]),
            ({"Range": "bytes=-5"}, 206, whole[-5:]),
            ({"Range": "bytes=100-", "If-Range": etag}, 206, whole[100:]),
            ({"Range": "bytes=100-", "If-Range": '"other"'}, 200, whole),
        ):
            async with http.session.get(url, headers=asked) as response:
                assert (response.status, await response.read()) == (status, part)
        async with http.session.get(url, headers={"Range": f"bytes={len(whole)}-"}) as response:
            assert response.status == 416


async def test_links_expire_and_fresh_ones_are_given() -> None:
    provider = Emulator(seconds=0.01, render=False, link_seconds=0.3)
    async with over_http(provider) as http:
        url = await clip_url(http)
        await asyncio.sleep(0.4)
        async with http.session.get(url) as response:
            assert response.status == 403
        ask = http.url + "/api/v1/common/download-url"
        async with http.session.post(ask, json={"url": url}, headers=HEADERS) as response:
            fresh = (await response.json())["data"]
        async with http.session.get(fresh) as response:
            assert response.status == 200
        async with http.session.post(ask, json={"url": "https://elsewhere.example/x.mp4"}, headers=HEADERS) as response:
            assert (await response.json())["code"] == 422


def form_of(*parts: Any) -> bytes:
    """A form of these names and contents."""
    named = zip(parts[::2], parts[1::2], strict=True)
    lines = [b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (n.encode(), c) for n, c in named]
    return b"".join(lines) + b"--b--\r\n"


async def test_uploads_come_in_three_ways_and_an_equal_name_overwrites() -> None:
    provider = Emulator()
    async with over_http(provider) as http:

        async def stored(content: bytes) -> str:
            form = aiohttp.FormData({"uploadPath": "in", "fileName": "a.png"})
            form.add_field("file", content, filename="x.png", content_type="image/png")
            auth = {"Authorization": "Bearer k"}
            async with http.session.post(http.url + "/api/file-stream-upload", data=form, headers=auth) as response:
                answer = await response.json()
            assert answer["success"] is True
            assert answer["data"]["fileSize"] == len(content)
            return answer["data"]["downloadUrl"]

        first, second = await stored(b"one"), await stored(b"two")
        assert first == second
        async with http.session.get(second) as response:
            assert (await response.read(), response.headers["Content-Type"]) == (b"two", "image/png")
        body = {"base64Data": base64.b64encode(b"three").decode(), "uploadPath": "in", "fileName": "b.txt"}
        async with http.session.post(http.url + "/api/file-base64-upload", json=body, headers=HEADERS) as response:
            url = (await response.json())["data"]["downloadUrl"]
        body = {"fileUrl": url, "uploadPath": "in", "fileName": "c.txt"}
        async with http.session.post(http.url + "/api/file-url-upload", json=body, headers=HEADERS) as response:
            url = (await response.json())["data"]["downloadUrl"]
        async with http.session.get(url) as response:
            assert await response.read() == b"three"
    assert provider.stats.uploads == 4


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        (b"{}", "application/json", 400),
        (b"no parts", "multipart/form-data; boundary=b", 400),
        (b"no boundary", "multipart/form-data", 400),
        (b"--b\r\n\r\nout of place\r\n--b--", "multipart/form-data; boundary=b", 400),
        (form_of("uploadPath", b"in", "file", b"12345678"), "multipart/form-data; boundary=b", 200),
        (form_of("uploadPath", b"in", "file", b"12345678" * 99), "multipart/form-data; boundary=b", 422),
    ],
)
async def test_what_is_no_form_or_too_large_is_refused(body: bytes, kind: str, code: int) -> None:
    provider = Emulator(key="k", upload_bytes=8)
    headers = {"Authorization": "Bearer k", "Content-Type": kind}
    async with (
        over_http(provider) as http,
        http.session.post(http.url + "/api/file-stream-upload", data=body, headers=headers) as response,
    ):
        assert (await response.json())["code"] == code
    assert provider.stats.uploads == (code == 200)


class Receiver:
    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], dict[str, Any]]] = []
        self.statuses: list[int] = []

    async def take(self, request: web.Request) -> web.Response:
        self.got.append((dict(request.headers), await request.json()))
        return web.json_response({"code": 200, "msg": "success"}, status=self.statuses.pop() if self.statuses else 200)


async def called_back(provider: Emulator, receiver: Receiver, body: dict[str, Any], wait: float = 0.4) -> None:
    app = web.Application()
    app.router.add_post("/cb", receiver.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with over_http(provider) as http:
            await http.create({**body, "callBackUrl": f"http://127.0.0.1:{runner.addresses[0][1]}/cb"})
            await asyncio.sleep(wait)
    finally:
        await runner.cleanup()


async def test_callbacks_are_signed_and_tell_success() -> None:
    receiver = Receiver()
    await called_back(Emulator(seconds=0.05, webhook_key="w"), receiver, FOX)
    ((headers, body),) = receiver.got
    assert (body["code"], body["data"]["state"]) == (200, "success")
    assert "resultUrls" in body["data"]["resultJson"]
    text = f"{body['data']['taskId']}.{headers['X-Webhook-Timestamp']}"
    expected = base64.b64encode(hmac.new(b"w", text.encode(), hashlib.sha256).digest()).decode()
    assert headers["X-Webhook-Signature"] == expected


async def test_callbacks_go_on_when_another_way_to_the_same_emulator_ends() -> None:
    provider, got = Emulator(seconds=0.02), list[str]()

    async def post(url: str, headers: Mapping[str, str], body: bytes) -> int:
        got.append(url)
        return 200

    ways = [provider.transport(post=post) for _ in range(2)]
    for way in ways:
        await WanClient("k", base_url="http://h", pool=way).credits()
    await ways[1].aclose()
    task = await WanClient("k", base_url="http://h", pool=ways[0]).submit(
        Wan22TextToVideoTurbo(prompt="a"), callback_url="http://h/cb"
    )
    await asyncio.sleep(0.1)
    assert (task.id in provider.tasks, got) == (True, ["http://h/cb"])
    await ways[0].aclose()


async def test_callbacks_that_wait_for_a_slot_are_left_to_the_next_way_when_theirs_ends() -> None:
    provider, got = Emulator(seconds=0.02, limit=None), list[str]()

    async def never(url: str, headers: Mapping[str, str], body: bytes) -> int:
        await asyncio.sleep(60)
        return 200

    async def post(url: str, headers: Mapping[str, str], body: bytes) -> int:
        got.append(url)
        return 200

    slow, quick = provider.transport(post=never), provider.transport(post=post)
    wan = WanClient("k", base_url="http://h", pool=slow, limit=RateLimit(1000, per=1.0))
    for number in range(64 + 3):  # 64 are sent at once
        await wan.submit(Wan22TextToVideoTurbo(prompt=f"fox {number}"), callback_url=f"http://h/{number}")
    await asyncio.sleep(0.2)
    await slow.aclose()
    await WanClient("k", base_url="http://h", pool=quick).credits()
    await asyncio.sleep(0.2)
    assert sorted(got) == ["http://h/64", "http://h/65", "http://h/66"]
    await quick.aclose()


async def test_callbacks_tell_failure_are_repeated_and_doubled_on_demand() -> None:
    receiver = Receiver()
    receiver.statuses = [500, 500]
    faults = [Fault("fail", fail_code="400", message="bad image"), Fault("duplicate")]
    provider = Emulator(seconds=0.05, faults=faults, callback_pauses=(0.01, 0.01, 0.01))
    await called_back(provider, receiver, FOX)
    assert len(receiver.got) == 4  # two refused, then two equal ones
    body = receiver.got[-1][1]
    assert (body["code"], body["data"]["failCode"], body["data"]["creditsConsumed"]) == (501, "400", 0)
    assert "X-Webhook-Signature" not in receiver.got[0][0]
    assert provider.stats.callbacks >= 1


async def test_clips_are_playable_and_of_the_asked_size() -> None:
    av = pytest.importorskip("av")
    body = {"model": MODEL, "input": {"prompt": "a fox " * 40, "resolution": "480p", "aspect_ratio": "9:16"}}
    async with over_http(Emulator(seconds=0.01)) as http:
        url = await clip_url(http, body)
        async with http.session.get(url) as response:
            content = await response.read()
    with av.open(io.BytesIO(content)) as container:
        video = container.streams.video[0]
        assert (video.width, video.height, video.codec_context.name) == (480, 854, "h264")
        frames = [frame.to_image().convert("L") for frame in container.decode(video)]
        assert float(container.duration / 1_000_000) == pytest.approx(5.0, abs=0.2)
    assert len(frames) >= 40
    darkest, lightest = frames[0].getextrema()
    assert lightest - darkest > 150  # there is text on it


async def test_without_the_extra_a_small_clip_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    monkeypatch.delitem(sys.modules, "wan_async.emulator._render", raising=False)
    async with over_http(Emulator(seconds=0.01)) as http:
        url = await clip_url(http)
        async with http.session.get(url) as response:
            content = await response.read()
    assert content[4:8] == b"ftyp"
    assert len(content) < 40_000


async def test_a_port_in_use_is_told_and_two_servers_live_side_by_side() -> None:
    async with Emulator().serve() as one, Emulator().serve() as two:
        assert one != two
        with pytest.raises(OSError, match="in use"):
            async with Emulator().serve(port=int(one.rsplit(":", 1)[1])):
                pass


async def test_leaving_leaves_no_task_behind() -> None:
    before = asyncio.all_tasks()
    async with over_http(Emulator(seconds=0.01, webhook_key="w")) as http:
        await http.create({**FOX, "callBackUrl": "http://127.0.0.1:9/cb"})
        await asyncio.sleep(0.1)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def test_callbacks_do_not_leave_this_computer_unless_told() -> None:
    provider = Emulator(seconds=0.01, callback_pauses=())
    async with over_http(provider) as http:
        await http.create({**FOX, "callBackUrl": "http://192.0.2.1/cb"})
        await asyncio.sleep(0.2)
    assert (provider.stats.callbacks, provider.stats.callbacks_lost) == (0, 1)


async def test_the_library_works_on_it_at_the_real_limits() -> None:
    provider = Emulator(seconds=0.2, limit=RateLimit(5, per=1.0), render=False)
    async with provider.serve() as url, WanClient("k", base_url=url, limit=RateLimit(5, per=1.0)) as wan:
        records = await asyncio.gather(*(wan.run(Wan22TextToVideoTurbo(prompt=str(n))) for n in range(8)))
    assert all(record.url for record in records)
    assert provider.stats.rejected == 0


async def test_clients_that_are_killed_leave_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    faults = [Fault("slow", call="file", seconds=0.1)]
    async with over_http(Emulator(seconds=0.01, render=False, faults=faults)) as http:
        path = (await clip_url(http)).removeprefix(http.url)
        port = int(http.url.rpartition(":")[2])
        half = "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n{"
        for request in (f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n", half):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request.encode())
            await writer.drain()
            await asyncio.sleep(0.05)
            writer.transport.abort()
        await asyncio.sleep(0.2)
    assert caplog.records == []
