"""Numbers on their way to the browser: a head in JSON, then arrays as they lie in memory.

    4 bytes: the head's size N, little-endian · N bytes: JSON · zeros up to a multiple of 8 · the arrays

The head is what was given, with `arrays`: for each its `type` (`float32`, `float64`, `int32`, `uint8`), `shape`, and
`at`, where it begins after the head.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.responses import Response

from pellucid.ground.plain import plain

__all__ = ["packed"]

TYPES = ("float32", "float64", "int32", "uint8")


def packed(head: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Response:
    """Answer with a head and arrays, each of one of `TYPES`."""
    places, parts, at = {}, [], 0
    for name, array in arrays.items():
        kind = array.dtype.name
        if kind not in TYPES:
            raise TypeError(f"{name} is {kind}; expected {', '.join(TYPES)}")
        content = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
        places[name] = {"type": kind, "shape": list(array.shape), "at": at}
        parts += [content, bytes(-len(content) % 8)]
        at += len(content) + -len(content) % 8
    text = json.dumps({**plain(dict(head)), "arrays": places}, allow_nan=False).encode()
    start = len(text).to_bytes(4, "little") + text
    return Response(b"".join([start, bytes(-len(start) % 8), *parts]), media_type="application/octet-stream")
