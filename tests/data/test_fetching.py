"""Fetching, from servers on this machine that behave and that misbehave, and from a made-up Debian."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import io
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from image_set_fakes import everything_in, names_in, write_idx_set

from pellucid.data import open_image_set
from pellucid.data.download import Patience
from pellucid.data.find import find, find_here
from pellucid.data.located_files import LocatedFiles
from pellucid.data.named import NAMED
from pellucid.data.named_set import DebianPackage, Download, NamedSet
from pellucid.ground.errors import UserError

QUICK = Patience(attempts=3, pause=0.01, connect=2.0, silence=0.4)

Answer = Callable[[http.server.BaseHTTPRequestHandler, bytes, int], None]


def whole(handler: http.server.BaseHTTPRequestHandler, content: bytes, _: int) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def cut_short(handler: http.server.BaseHTTPRequestHandler, content: bytes, _: int) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content[: len(content) // 2])


def stalled(handler: http.server.BaseHTTPRequestHandler, content: bytes, _: int) -> None:
    cut_short(handler, content, 0)
    handler.wfile.flush()
    time.sleep(1.0)


def wrong(handler: http.server.BaseHTTPRequestHandler, content: bytes, _: int) -> None:
    whole(handler, bytes(len(content)), 0)


def endless(handler: http.server.BaseHTTPRequestHandler, content: bytes, _: int) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(bytes(1 << 20))


def status(code: int) -> Answer:
    return lambda handler, content, number: handler.send_error(code)


def then(first: Answer, later: Answer) -> Answer:
    """Answer the first request for each file one way, the others another."""
    return lambda handler, content, number: (first if number == 1 else later)(handler, content, number)


class Server:
    def __init__(self, folder: Path, answer: Answer) -> None:
        self.requests: list[str] = []
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.rsplit("/", 1)[-1]
                server.requests.append(name)
                content = (folder / name).read_bytes()
                with contextlib.suppress(OSError):  # the client has given up
                    answer(self, content, server.requests.count(name))

            def log_message(self, *_: object) -> None:
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.http.server_port}/"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[Answer], Server]]:
    servers = []

    def start(answer: Answer) -> Server:
        servers.append(Server(tmp_path / "published", answer))
        return servers[-1]

    yield start
    for server in servers:
        server.http.shutdown()
        server.http.server_close()


@pytest.fixture
def published(tmp_path: Path) -> NamedSet:
    """A small MNIST with its own checksums."""
    write_idx_set(tmp_path / "published")
    downloads = tuple(
        Download(old.file, hashlib.md5((tmp_path / "published" / old.file).read_bytes()).hexdigest())
        for old in NAMED["mnist"].downloads
    )
    return replace(NAMED["mnist"], downloads=downloads, megabytes=1)


def refused() -> str:
    """An address at which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}/"


