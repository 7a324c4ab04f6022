"""Files decoded in order by several processes: the same pixels as one by one, and no file lost to another's fault."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pellucid.data import decode_stream as module
from pellucid.data.decode import PixelFormat, decode
from pellucid.data.decode_stream import decode_stream
from pellucid.data.read_bytes import MachineFault
from pellucid.ground.errors import UserError

TARGET = PixelFormat(9, 7, 3, "pad")


def write_kinds(folder: Path) -> list[str]:
    """Pictures of many kinds and sizes, and files that are none."""
    random = np.random.default_rng(5)
    files = []
    for number in range(23):
        size = tuple(random.integers(1, 40, 2))
        pixels = random.integers(0, 256, (*size, 3), np.uint8)
        image = Image.fromarray(pixels)
        exif = Image.Exif()
        exif[0x0112] = int(random.integers(1, 9))
        kind = number % 6
        name = f"{number:02d}" + (".jpg", ".png", ".png", ".tif", ".jpg", ".png")[kind]
        if kind == 0:
            image.save(folder / name, exif=exif)
        elif kind == 1:
            image.convert("RGBA").save(folder / name)
        elif kind == 2:
            Image.fromarray(pixels[..., 0].astype(np.uint16) * 200).save(folder / name)
        elif kind == 3:
            Image.fromarray((pixels[..., 0] / 255).astype(np.float32)).save(folder / name)
        elif kind == 4:
            image.convert("CMYK").save(folder / name)
        else:
            (folder / name).write_bytes(b"no picture" * number)
        files.append(str(folder / name))
    return files


@pytest.mark.parametrize(("at_once", "processes"), [(1, 2), (4, 2), (64, 1)])
def test_the_same_as_one_by_one(tmp_path: Path, at_once: int, processes: int) -> None:
    files = write_kinds(tmp_path)
    batches = list(decode_stream(files, TARGET, at_once, processes))
    assert [len(batch) for batch in batches[:-1]] == [at_once] * (len(batches) - 1)
    decoded = [entry for batch in batches for entry in batch]
    assert len(decoded) == len(files)
    for file, entry in zip(files, decoded, strict=True):
        if isinstance(entry, str):
            assert Path(file).read_bytes()[:10] in (b"", b"no picture")
        else:
            assert (entry == decode(file, TARGET)[0]).all(), file


def test_a_file_that_kills_its_process_costs_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = write_kinds(tmp_path)[:5]
    (tmp_path / "killer.png").write_bytes(b"kill me")
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import os, builtins\n"
        "real = open\n"
        "def watched(file, *arguments, **settings):\n"
        "    if str(file).endswith('killer.png'):\n"
        "        os.kill(os.getpid(), 9)\n"
        "    return real(file, *arguments, **settings)\n"
        "builtins.open = watched\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]))
    (batch,) = decode_stream([*files[:3], str(tmp_path / "killer.png"), *files[3:]], TARGET, 64, 1)
    assert [isinstance(entry, str) for entry in batch] == [False, False, False, True, False, False]
    assert "was killed" in str(batch[3])


def test_a_file_that_may_not_be_read_is_one_files_fault_and_a_failing_disk_is_not(tmp_path, monkeypatch) -> None:
    """In this process, where the fault can be made."""
    files = write_kinds(tmp_path)[:3]
    monkeypatch.setattr(module.sys, "executable", "")
    for number, ends in ((13, False), (5, True)):

        def failing(file: str, number: int = number) -> bytes:
            if str(file) == files[1]:
                raise MachineFault("cannot be read") from OSError(number, "fault")
            return Path(file).read_bytes()

        monkeypatch.setattr("pellucid.data.worker.file_bytes", failing)
        if ends:
            with pytest.raises(UserError, match=r"01\.png cannot be read"):
                list(decode_stream(files, TARGET, 2, 2))
        else:
            (first, _), _ = decode_stream(files, TARGET, 2, 1)
            assert not isinstance(first, str)


def test_closing_it_early_ends_its_processes(tmp_path: Path) -> None:
    files = write_kinds(tmp_path) * 20
    stream = decode_stream(files, TARGET, 2, 2)
    next(stream)
    stream.close()
    assert not [thread for thread in module.threading.enumerate() if "ThreadPool" in thread.name]


def test_nothing_to_decode() -> None:
    assert list(decode_stream([], TARGET, 4)) == []


def test_threads_decode_without_a_word(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    """The filter for warnings belongs to the whole process: many threads inside it leave it as it was."""
    import warnings
    from concurrent.futures import ThreadPoolExecutor

    buffer = io.BytesIO()
    Image.new("P", (30, 30)).save(buffer, "PNG", transparency=b"\x00\x80")
    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: decode(io.BytesIO(buffer.getvalue()), TARGET), range(200)))
    assert warnings.filters == before
    assert not recwarn.list
