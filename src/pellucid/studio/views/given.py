"""Images that a person gives: a file as it is, or pixels that were drawn or photographed."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pellucid.ground.errors import UserError
from pellucid.studio.answering import Asked, writing
from pellucid.studio.workplace import Workplace

__all__ = ["routes"]

MOST_BYTES = 64_000_000
LONGEST_SIDE = 2048


def routes(workplace: Workplace) -> list[Route]:
    """Give what this part answers."""

    async def file(request: Request) -> Response:
        content = bytearray()
        async for part in request.stream():
            content += part
            if len(content) > MOST_BYTES:
                return JSONResponse({"error": f"the image has more than {MOST_BYTES:,} bytes"}, 413)
        name = request.query_params.get("name", "image")[:200]
        return JSONResponse({"image": workplace.given.add_file(bytes(content), name)})

    def pixels(asked: Asked) -> dict[str, Any]:
        height, width, channels = (asked.whole(name) for name in ("height", "width", "channels"))
        if not (1 <= height <= LONGEST_SIDE and 1 <= width <= LONGEST_SIDE and channels in (1, 3)):
            raise UserError(
                f"{height} × {width} × {channels} pixels; expected sides up to {LONGEST_SIDE}, 1 or 3 channels"
            )
        try:
            content = base64.b64decode(asked.text("bytes"), validate=True)
        except ValueError as error:  # binascii.Error is one, and letters beyond ASCII raise it plainly
            raise UserError("the pixels are not in base64") from error
        if len(content) != height * width * channels:
            raise UserError(f"{len(content):,} bytes do not fill {height} × {width} × {channels} pixels")
        array = np.frombuffer(content, np.uint8).reshape(height, width, channels)
        return {"image": workplace.given.add_pixels(array, asked.text("name", "your drawing"))}

    return [Route("/api/given/file", file, methods=["POST"]), writing("/api/given/pixels", pixels)]
