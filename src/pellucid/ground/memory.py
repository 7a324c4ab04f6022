"""Memory kept for the next step instead of being given back to the system after each."""

from __future__ import annotations

import ctypes
import sys

__all__ = ["keep_freed_memory"]

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # from <malloc.h>
SIZES = (1 << 30, 32 << 20)
"""Bytes up to which a block is kept: what we want, and the most that older C libraries accept."""


def keep_freed_memory() -> bool:
    """Ask the C library to keep freed blocks in the process; say whether it will.

    A training step frees and asks for the same large blocks again and again. GNU's malloc gives them back to the
    system each time, and every page of the next step is a page fault: where that happens, about a thousand in a step
    of the lesson's network and a quarter of its time (`benchmarks/LOG.md`). Other C libraries have no such call.
    The price is that the process keeps its peak memory until it ends. See mallopt(3).
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return any(mallopt(M_MMAP_THRESHOLD, size) for size in SIZES) and bool(mallopt(M_TRIM_THRESHOLD, 2**31 - 1))
