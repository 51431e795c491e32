"""`wan-async` as a shell runs it, against an emulator of its own."""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from wan_async.emulator import Emulator, Fault

MODEL = "wan/2-2-a14b-text-to-video-turbo"


class Shell:
    """Runs `wan-async` with the emulator's key and URL in the environment."""

    def __init__(self, url: str, folder: Path) -> None:
        path = os.pathsep.join(path or os.getcwd() for path in sys.path)
        self.environment = {**os.environ, "APIKLEY_API_KEY": "k", "APIKLEY_BASE_URL": url, "COLUMNS": "200"}
        self.environment |= {"PYTHONPATH": path, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config")}
        self.folder = folder

    async def start(self, *arguments: str, key: str | None = "k") -> Process:
        """The command, under way."""
        environment = {name: value for name, value in self.environment.items() if name != "APIKLEY_API_KEY"}
        if key is not None:
            environment["APIKLEY_API_KEY"] = key
        command = (sys.executable, "-m", "wan_async", *arguments)
        return await asyncio.create_subprocess_exec(
            *command, cwd=self.folder, env=environment, stdin=PIPE, stdout=PIPE, stderr=PIPE
        )

    async def __call__(self, *arguments: str, key: str | None = "k", stdin: str = "") -> tuple[int, str, str]:
        process = await self.start(*arguments, key=key)
        output, errors = await process.communicate(stdin.encode())
        assert process.returncode is not None
        return process.returncode, output.decode(), errors.decode()


@asynccontextmanager
async def shell(folder: Path, *faults: Fault, **options: Any) -> AsyncGenerator[tuple[Emulator, Shell]]:
    given: dict[str, Any] = {"seconds": 0.2, "render": False, "faults": faults, **options}
    provider = Emulator(**given)
    async with provider.serve() as url:
        yield provider, Shell(url, folder)


def parquet_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a Parquet file."""
    parquet: Any = importlib.import_module("pyarrow.parquet")  # it tells no types
    return parquet.read_table(path).to_pylist()
