"""How a view answers: a plain function in a thread, its parameters from the request, a person's mistake as words."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pellucid.ground.errors import UserError, system_error
from pellucid.ground.plain import plain
from pellucid.run import UntrustedNetwork

__all__ = ["Asked", "Json", "broken", "reading", "refused", "sent", "writing"]

MOST_BYTES = 1_000_000
"""Of the JSON that a page sends."""


class Json(JSONResponse):
    """JSON in ASCII: a file's name that is no Unicode can be written so, and JavaScript reads it."""

    def render(self, content: Any) -> bytes:
        """Write it."""
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()


class Asked(dict[str, Any]):
    """What a request asks: the parameters of its address, or the JSON that it carries."""

    def text(self, name: str, default: str | None = None) -> str:
        """Give a text.

        Raises:
            UserError: it is missing or no text, and there is no default.
        """
        value = self.get(name, default)
        if not isinstance(value, str):
            raise UserError(f"{name} is {value!r}; expected a text")
        return value

    def whole(self, name: str, default: int | None = None) -> int:
        """Give a whole number.

        Raises:
            UserError: it is missing or none.
        """
        value = self.get(name, default)
        if isinstance(value, str) and value.lstrip("-").isascii() and value.lstrip("-").isdigit() and len(value) < 16:
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise UserError(f"{name} is {value!r}; expected a whole number")
        return value

    def chosen(self, name: str) -> str | None:
        """Give a text that may be left out."""
        value = self.get(name)
        if value is not None and not isinstance(value, str):
            raise UserError(f"{name} is {value!r}; expected a text")
        return value or None


Answer = Mapping[str, Any] | Response


def reading(path: str, function: Callable[[Asked], Answer]) -> Route:
    """Make a route for GET: the function gets the address's parameters, and gives JSON or a whole response."""

    async def answer(request: Request) -> Response:
        return await _answered(function, Asked(request.query_params))

    return Route(path, answer, methods=["GET"])


def writing(path: str, function: Callable[[Asked], Answer]) -> Route:
    """Make a route for POST, which only who holds the token may use: the function gets the JSON of its body."""

    async def answer(request: Request) -> Response:
        try:
            asked = await sent(request)
        except UserError as error:
            return _error(str(error), 413 if isinstance(error, TooMuch) else 400)
        return await _answered(function, asked)

    return Route(path, answer, methods=["POST"])


class TooMuch(UserError):
    """A request carries more than is read."""


async def sent(request: Request) -> Asked:
    """Read the JSON object that a request carries.

    Raises:
        UserError: it carries something else, or too much.
    """
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > MOST_BYTES:
            raise TooMuch(f"more than {MOST_BYTES:,} bytes; send less")
    try:
        document = json.loads(content or b"{}")
        json.dumps(document, ensure_ascii=False).encode()  # half a character, as in "\\ud800", names no file
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise UserError("expected a JSON object")
    return Asked(document)


async def _answered(function: Callable[[Asked], Answer], asked: Asked) -> Response:
    try:
        answer = await run_in_threadpool(function, asked)
    except UntrustedNetwork as error:
        return JSONResponse({"error": str(error), "untrusted": True}, 400)
    except UserError as error:
        return _error(str(error), 400)
    except OSError as error:
        return _error(system_error(error), 500)
    return answer if isinstance(answer, Response) else Json(plain(dict(answer)))


async def refused(request: Request, error: Exception) -> Response:
    """Answer what no part of the page answers for."""
    if not isinstance(error, HTTPException):  # who asked has left in the middle of it
        return _error("the request was cut off", 400)
    answer = _error(f"{error.detail}: {request.method} {request.url.path}", error.status_code)
    answer.headers.update(error.headers or {})
    return answer


async def broken(request: Request, error: Exception) -> Response:
    """Answer where the studio itself is at fault; the traceback stands in its terminal."""
    return _error(f"the studio failed at this ({type(error).__name__}); its terminal says more", 500)


def _error(reason: str, status: int) -> Response:
    return Json({"error": reason}, status)
