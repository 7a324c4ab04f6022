"""Waiting for what a studio started."""

from __future__ import annotations

import time
from typing import Any

__all__ = ["ended"]


def ended(studio: Any, key: str, seconds: float = 60) -> dict[str, Any]:
    """Ask for a job until it has ended; give what is said of it."""
    last = time.monotonic() + seconds
    while time.monotonic() < last:
        status, job, _ = studio.call(f"/api/job?job={key}")
        assert status == 200, job
        if job["state"] != "running":
            return dict(job)
        time.sleep(0.1)
    raise AssertionError(f"the job still runs after {seconds} seconds: {job}")
