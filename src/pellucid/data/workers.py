"""Processes that decode pictures, and what becomes of an order when one dies."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["DecodingProcess", "Workers"]

Order = dict[str, Any]
Answer = dict[str, Any]


class Workers:
    """Processes that carry out orders, a thread each to hand them over; iterate for `(order, answer)`.

    The answer to an order whose process died is `{"died": status}`; the orders after it go to another process.

    The processes are started by their command rather than by `multiprocessing`: that would run a person's own script
    again in each where it has no `if __name__ == "__main__"`, and forking is unsafe once torch has started threads.
    On leaving, by an exception too, all processes are ended and waited for.
    """

    def __init__(self, count: int, orders: Sequence[Order]) -> None:
        self._orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
        for order in orders:
            self._orders.put(order)
        self._left = len(orders)
        self._answers: queue.SimpleQueue[tuple[Order, Answer | BaseException]] = queue.SimpleQueue()
        self._processes: list[DecodingProcess] = []
        self._lock = threading.Lock()
        self._ended = False
        self._threads = [threading.Thread(target=self._hand_over, daemon=True) for _ in range(count)]

    def __enter__(self) -> Workers:
        try:
            for thread in self._threads:
                thread.start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _end(self) -> None:
        with self._lock:
            self._ended = True
            for process in self._processes:
                process.kill()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def __iter__(self) -> Workers:
        return self

    def __next__(self) -> tuple[Order, Answer]:
        if self._left == 0:
            raise StopIteration
        order, answer = self._answers.get()
        if isinstance(answer, BaseException):
            raise answer
        self._left -= 1
        return order, answer

    def _hand_over(self) -> None:
        process: DecodingProcess | None = None
        order: Order = {}
        try:
            while not self._ended:
                try:
                    order = self._orders.get_nowait()
                except queue.Empty:
                    break
                if process is None:
                    process = self._start()
                answer = process.ask(order)
                if answer is None:
                    answer = {"died": process.finish()}
                    process = None
                if not self._ended:
                    self._answers.put((order, answer))
        except BaseException as error:
            self._answers.put((order, error))
        finally:
            if process is not None:
                process.finish()

    def _start(self) -> DecodingProcess:
        with self._lock:
            process = DecodingProcess()
            self._processes.append(process)
            if self._ended:
                process.kill()
        return process


class DecodingProcess:
    """One process that carries out orders until it is finished or killed."""

    def __init__(self) -> None:
        here = str(Path(__file__).parents[2])  # the package may be importable here by sys.path alone
        path = os.pathsep.join(part for part in (here, os.environ.get("PYTHONPATH")) if part)
        self._process = subprocess.Popen(
            [sys.executable, "-c", f"from pellucid.data.worker import main; main({os.getpid()})"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for the process that started it, also while it starts
            env={**os.environ, "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"},
        )

    def ask(self, order: Order) -> Answer | None:
        """Hand over one order and wait for its answer; None when the process ended instead."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            stdin.write(json.dumps(order) + "\n")
            stdin.flush()
            line = stdout.readline()
        except OSError:
            return None
        answer: Answer | None = json.loads(line) if line.endswith("\n") else None
        return answer

    def finish(self) -> int:
        """Close its pipes, which ends it, and wait for it; give its status."""
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with contextlib.suppress(OSError):
                stream.close()
        return self._process.wait()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
