"""Starting the studio: where it listens, and the address with its token."""

from __future__ import annotations

import secrets
import webbrowser
from collections.abc import Callable
from pathlib import Path

import uvicorn

from pellucid.deployment.service.running import Server, answering_who_left, is_loopback, listening
from pellucid.ground.errors import UserError
from pellucid.run import RunFile
from pellucid.studio.application import application
from pellucid.studio.workplace import Workplace

__all__ = ["PORT", "studio"]

PORT = 8501
"""Where it listens where nothing is said, or the next free one."""

TRIES = 20


def studio(
    place: str | Path = "runs",
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    trust: bool = False,
    open_browser: bool = True,
    on_start: Callable[[str], object] = print,
) -> None:
    """Open the studio in the browser, and answer until Ctrl-C.

    Args:
        place: a run, or a folder of runs, which need not exist yet.
        host: the address to listen on; only this machine can reach the default.
        port: None takes 8501, or the next one that is free; 0 any free one.
        trust: whether networks from files in runs of others may be run without asking.
        open_browser: whether to open a browser.
        on_start: called with the address, which holds the token, when it listens.

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
        workplace = Workplace(folder, trust=trust)
        app = application(workplace, hosts=frozenset(f"{name}:{number}" for name in names), token=token)
        config = uvicorn.Config(
            answering_who_left(app),
            log_level="warning",
            ws="none",
            timeout_graceful_shutdown=3,
            server_header=False,
            lifespan="off",
        )
        address = f"http://{f'[{host}]' if ':' in host else host}:{number}/?token={token}"
        address += f"#/see?run={run}" if run else ""
        on_start(address)
        if open_browser:
            webbrowser.open(address)
        server = Server(config)
        workplace.is_closing = lambda: server.should_exit
        server.run(sockets=[opened])


def _folder(place: Path) -> tuple[Path, str | None]:
    """Tell a run from a folder of runs; a run is shown in its folder."""
    if (place / RunFile.RECORD).exists():
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
