"""The provider's answers: as the recorded ones, in the order of its checks, never a crash."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wan_async import ConfigurationError, RateLimit
from wan_async.emulator import Call, Emulator, Fault

from .support import FOX, HEADERS, MODEL, ask, create, record, told

SAMPLES: dict[str, Any] = {
    sample["name"]: sample
    for sample in msgspec.json.decode((Path(__file__).parents[1] / "data" / "samples.json").read_bytes())
}
pytestmark = pytest.mark.virtual_time


def _by_length(model: str, fields: Mapping[str, Any]) -> float:
    return float(len(fields["prompt"]))


def like(given: Any, sample: Any) -> bool:
    """The same members with the same JSON types."""
    if isinstance(sample, dict):
        members: dict[str, Any] = cast("dict[str, Any]", sample)
        return (
            isinstance(given, dict)
            and set(cast("dict[str, Any]", given)) == set(members)
            and all(like(given[name], members[name]) for name in members)
        )
    if isinstance(sample, (int, float)) and not isinstance(sample, bool):
        return isinstance(given, (int, float)) and not isinstance(given, bool)
    return isinstance(given, type(sample))


async def test_a_created_task_is_told_as_recorded() -> None:
    answer = create(Emulator())
    assert like(answer, SAMPLES["created"]["body"])
    assert len(answer["data"]["taskId"]) == 32


async def test_a_record_waits_then_jumps_to_success() -> None:
    provider = Emulator(seconds=56.0)
    task_id = create(provider)["data"]["taskId"]
    assert like(record(provider, task_id), SAMPLES["pending"]["body"])
    await asyncio.sleep(55.9)
    assert record(provider, task_id)["data"]["state"] == "waiting"
    await asyncio.sleep(0.2)
    answer = record(provider, task_id)
    assert like(answer, SAMPLES["success"]["body"])
    data = answer["data"]
    assert (data["costTime"], data["creditsConsumed"]) == (56, 40)
    assert data["completeTime"] - data["createTime"] == 56_000
    assert data["createTime"] > 1_700_000_000_000


async def test_param_is_json_whose_input_is_json_text_once_more() -> None:
    provider = Emulator()
    body = {**FOX, "callBackUrl": "https://example.com/cb?a=1"}
    param = msgspec.json.decode(record(provider, create(provider, body)["data"]["taskId"])["data"]["param"])
    assert param["callBackUrl"] == body["callBackUrl"]
    assert param["model"] == MODEL
    assert msgspec.json.decode(param["input"]) == FOX["input"]


async def test_a_failed_task_is_told_as_recorded_and_costs_nothing() -> None:
    provider = Emulator(credits=100.0, faults=[Fault("fail", fail_code=500, message="Image fetch failed.")])
    task_id = create(provider)["data"]["taskId"]
    assert provider.credits == 60.0
    await asyncio.sleep(6)
    answer = record(provider, task_id)
    assert like(answer, SAMPLES["failed"]["body"])
    assert (answer["data"]["failCode"], answer["data"]["failMsg"]) == (500, "Image fetch failed.")
    assert answer["data"]["creditsConsumed"] == 0
    assert provider.credits == 100.0


@pytest.mark.parametrize(
    ("fault", "sample"),
    [
        (Fault("refuse", call="createTask", code=429), "throttled"),
        (Fault("refuse", call="createTask", code=402), "no-credits"),
        (Fault("refuse", call="createTask", code=500, message="Credits insufficient"), "no-credits-as-500"),
        (Fault("refuse", call="recordInfo", code=501, message="Generation failed"), "failed-envelope"),
        (Fault("refuse", call="recordInfo", code=408), "upstream-gave-up"),
    ],
)
async def test_a_refusal_on_demand_is_told_as_recorded(fault: Fault, sample: str) -> None:
    provider = Emulator(faults=[fault])
    answer = create(provider) if fault.call == "createTask" else record(provider, create(provider)["data"]["taskId"])
    assert answer == SAMPLES[sample]["body"]


async def test_what_the_emulator_refuses_of_itself_is_told_as_recorded() -> None:
    unknown = create(Emulator(), {"model": "wan/none", "input": {}})
    assert unknown == SAMPLES["unknown-model"]["body"]
    assert record(Emulator(), "no-such-task") == SAMPLES["unknown-or-fresh"]["body"]
    wrong = told(Emulator().handle(Call("GET", "/api/v1/chat/credit", {}, {"authorization": "Bearer x"})))
    assert wrong == SAMPLES["bad-key"]["body"]
    poor = create(Emulator(credits=39.0))
    assert poor == SAMPLES["no-credits"]["body"]
    full = Emulator(limit=RateLimit(1, per=10.0))
    create(full)
    assert create(full) == SAMPLES["throttled"]["body"]
    credit = told(ask(Emulator(credits=5454.65), "GET", "/api/v1/chat/credit"))
    assert credit == SAMPLES["credit"]["body"]


@pytest.mark.parametrize("field", ["prompt"])
async def test_a_missing_field_is_validation_told_as_500(field: str) -> None:
    answer = create(Emulator(), {"model": MODEL, "input": {}})
    assert answer["code"] == 500
    assert "This field is required" in answer["msg"]
    assert field in answer["msg"]


async def test_strict_refuses_calls_without_a_content_type() -> None:
    call = Call("GET", "/api/v1/chat/credit", {}, {"authorization": "Bearer k"})
    assert told(Emulator(strict=True).handle(call))["code"] == 401
    assert told(Emulator().handle(call))["code"] == 200


async def test_checks_come_in_order_key_window_body_credits() -> None:
    provider = Emulator(credits=0.0, limit=RateLimit(1, per=10.0))
    bad: dict[str, Any] = {"model": MODEL, "input": {}}
    keyless = Call("POST", "/api/v1/jobs/createTask", {}, {}, msgspec.json.encode(bad))
    assert told(provider.handle(keyless))["code"] == 401
    assert create(provider, bad)["code"] == 500
    assert create(provider)["code"] == 402
    provider.credits = 1000.0
    assert create(provider)["code"] == 200
    assert create(provider, bad)["code"] == 429


@pytest.mark.parametrize(("calls", "per"), [(20, 10.0), (1, 1.0), (5, 0.5)])
async def test_the_window_slides_and_rejections_do_not_count(calls: int, per: float) -> None:
    provider = Emulator(limit=RateLimit(calls, per=per))
    accepted: list[float] = []
    now = asyncio.get_running_loop().time
    for _ in range(calls * 40):
        if create(provider)["code"] == 200:
            accepted.append(now())
        await asyncio.sleep(per / calls / 3.7)
    assert len(accepted) > calls * 8
    assert all(later - earlier >= per for earlier, later in zip(accepted, accepted[calls:], strict=False))
    assert all(later - earlier < per * 1.1 for earlier, later in zip(accepted, accepted[calls:], strict=False))


async def test_queries_have_a_window_of_their_own() -> None:
    provider = Emulator(limit=None, query_limit=RateLimit(2, per=1.0))
    task_id = create(provider)["data"]["taskId"]
    assert [record(provider, task_id)["code"] for _ in range(4)] == [200, 200, 429, 429]
    await asyncio.sleep(1.01)
    assert record(provider, task_id)["code"] == 200
    assert provider.stats.polls_rejected == 2


async def test_knobs_turn_while_it_runs() -> None:
    provider = Emulator(limit=RateLimit(1, per=10.0))
    assert [create(provider)["code"] for _ in range(2)] == [200, 429]
    provider.limit = None
    assert create(provider)["code"] == 200
    provider.faults = [Fault("refuse", call="createTask", code=455, nth=2, times=1)]
    assert [create(provider)["code"] for _ in range(3)] == [200, 455, 200]
    provider.faults = [Fault("refuse", call="createTask", code=433, match="wolf")]
    assert create(provider)["code"] == 200
    assert create(provider, {"model": MODEL, "input": {"prompt": "a wolf"}})["code"] == 433


async def test_rates_are_seeded_and_kept() -> None:
    def codes(seed: int) -> list[int]:
        provider = Emulator(limit=None, seed=seed, faults=[Fault("refuse", call="createTask", code=500, rate=0.3)])
        return [create(provider)["code"] for _ in range(400)]

    assert codes(1) == codes(1) != codes(2)
    assert 80 < codes(3).count(500) < 160


async def test_null_and_stuck_tasks() -> None:
    provider = Emulator(seconds=10.0, faults=[Fault("null_record", seconds=5.0), Fault("stuck", match="for ever")])
    task_id = create(provider)["data"]["taskId"]
    stuck = create(provider, {"model": MODEL, "input": {"prompt": "for ever"}})["data"]["taskId"]
    assert record(provider, task_id)["code"] == 422
    await asyncio.sleep(5.1)
    assert record(provider, task_id)["data"]["state"] == "waiting"
    await asyncio.sleep(100_000)
    assert record(provider, task_id)["data"]["state"] == "success"
    assert record(provider, stuck)["data"]["state"] == "waiting"


@pytest.mark.parametrize("seconds", [7.0, (60.0, 10.0), _by_length])
async def test_tasks_take_the_time_they_are_given(seconds: Any) -> None:
    provider = Emulator(limit=None, seconds=seconds)
    ids = [create(provider)["data"]["taskId"] for _ in range(200)]
    lengths = [provider.tasks[task_id].ends - provider.tasks[task_id].created for task_id in ids]
    if isinstance(seconds, tuple):
        assert 55 < sum(lengths) / 200 < 65
        assert max(lengths) - min(lengths) > 20
    else:
        assert set(lengths) == ({7.0} if isinstance(seconds, float) else {5.0})


async def test_further_models_and_accounts_can_be_added() -> None:
    schema = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "maxLength": 3}}}
    provider = Emulator(["a", "k"], models={"wan/new": schema}, price=lambda model, fields: 2.5, credits=10.0)
    assert create(provider, {"model": "wan/new", "input": {"text": "abc"}})["code"] == 200
    assert create(provider, {"model": "wan/new", "input": {"text": "abcd"}})["code"] == 422
    headers = {**{name.lower(): value for name, value in HEADERS.items()}, "authorization": "Bearer a"}
    assert told(provider.handle(Call("GET", "/api/v1/chat/credit", {}, headers)))["data"] == 10.0
    assert told(ask(provider, "GET", "/api/v1/chat/credit"))["data"] == 7.5


@pytest.mark.parametrize(
    "make",
    [
        lambda: Fault("nothing"),  # type: ignore[arg-type]
        lambda: Fault("slow", call="nowhere"),  # type: ignore[arg-type]
        lambda: Emulator(seconds=-1.0),
        lambda: Emulator(models={"wan/x": {"type": "object", "properties": {"a": {"pattern": "x"}}}}),
    ],
)
async def test_what_cannot_be_used_is_refused(make: Any) -> None:
    with pytest.raises(ConfigurationError):
        make()


PATHS = [
    *("/api/v1/jobs/createTask", "/api/v1/jobs/recordInfo", "/api/v1/common/download-url", "/results/x.mp4", "/x"),
    *("/api/file-base64-upload", "/api/file-url-upload", "/api/v1/chat/credit"),
]
MEMBERS = st.sampled_from(["model", "input", "callBackUrl", "url", "base64Data"])


@example("POST", "/api/file-base64-upload", b'{"base64Data":"\xc2\x80"}', {})
@given(
    st.sampled_from(["GET", "POST", "PUT", "HEAD"]),
    st.sampled_from(PATHS) | st.text().map("/".__add__),
    st.binary(max_size=200)
    | st.sampled_from([b"[" * 100_000, b'{"model":' * 50_000, b'{"model":"' + MODEL.encode() + b'","input":null}'])
    | st.dictionaries(
        st.sampled_from(["model", "input", "callBackUrl", "url", "base64Data"]), st.text() | st.none()
    ).map(msgspec.json.encode),
    st.dictionaries(st.sampled_from(["taskId"]), st.text()),
)
def test_any_call_gets_an_answer(method: str, path: str, body: bytes, query: dict[str, str]) -> None:
    async def one() -> None:
        headers = {name.lower(): value for name, value in HEADERS.items()}
        reply = Emulator().handle(Call(method, path, query, headers, body))
        assert 200 <= reply.status < 600

    asyncio.run(one())
