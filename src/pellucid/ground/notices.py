"""Sentences on standard error that a person should see although the work goes on."""

from __future__ import annotations

import contextlib
import sys

from pellucid.ground.outside import visible

__all__ = ["notice"]


def notice(text: str) -> None:
    """Print a note on standard error, if there is one that can be written."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            print("Note: " + visible(text, keep="\n"), file=sys.stderr, flush=True)
