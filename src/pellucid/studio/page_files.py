"""The page's own files, as the browser asks for them: they are there before torch is imported."""

from __future__ import annotations

import importlib.resources
from collections.abc import Callable
from importlib.resources.abc import Traversable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pellucid.web import modules_folder, style_sheet

__all__ = ["page_routes"]

KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}


def page_routes() -> list[Route]:
    """Give what hands out the page, its modules and style sheets, and the colours that all pictures share."""
    page = importlib.resources.files("pellucid.studio") / "page"
    return [
        Route("/", _one_file(page / "index.html")),
        Route("/colours.css", _colours),
        Route("/page/{path:path}", _files(page)),
        Route("/modules/{path:path}", _files(modules_folder())),
    ]


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
