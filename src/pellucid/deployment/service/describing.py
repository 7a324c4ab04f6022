"""The OpenAPI document of a service: every path, and every answer that it may give."""

from __future__ import annotations

from typing import Any

from pellucid.deployment.service.limits import Limits
from pellucid.ground.version import VERSION
from pellucid.prediction.classifier import Classifier

__all__ = ["openapi"]


def openapi(classifier: Classifier, limits: Limits, guarded: bool) -> dict[str, Any]:
    """Describe a service in OpenAPI 3.1."""
    security: list[dict[str, list[str]]] = [{"token": []}] if guarded else []
    refused = _answer("What is wrong, and what is expected.", _ref("Error"))
    unauthorised = {"401": refused} if guarded else {}
    schemas = _schemas(classifier)
    predict = {
        "operationId": "predict",
        "summary": "Predict one image or many.",
        "description": (
            f"At most {limits.items} images and {limits.bytes:,} bytes in a request, {limits.pixels:,} pixels in an "
            "image. An image that cannot be read has an error in its place; the others are answered."
        ),
        "security": security,
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "required": ["image"],
                        "properties": {"image": {"type": "array", "minItems": 1, "items": _BINARY}},
                    }
                },
                "image/*": {"schema": _BINARY},
                "application/octet-stream": {"schema": _BINARY},
            },
        },
        "responses": {
            "200": _answer("A prediction, or an error, for each image in order.", _ref("Predictions")),
            "400": refused,
            **unauthorised,
            "413": refused,
            "415": refused,
            "422": _answer("No image could be read; the reason for each.", _ref("Predictions")),
            "503": refused,
        },
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": f"pellucid: {classifier.name}", "version": VERSION},
        "paths": {
            "/predict": {"post": predict},
            "/health": _path(
                "health", "Run one image through the network.", _ref("Health"), also={"503": _ref("Health")}
            ),
            "/info": _path(
                "info", "The network, its classes, its input, the limits.", {"type": "object"}, security, unauthorised
            ),
            "/metrics": _path(
                "metrics",
                "Counters, as Prometheus reads them.",
                {"type": "string"},
                security,
                unauthorised,
                "text/plain",
            ),
            "/openapi.json": _path("openapi", "This document.", {"type": "object"}),
            "/": _path("page", "A page to try it on.", {"type": "string"}, kind="text/html"),
        },
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}} if guarded else {},
        },
    }


_BINARY = {"type": "string", "format": "binary"}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _answer(description: str, schema: dict[str, Any], kind: str = "application/json") -> dict[str, Any]:
    return {"description": description, "content": {kind: {"schema": schema}}}


def _path(
    name: str,
    summary: str,
    schema: dict[str, Any],
    security: list[dict[str, list[str]]] | None = None,
    further: dict[str, Any] | None = None,
    kind: str = "application/json",
    also: dict[str, dict[str, str]] | None = None,
) -> dict[str, Any]:
    responses = {"200": _answer(summary, schema, kind), **(further or {})}
    responses |= {status: _answer(summary, other) for status, other in (also or {}).items()}
    return {"get": {"operationId": name, "summary": summary, "security": security or [], "responses": responses}}


def _schemas(classifier: Classifier) -> dict[str, Any]:
    share = {"type": "number", "minimum": 0, "maximum": 1}
    name = {"type": ["string", "null"]}
    prediction = {
        "type": "object",
        "required": ["name", "class", "index", "confidence", "unsure", "probabilities"],
        "properties": {
            "name": name,
            "class": {"type": "string", "enum": list(classifier.classes)},
            "index": {"type": "integer", "minimum": 0, "maximum": len(classifier.classes) - 1},
            "confidence": {**share, "description": "Calibrated: at the run's temperature."},
            "unsure": {"type": "boolean", "description": "Below the confidence threshold."},
            "probabilities": {"type": "object", "additionalProperties": share},
        },
    }
    refusal = {
        "type": "object",
        "required": ["name", "error"],
        "properties": {"name": name, "error": {"type": "string"}},
    }
    return {
        "Prediction": prediction,
        "Refusal": refusal,
        "Predictions": {
            "type": "object",
            "required": ["model", "predictions"],
            "properties": {
                "model": {"type": "string"},
                "predictions": {
                    "type": "array",
                    "minItems": 1,
                    "items": {"anyOf": [_ref("Prediction"), _ref("Refusal")]},
                },
            },
        },
        "Health": {
            "type": "object",
            "required": ["status", "seconds"],
            "properties": {"status": {"enum": ["ok", "failing"]}, "seconds": {"type": "number", "minimum": 0}},
        },
        "Error": {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}},
    }
