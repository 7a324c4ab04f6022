"""Starting the studio: where it listens, and the address with its token.

The page is handed out at once; torch and all that needs it are imported meanwhile, in a thread.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
import webbrowser
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pellucid.ground.errors import UserError
from pellucid.ground.listening import Server, answering_who_left, is_loopback, listening
from pellucid.studio.guarding import Guard
from pellucid.studio.page_files import page_routes

__all__ = ["PORT", "serve"]

PORT = 8501
"""Where it listens where nothing is said, or the next free one."""

TRIES = 20
RECORD = "run.json"
"""`RunFile.RECORD`, whose room loads torch."""


def serve(
    place: str | Path = "runs",
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    trust: bool = False,
    open_browser: bool = True,
    on_start: Callable[[str], object] = print,
    shown: dict[str, str] | None = None,
) -> None:
    """Open the studio in the browser, and answer until Ctrl-C.

    Args:
        place: a run, or a folder of runs, which need not exist yet.
        host: the address to listen on; only this machine can reach the default.
        port: None takes 8501, or the next one that is free; 0 any free one.
        trust: whether networks from files in runs of others may be run without asking.
        open_browser: whether to open a browser.
        on_start: called with the address, which holds the token, when it listens.
        shown: what the page shows first: `epoch`, `image`, `unit`.

    Raises:
        UserError: the place is a file; the address cannot be listened on.
    """
    folder, run = _folder(Path(place))
    if not is_loopback(host):
        raise UserError(f"--host is {host!r}; the studio can start and write things, so it answers this machine alone")
    token = secrets.token_urlsafe(18)
    with listening(host, _free_port(host) if port is None else port) as opened:
        number = opened.getsockname()[1]
        names = {"127.0.0.1", "localhost", "[::1]", f"[{host}]" if ":" in host else host}

        def load() -> ASGIApp:
            from pellucid.studio.application import parts
            from pellucid.studio.workplace import Workplace

            workplace = Workplace(folder, trust=trust)
            workplace.is_closing = lambda: front.is_left
            return parts(workplace)

        front = _Front(load)
        guarded = Guard(front, frozenset(f"{name}:{number}" for name in names), token)
        config = uvicorn.Config(
            answering_who_left(guarded),
            log_level="warning",
            ws="none",
            timeout_graceful_shutdown=3,
            server_header=False,
            lifespan="off",
        )
        address = f"http://{f'[{host}]' if ':' in host else host}:{number}/?token={token}"
        state = ({"run": run} if run else {}) | (shown or {})
        address += f"#/see?{urlencode(state, safe='/,[]')}" if state else ""
        on_start(address)
        if open_browser:  # beside the server: one that runs in the terminal itself would keep it from answering
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        _Studio(config, front).run(sockets=[opened])


class _Front:
    """Hands out the page's files from the first moment on; the rest waits for what is imported in a thread."""

    def __init__(self, load: Callable[[], ASGIApp]) -> None:
        self._page = Starlette(routes=page_routes())
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="pellucid-import")
        self._loading: Future[ASGIApp] = self._pool.submit(load)
        self._leaving: asyncio.Event | None = None
        self.is_left = False

    def leave(self) -> None:
        """Tell answers that go on until somebody leaves, such as streams of events, that all have left."""
        self.is_left = True
        if self._leaving is not None:
            self._leaving.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._loading.done() and any(route.matches(scope)[0] is Match.FULL for route in self._page.routes):
            await self._page(scope, receive, send)
            return
        app = await asyncio.wrap_future(self._loading)
        await app(scope, self._until_leaving(receive), send)

    def _until_leaving(self, receive: Receive) -> Receive:
        self._leaving = leaving = self._leaving or asyncio.Event()
        whole = False

        async def receive_or_leave() -> Message:
            nonlocal whole
            if not whole:
                message = await receive()
                whole = not message.get("more_body", False)
                return message
            left, coming = asyncio.ensure_future(leaving.wait()), asyncio.ensure_future(receive())
            try:
                await asyncio.wait((left, coming), return_when=asyncio.FIRST_COMPLETED)
                return coming.result() if coming.done() else {"type": "http.disconnect"}
            finally:
                left.cancel()
                coming.cancel()

        return receive_or_leave


class _Studio(Server):
    """A server that lets go of open streams when it ends."""

    def __init__(self, config: uvicorn.Config, front: _Front) -> None:
        super().__init__(config)
        self._front = front

    def _end(self) -> None:
        super()._end()
        self._front.leave()


def _folder(place: Path) -> tuple[Path, str | None]:
    """Tell a run from a folder of runs; a run is shown in its folder."""
    if (place / RECORD).exists():
        whole = place.resolve()
        return (place.parent if place.name not in ("", ".", "..") else whole.parent), whole.name
    if place.exists() and not place.is_dir():
        raise UserError(f"{place} is a file; expected a run, or a folder of runs")
    return place, None


def _free_port(host: str) -> int:
    for port in range(PORT, PORT + TRIES):
        try:
            with listening(host, port):
                return port
        except UserError:
            continue
    return 0
