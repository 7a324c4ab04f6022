"""What `pellucid.studio.packing` writes, read by a few lines of NumPy."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

__all__ = ["unpacked"]


def unpacked(content: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read a head and arrays; written apart from the page's own reader and from what packs them."""
    size = int.from_bytes(content[:4], "little")
    head = json.loads(content[4 : 4 + size])
    start = 8 * -(-(4 + size) // 8)
    arrays = {}
    for name, place in head["arrays"].items():
        count = int(np.prod(place["shape"]))
        arrays[name] = np.frombuffer(content, place["type"], count, start + place["at"]).reshape(place["shape"])
    return head, arrays
