"""Each field of what users hold says what it is: to editors where it stands, to `help` in the class's docstring."""

from __future__ import annotations

import msgspec
import pytest

import wan_async
from wan_async import emulator, events
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
