"""How many processor cores there are for this process: by its affinity, and by the quota of its container."""

from __future__ import annotations

import contextlib
import math
import os
from pathlib import Path

__all__ = ["divided_cores", "shared_cores", "usable_cores"]

MOST_BATCHES = 4

CGROUP = Path("/sys/fs/cgroup")


def usable_cores() -> int:
    """Count the processor cores that this process may use, at least 1.

    >>> usable_cores() > 0
    True
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, _quota(CGROUP) or cores))


def shared_cores() -> int:
    """Count the cores of this process's share, where `torchrun` started several on this machine; at least 1.

    >>> 0 < shared_cores() <= usable_cores()
    True
    """
    return max(1, usable_cores() // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


def divided_cores() -> tuple[int, int]:
    """Divide this process's cores among batches that are computed side by side: how many, and the threads of each.

    Threads of one batch wait for each other after every layer, and those of different batches never do; a few
    batches at once leave little to gain.
    """
    cores = shared_cores()
    batches = min(cores, MOST_BATCHES)
    return batches, cores // batches


def _quota(folder: Path) -> int | None:
    """Read the cores that a container allows (cgroup v2, then v1), rounded up; None where it sets no bound."""
    with contextlib.suppress(OSError, ValueError):
        quota, period = (folder / "cpu.max").read_text().split()
        return None if quota == "max" else math.ceil(int(quota) / int(period))
    with contextlib.suppress(OSError, ValueError, ZeroDivisionError):
        allowed, each = (int((folder / "cpu" / f"cpu.cfs_{name}_us").read_text()) for name in ("quota", "period"))
        return math.ceil(allowed / each) if allowed > 0 else None
    return None
