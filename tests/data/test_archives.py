from __future__ import annotations

import io
import os
import stat
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from image_set_fakes import everything_in, write_classes, write_tar
from PIL import Image

from pellucid.data import open_image_set
from pellucid.data.archive import ArchiveLimits, unpack
from pellucid.ground.errors import UserError


def png(value: int = 7) -> bytes:
    file = io.BytesIO()
    Image.new("L", (4, 4), value).save(file, "PNG")
    return file.getvalue()


def write_zip(path: Path, folder: Path, inside: str = "") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, Path(inside) / file.relative_to(folder))
    return path


@pytest.mark.parametrize("inside", ["", "pets", "a/b"])
@pytest.mark.parametrize("ending", [".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz"])
def test_an_archive_gives_what_its_folder_gives(tmp_path: Path, cache: Path, ending: str, inside: str) -> None:
    root = write_classes(tmp_path / "made", {"cat": 6, "dog": 6})
    (root / "readme.txt").write_text("pets")
    path = tmp_path / f"pets{ending}"
    if ending == ".zip":
        write_zip(path, root, inside)
    else:
        write_tar(path, root, inside or ".")
    image_set, plain = open_image_set(path), open_image_set(root)
    assert image_set.fingerprint == plain.fingerprint
    assert (image_set.name, image_set.origin) == (f"pets{ending}", str(path))
    prefix = f"{inside}/" if inside else ""
    assert image_set.splits["test"].sources == [prefix + source for source in plain.splits["test"].sources]
    assert not list(cache.rglob("*.png"))
    path.touch()


def test_splits_inside_a_wrapped_archive(tmp_path: Path) -> None:
    for split in ("train", "test"):
        write_classes(tmp_path / "made" / split, {"cat": 2, "dog": 2})
    image_set = open_image_set(write_zip(tmp_path / "a.zip", tmp_path / "made", "wrapper"))
    assert list(image_set.splits) == ["train", "test"]


def test_macos_leftovers_are_passed_over(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "made", {"pets/cat": 2, "pets/dog": 2, "__MACOSX/pets/cat": 2})
    (root / "pets" / "cat" / "._000.png").write_bytes(b"resource fork")
    image_set = open_image_set(write_zip(tmp_path / "a.zip", root))
    assert image_set.classes == ("cat", "dog")
    assert image_set.left_out == ()


def tar_with(path: Path, *members: tuple[str, bytes, bytes]) -> Path:
    """Members are (name, type, content or target of the link)."""
    with tarfile.open(path, "w") as archive:
        for name, kind, content in members:
            info = tarfile.TarInfo(name)
            info.type = kind
            if kind == tarfile.REGTYPE:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
            else:
                info.linkname = content.decode()
                archive.addfile(info)
    return path


@pytest.mark.parametrize(
    ("name", "kind", "content", "message"),
    [
        ("../evil.png", tarfile.REGTYPE, png(), r"member '../evil.png', whose path leads out of the folder"),
        ("cat/../../evil.png", tarfile.REGTYPE, png(), "leads out of the folder"),
        ("/tmp/evil.png", tarfile.REGTYPE, png(), "leads out of the folder"),
        ("..\\evil.png", tarfile.REGTYPE, png(), "leads out of the folder"),
        ("C:\\evil.png", tarfile.REGTYPE, png(), "leads out of the folder"),
        ("cat/link.png", tarfile.SYMTYPE, b"/etc/passwd", "'cat/link.png', which is a link or a device"),
        ("cat", tarfile.SYMTYPE, b"/", "is a link or a device"),
        ("cat/hard.png", tarfile.LNKTYPE, b"../../evil", "is a link or a device"),
        ("cat/pipe.png", tarfile.FIFOTYPE, b"", "is a link or a device"),
        ("cat/disk.png", tarfile.CHRTYPE, b"", "is a link or a device"),
        ("x" * 300 + ".png", tarfile.REGTYPE, png(), "which cannot be a file here"),
    ],
)
def test_members_that_are_refused(
    tmp_path: Path, cache: Path, name: str, kind: bytes, content: bytes, message: str
) -> None:
    path = tar_with(tmp_path / "a.tar", ("cat/1.png", tarfile.REGTYPE, png()), (name, kind, content))
    with pytest.raises(UserError, match=message):
        open_image_set(path)
    assert everything_in(cache) == []
    assert not list(tmp_path.rglob("evil*"))


