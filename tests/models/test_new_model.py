"""A new model is one class, its place in the union, and its entry in the contract: all else follows."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "wan_async"

CLASS = '''

class Wan31Dream(WanInput, frozen=True, kw_only=True):
    """Wan 3.1, dreams: a clip of what is said of a dream."""

    model = "wan/3-1-dream"
    tariff = ByLength({"720P": {"5": 7, "10": 14}})

    dream: Prompt20000
    """A description of the dream, at most 20000 characters."""

    resolution: Annotated[Literal["720P", "1080P"], default("720P")] | UnsetType = UNSET
    """Pixels of the shorter side: "720P" (the provider's default) or "1080P"."""

    duration: Annotated[Literal["5", "10"], default("10")] | UnsetType = UNSET
    """Seconds, as "5" or "10" (the provider's default)."""
'''
ENTRY = {
    "title": "wan/3-1-dream",
    "type": "object",
    "required": ["model", "input"],
    "properties": {
        "model": {"const": "wan/3-1-dream"},
        "callBackUrl": {"type": "string", "format": "uri"},
        "input": {
            "type": "object",
            "required": ["dream"],
            "properties": {
                "dream": {"type": "string", "maxLength": 20000},
                "resolution": {"type": "string", "enum": ["720P", "1080P"], "default": "720P"},
                "duration": {"type": "string", "enum": ["5", "10"], "default": "10"},
            },
        },
    },
}
PROGRAM = """
import asyncio, json
from wan_async import Wan31Dream, WanClient, prices
from wan_async.emulator import Emulator
from wan_async.integrations.pydantic import json_schema_of
from wan_async.models import input_from
from wan_async._cli.main import main

async def run():
    provider = Emulator(seconds=0.0, render=False, credits=100.0)
    async with provider.serve() as url, WanClient("k", base_url=url) as wan:
        record = await wan.run(Wan31Dream(dream="of a fox"))
    (spec,) = provider._provider.jobs.results(next(iter(provider.tasks.values()))).values()
    size = [spec.width, spec.height]
    return {"spent": record.credits, "left": provider.credits, "size": size, "seconds": spec.seconds}

made = asyncio.run(run())
made["price"] = prices.list_price("wan/3-1-dream", {"duration": "5"})
made["same"] = input_from("wan/3-1-dream", {"dream": "of a fox"}) == Wan31Dream(dream="of a fox")
made["docs"] = json_schema_of(Wan31Dream, None, None)["properties"]["dream"]["description"]
print(json.dumps(made), flush=True)
main(["models", "3-1-dream"])
"""


def test_a_new_model_is_three_places(tmp_path: Path) -> None:
    there = tmp_path / "wan_async"
    shutil.copytree(PACKAGE, there, ignore=shutil.ignore_patterns("__pycache__"))
    with (there / "models" / "_wan30.py").open("a", encoding="utf-8") as file:
        file.write(CLASS)
    union = there / "models" / "__init__.py"
    text = union.read_text(encoding="utf-8")
    text = text.replace("from ._wan30 import Wan30Video,", "from ._wan30 import Wan31Dream, Wan30Video,")
    text = text.replace('    "Wan30Video",\n', '    "Wan30Video",\n    "Wan31Dream",\n')
    union.write_text(
        text.replace("    | Wan30VideoPrime\n", "    | Wan30VideoPrime\n    | Wan31Dream\n"), encoding="utf-8"
    )
    contract = there / "emulator" / "family.schema.json"
    family = json.loads(contract.read_text(encoding="utf-8"))
    contract.write_text(json.dumps({**family, "oneOf": [*family["oneOf"], ENTRY]}), encoding="utf-8")

    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    first, *listed = done.stdout.splitlines()
    assert json.loads(first) == {
        "spent": 14,
        "left": 86,
        "size": [1280, 720],
        "seconds": 10,
        "price": 7,
        "same": True,
        "docs": "A description of the dream, at most 20000 characters.",
    }
    assert listed[0] == "wan/3-1-dream: Wan 3.1, dreams: a clip of what is said of a dream."
    assert any(line.startswith("dream") and "required" in line for line in listed)
