"""The emulator accepts what the provider's schema accepts, and nothing else."""

from __future__ import annotations

import asyncio
import copy
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from wan_async.emulator import Emulator

from .support import create

SCHEMA = msgspec.json.decode((Path(__file__).parents[1] / "data" / "create_task.schema.json").read_bytes())
VALID: Any = Draft202012Validator(SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER)
MODELS: dict[str, Any] = {part["title"]: part["properties"]["input"] for part in SCHEMA["oneOf"]}
URLS = st.sampled_from(
    ["https://h/a.png", "http://h:80/x?y=1#z", "ftp://h/x", "data:image/png;base64,AA==", "mailto:a@b"]
)
ODD: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers(-2, 3_000_000_000) | st.floats(allow_nan=False) | st.text(max_size=5)
) | st.sampled_from(["", "x" * 5000, "x" * 5001, "480p", "1080p", "5", "7", "not a uri", "https://h/ü", "http://h/a b"])


def good(rule: dict[str, Any]) -> st.SearchStrategy[Any]:
    if "enum" in rule:
        return st.sampled_from(rule["enum"])
    match rule["type"]:
        case "string" if rule.get("format") == "uri":
            return URLS
        case "string":
            return st.text(min_size=rule.get("minLength", 0), max_size=20)
        case "boolean":
            return st.booleans()
        case "number":
            return st.integers(0, 2147483647) | st.integers(0, 1000).map(float)
        case _:
            return st.lists(good(rule["items"]), min_size=1, max_size=1)


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, Any]:
    """A valid body, then perhaps spoiled in a place or two."""
    model = draw(st.sampled_from(sorted(MODELS)))
    rules = MODELS[model]["properties"]
    required = MODELS[model]["required"]
    fields = {name: draw(good(rule)) for name, rule in rules.items() if name in required or draw(st.booleans())}
    body: dict[str, Any] = {"model": model, "input": fields}
    if draw(st.booleans()):
        body["callBackUrl"] = draw(URLS | ODD)
    for _ in range(draw(st.integers(0, 2))):
        name = draw(st.sampled_from([*rules, "unknown"]))
        change = draw(st.sampled_from(["drop", "odd", "list"]))
        if change == "drop":
            fields.pop(name, None)
        else:
            fields[name] = draw(ODD) if change == "odd" else draw(st.lists(ODD | URLS, max_size=2))
    return body


@given(bodies())
def test_it_accepts_exactly_what_the_schema_accepts(body: dict[str, Any]) -> None:
    async def code() -> int:
        return create(Emulator(limit=None), copy.deepcopy(body))["code"]

    answer = asyncio.run(code())
    assert (answer == 200) is VALID.is_valid(body), (answer, list(VALID.iter_errors(body)))
    assert answer in (200, 422, 500)
