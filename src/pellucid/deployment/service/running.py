"""A service from its start to its end: where it listens, and how it stops without losing a request."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pellucid.deployment.service.application import application
from pellucid.deployment.service.limits import Limits
from pellucid.ground.errors import UserError
from pellucid.prediction.classifier import Classifier

__all__ = ["Server", "answering_who_left", "check_token", "is_loopback", "listening", "serve"]

OPEN_AT_ONCE = 1000
IDLE = 30
"""Seconds that a connection is kept open between two requests."""


class Server(uvicorn.Server):
    """A server that ends after SIGTERM or Ctrl-C with what it has begun answered; a second one ends it at once."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End at the first signal once what was begun is answered, at the second at once."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            with contextlib.suppress(
                NotImplementedError, RuntimeError
            ):  # Windows, and threads that are not the main one
                loop.add_signal_handler(number, self._end)
        yield

    def _end(self) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True


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


def answering_who_left(app: ASGIApp) -> ASGIApp:
    """Drop answers to connections that were cut: some event loops raise for them, which is no fault of the service."""

    async def patient(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_if_open(message: Message) -> None:
            try:
                await send(message)
            except RuntimeError as error:
                if "closed" not in str(error):
                    raise

        await app(scope, receive, send_if_open)

    return patient


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


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("::1"), is_loopback("0.0.0.0")
    (True, True, True, False)
    """
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """Listen on an address of this machine.

    Raises:
        UserError: it cannot be listened on.
    """
    if not 0 <= port <= 65_535:
        raise UserError(f"--port is {port}; expected a number from 0 (any free one) to 65535")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # With the protocol named, asyncio sends small answers at once; without, each may wait 40 ms (Nagle).
        opened: Any = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:  # a name of an impossible length
        raise UserError(
            f"--host is {host!r}, which is no address of this machine ({getattr(error, 'strerror', None) or error})"
        ) from error
    with opened:
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.bind(address)
            opened.listen(OPEN_AT_ONCE)
        except OSError as error:
            raise UserError(
                f"{host}:{port} cannot be listened on: {error.strerror or error}; give another --port (0: any free one)"
            ) from error
        yield opened
