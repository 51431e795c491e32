"""Both directions against the provider's request schemas, driven by the schemas themselves.

What is valid by the schema a struct takes, it goes out as it came, and the emulator accepts it; what the schema
refuses, both refuse, naming the field.
"""

from __future__ import annotations

import json
import unicodedata
from math import isfinite
from typing import Any, TypeAlias

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from wan_async import InvalidInputError
from wan_async._protocol.requests import create_task
from wan_async.emulator import Emulator
from wan_async.models import MODELS, WanInput

from ..contract import BODIES, INPUTS, URL, Node, example
from ..emulator.support import create

pytestmark = pytest.mark.simulated

Fields: TypeAlias = dict[str, Any]

VALIDATORS: dict[str, Any] = {
    model: Draft202012Validator(body, format_checker=Draft202012Validator.FORMAT_CHECKER)
    for model, body in BODIES.items()
}

PROVIDER = Emulator(limit=None)

UNRESERVED = "abcXYZ019-._~"
SEGMENT = st.text(UNRESERVED + "!$&'()*+,;=:@", max_size=8) | st.sampled_from(["%20", "%D1%84", "a%2Fb"])
HOSTS = st.sampled_from(
    ["example.com", "localhost", "10.0.0.1", "[::1]", "[fe80::1:2]", "a_b.c", "xn--e1aybc.xn--p1ai"]
)


@st.composite
def urls(draw: st.DrawFn) -> str:
    scheme = draw(st.sampled_from(["http", "https", "HTTPS"]))
    user = draw(st.sampled_from(["", "", "user@", "user:pass%20word@"]))
    port = draw(st.sampled_from(["", "", ":", ":8080", ":65535"]))
    path = "".join(f"/{part}" for part in draw(st.lists(SEGMENT, max_size=3)))
    query = draw(st.sampled_from(["", "?", "?a=b&c=%2F", "?next=/a?b"]))
    fragment = draw(st.sampled_from(["", "#", "#t=10"]))
    return f"{scheme}://{user}{draw(HOSTS)}{port}{path}{query}{fragment}"


class Word(str):
    __slots__ = ()


class Whole(int):
    pass


MEDIA = {"first_frame", "reference_image", "reference_video", "reference_voice"}


def is_url(name: str) -> bool:
    return "_url" in name or name in MEDIA


def is_seen(text: str) -> bool:
    """Whether a prompt is more than white space and what has no width."""
    return any(not character.isspace() and unicodedata.category(character) != "Cf" for character in text)


def right(name: str, node: Node) -> st.SearchStrategy[object]:
    """Values of a field that the schema allows."""
    match node:
        case {"enum": choices}:
            return st.sampled_from(choices) | st.sampled_from(choices).map(Word)
        case {"type": "string"} if is_url(name):
            return urls()
        case {"type": "string", "maxLength": most}:
            texts = st.text(min_size=node.get("minLength", 1), max_size=20).filter(is_seen)
            return texts | st.just("я" * most) | texts.map(Word)
        case {"type": "boolean"}:
            return st.booleans()
        case {"type": "integer" | "number"}:
            return numbers(node)
        case {"type": "array"}:
            items = right(name, node["items"]) if "items" in node else JSON
            lists = st.lists(items, min_size=node.get("minItems", 0), max_size=node.get("maxItems", 4))
            return lists | lists.map(tuple)
        case _:
            raise AssertionError(f"no strategy for {node}")


def numbers(node: Node) -> st.SearchStrategy[object]:
    low, high, step = node.get("minimum"), node.get("maximum"), node.get("multipleOf", 1)
    whole = st.integers(low, high) if low is not None else st.integers()
    whole = whole.map(lambda number: number // step * step).filter(lambda number: is_valid(node, number))
    bounds = st.sampled_from([low, high]) if low is not None else st.just(0)
    broken = st.floats(low, high) if node["type"] == "number" and "multipleOf" not in node else whole.map(Whole)
    return whole | bounds | whole.map(Whole) | broken


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)


ODD: list[object] = [
    None, True, False, 0, 1, -1, 5, 2**31, 0.0, 0.5, 5.0, -0.5, 1e300, float("nan"), float("inf"), "", "a", "5",
    "720P", " 720p", "720p\n", "auto ", [], {}, [[]], [""], b"720p", (), object(), {"a": 1}, {"720p"},
    msgspec.UNSET, "\ud800", "x" * 5001, "я" * 5001, "x" * 100_000,
]  # fmt: skip

