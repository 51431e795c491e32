"""The models' facts as data: fields, bounds, defaults, docstrings, prices; each stands in one place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from msgspec import UNSET

import wan_async
from wan_async import InvalidInputError, WanInput, models
from wan_async._docs import field_docs
from wan_async.models import MODELS, input_from
from wan_async.models.catalogue import defaults_of, fields_of
from wan_async.prices import list_price

from ..contract import INPUTS, PUBLISHED, example

README = Path(__file__).parents[2] / "README.md"
ON_PAGES = {body["title"] for body in PUBLISHED["oneOf"]}
EACH = pytest.mark.parametrize("cls", MODELS.values(), ids=lambda cls: cls.__name__)


def test_the_union_is_what_there_is() -> None:
    assert list(MODELS) == [cls.model for cls in get_args(models.AnyInput)]
    assert MODELS.keys() == INPUTS.keys()
    public = {name for name in wan_async.__all__ if name.startswith(("Wan2", "Wan3"))}
    assert public == {cls.__name__ for cls in MODELS.values()}


def test_the_packages_docstring_lists_each_once() -> None:
    assert sorted(re.findall(r"`(Wan\d\w+)`", models.__doc__ or "")) == sorted(cls.__name__ for cls in MODELS.values())


def test_the_readme_lists_them_as_they_are() -> None:
    """The table is what this prints; put it there when a model changes."""
    rows = [
        f"| `{cls.__name__}` | `{cls.model}` | {'Apikley' if cls.model in ON_PAGES else 'KIE'} | {cls.tariff or '?'} |"
        for cls in MODELS.values()
    ]
    table = "\n".join(["| class | model | pages | credits |", "|---|---|---|---|", *rows])
    assert table in README.read_text(encoding="utf-8"), table


@EACH
def test_a_model_that_is_not_published_says_so(cls: type[WanInput]) -> None:
    words = "not on Apikley's published pages; facts of KIE's, August 2026"
    assert (words in (cls.__doc__ or "")) is (cls.model not in ON_PAGES)


@EACH
def test_defaults_are_those_of_the_contract(cls: type[WanInput]) -> None:
    rules = INPUTS[cls.model]["properties"]
    assert defaults_of(cls) == {name: rule["default"] for name, rule in rules.items() if "default" in rule}


@EACH
def test_what_is_allowed_is_what_an_error_says(cls: type[WanInput]) -> None:
    for name, field in fields_of(cls).items():
        with pytest.raises(InvalidInputError) as caught:
            input_from(cls.model, {**example(cls.model), name: object()})
        assert (caught.value.field, caught.value.allowed) == (name, field.allowed)


@EACH
def test_media_are_the_fields_that_the_contract_takes_links_in(cls: type[WanInput]) -> None:
    rules = INPUTS[cls.model]["properties"]
    links = {name for name, rule in rules.items() if "uri" in str(rule) or name.endswith("_url")}
    assert {name for name, field in fields_of(cls).items() if field.media} == links


@EACH
def test_each_field_says_what_it_takes(cls: type[WanInput]) -> None:
    assert cls.__doc__
    assert cls.__doc__.startswith("Wan ")
    for name, field in fields_of(cls).items():
        assert f"\n    {name}: {field.about}\n" in cls.__doc__
        for fact in told_of(field.type):
            assert re.search(rf"(?<![\d.]){re.escape(fact)}(?![\d.]*\d)", field.about), (name, fact)
        if field.default is not UNSET and not isinstance(field.default, bool):
            assert str(field.default) in field.about, name


def told_of(node: msgspec.inspect.Type) -> Iterator[str]:
    """The bounds and choices that a field's docstring has to name."""
    match node:
        case msgspec.inspect.LiteralType():
            yield from (f'"{value}"' for value in node.values if isinstance(value, str))
        case msgspec.inspect.StrType(max_length=int() as most):
            yield str(most)
        case msgspec.inspect.IntType() | msgspec.inspect.FloatType():
            yield from (str(bound) for bound in (node.ge, node.le) if bound is not None)
        case _:
            pass


def test_the_docstring_is_the_classs_and_its_fields() -> None:
    class Dream(WanInput, frozen=True, kw_only=True):
        """Dreams."""

        model = "wan/9-dream"
        depth: int
        """How deep,
        in metres."""

        width: int | msgspec.UnsetType = UNSET

    assert Dream.__doc__ == (
        "Dreams.\n\nAttributes:\n    depth: How deep, in metres.\n"
        "    extra: Fields that this version does not know, sent beside the others as they are.\n"
    )
    assert fields_of(Dream)["width"].about == ""


def test_a_model_without_a_tariff_has_no_price(monkeypatch: pytest.MonkeyPatch) -> None:
    cls = MODELS["wan/2-6-image-to-video"]
    monkeypatch.setattr(cls, "tariff", None)
    assert list_price(cls.model, {}) is None


def test_inputs_and_prices_read_no_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch asks for both in its event loop, which a read of files would hold up."""

    def refuse(_: object) -> str:
        raise AssertionError("the source was read")

    monkeypatch.setattr("inspect.getsource", refuse)
    for cached in (field_docs, fields_of, defaults_of):
        cached.cache_clear()
    assert list_price("wan/2-6-image-to-video", {}) == 104.5
    assert input_from("wan/2-2-a14b-text-to-video-turbo", {"prompt": "a fox"}).content() == b'{"prompt":"a fox"}'
