"""What a client knows of the files that it wrote."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wan_async._transfers import files as module
from wan_async._transfers.files import WholeFile, WrittenFiles, stamp_of


def write(path: Path, content: str) -> WholeFile:
    path.write_text(content)
    stamp = stamp_of(path)
    assert stamp is not None
    return WholeFile(path, stamp)


def test_a_file_holds_a_clip_until_somebody_else_changes_it(tmp_path: Path) -> None:
    files, asked = WrittenFiles(), tmp_path / "fox"
    whole = write(tmp_path / "fox.mp4", "clip")
    files.add(asked, "task", whole)
    assert files.find(asked, "task") == whole
    assert files.find(asked, "another task") is None
    assert files.find(tmp_path / "hen", "task") is None
    os.utime(whole.path, (0, 0))
    assert files.find(asked, "task") is None


def test_a_file_that_is_gone_holds_nothing(tmp_path: Path) -> None:
    files, whole = WrittenFiles(), write(tmp_path / "fox.mp4", "clip")
    files.add(whole.path, "task", whole)
    whole.path.unlink()
    assert files.find(whole.path, "task") is None


def test_those_written_longest_ago_are_forgotten_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 2)
    files, whole = WrittenFiles(), write(tmp_path / "fox.mp4", "clip")
    for name in ("a", "b", "a", "c"):  # writing again makes it the newest
        files.add(tmp_path / name, "task", whole)
    found = [name for name in "abc" if files.find(tmp_path / name, "task")]
    assert found == ["a", "c"]