BAD_URLS: list[object] = [
    "ftp://example.com/a", "file:///etc/passwd", "data:image/png;base64,AAAA", "javascript:alert(1)", "http://",
    "https:///path", "http://:80/", "http://user@/", "http:example.com", "//example.com/a", "example.com/a.png",
    "/a.png",
    "http://example.com/a b", "http://example.com/я", "http://пример.рф/", "http://example.com/\n", "http://example.com\n",
    " http://example.com/", "http://example.com/\x00", "http://exa\tmple.com/", "http://example.com/%", "http://a/%zz",
    "http://[::1", "http://[::g]/", "http://[fe80::1%eth0]/", "http://[1.2.3.4]/", "http://[::1]x/", "http://a]b/",
    "http://example.com:port/", "http://example.com:65536/", "http://example.com:123456/", "http://example.com/{a}",
    "http://example.com/<a>", 'http://example.com/"', "http://example.com/\\", "http://example.com/^", "http://a/`|",
    "http\u017f://example.com/", "http://\u212aexample.com/", "http://example.com/\ud800", "http://example.com/#a#b",
    "http://a:b:c/", "http://a@b@c/",
]  # fmt: skip


def wrong(name: str, node: Node) -> st.SearchStrategy[object]:
    """Values near those that the schema allows; whether they are wrong, the schema says."""
    near: st.SearchStrategy[object] = st.sampled_from(ODD) | st.floats()
    match node:
        case {"enum": choices}:
            near |= st.sampled_from(
                [form for choice in choices for form in (choice.upper(), f"{choice} ", choice[:-1])]
            )
        case {"minimum": low, "maximum": high}:
            near |= st.integers(max_value=low - 1) | st.integers(min_value=high + 1) | st.floats(low, high)
            near |= st.integers(low, high) | st.integers(low, high).map(str)
        case {"type": "array", "items": items}:
            least, most, item = node.get("minItems", 0), node["maxItems"], right(name, items)
            near |= st.lists(item, max_size=least - 1) if least else item
            near |= st.lists(item, min_size=most + 1, max_size=most + 2) | item
            near |= wrong(name, items).map(lambda value: [value])
        case _ if is_url(name):
            near |= st.sampled_from(BAD_URLS)
        case {"type": "string", "maxLength": most}:
            near |= st.text(min_size=3).map(lambda text: (text * most)[: most + 1])
        case _:
            pass
    return near


@st.composite
def inputs(draw: st.DrawFn, model: str) -> Fields:
    """All required fields, and any of the others, such that they go together."""
    node = INPUTS[model]
    few = draw(st.booleans())  # else fields that exclude each other would seldom be apart
    others = st.integers(0, 3).map(lambda number: number == 0) if few else st.booleans()
    required = node.get("required", ())
    fields: Fields = {
        name: draw(right(name, rule)) for name, rule in node["properties"].items() if name in required or draw(others)
    }
    assume(is_valid({name: node[name] for name in ("anyOf", "not") if name in node}, listed(fields)))
    return fields


def listed(value: Any) -> Any:
    """The value as JSON gives it back: a tuple is a list."""
    if isinstance(value, dict):
        return {name: listed(one) for name, one in value.items()}  # pyright: ignore[reportUnknownVariableType]
    return [listed(one) for one in value] if isinstance(value, (list, tuple)) else value  # pyright: ignore[reportUnknownVariableType]


def is_refused(node: Node, name: str, value: object) -> bool:
    """Whether JSON cannot hold the value, or the schema refuses it; the house's URLs are URIs in every field."""
    if value is msgspec.UNSET or isinstance(value, (bytes, set)) or (isinstance(value, float) and not isfinite(value)):
        return True
    if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
        return True
    strict = {**node, "format": "uri"} if is_url(name) and node["type"] == "string" else node
    return not is_valid(strict, listed(value))


