"""Results as JSON holds them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["plain"]


def plain(thing: Any) -> Any:
    """Turn arrays into lists and what is not finite into None, as JSON wants it.

    >>> plain({"a": np.array([1.0, np.inf])}["a"])
    [1.0, None]
    """
    if isinstance(thing, np.ndarray):
        array: NDArray[Any] = thing
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            return [plain(element) for element in array] if array.ndim else None
        return array.tolist()
    if isinstance(thing, np.generic):
        return plain(thing.item())
    if isinstance(thing, float) and not np.isfinite(thing):
        return None
    if isinstance(thing, tuple | list):
        return [plain(element) for element in thing]
    if isinstance(thing, dict):
        return {name: plain(element) for name, element in thing.items()}
    return thing
