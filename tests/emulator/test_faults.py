"""Which calls a fault befalls, by an independent count, and what it leaves of an answer."""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wan_async.emulator import Fault
from wan_async.emulator._calls import Reply
from wan_async.emulator._faults import FaultPlan, spoiled

REPLY = Reply(200, b'{"code": 200}', {"Content-Type": "application/json"})


def struck(plan: FaultPlan, *texts: str) -> list[Fault | None]:
    return [plan.strike("createTask", lambda text=text: text) for text in texts]


@given(st.integers(1, 5), st.none() | st.integers(0, 5), st.lists(st.sampled_from(["a fox", "a hen"]), max_size=20))
def test_a_fault_befalls_so_many_calls_from_the_nth_of_those_that_match(
    nth: int, times: int | None, texts: list[str]
) -> None:
    fault = Fault("slow", match="fox", nth=nth, times=times)
    matching = [number for number, text in enumerate(texts) if "fox" in text]
    befallen = set(islice(matching, nth - 1, None if times is None else nth - 1 + times))
    found = struck(FaultPlan([fault], 0), *texts)
    assert {number for number, one in enumerate(found) if one is not None} == befallen


def test_the_first_that_strikes_counts_and_the_others_have_not_met_that_call() -> None:
    first, second = Fault("slow", times=1), Fault("garbage", times=2)
    assert struck(FaultPlan([first, second], 0), *["a fox"] * 4) == [first, second, second, None]


def test_one_more_goes_before_those_without_an_end_and_the_counts_go_on() -> None:
    plan = FaultPlan([Fault("slow", times=2), Fault("garbage")], 0)
    struck(plan, "a fox")
    plan.add(Fault("half", times=1))
    assert [one.kind for one in struck(plan, *["a fox"] * 3) if one] == ["slow", "half", "garbage"]
    plan.replace(plan.faults)
    assert [one.kind for one in struck(plan, *["a fox"] * 3) if one] == ["slow", "slow", "half"]


def test_a_share_is_befallen_the_same_in_each_run() -> None:
    runs = [struck(FaultPlan([Fault("slow", rate=0.3)], seed), *["a fox"] * 1000) for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]
    assert all(250 < sum(one is not None for one in run) < 350 for run in runs)


def test_a_task_is_befallen_by_all_of_its_own_kind_and_no_answer_by_them() -> None:
    faults = [Fault("stuck"), Fault("null_record", match="fox"), Fault("fail", match="hen"), Fault("no_id", nth=2)]
    plan = FaultPlan(faults, 0)
    assert struck(plan, "a fox", "a fox") == [None, faults[3]]
    assert plan.of_task(lambda: "a fox") == (faults[0], faults[1])


@pytest.mark.parametrize(
    ("fault", "calls"),
    [
        (Fault("slow"), {"createTask", "recordInfo", "credit", "download-url", "upload"}),
        (Fault("slow", call="file"), {"file"}),
        (Fault("no_ranges"), {"file"}),
        (Fault("duplicate"), {"callback"}),
        (Fault("no_id"), {"createTask"}),
    ],
)
def test_a_kind_without_a_call_is_for_the_api_or_the_only_one_that_it_can_befall(fault: Fault, calls: set[str]) -> None:
    every = ("createTask", "recordInfo", "credit", "download-url", "upload", "file", "callback")
    assert {call for call in every if fault.is_for(call)} == calls


@pytest.mark.parametrize(
    ("fault", "prevents", "status", "body"),
    [
        (Fault("slow"), False, 200, REPLY.body),
        (Fault("garbage"), False, 200, b'\x00\xff{"code": 2'),
        (Fault("html", done=True), False, 502, b"<h1>502</h1>"),
        (Fault("html", status=403, message="error code: 1010"), True, 403, b"error code: 1010"),
        (Fault("refuse", code=455), True, 200, b"under maintenance"),
        (Fault("refuse", status=429, message="slow down"), True, 429, b"slow down"),
        (Fault("redirect", message="https://h/a"), True, 302, b""),
        (Fault("no_id"), False, 200, b'"data":null'),
        (Fault("no_ranges"), False, 200, REPLY.body),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else "",
)
def test_an_answer_as_the_fault_leaves_it(fault: Fault, prevents: bool, status: int, body: bytes) -> None:
    reply = spoiled(fault, REPLY)
    assert (fault.prevents, reply.status, reply.sent) == (prevents, status, "all")
    assert body in reply.body


def test_a_connection_that_breaks_off() -> None:
    lost, cut = spoiled(Fault("drop_before"), REPLY), spoiled(Fault("half", size=5), REPLY)
    assert (lost.sent, lost.arrived) == ("nothing", False)
    assert (spoiled(Fault("drop_after"), REPLY).sent, spoiled(Fault("drop_after"), REPLY).arrived) == ("nothing", True)
    assert (cut.sent, cut.part, cut.body) == ("part", 5, REPLY.body)


@pytest.mark.parametrize(("value", "header"), [(7.0, "7"), (0.5, "0.5"), ("Wed, 21 Oct 2026 07:28:00 GMT",) * 2])
def test_the_time_to_wait_is_a_number_or_text(value: float | str, header: str) -> None:
    for kind in ("refuse", "html"):
        assert spoiled(Fault(kind, retry_after=value), REPLY).headers["Retry-After"] == header
    assert "Retry-After" not in spoiled(Fault("refuse"), REPLY).headers
