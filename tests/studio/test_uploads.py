"""Images that are dropped into the studio: whole files, in a folder of their own, and nothing outside of it."""

from __future__ import annotations

import asyncio

import pytest
from starlette.requests import ClientDisconnect

from pellucid.ground.errors import UserError
from pellucid.studio.uploads import Uploads

OUTSIDE = ("../x.png", "/etc/x", "a/../../x", "a//b", ".ssh/x", "a\\b", "c:x", "a/\n", "", "x" * 300, "a/" * 20 + "b")


async def _cut_off(part: bytes):
    yield part
    raise ClientDisconnect


async def _sent(*parts: bytes):
    for part in parts:
        yield part


def test_dropped_images_go_into_a_folder_of_their_own(tmp_path) -> None:
    uploads = Uploads(tmp_path, most_bytes=100)
    first, second = uploads.begin("my photos"), uploads.begin("my photos")
    assert first != second
    assert asyncio.run(uploads.add(first, "cat/1.png", _sent(b"abc", b"def"))) == 6
    assert (tmp_path / "uploads" / first / "cat" / "1.png").read_bytes() == b"abcdef"
    with pytest.raises(UserError, match="nothing is overwritten"):
        asyncio.run(uploads.add(first, "cat/1.png", _sent(b"x")))
    assert (tmp_path / "uploads" / first / "cat" / "1.png").read_bytes() == b"abcdef"
    for path in OUTSIDE:
        with pytest.raises(UserError, match="expected a path inside the folder"):
            asyncio.run(uploads.add(first, path, _sent(b"x")))
    with pytest.raises(UserError, match="more than 100 bytes"):
        asyncio.run(uploads.add(first, "big.png", _sent(b"x" * 60, b"x" * 60)))
    assert not (tmp_path / "uploads" / first / "big.png").exists()
    with pytest.raises(ClientDisconnect):
        asyncio.run(uploads.add(first, "half.png", _cut_off(b"abc")))
    assert not (tmp_path / "uploads" / first / "half.png").exists(), "half a file is none"
    with pytest.raises(UserError, match="drop it again"):
        asyncio.run(uploads.add("../..", "x.png", _sent(b"x")))
    (tmp_path / "uploads" / second / "cat").symlink_to(tmp_path)
    assert uploads.begin("../../etc") == "etc"
