"""A service from its start to its end: where it listens, and how it stops without losing a request."""

from __future__ import annotations

from collections.abc import Callable

import uvicorn

from pellucid.deployment.service.application import application
from pellucid.deployment.service.limits import Limits
from pellucid.ground.errors import UserError
from pellucid.ground.listening import OPEN_AT_ONCE, Server, answering_who_left, listening
from pellucid.prediction.classifier import Classifier

__all__ = ["check_token", "serve"]

IDLE = 30
"""Seconds that a connection is kept open between two requests."""


def serve(
    classifier: Classifier,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str | None = None,
    limits: Limits | None = None,
    on_start: Callable[[str], object] = print,
) -> None:
    """Answer over HTTP until SIGTERM or Ctrl-C; requests that were begun by then are still answered.

    Args:
        classifier: `open_classifier` gives it.
        host: where to listen; other machines reach only an address that is not the loopback's.
        port: 0 is any free one.
        token: what requests must carry.
        limits: what a request may take.
        on_start: called with the address when it listens.

    Raises:
        UserError: the address cannot be listened on; the token can be carried by no request.
    """
    limits = limits or Limits()
    check_token(token)
    with listening(host, port) as opened:
        name = f"[{host}]" if ":" in host else host
        config = uvicorn.Config(
            answering_who_left(application(classifier, limits, token)),
            log_level="warning",
            ws="none",  # where a library for it is installed, a request to change over is never answered
            limit_concurrency=OPEN_AT_ONCE,
            timeout_keep_alive=IDLE,
            timeout_graceful_shutdown=round(limits.seconds) + 1,
            server_header=False,
            lifespan="off",  # it has a traceback of its own where a second signal ends the server at once
        )
        server = Server(config)
        on_start(f"http://{name}:{opened.getsockname()[1]}")
        server.run(sockets=[opened])


def check_token(token: str | None) -> None:
    """Check that requests can carry a token.

    Raises:
        UserError: it is empty, or has spaces or letters that a header does not take.
    """
    if token is not None and not (token and token.isascii() and token.isprintable() and " " not in token):
        raise UserError(
            f"the token is {token!r}, which no request can carry; expected letters, digits and signs of ASCII without "
            "spaces, or no token"
        )
