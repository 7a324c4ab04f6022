"""The command that resumes a run, as it is printed."""

from __future__ import annotations

import os
from pathlib import Path

from pellucid.ground.commands import command_line

__all__ = ["resume_command"]


def resume_command(directory: Path | str, processes: int = 1) -> str:
    """Write the command that resumes the run in `directory` with as many processes as it has.

    Args:
        directory: the run's; quoted for the shell of this system where it needs that.
        processes: how many train it together. Under `torchrun` on several machines its own split is kept.

    >>> resume_command("runs/mnist-1")
    'pellucid resume runs/mnist-1'
    >>> resume_command("runs/mnist-1", processes=2)
    'torchrun --nproc-per-node 2 -m pellucid resume runs/mnist-1'
    """
    command = command_line("resume", str(directory))
    if processes == 1:
        return command
    here = int(os.environ.get("LOCAL_WORLD_SIZE", processes))
    machines = f"--nnodes {processes // here} " if 0 < here < processes else ""
    each = here if machines else processes
    return f"torchrun {machines}--nproc-per-node {each} -m {command}"
