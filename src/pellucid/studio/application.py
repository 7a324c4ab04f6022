"""The studio as an ASGI application: the page's files, and what each part of it asks for."""

from __future__ import annotations

import importlib.resources
from collections.abc import Callable
from importlib.resources.abc import Traversable

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from pellucid.studio.guarding import Guard
from pellucid.studio.views import comparing, doing, given, mistakes, see
from pellucid.studio.workplace import Workplace
from pellucid.web import modules_folder, style_sheet

__all__ = ["application"]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "media-src blob: mediastream:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
PARTS = (see, given, mistakes, comparing, doing)
"""Each file of `views/`."""


def application(workplace: Workplace, *, hosts: frozenset[str], token: str) -> ASGIApp:
    """Make the ASGI application.

    Args:
        workplace: what it works on.
        hosts: names and ports by which requests may call it.
        token: what requests that start or write something must carry.
    """
    page = importlib.resources.files("pellucid.studio") / "page"
    routes = [
        Route("/", _one_file(page / "index.html")),
        Route("/colours.css", _colours),
        Route("/page/{path:path}", _files(page)),
        Route("/modules/{path:path}", _files(modules_folder())),
        *(route for part in PARTS for route in part.routes(workplace)),
    ]
    starlette = Starlette(routes=routes, exception_handlers={HTTPException: _refused})
    return Guard(starlette, hosts, token, POLICY)


def _one_file(file: Traversable) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        return Response(file.read_bytes(), media_type=KINDS[f".{file.name.rpartition('.')[2]}"])

    return answer


def _files(folder: Traversable) -> Callable[[Request], Response]:
    """Hand out the files of a folder, by the names that there are: no path of a request is ever put together."""
    files = dict(_listed(folder, ""))

    def answer(request: Request) -> Response:
        file = files.get(request.path_params["path"])
        if file is None:
            return JSONResponse({"error": "there is no such file"}, 404)
        return Response(file.read_bytes(), media_type=KINDS[f".{file.name.rpartition('.')[2]}"])

    return answer


def _listed(folder: Traversable, prefix: str) -> list[tuple[str, Traversable]]:
    listed = []
    for entry in folder.iterdir():
        if entry.is_dir():
            listed += _listed(entry, f"{prefix}{entry.name}/")
        elif f".{entry.name.rpartition('.')[2]}" in KINDS:
            listed.append((prefix + entry.name, entry))
    return listed


async def _colours(request: Request) -> Response:
    return Response(str(await run_in_threadpool(style_sheet)), media_type=KINDS[".css"])


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": f"{error.detail}: {request.method} {request.url.path}"}, error.status_code)
