"""Who may ask the studio for what: only pages of its own address, and only who holds the token may start or write.

A page of a stranger in the same browser can send requests to a local server, also under a name of its own that leads
to this machine (DNS rebinding). So a request must name the studio's own address as its host, must not come from
another site, and whatever is more than reading must carry the token, which stands in the address that the studio
prints and in nothing that is sent by itself. What a request may hold is limited too, in bytes and in time.
"""

from __future__ import annotations

import asyncio
import hmac

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["POLICY", "TOKEN_HEADER", "Guard"]

TOKEN_HEADER = "X-Pellucid-Token"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "media-src blob: mediastream:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What the page may load: its own files, and pictures that it holds itself. Nothing runs that stands in HTML."""

METHODS = frozenset({"GET", "HEAD", "POST"})
LONGEST_ADDRESS = 4_000
"""Python reads no whole number of more than 4,300 digits, so that none of an address is too long for it."""

LARGEST_HEADERS = 32_000
LARGEST_BODY = 256_000_000
"""Whatever a part of the page itself allows, which is less."""

BODY_SECONDS = 60
"""In which the whole body of a request must have come: what is sent comes from this machine."""

CLOSE = {"Connection": "close"}
"""After a refusal the rest of a request is not waited for."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guard:
    """An ASGI application around another, which lets through what is allowed and adds the headers of safety."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str], token: str, body_seconds: float = BODY_SECONDS) -> None:
        """Guard an application.

        Args:
            app: what answers.
            hosts: names and ports that a request may call this server, such as `127.0.0.1:8501`.
            token: what requests that start or write something must carry.
            body_seconds: how long a request's body may take to come.
        """
        self._app, self._hosts, self._token, self._body_seconds = app, hosts, token, body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, content in HEADERS.items():
                    headers.setdefault(name, content)  # an answer may be stricter: a run's own pages are sandboxed
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        refusal = self._refusal(scope)
        if refusal:
            status, reason = refusal
            await JSONResponse({"error": reason}, status, CLOSE)(scope, receive, send_safely)
            return
        await self._app(scope, _in_time(receive, self._body_seconds), send_safely)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Say why a request is refused, and with which status; None where it is not."""
        headers, method = Headers(scope=scope), scope["method"]
        host = headers.get("host", "").lower()
        if host not in self._hosts or len(headers.getlist("host")) > 1:
            return 403, f"this studio answers at {', '.join(sorted(self._hosts))}, not at {host[:200] or 'no name'}"
        origins = {origin.lower() for origin in headers.getlist("origin")}
        if origins - {f"http://{host}"} or set(headers.getlist("sec-fetch-site")) - {"same-origin", "none"}:
            return 403, "pages of other sites may not use this studio"
        if method not in METHODS:
            return 405, f"{method[:20]} is not answered here; expected GET or POST"
        if method == "POST":
            given = headers.get(TOKEN_HEADER, "")
            if not hmac.compare_digest(given.encode("latin-1", "replace"), self._token.encode()):
                reason = (
                    "this page may only look: open the studio by the address that it printed, which holds its token"
                )
                return 403, reason
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > LONGEST_ADDRESS:
            return 414, f"the address is longer than {LONGEST_ADDRESS:,} bytes"
        if sum(len(name) + len(content) for name, content in scope["headers"]) > LARGEST_HEADERS:
            return 431, f"the headers are larger than {LARGEST_HEADERS:,} bytes"
        announced = headers.get("content-length", "0")
        if announced.isascii() and announced.isdigit() and int(announced[:18]) > LARGEST_BODY:
            return 413, f"the request has more than {LARGEST_BODY:,} bytes"
        return None


def _in_time(receive: Receive, seconds: float) -> Receive:
    """Receive a body that comes in time and is not too large; what comes after it, as leaving, may take for ever."""
    loop = asyncio.get_running_loop()
    end, size, whole = loop.time() + seconds, 0, False

    async def receive_in_time() -> Message:
        nonlocal size, whole
        if whole:
            return await receive()
        try:
            message = await asyncio.wait_for(receive(), max(0.0, end - loop.time()))
        except TimeoutError as error:
            raise HTTPException(408, f"the request did not come within {seconds:g} seconds", CLOSE) from error
        size += len(message.get("body", b""))
        if size > LARGEST_BODY:
            raise HTTPException(413, f"the request has more than {LARGEST_BODY:,} bytes", CLOSE)
        whole = not message.get("more_body", False)
        return message

    return receive_in_time
