"""The plugin in applications' own test runs: with pytest-asyncio, with anyio's plugin, and where nobody uses it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from wan_async.testing import plugin

ROOT = Path(__file__).parents[2]
EXAMPLE = Path(__file__).with_name("example")
KIT = ("-p", "wan_async.testing.plugin")
ASYNCIO = ("-p", "pytest_asyncio.plugin", "--asyncio-mode=auto", "-o", "asyncio_default_fixture_loop_scope=function")
ANYIO = ("-p", "anyio.pytest_plugin")


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run pytest on a folder as an application does, warnings being errors."""
    command = [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    path = os.pathsep.join([str(folder), str(ROOT)])
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("COV", "APIKLEY"))}
    variables |= {"PYTHONPATH": path, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environment}
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=120, check=False)


def written(folder: Path, *lines: str) -> Path:
    head = ["import asyncio, os, sys", "import pytest", "from wan_async import *", ""]
    (folder / "test_it.py").write_text("\n".join([*head, *lines]) + "\n")
    return folder


@pytest.mark.parametrize("runner", [(*ASYNCIO, "-o", "markers=anyio"), ANYIO])
def test_an_application_is_tested_with_nothing_else(tmp_path: Path, runner: tuple[str, ...]) -> None:
    shutil.copytree(EXAMPLE, tmp_path, dirs_exist_ok=True)
    done = run(tmp_path, *KIT, *runner)
    assert re.search(r"^10 passed", done.stdout, re.MULTILINE), done.stdout + done.stderr


def test_the_readmes_tests_pass(tmp_path: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL | re.M)
    (block,) = [block for block in blocks if "wan_emulator" in block]
    (tmp_path / "test_it.py").write_text(block)
    done = run(tmp_path, *KIT, *ASYNCIO, "--strict-markers")
    assert "2 passed" in done.stdout, done.stdout


def test_where_nobody_uses_it_nothing_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import sys\n\ndef test_it():\n"
        "    assert 'wan_async.testing.plugin' in sys.modules\n"
        "    loaded = {name for name in sys.modules if name.startswith('wan_async')}\n"
        "    loaded -= {'wan_async', 'wan_async._version', 'wan_async.testing', 'wan_async.testing.plugin'}\n"
        "    assert not loaded | {'msgspec', 'aiohttp', 'anyio'} & set(sys.modules)\n"
    )
    done = run(tmp_path, *KIT, "--strict-markers")
    assert "1 passed" in done.stdout, done.stdout


def test_pytest_finds_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (module,) = project["project"]["entry-points"]["pytest11"].values()
    assert module == plugin.__name__


def test_an_assertion_that_fails_reads_well(tmp_path: Path) -> None:
    written(
        tmp_path,
        "async def test_it(wan_client, wan_emulator):",
        "    await wan_client.submit(Wan22TextToVideoTurbo(prompt='a fox', seed=7))",
        "    assert wan_emulator.submitted == [Wan22TextToVideoTurbo(prompt='a hen')]",
    )
    done = run(tmp_path, *KIT, *ASYNCIO)
    shown = "At index 0 diff: Wan22TextToVideoTurbo(prompt='a fox', seed=7) != Wan22TextToVideoTurbo(prompt='a hen')"
    assert shown in done.stdout
    assert "<wan_emulator http://127.0.0.1:" in done.stdout


@pytest.mark.parametrize(
    ("marker", "words"),
    [
        ("limt=None", "'limt' is not allowed; allowed: the arguments of Emulator; did you mean 'limit'?"),
        ("seconds=-1", "Emulator.seconds: -1 is not allowed"),
        ("faults=['drop_aftr']", "Fault.kind: 'drop_aftr' is not allowed"),
        ("5", "@pytest.mark.wan: (5,) is not allowed; allowed: options by name"),
    ],
)
def test_an_option_that_cannot_be_used_is_named(tmp_path: Path, marker: str, words: str) -> None:
    written(tmp_path, f"@pytest.mark.wan({marker})", "def test_it(wan_emulator): pass")
    done = run(tmp_path, *KIT)
    assert words in done.stdout + done.stderr
    assert "1 passed" not in done.stdout


def test_a_limit_is_met_in_its_own_windows(tmp_path: Path) -> None:
    written(
        tmp_path,
        "import time",
        "@pytest.mark.wan(limit=RateLimit(5, per=0.3), query_limit=RateLimit(50, per=0.1))",
        "async def test_it(wan_client, wan_emulator):",
        "    begun = time.monotonic()",
        "    async with wan_client.batch([Wan22TextToVideoTurbo(prompt='a fox')] * 12) as results:",
        "        assert all([outcome.ok async for outcome in results])",
        "    assert wan_emulator.stats.rejected",
        "    assert time.monotonic() - begun < 8  # of the provider's 10 s there would be two",
    )
    done = run(tmp_path, *KIT, *ASYNCIO)
    assert "1 passed" in done.stdout, done.stdout


def test_nothing_stays_behind(tmp_path: Path) -> None:
    written(
        tmp_path,
        "@pytest.mark.wan(virtual_time=True)",
        "def test_with_it(wan_emulator):",
        "    assert WanClient()._settings.base_url == os.environ['APIKLEY_BASE_URL'] == wan_emulator.url",
        "def test_without_it():",
        "    from wan_async import _arguments",
        "    assert _arguments.in_tests is None and 'APIKLEY_BASE_URL' not in os.environ",
        "    loop = asyncio.new_event_loop()",
        "    assert type(loop).__name__ != 'VirtualTimeLoop'",
        "    loop.close()",
    )
    done = run(tmp_path, *KIT, "--strict-markers")
    assert "2 passed" in done.stdout, done.stdout


def test_a_loop_of_many_tests_cannot_jump_and_says_so(tmp_path: Path) -> None:
    written(
        tmp_path,
        "@pytest.mark.wan(virtual_time=True)",
        "async def test_it(wan_client):",
        "    with pytest.raises(ConfigurationError, match='a loop of its own'):",
        "        await wan_client.submit(Wan22TextToVideoTurbo(prompt='a fox'))",
        "async def test_real_time(wan_client):",
        "    await wan_client.run(Wan22TextToVideoTurbo(prompt='a fox'))",
    )
    done = run(tmp_path, *KIT, *ASYNCIO, "-o", "asyncio_default_test_loop_scope=session")
    assert "2 passed" in done.stdout, done.stdout
