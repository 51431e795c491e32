"""The provider's contract, as the emulator has it: the independent word on what a model takes."""

from __future__ import annotations

from importlib import resources
from typing import Any, TypeAlias

import msgspec

Node: TypeAlias = dict[str, Any]


def _read(name: str) -> Node:
    return msgspec.json.decode(resources.files("wan_async.emulator").joinpath(name).read_bytes())


PUBLISHED = _read("create_task.schema.json")
"""What Apikley's pages show."""

_FAMILY = _read("family.schema.json")


def _bodies() -> dict[str, Node]:
    bodies = {body["title"]: body for part in (_read("create_task.schema.json"), _FAMILY) for body in part["oneOf"]}
    for model, fields in _FAMILY["x-newer"].items():
        bodies[model]["properties"]["input"]["properties"] |= fields
    return bodies


BODIES = _bodies()
"""The schema of each model's createTask body, newer fields among it."""

INPUTS: dict[str, Node] = {model: body["properties"]["input"] for model, body in BODIES.items()}
"""The schema of each model's `input` object."""

URL = "https://example.com/a.png"


def example(model: str) -> dict[str, Any]:
    """A small valid input of a model."""
    node = INPUTS[model]
    names = [*node["required"]] if "required" in node else ["prompt"]
    if "anyOf" in node and "prompt" not in node["anyOf"][0]["required"]:
        names += node["anyOf"][0]["required"]
    return {name: _value(name, node["properties"][name]) for name in names}


def _value(name: str, rule: Node) -> Any:
    match rule:
        case {"enum": [first, *_]}:
            return first
        case {"type": "boolean"}:
            return False
        case {"type": "array"}:
            return [URL]
        case _:
            return "a fox" if name == "prompt" else URL
