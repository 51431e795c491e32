"""Workers as processes of their own on a shared journal, and what they were handed."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import Process
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from wan_async.emulator import Emulator

WORKER = Path(__file__).with_name("worker.py")


class Workers:
    """Starts workers on one journal, and reads what they wrote.

    Attributes:
        provider: counts what is created.
        journal: the one that they share.
    """

    def __init__(self, provider: Emulator, url: str, journal: str, folder: Path) -> None:
        self.provider = provider
        self.journal = journal
        self._options = {"url": url, "journal": journal}
        self._folder = folder
        self._processes: list[Process] = []

    async def start(self, name: str, **options: Any) -> Process:
        """A worker that appends to the file of that name."""
        given = {**self._options, "output": str(self._folder / name), **options}
        process = await asyncio.create_subprocess_exec(sys.executable, str(WORKER), msgspec.json.encode(given).decode())
        self._processes.append(process)
        return process

    async def end(self, *processes: Process, seconds: float = 60.0) -> None:
        """Wait until they ended well."""
        async with asyncio.timeout(seconds):
            codes = [await process.wait() for process in processes]
        assert codes == [0] * len(codes)

    def close(self) -> None:
        """Kill those that still run."""
        for process in self._processes:
            if process.returncode is None:
                process.kill()

    def handed(self, name: str) -> list[dict[str, Any]]:
        """The outcomes that were written to the file of that name."""
        path = self._folder / name
        outcomes: list[dict[str, Any]] = []
        for line in path.read_bytes().splitlines() if path.exists() else []:
            try:
                outcomes.append(msgspec.json.decode(line))
            except msgspec.DecodeError:  # cut by a kill
                continue
        return outcomes

    def keys(self, name: str) -> Counter[str]:
        """The keys of these outcomes."""
        return Counter(str(outcome["key"]) for outcome in self.handed(name))

    @property
    def created(self) -> Counter[str]:
        """How often each prompt was paid."""
        return Counter(task.prompt for task in self.provider.tasks.values())

    async def until_created(self, number: int) -> None:
        """Wait until the provider has so many tasks."""
        async with asyncio.timeout(30):
            while len(self.provider.tasks) < number:
                await asyncio.sleep(0.01)  # other processes work in real time


def keys(count: int, first: int = 0) -> Counter[str]:
    """Each key once."""
    return Counter(f"key-{number}" for number in range(first, first + count))
