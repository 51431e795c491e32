"""Both directions against the provider's published request schema, driven by the schema itself.

What a struct encodes to is valid by the schema; what the schema refuses, a struct refuses, naming the field.
"""

from __future__ import annotations

import json
from math import isfinite
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from wan_async import InvalidInputError
from wan_async._protocol import create_task
from wan_async.models import MODELS, WanInput

Node: TypeAlias = dict[str, Any]
Fields: TypeAlias = dict[str, Any]

SCHEMA: Node = json.loads((Path(__file__).parent.parent / "data" / "create_task.schema.json").read_text())
INPUTS: dict[str, Node] = {
    branch["properties"]["model"]["const"]: branch["properties"]["input"] for branch in SCHEMA["oneOf"]
}
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER)

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


URL = "https://example.com/a.png"
EXAMPLES: dict[str, Fields] = {
    model: {name: {"prompt": "a fox", "image_urls": [URL]}.get(name, URL) for name in node["required"]}
    for model, node in INPUTS.items()
}


def is_url(name: str) -> bool:
    return "_url" in name


def right(name: str, node: Node) -> st.SearchStrategy[object]:
    """Values of a field that the schema allows."""
    match node:
        case {"enum": choices}:
            return st.sampled_from(choices) | st.sampled_from(choices).map(Word)
        case {"type": "string"} if is_url(name):
            return urls()
        case {"type": "string", "maxLength": most}:
            texts = st.text(min_size=node.get("minLength", 0), max_size=20)
            return texts | st.just("я" * most) | texts.map(Word)
        case {"type": "boolean"}:
            return st.booleans()
        case {"type": "number", "minimum": low, "maximum": high, "multipleOf": 1}:
            return st.integers(low, high) | st.sampled_from([low, high]) | st.integers(low, high).map(Whole)
        case {"type": "array", "items": items}:
            lists = st.lists(right(name, items), min_size=node["minItems"], max_size=node["maxItems"])
            return lists | lists.map(tuple)
        case _:
            raise AssertionError(f"no strategy for {node}")


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
        case {"type": "number", "minimum": low, "maximum": high}:
            near |= st.integers(max_value=low - 1) | st.integers(min_value=high + 1) | st.floats(low, high)
            near |= st.integers(low, high).map(str)
        case {"type": "array", "items": items, "minItems": least, "maxItems": most}:
            item = right(name, items)
            near |= st.lists(item, max_size=least - 1) | st.lists(item, min_size=most + 1, max_size=most + 2) | item
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
    """All required fields, and any of the others."""
    node = INPUTS[model]
    names = [name for name in node["properties"] if name in node["required"] or draw(st.booleans())]
    return {name: draw(right(name, node["properties"][name])) for name in names}


def is_refused(node: Node, name: str, value: object) -> bool:
    """Whether JSON cannot hold the value, or the schema refuses it; the house's URLs are URIs in every field."""
    if value is msgspec.UNSET or isinstance(value, (bytes, set)) or (isinstance(value, float) and not isfinite(value)):
        return True
    if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
        return True
    strict = {**node, "format": "uri"} if is_url(name) and node["type"] == "string" else node
    return not is_valid(strict, value)


def is_valid(node: Node, value: object) -> bool:
    validator: Any = Draft202012Validator(node, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return validator.is_valid(value)


def test_the_models_are_the_schemas() -> None:
    assert MODELS.keys() == INPUTS.keys()


@pytest.mark.parametrize("model", INPUTS)
def test_the_fields_are_the_schemas(model: str) -> None:
    fields = {field.name: field.required for field in msgspec.structs.fields(MODELS[model]) if field.name != "extra"}
    assert fields == {name: name in INPUTS[model]["required"] for name in INPUTS[model]["properties"]}


@pytest.mark.parametrize("model", INPUTS)
@given(data=st.data())
def test_what_a_struct_encodes_to_is_valid(model: str, data: st.DataObject) -> None:
    fields = data.draw(inputs(model))
    callback_url = data.draw(st.none() | urls())
    body = create_task(MODELS[model](**fields), callback_url).body
    assert body is not None
    sent = json.loads(body)
    VALIDATOR.validate(sent)  # pyright: ignore[reportUnknownMemberType]
    expected = {"model": model, "input": fields, "callBackUrl": callback_url}
    assert sent == json.loads(json.dumps({name: value for name, value in expected.items() if value is not None}))


FIELDS = [(model, name) for model, node in INPUTS.items() for name in node["properties"]]


@pytest.mark.parametrize(("model", "name"), FIELDS)
@settings(max_examples=60)
@given(data=st.data())
def test_what_the_schema_refuses_a_struct_refuses(model: str, name: str, data: st.DataObject) -> None:
    node = INPUTS[model]["properties"][name]
    value = data.draw(wrong(name, node).filter(lambda value: is_refused(node, name, value)))
    assume(value is not msgspec.UNSET or name in INPUTS[model]["required"])
    assume(name != "duration" or type(value) is not int or value not in {5, 10, 15})
    check_refusal(MODELS[model], {**data.draw(inputs(model)), name: value}, name)


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
        case {"minItems": least, "maxItems": most}:
            return [[URL] * (least - 1), [URL] * (most + 1)]
        case {"minimum": low, "maximum": high}:
            return [low - 1, high + 1]
        case {"maxLength": most}:
            return ["x" * (most + 1), *(["x" * (node["minLength"] - 1)] if "minLength" in node else [])]
        case _:
            return []


@pytest.mark.parametrize(("model", "name"), FIELDS)
def test_one_step_outside_a_bound_is_refused(model: str, name: str) -> None:
    node = INPUTS[model]["properties"][name]
    for value in just_beyond(node):
        assert is_refused(node, name, value)
        check_refusal(MODELS[model], {**EXAMPLES[model], name: value}, name)


URL_FIELDS = [(model, name) for model, name in FIELDS if is_url(name)]


@pytest.mark.parametrize("url", BAD_URLS)
def test_what_is_no_web_address_is_refused(url: str) -> None:
    for model, name in URL_FIELDS:
        listed = INPUTS[model]["properties"][name]["type"] == "array"
        check_refusal(MODELS[model], {**EXAMPLES[model], name: [url] if listed else url}, name)


@pytest.mark.parametrize(("model", "name"), FIELDS)
def test_a_number_too_long_to_print_is_refused_in_words(model: str, name: str) -> None:
    check_refusal(MODELS[model], {**EXAMPLES[model], name: 10**5000}, name)
    check_refusal(MODELS[model], {**EXAMPLES[model], name: [10**5000]}, name)


@pytest.mark.parametrize("model", INPUTS)
def test_a_required_field_must_be_given(model: str) -> None:
    for name in INPUTS[model]["required"]:
        with pytest.raises(TypeError, match=name):
            MODELS[model](**{given: value for given, value in EXAMPLES[model].items() if given != name})
