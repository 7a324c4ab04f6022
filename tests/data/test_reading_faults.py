"""What the machine does to pictures while they are read stops the set and is never kept as a fact about a picture."""

from __future__ import annotations

import base64
import errno
import io
import os
import time
from pathlib import Path

import numpy as np
import pytest
from image_set_fakes import everything_in, write_classes
from PIL import Image

from pellucid.data import decode as decoding
from pellucid.data import formats, open_image_set, read_image, stratified_split
from pellucid.data.decode import PixelFormat, decode_bytes
from pellucid.data.read_bytes import MachineFault
from pellucid.ground.errors import UserError

HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAZdtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAA"
    "ADRpbG9jAAAAAERAAAIAAQAAAAABuwABAAAAAAAAADUAAgAAAAAB8AABAAAAAAAAACQAAAA4aWluZgAAAAAAAgAAABVpbmZlAgAA"
    "AAABAABodmMxAAAAABVpbmZlAgAAAQACAABFeGlmAAAAAA5waXRtAAAAAAABAAAA1mlwcnAAAAC3aXBjbwAAAHhodmNDAQNwAAAA"
    "kAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQArQgEBA3AAAAMAkAAAAwAAAwAeoBAgQWW6"
    "kkprm4CGgwIAAAMAMgAAAwACEGIAAQAHRAHBcrAiQAAAABNjb2xybmNseAABAA0ABoAAAAAUaXNwZQAAAAAAAACAAAAAQAAAABBw"
    "aXhpAAAAAAMICAgAAAAXaXBtYQAAAAAAAAABAAEEgQIDBAAAABppcmVmAAAAAAAAAA5jZHNjAAIAAQABAAAAYW1kYXQAAAAxKAGv"
    "Bjha/P03+Z3v///K9d6H+9g4qvEJj7uf9l/vDlMj+V67//3KJFuVzX/09T1vgAAAAAZFeGlmAABNTQAqAAAACAABARIAAwAAAAEA"
    "BgAAAAAAAA=="
)
"""64 rows and 128 columns, the left half red."""

POSIX = pytest.mark.skipif(os.name == "nt", reason="signals are others there")


def happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """Let `what` happen in every Python started from here on when it opens `dog/007.png`."""
    (tmp_path / "python").mkdir()
    (tmp_path / "python" / "sitecustomize.py").write_text(
        "import builtins, os, signal, pathlib\n"
        f"once = pathlib.Path({str(tmp_path / 'happened')!r})\n"
        "real = builtins.open\n"
        "def opened(file, *a, **k):\n"
        "    if str(file).endswith('007.png') and 'dog' in str(file):\n"
        f"        {what}\n"
        "    return real(file, *a, **k)\n"
        "builtins.open = opened\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "python"), prepend=os.pathsep)


@POSIX
@pytest.mark.parametrize("count", [10, 150])
def test_a_picture_whose_process_is_killed_once_is_read_again(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    root = write_classes(tmp_path / "pets", {"cat": count, "dog": count})
    expected = open_image_set(root, workers=2, cache_dir=tmp_path / "other")
    happens(tmp_path, monkeypatch, "once.exists() or (once.touch(), os.kill(os.getpid(), signal.SIGKILL))")
    image_set = open_image_set(root, workers=2)
    assert (tmp_path / "happened").exists()
    assert image_set.left_out == ()
    assert image_set.fingerprint == expected.fingerprint


@POSIX
@pytest.mark.parametrize(
    ("what", "message"),
    [
        (
            "os.kill(os.getpid(), signal.SIGKILL)",
            r"was killed \(probably out of memory\), twice, with no",
        ),
        ("os.kill(os.getpid(), signal.SIGSEGV)", r"was killed \(SIGSEGV: a fault in the decoder, or out of memory\)"),
        ("os._exit(9)", r"ended by itself \(status 9\), twice"),
        ("raise MemoryError", r"Cannot allocate memory; close other programs"),
        *(
            (f"raise OSError({number}, {os.strerror(number)!r}, file)", f"{os.strerror(number)}; {remedy}")
            for number, remedy in [
                (errno.EACCES, "give yourself the right"),
                (errno.EIO, "the disk or the network share"),
                (errno.ESTALE, "the disk or the network share"),
                (errno.ENOMEM, "close other programs"),
                (errno.EMFILE, "close other programs, or allow more open files"),
                (errno.ETIMEDOUT, "the disk or the network share"),
            ]
        ),
    ],
)
def test_what_is_not_the_picture_s_fault_stops_everything(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, what: str, message: str
) -> None:
    root = write_classes(tmp_path / "pets", {"cat": 10, "dog": 10})
    happens(tmp_path, monkeypatch, what)
    with pytest.raises(UserError, match=rf"dog/007.png cannot be read: .*{message}.*"):
        open_image_set(root, workers=2)
    assert everything_in(cache) == []
    monkeypatch.undo()
    monkeypatch.setenv("PELLUCID_CACHE", str(cache))
    image_set = open_image_set(root)
    assert sum(map(len, image_set.splits.values())) == 20
    assert image_set.left_out == ()


@POSIX
def test_a_picture_that_computes_for_too_long_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_classes(tmp_path / "pets", {"cat": 5, "dog": 5})
    slow = Image.new("RGB", (7, 7))
    slow.save(root / "dog" / "003.png")
    (tmp_path / "python").mkdir()
    (tmp_path / "python" / "sitecustomize.py").write_text(
        "import signal, PIL.ImageFile as F\n"
        "set_timer = signal.setitimer\n"
        "signal.setitimer = lambda kind, seconds: set_timer(kind, min(seconds, 0.3))\n"
        "real = F.ImageFile.load\n"
        "def load(self):\n"
        "    while self.size == (7, 7):\n        pass\n"
        "    return real(self)\n"
        "F.ImageFile.load = load\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "python"), prepend=os.pathsep)
    image_set = open_image_set(root)
    assert [(image.source, image.reason) for image in image_set.left_out] == [
        ("dog/003.png", "takes more than 60 seconds of computing to decode")
    ]
    assert sum(map(len, image_set.splits.values())) == 9


def test_broken_files_do_not_skew_the_split(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "pets", {"cat": 40, "dog": 40})
    for number in range(0, 40, 2):
        (root / "cat" / f"{number:03}.png").write_bytes(b"no picture")
    image_set = open_image_set(root, split_seed=3)
    assert len(image_set.left_out) == 20
    labels = np.array([0] * 20 + [1] * 40)
    _, held = stratified_split(labels, 0.15, 3)
    assert np.bincount(image_set.splits["test"].labels).tolist() == np.bincount(labels[held]).tolist() == [3, 6]
    readable = [f"cat/{n:03}.png" for n in range(1, 40, 2)] + [f"dog/{n:03}.png" for n in range(40)]
    assert image_set.splits["test"].sources == [readable[row] for row in held]
    sources = [source for split in image_set.splits.values() for source in split.sources]
    assert len(set(sources)) == 60
    for split in image_set.splits.values():  # every image still has its own pixels and label
        for image, label, source in zip(split.images, split.labels, split.sources, strict=True):
            assert (image == read_image(root / source, (64, 64))).all()
            assert source.startswith(("cat", "dog")[label])


def test_a_program_that_is_named_like_a_picture_is_not_started(tmp_path: Path) -> None:
    for name, content in {
        "eps.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        "pdf.png": b"%PDF-1.7\n",
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=rf"{name}: PostScript or PDF, which is not read"):
            read_image(tmp_path / name, (4, 4))


@POSIX
def test_a_pipe_is_no_picture_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    started = time.monotonic()
    with pytest.raises(UserError, match=r"pipe.png: a folder, a pipe or a device"):
        read_image(tmp_path / "pipe.png", (4, 4))
    assert time.monotonic() - started < 5


def png(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("L", (width, height), 7).save(file, "PNG")
    return file.getvalue()


def test_large_pictures_are_read_alone_and_need_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "LARGE_BYTES", 100 * decoding.BYTES_A_PIXEL)
    target = PixelFormat(4, 4, 3, "stretch", (0, 1))
    assert decode_bytes(png(10, 10), target, large_too=False).pixels is not None
    assert decode_bytes(png(11, 10), target, large_too=False).large
    assert decode_bytes(png(11, 10), target).pixels is not None
    file = io.BytesIO()
    Image.fromarray(np.zeros((10, 4), np.uint16)).save(file, "PNG")
    assert decode_bytes(file.getvalue(), target, large_too=False).large, "its values take more than those of 8 bits"
    monkeypatch.setattr(decoding, "available_memory", lambda: 1000)
    with pytest.raises(MachineFault, match=r"11×10 pixels take 0 MB of memory and 0 MB are available: Cannot allocate"):
        decode_bytes(png(11, 10), target)


def test_a_large_jpeg_is_unpacked_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "LARGE_BYTES", 100_000 * decoding.BYTES_A_PIXEL)
    file = io.BytesIO()
    Image.new("RGB", (1600, 800), (200, 10, 10)).save(file, "JPEG")
    done = decode_bytes(file.getvalue(), PixelFormat(40, 40, 3, "crop"), measure=True, large_too=False)
    assert done.pixels is not None
    assert abs(done.pixels.astype(int) - [200, 10, 10]).max() <= 2


def test_large_pictures_among_small_ones(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "pets", {"cat": 4, "dog": 4})
    Image.new("1", (6000, 6000), 1).save(root / "dog" / "000.png")  # 36 million pixels
    image_set = open_image_set(root, size=(4, 4))
    whites = [
        source
        for split in image_set.splits.values()
        for image, source in zip(split.images, split.sources, strict=True)
        if image.min() == 255
    ]
    assert whites == ["dog/000.png"]


def test_heic_is_read_where_its_library_is_and_named_where_it_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as without:
        without.setattr(formats, "HEIF_READERS", ())
        formats._other_kinds.cache_clear()
        with pytest.raises(UserError, match=r"HEIC, which needs another library: pip install 'pellucid\[heif\]'"):
            read_image(io.BytesIO(HEIC), (64, 128))
    formats._other_kinds.cache_clear()
    pytest.importorskip("pi_heif")
    pixels = read_image(io.BytesIO(HEIC), (64, 128))
    assert pixels[30, 20, 0] > 200
    assert pixels[30, 100, 0] < 60


def test_a_set_is_read_again_when_another_reader_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pi_heif")
    root = write_classes(tmp_path / "pets", {"cat": 5, "dog": 5})
    (root / "cat" / "photo.png").write_bytes(HEIC)
    monkeypatch.setattr("pellucid.data.opening.optional_readers", list)
    monkeypatch.setattr("sys.executable", "")
    monkeypatch.setattr(formats, "HEIF_READERS", ())
    formats._other_kinds.cache_clear()
    assert "HEIC" in open_image_set(root).left_out[0].reason
    monkeypatch.undo()
    formats._other_kinds.cache_clear()
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path / "cache"))
    assert open_image_set(root).left_out == ()
