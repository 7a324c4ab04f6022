"""What one request may take of a service, and what all of them together may."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from pellucid.ground.errors import UserError

__all__ = ["Limits"]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The bounds of a service; a request beyond one is refused with a message that names it.

    Raises:
        UserError: those that cannot be, all together.

    >>> Limits(items=0)
    Traceback (most recent call last):
        ...
    pellucid.ground.errors.UserError: these limits cannot be: items is 0; expected a number above 0
    """

    bytes: int = 32 << 20
    """Of the body of one request."""

    bytes_at_once: int = 512 << 20
    """Of the bodies of all requests that are being answered; more are told to come back later."""

    pixels: int = 50_000_000
    """Of one image."""

    items: int = 64
    """Images in one request."""

    seconds: float = 30.0
    """From the first byte of a request to its answer."""

    batch: int = 32
    """Images that are computed together at most."""

    wait: float = 0.005
    """Seconds that an image waits, at most, for others that are still being read, so as to be computed with them."""

    def __post_init__(self) -> None:
        problems = [
            f"{name} is {value}; expected a number {'of 0 or more' if name == 'wait' else 'above 0'}"
            for name, value in asdict(self).items()
            if not (0 <= value < math.inf if name == "wait" else 0 < value < math.inf)
        ]
        if problems:
            raise UserError.all_of("these limits cannot be", problems)

    def to_dict(self) -> dict[str, Any]:
        """Give them as JSON holds them."""
        return asdict(self)
