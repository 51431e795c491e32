"""Files that appear when they are whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wan_async._transfers import files
from wan_async._transfers.files import PartFile, require_replaceable, stamp_of, try_folder

from .support import names


def opened(target: Path) -> PartFile:
    part = PartFile(target)
    part.open()
    return part


def test_a_file_appears_when_it_is_finished(tmp_path: Path) -> None:
    part = opened(tmp_path / "a.mp4")
    part.write(b"12")
    assert names(tmp_path) == [".a.mp4.part"]
    part.write(b"34")
    stamp = part.finish()
    part.discard()
    assert stamp == stamp_of(tmp_path / "a.mp4")
    assert (tmp_path / "a.mp4").read_bytes() == b"1234"
    assert names(tmp_path) == ["a.mp4"]


def test_content_and_name_are_synced_before_and_after_the_renaming(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    fsync, replace = os.fsync, os.replace

    def told_fsync(fd: int) -> None:
        events.append("folder" if os.path.isdir(f"/proc/self/fd/{fd}") else "file")
        fsync(fd)

    def told_replace(source: Path, target: Path) -> None:
        events.append("rename")
        replace(source, target)

    monkeypatch.setattr(files.os, "fsync", told_fsync)
    monkeypatch.setattr(files.os, "replace", told_replace)
    part = opened(tmp_path / "a.mp4")
    part.write(b"1")
    part.finish()
    assert events == ["file", "rename", "folder"]


def test_beginning_anew_forgets(tmp_path: Path) -> None:
    part = opened(tmp_path / "a.mp4")
    part.write(b"123456")
    part.restart()
    part.write(b"78")
    part.finish()
    assert (tmp_path / "a.mp4").read_bytes() == b"78"


def test_what_a_killed_process_left_is_written_over(tmp_path: Path) -> None:
    (tmp_path / ".a.mp4.part").write_bytes(b"left over, and longer")
    part = opened(tmp_path / "a.mp4")
    part.write(b"new")
    part.finish()
    assert (tmp_path / "a.mp4").read_bytes() == b"new"
    assert names(tmp_path) == ["a.mp4"]


def test_two_at_once_do_not_write_into_one_another(tmp_path: Path) -> None:
    first, second = opened(tmp_path / "a.mp4"), opened(tmp_path / "a.mp4")
    assert len(names(tmp_path)) == 2
    first.write(b"1111")
    second.write(b"22")
    first.finish()
    assert (tmp_path / "a.mp4").read_bytes() == b"1111"
    second.finish()
    assert (tmp_path / "a.mp4").read_bytes() == b"22"
    assert names(tmp_path) == ["a.mp4"]


def test_a_file_that_was_renamed_while_its_lock_was_awaited_is_not_emptied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = opened(tmp_path / "a.mp4")
    first.write(b"whole")
    flock = files.fcntl.flock

    def finish_first(fd: int, how: int) -> None:
        first.finish()
        flock(fd, how)

    monkeypatch.setattr(files.fcntl, "flock", finish_first)
    second = opened(tmp_path / "a.mp4")
    assert (tmp_path / "a.mp4").read_bytes() == b"whole"
    second.discard()
    assert names(tmp_path) == ["a.mp4"]


def test_a_link_in_the_files_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / ".a.mp4.part").symlink_to(tmp_path / "precious")
    with pytest.raises(OSError):
        PartFile(tmp_path / "a.mp4").open()
    assert (tmp_path / "precious").read_bytes() == b"precious"


def test_the_longest_names_can_be_written(tmp_path: Path) -> None:
    part = opened(tmp_path / ("x" * 255))
    part.write(b"1")
    part.finish()
    assert names(tmp_path) == ["x" * 255]


def test_what_is_discarded_leaves_nothing(tmp_path: Path) -> None:
    part = opened(tmp_path / "a" / "a.mp4")
    part.write(b"1")
    part.discard()
    assert names(tmp_path / "a") == []


def test_nothing_is_written_once_it_is_discarded(tmp_path: Path) -> None:
    part = opened(tmp_path / "a.mp4")
    part.discard()
    for late in (part.open, part.restart, part.finish):
        with pytest.raises(ValueError, match="discarded"):
            late()
    assert names(tmp_path) == []


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileExistsError, match="pipe"):
        require_replaceable(tmp_path / "pipe")


def test_a_file_that_takes_anothers_place_has_another_stamp(tmp_path: Path) -> None:
    def written() -> Path:
        part = opened(tmp_path / "a.mp4")
        part.write(b"same")
        part.finish()
        return tmp_path / "a.mp4"

    first = stamp_of(written())
    assert first is not None
    assert stamp_of(written()) != first
    (tmp_path / "a.mp4").unlink()
    assert stamp_of(tmp_path / "a.mp4") is None


def test_a_folder_is_made_and_tried_and_nothing_is_left(tmp_path: Path) -> None:
    try_folder(tmp_path / "a" / "b")
    assert names(tmp_path / "a") == ["b"]
    assert names(tmp_path / "a" / "b") == []


@pytest.mark.parametrize("folder", ["/proc/x", "/proc/self/x"])
def test_a_folder_that_cannot_be_made_is_told(folder: str) -> None:
    with pytest.raises(OSError):
        try_folder(Path(folder))


def test_a_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "clips").write_bytes(b"")
    with pytest.raises(NotADirectoryError):
        PartFile(tmp_path / "clips" / "a.mp4").open()


def test_a_folder_without_permission_is_told(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    (tmp_path / "clips").mkdir(mode=0o500)
    with pytest.raises(PermissionError, match="clips"):
        PartFile(tmp_path / "clips" / "a.mp4").open()
