"""Each field of what users hold says what it is: to editors where it stands, to `help` in the class's docstring."""

from __future__ import annotations

import msgspec
import pytest

import wan_async
from wan_async import emulator, errors, events
from wan_async._docs import documented, field_docs, own_doc
from wan_async.models import catalogue

PUBLIC = [getattr(module, name) for module in (wan_async, events, emulator, catalogue) for name in module.__all__]
STRUCTS: list[type[msgspec.Struct]] = sorted(
    {kind for kind in PUBLIC if isinstance(kind, type) and issubclass(kind, msgspec.Struct)}
    - {emulator.Call, emulator.Reply, emulator.Task},  # of the emulator's own ways
    key=lambda kind: kind.__name__,
)


@pytest.mark.parametrize("kind", STRUCTS, ids=lambda kind: kind.__name__)
def test_each_field_says_what_it_is(kind: type[msgspec.Struct]) -> None:
    docs = field_docs(kind)
    for name in kind.__struct_fields__:
        words = docs[name]
        assert words.endswith((".", ")")), words
        assert words[0].isupper() or not words[0].isalpha(), words
        assert f"\n    {name}: {words}\n" in (kind.__doc__ or "")
    assert own_doc(kind)
    assert (kind.__doc__ or "").startswith(own_doc(kind))


ERRORS = [getattr(errors, name) for name in errors.__all__]


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_help_on_an_error_says_what_it_carries(kind: type[errors.WanError]) -> None:
    docs = field_docs(kind)
    assert docs.keys() == {name for base in kind.__mro__ for name in vars(base).get("__annotations__", ())}
    assert (kind.__doc__ or "").startswith(own_doc(kind))
    assert [name for name, words in docs.items() if f"\n    {name}: {words}\n" not in (kind.__doc__ or "")] == []


def test_an_error_of_somebody_elses_is_documented_as_they_please() -> None:
    class Theirs(errors.ApiError):
        pass

    class Said(errors.ApiError):
        """Their words."""

    assert Theirs.__doc__ is None
    assert (Said.__doc__ or "").startswith("Their words.\n\nAttributes:\n    code: ")


def test_required_fields_come_first_and_inherited_ones_are_there() -> None:
    @documented
    class Base(msgspec.Struct, kw_only=True):
        """A base."""

        size: int = 0
        """Metres,
        not feet."""

    @documented
    class Dream(Base, kw_only=True):
        """Dreams."""

        depth: int
        """Layers."""

        width: int

    assert Dream.__doc__ == "Dreams.\n\nAttributes:\n    depth: Layers.\n    size: Metres, not feet.\n"


def test_where_there_is_no_source_the_class_speaks_for_itself() -> None:
    made = documented(msgspec.defstruct("Made", [("depth", int)], namespace={"__doc__": "Made up."}))
    assert made.__doc__ == "Made up."
    assert own_doc(int) == ""
