"""The hooks that make a struct a model of pydantic, and so of FastAPI; nothing is loaded before pydantic asks."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import msgspec

from .._docs import documented


class WebModel(msgspec.Struct, frozen=True, gc=False):
    """The base of structs that may stand in requests and responses, see `wan_async.integrations.pydantic`.

    They are JSON, which has no cycles, so the garbage collector need not know them: where hundreds come and go at once
    it runs a fifth as often.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        documented(cls)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        return _integration().core_schema_of(cls, handler)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> Any:
        return _integration().json_schema_of(cls, schema, handler)


def _integration() -> Any:
    """By its name, because it lies above: the question comes from pydantic, not from here."""
    return import_module("wan_async.integrations.pydantic")
