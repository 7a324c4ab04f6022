"""Fetching ONNX Runtime Web: once, checked, and in plain words where it cannot be had."""

from __future__ import annotations

import hashlib
import http.server
import io
import tarfile
import threading
from collections.abc import Iterator

import pytest

from pellucid.data.download import Patience
from pellucid.ground.errors import UserError
from pellucid.web import runtime, web_runtime

QUICK = Patience(attempts=1, pause=0.0, connect=2.0, silence=2.0)
CONTENTS = {runtime.SCRIPT: b"export const env = {};", runtime.WASM: b"\0asm" * 1000}


def packed(contents: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content in contents.items():
            member = tarfile.TarInfo(f"package/dist/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


@pytest.fixture
def package(monkeypatch) -> bytes:
    """A small package in place of the real one, with its own checksums."""
    content = packed(CONTENTS)
    monkeypatch.setattr(runtime, "SHA256", hashlib.sha256(content).hexdigest())
    digests = {name: hashlib.sha256(part).hexdigest() for name, part in CONTENTS.items()}
    monkeypatch.setattr(runtime, "FILES", digests)
    return content


@pytest.fixture
def server(package, monkeypatch) -> Iterator[list[str]]:
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(package)))
            self.end_headers()
            self.wfile.write(package)

        def log_message(self, *_: object) -> None:
            pass

    started = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=started.serve_forever, daemon=True).start()
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", f"http://127.0.0.1:{started.server_port}/")
    yield asked
    started.shutdown()


def test_it_is_fetched_once_and_only_what_is_needed_is_kept(server, tmp_path):
    for _ in range(2):
        given = web_runtime(tmp_path, QUICK)
        assert (given.script, given.wasm) == tuple(CONTENTS.values())
        assert "Permission is hereby granted" in given.licence
    assert len(server) == 1
    kept = [path.name for path in (tmp_path / "web").rglob("*") if path.is_file() and ".locks" not in path.parts]
    assert sorted(kept) == sorted(CONTENTS)


def test_a_damaged_file_in_the_cache_is_fetched_again(server, tmp_path):
    web_runtime(tmp_path, QUICK)
    (file,) = (tmp_path / "web").rglob(runtime.WASM)
    file.write_bytes(b"damaged")
    assert web_runtime(tmp_path, QUICK).wasm == CONTENTS[runtime.WASM]
    assert len(server) == 2


def test_other_bytes_are_refused_and_nothing_is_left(server, tmp_path, monkeypatch):
    monkeypatch.setattr(runtime, "SHA256", "0" * 64)
    with pytest.raises(UserError, match="another checksum"):
        web_runtime(tmp_path, QUICK)
    assert not list((tmp_path / "web").rglob("*.wasm"))


def test_without_a_network_it_says_what_to_do(package, tmp_path, monkeypatch):
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "http://127.0.0.1:9")
    with pytest.raises(UserError) as caught:
        web_runtime(tmp_path, QUICK)
    by_hand = tmp_path / "web" / runtime.PACKAGE
    assert "cannot be reached" in str(caught.value)
    assert f"put the file at {by_hand}" in str(caught.value)
    by_hand.write_bytes(package)
    assert web_runtime(tmp_path, QUICK).script == CONTENTS[runtime.SCRIPT]
    assert by_hand.exists()


def test_another_package_put_there_by_hand_is_refused(package, tmp_path):
    by_hand = tmp_path / "web" / runtime.PACKAGE
    by_hand.parent.mkdir(parents=True)
    by_hand.write_bytes(b"something else")
    with pytest.raises(UserError, match="is not ONNX Runtime Web"):
        web_runtime(tmp_path, QUICK)


def test_without_npm_it_says_what_to_do(package, tmp_path, monkeypatch):
    for name in ("NPM_CONFIG_REGISTRY", "npm_config_registry"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="npm, which knows where its packages are, is not installed here"):
        web_runtime(tmp_path, QUICK)


def test_the_address_is_that_of_the_pinned_package(monkeypatch):
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "http://registry.example/")
    assert runtime.address() == "http://registry.example/onnxruntime-web/-/onnxruntime-web-1.30.0.tgz"
    assert len(runtime.SHA256) == 64
