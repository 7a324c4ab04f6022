"""A studio that answers, on a folder with small runs of its own, and a browser that opens it."""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from chromium import CHROMIUM, NO_CHROMIUM, QUIET

import pellucid
from pellucid.ground.listening import listening
from pellucid.run import Run
from pellucid.studio.application import application
from pellucid.studio.workplace import Workplace

TOKEN = "the-token-of-the-tests"


@dataclass(frozen=True)
class Opened:
    """A studio that listens."""

    workplace: Workplace
    port: int
    token: str = TOKEN

    @property
    def address(self) -> str:
        """The page, with the token."""
        return f"http://127.0.0.1:{self.port}/?token={self.token}"

    def call(
        self, path: str, document: Any = None, *, method: str | None = None, body: bytes | None = None, **headers: str
    ) -> tuple[int, Any, dict[str, str]]:
        """Send a request; give status, JSON or bytes, and headers. A document is sent with the token."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if document is not None:
            body = json.dumps(document).encode()
            sent.setdefault("X-Pellucid-Token", self.token)
        connection.request(method or ("GET" if body is None else "POST"), path, body, sent)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        kind = response.headers.get("content-type", "")
        given = json.loads(content) if kind.startswith("application/json") else content
        return response.status, given, {name.lower(): value for name, value in response.headers.items()}


def listen(folder: Path) -> Iterator[Opened]:
    """Open a studio on a folder in a thread, and end it afterwards."""
    workplace = Workplace(folder)
    with listening("127.0.0.1", 0) as opened:
        port = opened.getsockname()[1]
        app = application(workplace, hosts=frozenset({f"127.0.0.1:{port}"}), token=TOKEN)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=1))
        workplace.is_closing = lambda: server.should_exit
        thread = threading.Thread(target=server.run, kwargs={"sockets": [opened]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield Opened(workplace, port)
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="session")
def studio_folder(run: Run, seen_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one evaluated run, whose images are small digits."""
    folder = tmp_path_factory.mktemp("studio") / "runs"
    shutil.copytree(run.directory, folder / "digits")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PELLUCID_CACHE", str(seen_data / "cache"))
        pellucid.evaluate(pellucid.open_run(folder / "digits", trust=True))
    return folder


@pytest.fixture(scope="session")
def studio(studio_folder: Path, seen_data: Path) -> Iterator[Opened]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PELLUCID_CACHE", str(seen_data / "cache"))
        yield from listen(studio_folder)


@pytest.fixture(scope="module")  # an open one keeps an event loop running, which tests elsewhere cannot have
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip(NO_CHROMIUM)
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def opening() -> Callable[[Path], contextlib.AbstractContextManager[Opened]]:
    """Give what opens a studio on a folder for the body of a `with`."""
    return contextlib.contextmanager(listen)


@pytest.fixture
def open_studio(opening: Any, seen_data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], Opened]]:
    """Give a function that opens a studio on a folder of the test's own, until the test has ended."""
    monkeypatch.setenv("PELLUCID_CACHE", str(seen_data / "cache"))
    with contextlib.ExitStack() as stack:
        yield lambda folder: stack.enter_context(opening(folder))


@pytest.fixture
def own_folder(studio_folder: Path, tmp_path: Path) -> Path:
    """Copy the folder of runs, for a test that writes into it."""
    return Path(shutil.copytree(studio_folder, tmp_path / "runs"))
