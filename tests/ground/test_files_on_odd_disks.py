"""Files and locks on disks that are full, that are held by other programs, or that cannot do what others can."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from typing import Any

import pytest

from pellucid.ground import files
from pellucid.ground.errors import UserError
from pellucid.ground.files import read_whole, write_bytes
from pellucid.ground.locks import LockHeld, is_locked, only_one, try_locked


def failing(number: int) -> Any:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("call", ["fsync", "replace", "chmod"])
def test_a_full_disk_leaves_what_was_there_and_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "report.html"
    write_bytes(path, b"old")
    monkeypatch.setattr(os, call, failing(errno.ENOSPC))
    with pytest.raises(OSError, match="No space left") as caught:
        write_bytes(path, b"new")
    assert caught.value.filename == str(path)
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP])
def test_a_disk_without_permissions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.setattr(os, "chmod", failing(number))
    write_bytes(tmp_path / "a", b"content")
    assert (tmp_path / "a").read_bytes() == b"content"


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP])
def test_a_disk_that_cannot_flush_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    original = os.fsync

    def fsync(descriptor: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):
            raise OSError(number, os.strerror(number))
        original(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    write_bytes(tmp_path / "a", b"content")
    assert (tmp_path / "a").read_bytes() == b"content"


def test_a_file_that_a_scanner_holds_for_a_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original, calls = os.replace, []

    def replace(source: Any, target: Any) -> None:
        calls.append(target)
        if len(calls) < 4:
            raise PermissionError(errno.EACCES, "Access is denied", str(source), 5, str(target))
        original(source, target)

    monkeypatch.setattr(os, "replace", replace)
    write_bytes(tmp_path / "a", b"content")
    assert (tmp_path / "a").read_bytes() == b"content"


def test_a_file_that_a_spreadsheet_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "SECONDS_TO_RETRY", 0.1)
    monkeypatch.setattr(os, "replace", failing(errno.EACCES))
    with pytest.raises(UserError, match=r"table.csv cannot be replaced .* such as a spreadsheet .* close it there"):
        write_bytes(tmp_path / "table.csv", b"content")
    assert list(tmp_path.iterdir()) == []


def test_only_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    os.mkfifo(tmp_path / "pipe")
    assert read_whole(tmp_path / "file", "") == b"content"
    with pytest.raises(UserError, match="link is a link to"):
        read_whole(tmp_path / "link", "")
    with pytest.raises(UserError, match="pipe is damaged: it is not a file; measure again"):
        read_whole(tmp_path / "pipe", "measure again")
    with pytest.raises(UserError, match="cannot be read: a folder; measure again"):
        read_whole(tmp_path, "measure again")
    with pytest.raises(FileNotFoundError):
        read_whole(tmp_path / "none", "")


@pytest.mark.parametrize("number", [None, errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP])
def test_a_lock_keeps_others_out_on_every_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int | None
) -> None:
    if number is not None:
        monkeypatch.setattr(fcntl, "flock", failing(number))
    path = tmp_path / ".lock"
    with only_one(path):
        assert is_locked(path)
        with pytest.raises(LockHeld), only_one(path):
            pass
        with try_locked(path) as free:
            assert not free
    assert not is_locked(path)
    with only_one(path):
        pass


def test_a_lock_of_a_dead_process_on_a_disk_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", failing(errno.ENOLCK))
    child = os.fork()
    if child == 0:
        with only_one(tmp_path / ".lock"):
            os._exit(0 if is_locked(tmp_path / ".lock") else 1)
    assert os.waitpid(child, 0)[1] == 0
    with only_one(tmp_path / ".lock"):
        pass


def test_a_lock_that_cannot_be_opened_for_writing_is_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a stranger's read-only run looks like: nobody trains it."""
    path = tmp_path / ".lock"
    path.touch()
    original = os.open

    def read_only(file: Any, flags: int, *rest: Any, **named: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR):
            raise PermissionError(errno.EACCES, "Permission denied", str(file))
        return original(file, flags, *rest, **named)

    monkeypatch.setattr(os, "open", read_only)
    assert not is_locked(path)
    with pytest.raises(PermissionError), only_one(path):
        pass


def test_what_a_killed_process_left_is_cleared_by_the_next_one_that_writes(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        with files.replacing(tmp_path / "a") as temporary:
            temporary.write_bytes(b"half")
            os._exit(9)
    os.waitpid(child, 0)
    (left,) = tmp_path.iterdir()
    assert left.name.endswith(".partial")
    with files.replacing(tmp_path / "a") as mine:
        write_bytes(tmp_path / "b", b"")  # leaves alone what a living process writes
        assert mine.exists()
        assert not left.exists()