def test_files_are_fetched_once_and_their_address_is_recorded(
    serve: Callable[[Answer], Server], published: NamedSet, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(whole)
    monkeypatch.setitem(NAMED, "mnist", replace(published, addresses=(server.address,)))
    first = open_image_set("mnist")
    assert first.origin == server.address
    assert len(server.requests) == 4
    second = open_image_set("mnist", size=(14, 14))  # another form of the same files
    assert second.origin == server.address
    assert len(server.requests) == 4
    assert names_in(cache / "downloads") == ["mnist"]


@pytest.mark.parametrize("fault", [cut_short, stalled, wrong, status(503)])
def test_a_passing_fault_is_tried_again(
    serve: Callable[[Answer], Server], published: NamedSet, cache: Path, fault: Answer
) -> None:
    server = serve(then(fault, whole))
    files = find(replace(published, addresses=(server.address,)), None, cache, patience=QUICK)
    assert files.origin == server.address
    assert len(server.requests) == 8


@pytest.mark.parametrize(
    ("fault", "reason", "requests"),
    [
        (cut_short, r"the transfer broke off \(.*\), 3 times", 3),
        (stalled, r"the server was silent for 0.4 s, 3 times", 3),
        (wrong, r"what it sent has another checksum than md5 [0-9a-f]{32}, 3 times", 3),
        (status(503), r"the server answers 503, 3 times", 3),
        (status(404), r"the server answers 404\n", 1),
        (endless, r"it sends more than 2 MB, far more than the file has\n", 1),
    ],
)
def test_a_lasting_fault_is_reported_and_nothing_is_kept(
    serve: Callable[[Answer], Server], published: NamedSet, cache: Path, fault: Answer, reason: str, requests: int
) -> None:
    server = serve(fault)
    with pytest.raises(UserError, match=rf"{server.address}train-images-idx3-ubyte.gz: {reason}"):
        find(replace(published, addresses=(server.address,)), None, cache, patience=QUICK)
    assert len(server.requests) == requests
    assert everything_in(cache) == []


def test_the_next_address_is_tried_and_the_error_lists_all(
    serve: Callable[[Answer], Server], published: NamedSet, cache: Path, tmp_path: Path
) -> None:
    nobody, bad = refused(), serve(wrong)
    good = serve(whole)
    files = find(replace(published, addresses=(nobody, bad.address, good.address)), None, cache, patience=QUICK)
    assert files.origin == good.address
    with pytest.raises(UserError) as caught:
        find(replace(published, addresses=(nobody, bad.address)), tmp_path, tmp_path / "other", patience=QUICK)
    text = str(caught.value)
    assert text.startswith("mnist was not found; tried:\n  - ")
    assert f"{tmp_path} has neither MNIST/raw/" in text
    assert f"{tmp_path}/other/downloads/mnist does not exist" in text
    assert f"{nobody}train-images-idx3-ubyte.gz: cannot be reached (" in text
    assert "refused" in text
    assert f"{bad.address}train-images-idx3-ubyte.gz: what it sent has another checksum" in text
    assert text.endswith(f"t10k-labels-idx1-ubyte.gz into {tmp_path}/MNIST/raw.")


def test_two_that_ask_at_once_fetch_once(serve: Callable[[Answer], Server], published: NamedSet, cache: Path) -> None:
    def slow(handler: http.server.BaseHTTPRequestHandler, content: bytes, number: int) -> None:
        time.sleep(0.1)
        whole(handler, content, number)

    server = serve(slow)
    named = replace(published, addresses=(server.address,))
    results: list[LocatedFiles] = []
    threads = [threading.Thread(target=lambda: results.append(find(named, None, cache))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [files.origin for files in results] == [server.address] * 3
    assert len(server.requests) == 4


def test_looking_fetches_nothing(serve: Callable[[Answer], Server], published: NamedSet, cache: Path) -> None:
    server = serve(whole)
    assert isinstance(find_here(replace(published, addresses=(server.address,)), None, cache), list)
    assert server.requests == []
    assert not cache.exists()


def fashion(tmp_path: Path) -> NamedSet:
    package = DebianPackage("dataset-fashion-mnist", str(tmp_path / "usr" / "fashion"))
    return replace(NAMED["fashion-mnist"], addresses=(refused(),), debian=package)


def test_the_folder_of_the_installed_package(tmp_path: Path, cache: Path) -> None:
    write_idx_set(tmp_path / "usr" / "fashion")
    files = find(fashion(tmp_path), None, cache)
    assert files.origin == str(tmp_path / "usr" / "fashion")


def script(path: Path, body: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("#!/bin/sh\n" + body)
    path.chmod(0o755)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the whole PATH but for the system's basic commands."""
    folder = tmp_path / "tools"
    folder.mkdir()
    monkeypatch.setattr("pellucid.data.debian.shutil.which", lambda name: _executable(folder / name))
    monkeypatch.setenv("PELLUCID_APT", "yes")
    return folder


def _executable(path: Path) -> str | None:
    return str(path) if path.is_file() else None


UNPACK = 'mkdir -p "$3{inside}" && cp {source}/* "$3{inside}"\n'


def test_debians_package_comes_last(tmp_path: Path, cache: Path, tools: Path) -> None:
    named = fashion(tmp_path)
    write_idx_set(tmp_path / "packed")
    script(
        tools / "apt-get", '[ "$1 $2" = "download dataset-fashion-mnist" ] && touch dataset-fashion-mnist_1_all.deb\n'
    )
    script(tools / "dpkg-deb", UNPACK.format(inside=named.debian.folder, source=tmp_path / "packed"))
    files = find(named, None, cache)
    assert files.origin == "Debian package dataset-fashion-mnist_1_all.deb"
    assert sorted(path.name for path in (cache / "downloads" / "fashion-mnist").iterdir()) == sorted(
        [*(wanted.file for wanted in named.downloads), "origin.txt"]
    )


def test_package_lists_are_updated_by_root_only(
    tmp_path: Path, cache: Path, tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = fashion(tmp_path)
    write_idx_set(tmp_path / "packed")
    script(
        tools / "apt-get",
        f"""case "$1" in
        update) touch {tmp_path}/updated;;
        download) [ -f {tmp_path}/updated ] || {{ echo "E: Unable to locate package $2" >&2; exit 100; }}
                  touch "$2_1_all.deb";;
        esac
        """,
    )
    script(tools / "dpkg-deb", UNPACK.format(inside=named.debian.folder, source=tmp_path / "packed"))
    monkeypatch.setattr("pellucid.data.debian._is_root", lambda: False)
    with pytest.raises(UserError) as caught:
        find(named, None, cache)
    assert (
        "Debian's package dataset-fashion-mnist: apt-get download: Unable to locate package dataset-fashion-mnist; "
        "`sudo apt-get update` may be needed first" in str(caught.value)
    )
    assert "cannot be reached" in str(caught.value)
    assert everything_in(cache) == []
    monkeypatch.setattr("pellucid.data.debian._is_root", lambda: True)
    assert find(named, None, cache).origin == "Debian package dataset-fashion-mnist_1_all.deb"


@pytest.fixture
def working_apt(tmp_path: Path, tools: Path) -> NamedSet:
    """An apt-get that notes how it was called, and has the package."""
    named = fashion(tmp_path)
    write_idx_set(tmp_path / "packed")
    script(tools / "apt-get", f'echo "apt-get $*" >> {tmp_path}/calls; touch "$2_1_all.deb"\n')
    script(tools / "dpkg-deb", UNPACK.format(inside=named.debian.folder, source=tmp_path / "packed"))
    return named


def at_a_terminal(monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("PELLUCID_APT")
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)


@pytest.mark.parametrize(
    ("root", "commands"),
    [
        (True, r"run `apt-get install X`, or set PELLUCID_APT=yes to let pellucid run `apt-get download X` \(and `apt"),
        (False, r"run `sudo apt-get install X`, or set PELLUCID_APT=yes to let pellucid run `apt-get download X`\nPut"),
    ],
)
@pytest.mark.parametrize(
    ("consent", "reason"),
    [(None, "apt-get is not run unasked"), ("no", "PELLUCID_APT is no"), ("maybe", "expected yes")],
)
def test_without_a_terminal_apt_is_not_run_unasked(
    tmp_path: Path,
    cache: Path,
    working_apt: NamedSet,
    monkeypatch: pytest.MonkeyPatch,
    root: bool,
    commands: str,
    consent: str | None,
    reason: str,
) -> None:
    monkeypatch.setattr("pellucid.data.debian._is_root", lambda: root)
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    if consent is None:
        monkeypatch.delenv("PELLUCID_APT")
    else:
        monkeypatch.setenv("PELLUCID_APT", consent)
    with pytest.raises(UserError, match=reason) as caught:
        find(working_apt, None, cache)
    if consent != "maybe":
        assert re.search(commands.replace("X", "dataset-fashion-mnist"), str(caught.value))
    assert not (tmp_path / "calls").exists()
    assert everything_in(cache) == []


@pytest.mark.parametrize("typed", ["y\n", "YES\n"])
def test_at_a_terminal_the_commands_are_shown_and_run_after_a_yes(
    tmp_path: Path,
    cache: Path,
    working_apt: NamedSet,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    typed: str,
) -> None:
    monkeypatch.setattr("pellucid.data.debian._is_root", lambda: True)
    at_a_terminal(monkeypatch, typed)
    assert find(working_apt, None, cache).origin == "Debian package dataset-fashion-mnist_1_all.deb"
    asked = capsys.readouterr().err
    assert "this would be run:\n  apt-get download dataset-fashion-mnist\n  apt-get update    (as root, only" in asked
    assert (tmp_path / "calls").read_text() == "apt-get download dataset-fashion-mnist\n"


@pytest.mark.parametrize("typed", ["n\n", "\n", ""])
def test_at_a_terminal_anything_but_yes_is_no(
    tmp_path: Path, cache: Path, working_apt: NamedSet, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    at_a_terminal(monkeypatch, typed)
    with pytest.raises(UserError, match=r"not fetched, as you answered; `.*apt-get install dataset-fashion-mnist`"):
        find(working_apt, None, cache)
    assert not (tmp_path / "calls").exists()


@pytest.mark.parametrize(
    ("apt", "dpkg", "reason"),
    [
        (None, None, "this system has no apt-get"),
        ("touch a.deb", None, "this system has no dpkg-deb"),
        ("exit 0", "exit 0", "apt-get left no package file"),
        (
            "touch a.deb",
            "echo 'dpkg-deb: error: not a package' >&2; exit 2",
            "dpkg-deb -x: dpkg-deb: error: not a pack",
        ),
        ("touch a.deb", "exit 0", "a.deb has no /"),
    ],
)
def test_what_can_go_wrong_with_the_package(
    tmp_path: Path, cache: Path, tools: Path, apt: str | None, dpkg: str | None, reason: str
) -> None:
    for name, body in (("apt-get", apt), ("dpkg-deb", dpkg)):
        if body is not None:
            script(tools / name, body + "\n")
    with pytest.raises(UserError, match=rf"Debian's package dataset-fashion-mnist: {reason}"):
        find(fashion(tmp_path), None, cache)
    assert everything_in(cache) == []
