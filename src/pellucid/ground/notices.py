"""Sentences on standard error that a person should see although the work goes on."""

from __future__ import annotations

import contextlib
import sys

__all__ = ["notice"]


def notice(text: str) -> None:
    """Print a note on standard error, if there is one that can be written."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            print(f"Note: {text}", file=sys.stderr, flush=True)
