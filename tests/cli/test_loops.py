"""`--uvloop`: which event loop the long commands run in."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import click
import pytest

from wan_async import RateLimit
from wan_async._cli.root import run
from wan_async._cli.running import in_loop, loop_option
from wan_async.emulator import Emulator

from .batch_program import foxes, lines_done

UVLOOP = "wan-async[uvloop]"
COMMANDS = {
    "batch": ("batch", __file__, "--check"),
    "run": ("run", "2-2-a14b-text-to-video-turbo", "no-such-field=1"),
    "status": ("status", "no-such-task"),
    "listen": ("listen", "--path", "not-allowed"),
    "emulator": ("emulator", "--host", "not-allowed"),
}
"""Each would end with another error, were it not told of uvloop's first."""


@click.command()
@loop_option
def told() -> str:
    """The package of the loop that runs."""

    async def package() -> str:
        return type(asyncio.get_running_loop()).__module__.partition(".")[0]

    return in_loop(package())


@pytest.mark.parametrize(
    ("arguments", "variable", "package"),
    [
        ([], None, "asyncio"),
        (["--uvloop"], None, "uvloop"),
        ([], "1", "uvloop"),
        ([], "0", "asyncio"),
        ([], "", "asyncio"),
        (["--no-uvloop"], "1", "asyncio"),
        (["--uvloop"], "0", "uvloop"),
    ],
)
def test_it_is_uvloops_loop_where_that_is_asked_for(
    arguments: list[str], variable: str | None, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("uvloop")
    monkeypatch.delenv("WAN_ASYNC_UVLOOP", raising=False)
    if variable is not None:
        monkeypatch.setenv("WAN_ASYNC_UVLOOP", variable)
    assert told.main(arguments, standalone_mode=False) == package


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("by_variable", [False, True])
def test_without_the_extra_its_command_is_named_before_anything_else(
    name: str, by_variable: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    if by_variable:
        monkeypatch.setenv("WAN_ASYNC_UVLOOP", "1")
    assert run([*COMMANDS[name], *([] if by_variable else ["--uvloop"])]) == 2
    output, errors = capsys.readouterr()
    assert (output, errors.count("\n")) == ("", 1)
    assert f"pip install '{UVLOOP}'" in errors
    assert "WAN_ASYNC_UVLOOP" in errors


def test_without_the_extra_asyncios_loop_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    monkeypatch.setenv("WAN_ASYNC_UVLOOP", "1")
    assert told.main(["--no-uvloop"], standalone_mode=False) == "asyncio"


_TELLING = """
import asyncio
from wan_async._cli.main import main

class Runner(asyncio.Runner):
    def run(self, work):
        print(type(self.get_loop()).__module__, flush=True)
        return super().run(work)

asyncio.Runner = Runner
main()
"""


async def test_a_batch_on_uvloop_is_interrupted_and_resumed(tmp_path: Path) -> None:
    pytest.importorskip("uvloop")
    foxes(tmp_path / "clips.jsonl", 3)
    limits = RateLimit(1000, per=1.0)
    provider = Emulator(limit=limits, query_limit=limits, seconds=1.0, render=False)
    async with provider.serve() as url:
        code, output = await _batch(url, tmp_path, provider)
        assert (code, output.splitlines()[0]) == (130, "uvloop")
        code, output = await _batch(url, tmp_path, None)
    assert (code, output.splitlines()[0]) == (0, "uvloop")
    assert lines_done(tmp_path / "clips.out.jsonl") == {1: True, 2: True, 3: True}
    assert provider.stats.created == 3


async def _batch(url: str, folder: Path, interrupt_at: Emulator | None) -> tuple[int | None, str]:
    """Run the batch in a process that prints its loop's module; interrupted as soon as the first task is there."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
    environment |= {"APIKLEY_API_KEY": "k", "APIKLEY_BASE_URL": url}
    command = (sys.executable, "-c", _TELLING, "batch", "clips.jsonl", "--uvloop", "--max-in-flight", "1")
    process = await asyncio.create_subprocess_exec(*command, cwd=folder, env=environment, stdout=PIPE, stderr=PIPE)
    async with asyncio.timeout(30):
        while interrupt_at is not None and not interrupt_at.stats.created:
            await asyncio.sleep(0.02)
        if interrupt_at is not None:
            process.send_signal(signal.SIGINT)
        output, errors = await process.communicate()
    assert b"Traceback" not in errors, errors.decode()
    return process.returncode, output.decode()
