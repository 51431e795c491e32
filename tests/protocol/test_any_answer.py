"""Whatever comes back reads as a value or as a `WanError`, and never as anything else."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from wan_async import TaskRecord, WanError
from wan_async._protocol import Answer
from wan_async._protocol.answers import StoredFile

from .test_answers import NO_ENVELOPE, READERS, SAMPLES, body_of

KEYS = ["code", "msg", "message", "data", "taskId", "task_id", "state", "param", "resultJson", "resultUrls", "failCode",
        "failMsg", "costTime", "createTime", "completeTime", "creditsConsumed", "progress", "input",
        "model"]  # fmt: skip
NUMBERS = (
    st.integers() | st.floats() | st.sampled_from([10**400, -(10**4299), 2**63, 1e308, -1e308, 8.64e15, 1777803956261])
)
LEAVES = (
    st.none() | st.booleans() | NUMBERS | st.text(max_size=8)
    | st.sampled_from(["success", "fail", "{}", '{"input":"{}"}', '{"resultUrls":["u",1,""]}', "[" * 100_000, "\udc00"])
)  # fmt: skip
STRUCTURES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=8) | inner.map(json.dumps)
    ),
    max_leaves=12,
)
RECORDS = st.fixed_dictionaries({}, optional=dict.fromkeys(KEYS, STRUCTURES))
ENVELOPES = st.fixed_dictionaries(
    {"code": st.sampled_from([200, 408, 501, 422, 429, 500]) | STRUCTURES},
    optional={"msg": STRUCTURES, "message": STRUCTURES, "data": RECORDS | STRUCTURES},
)
BYTES = (
    st.binary()
    | (ENVELOPES | STRUCTURES).map(lambda value: json.dumps(value).encode())
    | ENVELOPES.map(lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    | st.sampled_from(NO_ENVELOPE)
    | st.sampled_from([body_of(sample) for sample in SAMPLES.values()])
)
STATUSES = st.sampled_from([200, 204, 302, 401, 403, 404, 429, 500, 502]) | st.integers()
HEADERS = st.dictionaries(st.sampled_from(["retry-after", "Retry-After", "x"]), st.text(max_size=40), max_size=2)


@settings(max_examples=300)
@given(status=STATUSES, body=BYTES, headers=HEADERS, data=st.data())
def test_any_answer_is_a_value_or_an_error_of_ours(
    status: int, body: bytes, headers: dict[str, str], data: st.DataObject
) -> None:
    if data.draw(st.booleans()) and body:
        cut = data.draw(st.integers(0, len(body)))
        body = body[:cut] + data.draw(st.binary(max_size=3)) + body[cut + 1 :]
    words: list[str] = []
    for reader, kind in zip(READERS, (str, TaskRecord, float, str, StoredFile), strict=True):
        try:
            value = reader(Answer(status, body, headers))
        except WanError as error:
            words.append(str(error))
        else:
            assert type(value) is kind
            assert value or not isinstance(value, str)
    assert all(len(text.encode().decode().splitlines()) == 1 for text in words)
