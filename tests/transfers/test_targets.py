"""Where clips go is tried first."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from wan_async import ConfigurationError
from wan_async._transfers import check_output, files
from wan_async._transfers.targets import target_of

from .support import names


def nobody() -> Any:
    raise AssertionError("a trial downloads nothing")


async def test_a_folder_or_a_file_that_can_be_written_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "there.mp4").write_bytes(b"an earlier clip")
    for to in (tmp_path, tmp_path / "there.mp4", tmp_path / "new.mp4"):
        await check_output(to, "--output")
    assert names(tmp_path) == ["there.mp4"]
    assert (tmp_path / "there.mp4").read_bytes() == b"an earlier clip"
    await target_of(tmp_path, nobody).check()
    assert names(tmp_path) == ["there.mp4"]


async def test_a_missing_folder_is_made(tmp_path: Path) -> None:
    await check_output(f"{tmp_path}/a/b/", "--output")
    await check_output(tmp_path / "c" / "x.mp4", "--output")
    await target_of(str(tmp_path / "d" / "e"), nobody).check()
    assert names(tmp_path) == ["a", "c", "d"]


@pytest.mark.parametrize(
    "to", ["/proc/x", "/proc/x/", "file/x.mp4", "file/", "pipe", "x" * 300, "", "s3://b/x", "a\0b"]
)
async def test_an_output_that_cannot_work_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, to: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigurationError, match=r"^--output: .*; allowed: "):
        await check_output(to, "--output")
    assert names(tmp_path) == ["file", "pipe"]


@pytest.mark.parametrize("to", ["/proc/x", "file", "file/x", "x" * 300, "", 5, b"x"])
async def test_a_folder_that_cannot_work_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, to: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"^download_to: .*; allowed: "):
        await target_of(to, nobody).check()


async def test_a_file_that_may_not_be_written_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "x.mp4"
    target.touch(mode=0o400)

    def access(path: Path, how: int) -> bool:  # as it is for others than root
        return bool(path.stat().st_mode & stat.S_IWUSR)

    monkeypatch.setattr(files.os, "access", access)
    with pytest.raises(ConfigurationError, match="may not be written"):
        await check_output(target, "--output")


async def test_a_full_disk_is_told(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with pytest.raises(ConfigurationError, match="File too large"):
            await target_of(tmp_path, nobody).check()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert names(tmp_path) == []
