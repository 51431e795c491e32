"""A large file takes no more memory than a small one, up and down."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from .hosts import MediaHost, serving
from .upload_host import taking_uploads

JOB = Path(__file__).with_name("memory_job.py")
SIZE = int(os.environ.get("WAN_TEST_TRANSFER_MB", "200")) << 20
MOST_MIB = 24


async def growth(*arguments: str) -> float:
    """MiB."""
    process = await asyncio.create_subprocess_exec(sys.executable, str(JOB), *arguments, stdout=asyncio.subprocess.PIPE)
    told, _ = await process.communicate()
    assert process.returncode == 0
    return float(told)


@pytest.mark.parametrize("way", ["up", "stream"])
async def test_an_upload_stays_small(tmp_path: Path, way: str) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(SIZE)
    async with taking_uploads() as host:
        grown = await growth(way, host.url, str(path))
    assert host.uploads[-1].size == SIZE
    assert grown < MOST_MIB


async def test_a_download_stays_small(tmp_path: Path) -> None:
    path = tmp_path / "large"
    async with serving(MediaHost(bytes(SIZE))) as host:
        grown = await growth("down", host.url, str(path))
    assert path.stat().st_size == SIZE
    assert grown < MOST_MIB
