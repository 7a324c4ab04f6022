"""A request's body to the files in it: multipart or one file as it is, bounded while it is read."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from pellucid.deployment.service.limits import Limits
from pellucid.ground.outside import visible

__all__ = ["Item", "Refused", "read_items"]

RAW = ("image/", "application/octet-stream")


@dataclass(frozen=True)
class Item:
    """One file of a request."""

    name: str | None
    """As the client calls it, with control characters as escapes."""
    content: bytes


class Refused(Exception):
    """A request that cannot be answered: the HTTP status, and why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


async def read_items(request: Request, limits: Limits) -> list[Item]:
    """Read the images of a request.

    Raises:
        Refused: the body is too large, of another kind, malformed, or has no or too many files; the client went away.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _parts(request, limits)
    if kind and not kind.startswith(RAW):
        raise Refused(
            415,
            f"the body is {visible(kind)}; expected multipart/form-data with one file or more, or one image as it is "
            "(image/jpeg, application/octet-stream, ...)",
        )
    body = await _body(request, limits)
    if not body:
        raise Refused(400, "the body is empty; expected one image, or multipart/form-data with one file or more")
    return [Item(None, body)]


async def _parts(request: Request, limits: Limits) -> list[Item]:
    body = await _body(request, limits)

    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(request.headers, stream(), max_files=limits.items, max_fields=limits.items)
    parser.spool_max_size = limits.bytes  # in memory: no request leaves a file on the disk
    try:
        form = await parser.parse()
    except MultiPartException as error:
        too_many = "too many files" in error.message.lower()
        raise Refused(413 if too_many else 400, f"{error.message}; at most {limits.items} files") from error
    except Exception as error:  # the parser underneath has errors of its own for what is malformed
        raise Refused(400, f"the multipart body is malformed ({type(error).__name__}: {error})") from error
    items = [
        Item(visible(part.filename) if part.filename else None, await part.read())
        for _, part in form.multi_items()
        if isinstance(part, UploadFile)
    ]
    await form.close()
    if not items:
        raise Refused(400, "the form has no file; expected one file or more, under any name")
    return items


async def _body(request: Request, limits: Limits) -> bytes:
    stated = request.headers.get("content-length", "")
    if stated.isascii() and stated.isdigit() and int(stated[:18]) > limits.bytes:
        raise Refused(413, f"the body has {int(stated[:18]):,} bytes; at most {limits.bytes:,} are taken")
    pieces, size = [], 0
    try:
        async for piece in request.stream():
            size += len(piece)
            if size > limits.bytes:
                raise Refused(413, f"the body has more than {limits.bytes:,} bytes, the most that are taken")
            pieces.append(piece)
    except ClientDisconnect as error:
        raise Refused(400, "the client went away before its body was complete") from error
    return b"".join(pieces)
