"""The README's Python code runs as it stands, against the emulator, and with what the README has installed by then."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from wan_async.emulator import Emulator

README = Path(__file__).parents[1] / "README.md"
TEXT = README.read_text(encoding="utf-8")
(INI,) = re.findall(r"^```ini\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
BLOCKS = re.findall(r"^```python\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


async def run(python: str, block: str, folder: Path, **environment: str) -> bytes:
    """What a block prints, run by `python` or pytest against an emulator of its own; it may print no errors."""
    command = ("-c", block)
    if "def test_" in block:
        (folder / "test_block.py").write_text(block, encoding="utf-8")
        (folder / "pytest.ini").write_text(INI, encoding="utf-8")
        command = ("-m", "pytest", "-q", "-p", "no:cacheprovider")
    provider = Emulator(key=["k", "k2"], seconds=0.3, render=False)
    async with provider.serve() as url:
        hosts = {"APIKLEY_API_KEY": "k", "APIKLEY_BASE_URL": url, "APIKLEY_UPLOAD_URL": url}
        process = await asyncio.create_subprocess_exec(
            *(python, "-W", "error", *command),
            cwd=folder,
            env={**os.environ, **hosts, **environment},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate()
    assert process.returncode == 0, (output + errors).decode()
    assert errors == b""
    return output


@pytest.mark.parametrize("number", range(len(BLOCKS)))
async def test_the_code_runs(number: int, tmp_path: Path) -> None:
    output = await run(sys.executable, BLOCKS[number], tmp_path, PYTHONPATH=str(README.parent))
    if "wan.run(" in BLOCKS[number] and "print(record.url" in BLOCKS[number]:
        assert b".mp4 80" in output
    if "def test_" in BLOCKS[number]:
        assert b"2 passed" in output


def test_there_is_code_to_run() -> None:
    assert len(BLOCKS) >= 5


@pytest.mark.skipif("WAN_TEST_FRESH" not in os.environ, reason="installs packages: CI sets WAN_TEST_FRESH")
async def test_each_block_runs_with_what_was_installed_by_then(tmp_path: Path) -> None:
    venv.create(tmp_path / ".venv", with_pip=True)
    python = str(next((tmp_path / ".venv").glob("[bS]*/python*")))
    clean = dict.fromkeys(("PYTHONPATH", "PYTHONSTARTUP"), "")
    for language, block in re.findall(r"^```(\w+)\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE):
        if language == "python":
            await run(python, block, tmp_path, **clean)
        for wanted in re.findall(r"pip install (?:--quiet )?[\"']([^\"']+)[\"']", block):
            if "-m pytest" not in block:
                package = wanted.replace(".[", f"{README.parent}[", 1) if wanted.startswith(".[") else wanted
                arguments = (python, "-m", "pip", "install", "--quiet", package)
                await asyncio.to_thread(subprocess.run, arguments, check=True, cwd=tmp_path)
