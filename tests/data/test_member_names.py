from __future__ import annotations

import gzip
import io
import struct
import sys
import tarfile
import warnings
import zipfile
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_set_fakes import everything_in
from PIL import Image

from pellucid.data import ImageSet, open_image_set
from pellucid.data.archive import unpack
from pellucid.data.member_names import DiskNames, member_name
from pellucid.data.passed_over import PassingOver
from pellucid.data.split_names import nfc
from pellucid.ground.errors import UserError

PARTS = st.text(st.sampled_from("aAbB:.%~2 *?éÉe\u0301ß<con"), min_size=1, max_size=6).filter(
    lambda part: part not in (".", "..")
)
RESERVED = {"con", "prn", "aux", "nul", *(f"com{n}" for n in range(10)), *(f"lpt{n}" for n in range(10))}


def png(value: int = 7) -> bytes:
    file = io.BytesIO()
    Image.new("L", (4, 4), value).save(file, "PNG")
    return file.getvalue()


def write_members(path: Path, names: list[str]) -> Path:
    plain = [f"{name}/{number}.png" for name in ("cat", "dog") for number in range(3)]
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as archive:
        warnings.simplefilter("ignore")
        for number, name in enumerate(plain + names):
            archive.writestr(name, png(number))
    return path


def sources(image_set: ImageSet) -> list[str]:
    return sorted(source for split in image_set.splits.values() for source in split.sources)


@settings(max_examples=500, deadline=None)
@given(paths=st.lists(st.lists(PARTS, min_size=1, max_size=3).map("/".join), min_size=1, max_size=8, unique=True))
def test_members_get_paths_that_every_disk_takes_and_tells_apart(paths: list[str]) -> None:
    names, on_disk = DiskNames(Path("a.zip")), {}
    for path in paths:
        try:
            place, shown = names.path_of(path)
        except UserError:  # a drive
            continue
        assert [nfc(member_name(part)) for part in place.parts] == [nfc(part) for part in PurePosixPath(path).parts]
        for part in place.parts:
            assert not set(part) & set(':*?<>"|')
            assert part.split(".")[0].strip(" ").lower() not in RESERVED
            assert part[-1] not in ". "
        key = nfc(str(place)).casefold()
        assert on_disk.setdefault(key, shown) == shown


def test_reserved_names_and_colons_are_read_as_they_are(tmp_path: Path) -> None:
    odd = ["cat/con.png", "cat/a:b.png", "cat/100%.png", "cat/trail./x.png", "nul/1.png", "nul/2.png"]
    image_set = open_image_set(write_members(tmp_path / "a.zip", odd))
    assert image_set.classes == ("cat", "dog", "nul")
    assert set(odd) < set(sources(image_set))


def test_names_that_differ_in_case_only_are_two_and_said(tmp_path: Path) -> None:
    image_set = open_image_set(write_members(tmp_path / "a.zip", ["cat/A.png", "cat/a.png", "Cat/1.png", "Cat/2.png"]))
    assert image_set.classes == ("Cat", "cat", "dog")
    assert {"cat/A.png", "cat/a.png"} < set(sources(image_set))
    assert {note.source for note in image_set.passed_over.notes} == {"cat", "cat/a.png"}


def test_a_name_twice_is_said_and_the_last_counts(tmp_path: Path) -> None:
    passing = PassingOver()
    unpack(write_members(tmp_path / "a.zip", ["cat/0.png"]), tmp_path / "target", passing=passing)
    (note,) = passing.result().notes
    assert (note.source, note.reason) == ("cat/0.png", "in the archive more than once; the last one counts")
    assert (tmp_path / "target" / "cat" / "0.png").read_bytes() == png(6)


def test_a_folder_member_is_the_folder_of_its_files(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        for name in ("w", "w/cat", "w/cat/old", "w/dog", "w/dog/old"):
            info = tarfile.TarInfo(name)
            info.type = tarfile.DIRTYPE
            archive.addfile(info)
            for number in range(2 * name.endswith("old")):
                info = tarfile.TarInfo(f"{name}/{number}.png")
                info.size = len(png())
                archive.addfile(info, io.BytesIO(png()))
    assert sources(open_image_set(path)) == [f"w/{name}/old/{n}.png" for name in ("cat", "dog") for n in range(2)]


def test_what_an_archive_holds_besides_is_said(tmp_path: Path) -> None:
    path = write_members(tmp_path / "a.zip", ["cat/abc", "cat/x.cr2", "cat/@eaDir/1.png", "cat/y.txt"])
    passed = open_image_set(path).passed_over
    assert passed.endings == {".txt": 1}
    assert passed.system == {"@eaDir": 1}
    assert [picture.source for picture in passed.pictures] == ["cat/abc", "cat/x.cr2"]
    assert open_image_set(path).passed_over == passed
    with pytest.raises(UserError, match="2 pictures passed over"):
        open_image_set(path, strict=True)


@pytest.mark.parametrize("first", [True, False])
def test_a_name_of_a_gigabyte_is_not_read(tmp_path: Path, cache: Path, first: bool) -> None:
    path = tmp_path / "a.tar.gz"
    plain = tarfile.TarInfo("cat/1.png")
    plain.size = len(png())
    long = tarfile.TarInfo("././@LongLink")
    long.type, long.size = tarfile.GNUTYPE_LONGNAME, 1 << 30
    with gzip.open(path, "wb", 1) as file:
        if not first:
            file.write(plain.tobuf() + png().ljust(512, b"\0"))
        file.write(long.tobuf(tarfile.GNU_FORMAT) + b"a" * (4 << 20))
    with pytest.raises(UserError, match=r"a.tar.gz is refused: a member's name or attributes take 1,073,741,824 bytes"):
        open_image_set(path)
    assert everything_in(cache) == []


def with_field(path: Path, offset: int, value: int) -> Path:
    content = bytearray(path.read_bytes())
    start = content.index(b"PK\1\2") + offset
    content[start : start + 2] = struct.pack("<H", value)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("offset", "value", "message"),
    [
        (6, 152, r"cannot be unpacked here \(zip file version 15.2\)"),
        (10, 9, "That compression method is not supported"),
        (10, 99, "That compression method is not supported"),
        (8, 0x40, "strong encryption"),
        (8, 1, "is encrypted"),
    ],
)
def test_zips_that_cannot_be_unpacked(tmp_path: Path, offset: int, value: int, message: str) -> None:
    with pytest.raises(UserError, match=message):
        open_image_set(with_field(write_members(tmp_path / "a.zip", []), offset, value))


def test_many_members_do_not_print_a_line_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pellucid.ground.progress.SECONDS_BETWEEN_LINES", 0.2)
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(5000):
            archive.writestr(f"{'cat' if number % 2 else 'dog'}/{number}.png", b"")
    unpack(path, tmp_path / "target")
    assert len(capsys.readouterr().err.splitlines()) < 100


@pytest.mark.skipif(sys.platform == "win32", reason="bytes of names are text there")
def test_names_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w", encoding="latin-1", format=tarfile.GNU_FORMAT) as archive:
        for name in ("caf\xe9/1.png", "caf\xe9/2.png", "dog/1.png", "dog/2.png"):
            info = tarfile.TarInfo(name)
            info.size = len(png())
            archive.addfile(info, io.BytesIO(png()))
    assert open_image_set(path).classes == ("caf\\xe9", "dog")
