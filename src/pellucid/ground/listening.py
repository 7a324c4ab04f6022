"""Listening for requests: at which address, how a server ends, and what becomes of answers to who has left."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import signal
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pellucid.ground.errors import UserError

__all__ = ["OPEN_AT_ONCE", "Server", "answering_who_left", "is_loopback", "listening"]

OPEN_AT_ONCE = 1000


class Server(uvicorn.Server):
    """A server that ends after SIGTERM or Ctrl-C with what it has begun answered; a second one ends it at once."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End at the first signal once what was begun is answered, at the second at once."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):  # Windows, and other threads
                loop.add_signal_handler(number, self._end)
        yield

    def _end(self) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True


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
