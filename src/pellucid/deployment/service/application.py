"""The service as an ASGI application: its paths, and what each answers."""

from __future__ import annotations

import asyncio
import hmac
import io
import time
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
from PIL import Image
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from pellucid.deployment.service.batching import Batcher
from pellucid.deployment.service.describing import openapi
from pellucid.deployment.service.front import POLICY, front_page
from pellucid.deployment.service.limits import Limits
from pellucid.deployment.service.measures import Measures
from pellucid.deployment.service.requests import Item, Refused, read_items
from pellucid.ground.cores import usable_cores
from pellucid.ground.version import VERSION
from pellucid.prediction.classifier import Answer, Classifier, Refusal

__all__ = ["application"]

Handler = Callable[[Request], Awaitable[Response]]
SAFE = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}


def application(classifier: Classifier, limits: Limits | None = None, token: str | None = None) -> Starlette:
    """Make the ASGI application that answers for a classifier.

    Args:
        classifier: `open_classifier` gives it.
        limits: what a request may take.
        token: what a request for predictions must carry, as `Authorization: Bearer TOKEN`; None asks for nothing.
    """
    return _Service(classifier, limits or Limits(), token).application()


class _Service:
    """What the paths share."""

    def __init__(self, classifier: Classifier, limits: Limits, token: str | None) -> None:
        self.classifier, self.limits, self.token = classifier, limits, token
        self.measures = Measures()
        self.batcher = Batcher(classifier, limits, self.measures.batches.observe)
        self.bytes_open = 0

    def application(self) -> Starlette:
        routes = [
            Route("/", self._counted("/", self._front), methods=["GET"]),
            Route("/predict", self._counted("/predict", self._guarded(self._predict)), methods=["POST"]),
            Route("/health", self._counted("/health", self._health), methods=["GET"]),
            Route("/info", self._counted("/info", self._guarded(self._info)), methods=["GET"]),
            Route("/metrics", self._guarded(self._metrics), methods=["GET"]),
            Route("/openapi.json", self._counted("/openapi.json", self._openapi), methods=["GET"]),
        ]
        handlers: Any = {HTTPException: _refused_by_starlette}
        return Starlette(routes=routes, exception_handlers=handlers)

    def _counted(self, path: str, handler: Handler) -> Handler:
        async def counted(request: Request) -> Response:
            with self.measures.open.track_inprogress():
                try:
                    response = await handler(request)
                except Refused as refused:
                    response = _error(refused.status, refused.reason)
            self.measures.requests.labels(path, str(response.status_code)).inc()
            return response

        return counted

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            if self.token is not None:
                given = request.headers.get("authorization", "")
                if not hmac.compare_digest(given.encode("latin-1"), f"Bearer {self.token}".encode()):
                    headers = {"WWW-Authenticate": "Bearer"}
                    return _error(
                        401, "expected the header Authorization: Bearer TOKEN with this service's token", headers
                    )
            return await handler(request)

        return guarded

    async def _predict(self, request: Request) -> Response:
        begun = time.monotonic()
        try:
            async with asyncio.timeout(self.limits.seconds):
                return await self._answered(request)
        except TimeoutError:
            return _error(
                503,
                f"not answered within {self.limits.seconds:g} seconds; send less, or try again later",
                {"Retry-After": "5"},
            )
        finally:
            self.measures.seconds.observe(time.monotonic() - begun)

    async def _answered(self, request: Request) -> Response:
        stated = request.headers.get("content-length", "")
        size = int(stated) if stated.isascii() and stated.isdigit() and len(stated) < 16 else self.limits.bytes
        size = min(size, self.limits.bytes)
        if self.bytes_open + size > self.limits.bytes_at_once:
            return _error(503, "too many images are being answered; try again in a moment", {"Retry-After": "1"})
        self.bytes_open += size
        try:
            items = await read_items(request, self.limits)
            answers = await self.batcher.answer([item.content for item in items])
        finally:
            self.bytes_open -= size
        for answer in answers:
            outcome = "refused" if isinstance(answer, Refusal) else "unsure" if answer.unsure else "answered"
            self.measures.images.labels(outcome).inc()
        pairs = zip(items, answers, strict=True)
        body = {"model": self.classifier.model, "predictions": [self._entry(item, answer) for item, answer in pairs]}
        return _json(body, 422 if all(isinstance(answer, Refusal) for answer in answers) else 200)

    def _entry(self, item: Item, answer: Answer | Refusal) -> dict[str, Any]:
        if isinstance(answer, Refusal):
            return {"name": item.name, "error": answer.reason}
        return {
            "name": item.name,
            "class": answer.label,
            "index": answer.index,
            "confidence": answer.confidence,
            "unsure": answer.unsure,
            "probabilities": dict(zip(self.classifier.classes, answer.probabilities, strict=True)),
        }

    async def _health(self, request: Request) -> Response:
        """Really run one image, grey all over, on the way that every image takes."""
        target, begun = self.classifier.target, time.monotonic()
        file = io.BytesIO()
        Image.fromarray(np.full((target.height, target.width), 128, np.uint8)).save(file, "PNG")
        try:
            async with asyncio.timeout(self.limits.seconds):
                (answer,) = await self.batcher.answer([file.getvalue()])
        except TimeoutError:
            answer = Refusal(f"not answered within {self.limits.seconds:g} seconds")
        seconds = round(time.monotonic() - begun, 6)
        if isinstance(answer, Refusal):
            return _json({"status": "failing", "reason": answer.reason, "seconds": seconds}, 503)
        return _json({"status": "ok", "seconds": seconds})

    async def _info(self, request: Request) -> Response:
        classifier, target = self.classifier, self.classifier.target
        return _json(
            {
                "network": classifier.name,
                "model": classifier.model,
                "classes": list(classifier.classes),
                "threshold": classifier.threshold,
                "input": {
                    "height": target.height,
                    "width": target.width,
                    "channels": target.channels,
                    "fit": target.fit,
                },
                "limits": self.limits.to_dict(),
                "threads": usable_cores(),
                "pellucid": VERSION,
            }
        )

    async def _metrics(self, request: Request) -> Response:
        return Response(self.measures.text(), media_type="text/plain; version=0.0.4", headers=SAFE)

    async def _openapi(self, request: Request) -> Response:
        return _json(openapi(self.classifier, self.limits, self.token is not None))

    async def _front(self, request: Request) -> Response:
        page = front_page(self.classifier, self.limits, self.token is not None)
        return HTMLResponse(page, headers=SAFE | {"Content-Security-Policy": POLICY})


def _json(body: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse(body, status, headers=SAFE | (headers or {}))


def _error(status: int, reason: str, headers: dict[str, str] | None = None) -> Response:
    return _json({"error": reason}, status, headers)


async def _refused_by_starlette(request: Request, error: HTTPException) -> Response:
    """Answer for a path that there is not, or a method that it does not take."""
    paths = "POST /predict, GET /health, /info, /metrics, /openapi.json and /"
    return _error(error.status_code, f"{error.detail}; expected {paths}", dict(error.headers or {}))
