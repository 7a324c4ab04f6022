"""Who may ask the studio for what: only pages of its own address, and only who holds the token may start or write.

A page of a stranger in the same browser can send requests to a local server, also under a name of its own that leads
to this machine (DNS rebinding). So a request must name the studio's own address as its host, must not come from
another site, and whatever is more than reading must carry the token, which stands in the address that the studio
prints and in nothing that is sent by itself.
"""

from __future__ import annotations

import hmac

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["TOKEN_HEADER", "Guard"]

TOKEN_HEADER = "X-Pellucid-Token"

READING = frozenset({"GET", "HEAD"})


class Guard:
    """An ASGI application around another, which lets through what is allowed and adds the headers of safety."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str], token: str, policy: str) -> None:
        """Guard an application.

        Args:
            app: what answers.
            hosts: names and ports that a request may call this server, such as `127.0.0.1:8501`.
            token: what requests that start or write something must carry.
            policy: the content security policy of all answers.
        """
        self._app, self._hosts, self._token = app, hosts, token
        self._headers = {
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            return
        reason = self._refusal(scope["method"], Headers(scope=scope))

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, content in self._headers.items():
                    headers.setdefault(name, content)  # an answer may be stricter: a run's own pages are sandboxed
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        if reason:
            await JSONResponse({"error": reason}, 403)(scope, receive, send_safely)
        else:
            await self._app(scope, receive, send_safely)

    def _refusal(self, method: str, headers: Headers) -> str:
        """Say why a request is refused; nothing where it is not."""
        host = headers.get("host", "").lower()
        if host not in self._hosts:
            return f"this studio answers at {', '.join(sorted(self._hosts))}, not at {host or 'no name'}"
        origin = headers.get("origin")
        if origin is not None and origin.lower() != f"http://{host}":
            return "pages of other sites may not use this studio"
        if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            return "pages of other sites may not use this studio"
        if method not in READING:
            given = headers.get(TOKEN_HEADER, "")
            if not hmac.compare_digest(given.encode("latin-1", "replace"), self._token.encode()):
                return "this page may only look: open the studio by the address that it printed, which holds its token"
        return ""
