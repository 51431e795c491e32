"""What makes a struct a model of pydantic, and so of FastAPI; nothing is loaded before pydantic asks."""

from __future__ import annotations

from typing import Any

import msgspec


class WebModel(msgspec.Struct, frozen=True):
    """The base of structs that may stand in requests and responses, see `wan_async.integrations.pydantic`."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from .integrations import pydantic

        return pydantic.core_schema_of(cls, handler)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> Any:
        from .integrations import pydantic

        return pydantic.json_schema_of(cls, schema, handler)
