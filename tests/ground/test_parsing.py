"""Opening kept images and reading formulas in several threads at once, as a server does."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable

import pytest

import pellucid
from pellucid.convolution.expressions import parse_expression

THREADS, TIMES = 6, 250


class Cycle:
    """Rubbish whose removal runs Python code, in which another thread may take its turn."""

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        sum(range(50))


def failures(action: Callable[[], object]) -> list[str]:
    """Run something in several threads, which change as often as can be; give what went wrong."""
    failed: list[str] = []

    def work() -> None:
        for _ in range(TIMES):
            Cycle()
            try:
                action()
            except BaseException as error:
                failed.append(repr(error))
                return

    interval, thresholds = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(1e-6)
    gc.set_threshold(5)
    try:
        threads = [threading.Thread(target=work) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
        gc.set_threshold(*thresholds)
    return failed


def test_images_are_opened_by_several_threads_at_once(run, seen_data, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PELLUCID_CACHE", str(seen_data / "cache"))
    opened = pellucid.open_run(run.directory)
    opened.open_images()
    assert failures(opened.open_images) == []


def test_expressions_are_read_by_several_threads_at_once() -> None:
    assert failures(lambda: parse_expression("sin(x) + exp(-x**2) * 3")) == []
