"""Lives of a training process: started from a server that has torch loaded, so that twenty kills take seconds."""

from __future__ import annotations

import multiprocessing
import os
import signal
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["pellucid.api", "torch._dynamo", "filelock"])

SETTINGS: dict[str, Any] = {
    "recipe": "standard",
    "batch_size": 32,
    "epochs": 12,
    "log_every": 5,
    "seed": 3,
}


def live(
    directory: Path, network: str, checkpoint_every: float, die_at_call: int | None, counter: Any, keep: str
) -> None:
    """Begin the run, or take it up again; with `die_at_call`, SIGKILL oneself at that call that touches the disk."""
    from pellucid.data import DataRequest
    from pellucid.run import open_run
    from pellucid.training import TrainingRequest, recorder, resume, start

    recorder.SECONDS_BETWEEN_CHECKPOINTS = checkpoint_every
    _die_at(die_at_call, counter)
    if (directory / "run.json").exists():
        resume(open_run(directory))
    else:
        settings = {name: value for name, value in SETTINGS.items() if name not in ("recipe", "seed")}
        asked = TrainingRequest(
            data=DataRequest(source="mnist"),
            network=network,
            recipe=SETTINGS["recipe"],
            seed=SETTINGS["seed"],
            settings=settings,
            out=directory,
            keep=keep,
        )
        start(asked)


def begin(
    directory: Path,
    network: str,
    *,
    checkpoint_every: float = 0.0,
    die_at_call: int | None = None,
    counter: Any = None,
    keep: str = "best-and-last",
) -> BaseProcess:
    process = _context.Process(target=live, args=(directory, network, checkpoint_every, die_at_call, counter, keep))
    process.start()
    return process


def shared_counter() -> Any:
    return _context.Value("i", 0)


def _die_at(call: int | None, counter: Any) -> None:
    """Count every rename, flush, removal and truncation; at the chosen one die before it happens."""
    if call is None and counter is None:
        return
    calls = 0

    def watched(original: Any) -> Any:
        def wrapper(*arguments: Any, **keywords: Any) -> Any:
            nonlocal calls
            calls += 1
            if counter is not None:
                counter.value = calls
            if calls == call:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*arguments, **keywords)

        return wrapper

    for name in ("replace", "fsync", "unlink", "truncate"):
        setattr(os, name, watched(getattr(os, name)))
