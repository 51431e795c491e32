"""`wan-async batch` as a process of its own, its input and its output."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from wan_async.emulator import Emulator

MODEL = "wan/2-2-a14b-text-to-video-turbo"
_WAIT = 30.0


class Ended(NamedTuple):
    """How a command ended: its exit code and what it printed."""

    code: int | None
    out: str
    err: str


def asks(prompt: str, key: str | None = None, **members: object) -> dict[str, object]:
    """A good line: 40 credits by the price list."""
    named = {} if key is None else {"key": key}
    return {**named, "model": MODEL, "input": {"prompt": prompt, "resolution": "480p"}, **members}


def write(path: Path, *lines: object) -> Path:
    path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    return path


def foxes(path: Path, count: int) -> Path:
    return write(path, *(asks(f"fox {number}", f"fox-{number}") for number in range(count)))


def end_all(provider: Emulator) -> None:
    """End what runs; what is created afterwards takes its time."""
    for task in provider.tasks.values():
        task.ends = min(task.ends, task.created)


def rows(path: Path) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]


def lines_done(path: Path) -> dict[int | None, bool]:
    """Whether each line is ok; no line may be there twice."""
    found = rows(path)
    assert len({row["line"] for row in found}) == len(found)
    return {row["line"]: row["ok"] for row in found}


@asynccontextmanager
async def running(url: str, folder: Path, *arguments: str, measured: bool = True) -> AsyncGenerator[Process]:
    """The command, under way in `folder`; killed if it is still there at the end."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
    environment |= {"APIKLEY_API_KEY": "k", "APIKLEY_BASE_URL": url}
    if not measured:  # a killed process would leave half a file for `coverage combine`
        environment = {name: value for name, value in environment.items() if not name.startswith("COV")}
    command = (sys.executable, "-m", "wan_async", "batch", *arguments)
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env=environment, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def interrupt(process: Process) -> str:
    """Send Ctrl-C, the first; gives what the command printed, once it says that it heard it."""
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    printed = ""
    async with asyncio.timeout(_WAIT):
        while "Interrupted" not in printed:
            line = (await process.stderr.readline()).decode()
            assert line, printed
            printed += line
    return printed


async def ended(process: Process, stdin: bytes = b"") -> Ended:
    async with asyncio.timeout(_WAIT):
        out, err = await process.communicate(stdin)
    assert b"Traceback" not in err, err.decode()
    assert b"destroyed" not in err, err.decode()
    return Ended(process.returncode, out.decode(), err.decode())


async def batch(url: str, folder: Path, *arguments: str, stdin: bytes = b"") -> Ended:
    """Run the command to its end."""
    async with running(url, folder, *arguments) as process:
        return await ended(process, stdin)
