"""The application's tests, run by pytest-asyncio or by anyio's plugin: they use nothing but the kit."""

from __future__ import annotations

import asyncio

import httpx2
import pytest
from app import app, portfolio, wan
from starlette.testclient import TestClient

from wan_async import RateLimit, TaskFailedError, Wan22TextToVideoTurbo, WanClient, sync
from wan_async.emulator import Fault
from wan_async.testing import WanEmulator

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_a_clip_is_made_and_given(wan_emulator: WanEmulator) -> None:
    async with wan.lifespan(), httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://app") as http:
        made = await http.post("/clips", params={"animal": "fox"})
        got = await http.get(f"/clips/{made.json()['task']}")
    assert got.json()["state"] == "success"
    assert wan_emulator.submitted == [Wan22TextToVideoTurbo(prompt="a fox in the rain", resolution="480p")]
    assert wan_emulator.polls >= 1


async def test_an_open_fate_is_told_and_paid_once(wan_emulator: WanEmulator) -> None:
    wan_emulator.fail_next("drop_after", call="createTask")
    async with wan.lifespan(), httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://app") as http:
        assert (await http.post("/clips", params={"animal": "fox"})).status_code == 502
        assert (await http.post("/clips", params={"animal": "hen"})).status_code == 200
    assert len(wan_emulator.submitted) == 2


def test_the_usual_test_client(wan_emulator: WanEmulator) -> None:
    with TestClient(app) as http:
        made = http.post("/clips", params={"animal": "fox"})
        assert http.get(f"/clips/{made.json()['task']}").json()["urls"]
    assert len(wan_emulator.submitted) == 1


@pytest.mark.wan(faults=[Fault("fail", match="hen"), "duplicate"])
async def test_a_batch_of_more_than_a_window(wan_emulator: WanEmulator) -> None:
    made = await portfolio("fox", "hen", *map(str, range(48)))
    assert len(made) == 50
    assert [animal for animal, ok in made.items() if not ok] == ["hen"]


async def test_the_kits_own_client(wan_client: WanClient, wan_emulator: WanEmulator) -> None:
    wan_emulator.fail_next("fail", message="too furry")
    with pytest.raises(TaskFailedError, match="too furry"):
        await wan_client.run(Wan22TextToVideoTurbo(prompt="a fox"))
    record = await wan_client.run(Wan22TextToVideoTurbo(prompt="a hen"))
    assert record.url is not None
    assert record.url.startswith(wan_emulator.url)


def test_the_kits_own_client_in_a_plain_test(wan_client: WanClient) -> None:
    for _ in range(2):
        assert asyncio.run(wan_client.run(Wan22TextToVideoTurbo(prompt="a fox"))).url


def test_a_client_without_await(wan_sync_client: sync.WanClient, wan_emulator: WanEmulator) -> None:
    wan_emulator.fail_next("fail", message="too furry")
    with pytest.raises(TaskFailedError, match="too furry"):
        wan_sync_client.run(Wan22TextToVideoTurbo(prompt="a fox"))
    with wan_sync_client.batch(Wan22TextToVideoTurbo(prompt=animal) for animal in ("hen", "cat")) as results:
        assert all(outcome.ok for outcome in results)
    assert len(wan_emulator.submitted) == 3


@pytest.mark.wan(limit=RateLimit(20, per=10.0), seconds=300.0, virtual_time=True)
class TestDays:
    async def test_ten_minutes_of_a_batch_take_no_time(self, wan_emulator: WanEmulator) -> None:
        started = asyncio.get_running_loop().time()
        made = await portfolio(*map(str, range(200)))
        assert all(made.values())
        assert 600 < asyncio.get_running_loop().time() - started < 700

    @pytest.mark.wan(seconds=86400.0)
    async def test_the_closest_marker_holds(self, wan_client: WanClient) -> None:
        await wan_client.run(Wan22TextToVideoTurbo(prompt="a fox"))
        assert asyncio.get_running_loop().time() >= 86400

    def test_plain_tests_have_it_too(self, wan_client: WanClient) -> None:
        assert asyncio.run(wan_client.run(Wan22TextToVideoTurbo(prompt="a fox"))).url