def test_zip_members_that_are_refused(tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../evil.png", png())
    with pytest.raises(UserError, match="leads out of the folder"):
        open_image_set(path)
    with zipfile.ZipFile(path, "w") as archive:
        link = zipfile.ZipInfo("cat/link.png")
        link.create_system = 3
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(UserError, match="is a link or a device"):
        open_image_set(path)
    assert everything_in(cache) == []


def test_an_encrypted_zip(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("cat/1.png", png())
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"a.zip is encrypted; unpack it yourself"):
        open_image_set(path)


@pytest.mark.parametrize("ending", [".zip", ".tar.gz"])
def test_bombs_are_refused(tmp_path: Path, cache: Path, ending: str) -> None:
    bomb = b"\0" * (3 << 20)
    folder = tmp_path / "made" / "cat"
    folder.mkdir(parents=True)
    (folder / "1.png").write_bytes(bomb)
    (folder / "2.png").write_bytes(bomb)
    path = tmp_path / f"a{ending}"
    if ending == ".zip":
        write_zip(path, tmp_path / "made")
    else:
        write_tar(path, tmp_path / "made", ".")
    target = tmp_path / "target"
    with pytest.raises(UserError, match=r"unpacks to more than 100 times its own size"):
        unpack(path, target, ArchiveLimits(expansion=100, expansion_from=1 << 20))
    with pytest.raises(UserError, match=r"unpacks to more than the 0.005 GB allowed.*PELLUCID_MAX_ARCHIVE_GB"):
        unpack(path, target, ArchiveLimits(unpacked_bytes=5_000_000))
    with pytest.raises(UserError, match=r"holds more than 1 files"):
        unpack(path, target, ArchiveLimits(files=1))
    unpack(path, target)
    unpack(path, target, ArchiveLimits(unpacked_bytes=6 << 20))


def test_the_bound_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    path = write_zip(tmp_path / "a.zip", write_classes(tmp_path / "made", {"cat": 4, "dog": 4}))
    monkeypatch.setenv("PELLUCID_MAX_ARCHIVE_GB", "1e-7")
    with pytest.raises(UserError, match="more than the 1e-07 GB allowed"):
        open_image_set(path)
    monkeypatch.setenv("PELLUCID_MAX_ARCHIVE_GB", "lots")
    with pytest.raises(UserError, match="PELLUCID_MAX_ARCHIVE_GB is 'lots'; expected a number of gigabytes"):
        open_image_set(path)
    assert not cache.exists() or everything_in(cache) == []


def test_a_zip_whose_header_lies_about_sizes(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("cat/1.png", b"\0" * 100_000)
    content = path.read_bytes().replace((100_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"is damaged or cut short at 'cat/1.png'"):
        unpack(path, tmp_path / "target", ArchiveLimits(unpacked_bytes=1000))


@pytest.mark.parametrize("ending", [".zip", ".tar", ".tar.gz", ".tar.bz2", ".tar.xz"])
def test_archives_cut_short_or_damaged(tmp_path: Path, cache: Path, ending: str) -> None:
    generator = np.random.default_rng(0)
    root = tmp_path / "made"
    for name in ("cat", "dog"):
        (root / name).mkdir(parents=True)
        for number in range(4):
            pixels = generator.integers(0, 256, (40, 40, 3), np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number}.png")
    path = tmp_path / f"a{ending}"
    whole = (write_zip(path, root) if ending == ".zip" else write_tar(path, root, ".")).read_bytes()
    for share in (0.3, 0.6, 0.9):
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(UserError, match=r"is damaged or cut short|is no archive that can be read"):
            open_image_set(path)
    if ending == ".zip":
        damaged = bytearray(whole)
        damaged[500:520] = os.urandom(20)
        path.write_bytes(damaged)
        with pytest.raises(UserError, match=r"is damaged or cut short at 'cat/0.png'"):
            open_image_set(path)
    assert everything_in(cache) == []


def test_a_file_that_is_no_archive(tmp_path: Path) -> None:
    path = tmp_path / "pets.zip"
    path.write_text("hello")
    with pytest.raises(
        UserError, match=r"pets.zip is no archive that can be read; expected a folder, a .zip or a .tar"
    ):
        open_image_set(path)


def test_errors_of_the_folder_inside_speak_of_the_archive(tmp_path: Path, cache: Path) -> None:
    path = write_zip(tmp_path / "a.zip", write_classes(tmp_path / "made", {"cat": 3, "dog": 1}))
    with pytest.raises(UserError, match=rf"{path}: only one image in 'dog'"):
        open_image_set(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "")
    with pytest.raises(UserError, match=rf"{path} is empty; expected a folder per class"):
        open_image_set(path)
    assert everything_in(cache) == []


@pytest.mark.parametrize("damage", ["header", "end", "behind"])
def test_a_tar_is_refused_where_members_would_be_lost(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "pets.tar"
    with tarfile.open(path, "w") as archive:
        for name in ("cat/1.png", "dog/1.png"):
            member = tarfile.TarInfo(name)
            member.size = 512
            archive.addfile(member, io.BytesIO(bytes(512)))
    content = bytearray(path.read_bytes())
    if damage == "header":
        content[1024 + 150] ^= 1  # in the second header's checksum
    path.write_bytes({"header": content, "end": content[:2048], "behind": content + content}[damage])
    with pytest.raises(UserError, match="damaged or cut short"):
        unpack(path, tmp_path / "out")


def test_a_zip_is_refused_whose_list_is_shorter_than_it_says(tmp_path: Path) -> None:
    path = tmp_path / "pets.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("cat/1.png", "dog/1.png"):
            archive.writestr(name, b"picture")
    content = bytearray(path.read_bytes())
    end = content.rfind(b"PK\5\6")
    content[end + 10] += 1
    path.write_bytes(content)
    with pytest.raises(UserError, match="2 members are listed and 3 stated"):
        unpack(path, tmp_path / "out")
