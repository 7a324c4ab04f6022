"""How much memory there is for pictures."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

__all__ = ["available_memory"]

ASSUMED = 2 << 30
"""Where the system does not say."""


def available_memory() -> int:
    """Give the bytes that this process can still use without swapping: the system's, its container's, its own limit.

    >>> available_memory() > 0
    True
    """
    bounds = [bound for bound in (_of_the_system(), _of_the_container(), _of_the_process()) if bound is not None]
    return max(1, min(bounds, default=ASSUMED))


def _of_the_system() -> int | None:
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    with contextlib.suppress(OSError, ValueError, AttributeError):  # half of all there is, where none says what is free
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    return None


def _of_the_container() -> int | None:
    folder = Path("/sys/fs/cgroup")
    with contextlib.suppress(OSError, ValueError):
        used = int((folder / "memory.current").read_text())
        cached = 0
        for line in (folder / "memory.stat").read_text().splitlines():
            if line.startswith("inactive_file "):  # files kept in memory, which give way
                cached = int(line.split()[1])
        return int((folder / "memory.max").read_text()) - used + cached
    return None


def _of_the_process() -> int | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    limits = (resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA))
    return min((limit for limit in limits if limit != resource.RLIM_INFINITY), default=None)
