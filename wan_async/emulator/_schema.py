"""Validation by the provider's request schemas, which ship beside this file as data: `create_task.schema.json` holds
what Apikley's pages show, `family.schema.json` what only KIE's do.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Any, cast

import msgspec

from ._calls import Refusal
from ._validation import Schema, check_keywords, validate

_unpack = msgspec.json.Decoder().decode


class ValidBody(msgspec.Struct, frozen=True):
    """A createTask body that is valid.

    Attributes:
        model: the model's name on the wire.
        fields: the `input` object.
        callback_url: where to call back, if asked to.
    """

    model: str
    fields: dict[str, Any]
    callback_url: str | None


class Schemas:
    """The models that the provider knows, each with the schema of its request.

    Args:
        more: further models, by name, each with the JSON schema of its `input` object.
        only_published: know only the models and fields that Apikley's pages show.

    Raises:
        ConfigurationError: a schema uses a keyword that this validator does not know.
    """

    def __init__(self, more: Mapping[str, Schema], *, only_published: bool = False) -> None:
        self._bodies = _published() if only_published else _known()
        callback: Schema = next(iter(self._bodies.values()))["properties"]["callBackUrl"]
        for model, fields in more.items():
            properties = {"model": {"const": model}, "callBackUrl": callback, "input": fields}
            self._bodies[model] = {"type": "object", "properties": properties, "required": ["model", "input"]}
        for model, body in self._bodies.items():
            check_keywords(body, model)

    def completed(self, model: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The `input` object with the model's defaults for what it leaves out."""
        properties: Mapping[str, Schema] = self._bodies[model]["properties"]["input"].get("properties", {})
        return {**{name: rule["default"] for name, rule in properties.items() if "default" in rule}, **fields}

    def makes_images(self, model: str) -> bool:
        """True for a model whose results are pictures, not videos."""
        return self._bodies[model].get("x-makes") == "image"

    def read(self, body: bytes) -> ValidBody:
        """Read a createTask body.

        Raises:
            Refusal: what is wrong with it, first fault first.
        """
        request = read_object(body)
        for name in ("model", "input"):
            if name not in request:
                raise Refusal(400, f"The parameter {name} is missing")
        model = request["model"]
        schema = self._bodies.get(model) if isinstance(model, str) else None
        if schema is None:
            raise Refusal(422, "The model name you specified is not supported.")
        validate(schema, request, "")
        return ValidBody(model, request["input"], request.get("callBackUrl"))


def _published() -> dict[str, Schema]:
    return {body["title"]: body for body in _contract("create_task.schema.json")["oneOf"]}


def _known() -> dict[str, Schema]:
    """The published models with the fields that they have got since, and all others."""
    family, bodies = _contract("family.schema.json"), _published()
    for model, fields in family["x-newer"].items():
        bodies[model]["properties"]["input"]["properties"].update(fields)
    return bodies | {body["title"]: body for body in family["oneOf"]}


def _contract(name: str) -> Any:
    return _unpack(resources.files("wan_async.emulator").joinpath(name).read_bytes())


def read_object(body: bytes) -> dict[str, Any]:
    """Read a call's body, which is a JSON object.

    Raises:
        Refusal: 400, it is not.
    """
    try:
        value = _unpack(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refusal(400, "The request body is not valid JSON") from None
    if not isinstance(value, dict):
        raise Refusal(400, "The request body is not a JSON object")
    return cast("dict[str, Any]", value)
