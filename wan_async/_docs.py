"""Docstrings of classes: their own words, and those below each field, put together when somebody asks.

Editors show a field's docstring where it stands in the source; Python keeps none, so it is read from there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from itertools import pairwise
from typing import Any, TypeVar

from msgspec import NODEFAULT

Kind = TypeVar("Kind", bound=type)


class Doc:
    """The `__doc__` of a class: a descriptor, since few programs read it and the source is needed for it."""

    def __init__(self, own: str | None) -> None:
        self._own = own

    @property
    def own(self) -> str:
        """The class's words alone."""
        import inspect  # here, as below: 10 ms that importing wan_async does without

        return inspect.cleandoc(self._own or "")

    def __get__(self, _: object, cls: Any) -> str:
        docs = field_docs(cls)
        names = sorted(getattr(cls, "__struct_fields__", docs), key=_rank(cls))
        lines = [f"{name}: {docs[name]}" for name in names if name in docs]
        return "\n    ".join((f"{self.own}\n\nAttributes:", *lines)) + "\n" if lines else self.own


def documented(cls: Kind) -> Kind:
    """Give a class a `__doc__` with its fields, for `help` and notebooks."""
    cls.__doc__ = Doc(cls.__doc__)  # pyright: ignore[reportAttributeAccessIssue] - put together when asked for
    return cls


def documenting(cls: Kind) -> Kind:
    """Have the subclasses of a class `documented`, those that have words of their own."""

    def init_subclass(kind: type, **arguments: Any) -> None:
        super(cls, kind).__init_subclass__(**arguments)
        if vars(kind).get("__doc__") is not None:
            documented(kind)

    setattr(cls, "__init_subclass__", classmethod(init_subclass))  # noqa: B010 - pyright knows no other way
    return cls


def own_doc(cls: type) -> str:
    """The class's own words, without its fields."""
    doc = vars(cls).get("__doc__")
    return doc.own if isinstance(doc, Doc) else ""


def _rank(cls: Any) -> Callable[[str], tuple[bool, bool]]:
    """The key by which required fields come first, and `extra` last."""
    fields: tuple[str, ...] = getattr(cls, "__struct_fields__", ())
    defaults: tuple[object, ...] = getattr(cls, "__struct_defaults__", ())
    from_the_end = zip(reversed(fields), reversed(defaults), strict=False)
    with_default = {name for name, default in from_the_end if default is not NODEFAULT}
    return lambda name: (name in with_default, name == "extra")


@cache
def field_docs(cls: type) -> Mapping[str, str]:
    """The docstrings of the class's fields by their names, inherited ones too; none where there is no source."""
    docs: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        docs |= _written_in(base)
    return docs


def _written_in(cls: type) -> dict[str, str]:
    import ast
    import inspect
    from textwrap import dedent

    try:
        body = ast.parse(dedent(inspect.getsource(cls))).body[0]
    except (OSError, TypeError, SyntaxError):  # built in, or shipped without its source
        return {}
    docs: dict[str, str] = {}
    for field, below in pairwise(body.body if isinstance(body, ast.ClassDef) else ()):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str() as words)):
                docs[name] = " ".join(words.split())
            case _:
                pass
    return docs
