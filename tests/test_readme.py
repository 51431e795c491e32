"""The README's Python code runs as it stands, against the emulator."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from wan_async.emulator import Emulator

README = Path(__file__).parents[1] / "README.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
async def test_the_code_runs(number: int, tmp_path: Path) -> None:
    provider = Emulator(key=["k", "k2"], seconds=0.3, render=False)
    async with provider.serve() as url:
        environment = {
            **os.environ,
            "APIKLEY_API_KEY": "k",
            "APIKLEY_BASE_URL": url,
            "APIKLEY_UPLOAD_URL": url,
            "PYTHONPATH": str(README.parent),
        }
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "error", "-c", BLOCKS[number]),
            cwd=tmp_path,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    assert errors == b""
    if "wan.run(" in BLOCKS[number] and "print(record.url" in BLOCKS[number]:
        assert b".mp4 80" in output


def test_there_is_code_to_run() -> None:
    assert len(BLOCKS) >= 5
