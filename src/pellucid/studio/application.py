"""The studio as an ASGI application: the page's files, and what each part of it asks for."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp

from pellucid.studio.answering import broken, refused
from pellucid.studio.guarding import Guard
from pellucid.studio.page_files import page_routes
from pellucid.studio.views import comparing, doing, given, maths, mistakes, see, training
from pellucid.studio.workplace import Workplace

__all__ = ["PARTS", "application", "parts"]

PARTS = (see, given, maths, training, mistakes, comparing, doing)
"""Each file of `views/`."""


def application(workplace: Workplace, *, hosts: frozenset[str], token: str) -> ASGIApp:
    """Make the whole ASGI application, guarded.

    Args:
        workplace: what it works on.
        hosts: names and ports by which requests may call it.
        token: what requests that start or write something must carry.
    """
    return Guard(parts(workplace), hosts, token)


def parts(workplace: Workplace) -> Starlette:
    """Make what answers for the page and all its parts, unguarded."""
    routes = [*page_routes(), *(route for part in PARTS for route in part.routes(workplace))]
    handlers = {HTTPException: refused, ClientDisconnect: refused, Exception: broken}
    return Starlette(routes=routes, exception_handlers=handlers)