def is_valid(node: Node, value: object) -> bool:
    validator: Any = Draft202012Validator(node, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return validator.is_valid(value)


def test_the_models_are_the_schemas() -> None:
    assert MODELS.keys() == INPUTS.keys()


@pytest.mark.parametrize("model", INPUTS)
def test_the_fields_are_the_schemas(model: str) -> None:
    fields = {field.name: field.required for field in msgspec.structs.fields(MODELS[model]) if field.name != "extra"}
    assert fields == {name: name in INPUTS[model].get("required", ()) for name in INPUTS[model]["properties"]}


@pytest.mark.parametrize("model", INPUTS)
@given(data=st.data())
def test_what_a_struct_encodes_to_is_valid(model: str, data: st.DataObject) -> None:
    fields = data.draw(inputs(model))
    callback_url = data.draw(st.none() | urls())
    body = create_task(MODELS[model](**fields), callback_url).body
    assert body is not None
    sent = json.loads(body)
    VALIDATORS[model].validate(sent)
    assert create(PROVIDER, sent)["code"] == 200
    expected = {"model": model, "input": fields, "callBackUrl": callback_url}
    assert sent == json.loads(json.dumps({name: value for name, value in expected.items() if value is not None}))


FIELDS = [(model, name) for model, node in INPUTS.items() for name in node["properties"]]


@pytest.mark.parametrize("model", INPUTS)
@settings(max_examples=200)
@given(data=st.data())
def test_what_the_schema_refuses_a_struct_refuses(model: str, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(list(INPUTS[model]["properties"])))
    node = INPUTS[model]["properties"][name]
    value = data.draw(wrong(name, node).filter(lambda value: is_refused(node, name, value)))
    assume(value is not msgspec.UNSET or name in INPUTS[model].get("required", ()))
    assume(name != "duration" or node["type"] != "string" or isinstance(value, bool) or value not in (5, 10, 15))
    check_refusal(MODELS[model], {**example(model), name: value}, name)
    if is_json(value) and not is_valid(node, listed(value)):
        answer = create(PROVIDER, {"model": model, "input": {**example(model), name: value}})
        assert answer["code"] in (422, 500)
        assert name in answer["msg"]


def is_json(value: object) -> bool:
    try:
        json.dumps(value, allow_nan=False).encode()
        msgspec.json.encode(value)
    except (TypeError, ValueError, OverflowError):
        return False
    return True


def check_refusal(cls: type[WanInput], fields: Fields, name: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        cls(**fields)
    error, given = caught.value, fields[name]
    assert error.field in {name, f"{name}[0]"}
    assert error.given is (given if error.field == name else given[0])
    assert error.allowed
    assert str(error).startswith(f"{error.field}: ")
    assert str(error).endswith(f" is not allowed; allowed: {error.allowed}")
    assert "\n" not in str(error)


def just_beyond(node: Node) -> list[object]:
    """The values one step outside each bound of a field."""
    match node:
        case {"type": "array", "items": _}:
            return [[URL] * (node["maxItems"] + 1), *([[URL] * (node["minItems"] - 1)] if "minItems" in node else [])]
        case {"minimum": low, "maximum": high}:
            step = node.get("multipleOf", 1)
            return [low - step, high + step, *([low + 1] if step > 1 else [])]
        case {"maxLength": most}:
            return ["x" * (most + 1), *(["x" * (node["minLength"] - 1)] if "minLength" in node else [])]
        case _:
            return []


@pytest.mark.parametrize(("model", "name"), FIELDS)
def test_one_step_outside_a_bound_is_refused(model: str, name: str) -> None:
    node = INPUTS[model]["properties"][name]
    for value in just_beyond(node):
        assert is_refused(node, name, value)
        check_refusal(MODELS[model], {**example(model), name: value}, name)


URL_FIELDS = [(model, name) for model, name in FIELDS if is_url(name)]


@pytest.mark.parametrize("url", BAD_URLS)
def test_what_is_no_web_address_is_refused(url: str) -> None:
    for model, name in URL_FIELDS:
        listed = INPUTS[model]["properties"][name]["type"] == "array"
        check_refusal(MODELS[model], {**example(model), name: [url] if listed else url}, name)


@pytest.mark.parametrize(("model", "name"), FIELDS)
def test_a_number_too_long_to_print_is_refused_in_words(model: str, name: str) -> None:
    check_refusal(MODELS[model], {**example(model), name: 10**5000}, name)
    check_refusal(MODELS[model], {**example(model), name: [10**5000]}, name)


@pytest.mark.parametrize("model", INPUTS)
def test_a_required_field_must_be_given(model: str) -> None:
    for name in INPUTS[model].get("required", ()):
        with pytest.raises(TypeError, match=name):
            MODELS[model](**{given: value for given, value in example(model).items() if given != name})
