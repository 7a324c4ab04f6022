"""The run: the directory that training writes and everything else reads."""

from pellucid.run.files import RunFile
from pellucid.run.metrics import Computation
from pellucid.run.record import RunRecord, WeightsOrigin
from pellucid.run.run import Run, find_runs, open_run
from pellucid.run.trust import UntrustedNetwork, trusting

__all__ = [
    "Computation",
    "Run",
    "RunFile",
    "RunRecord",
    "UntrustedNetwork",
    "WeightsOrigin",
    "find_runs",
    "open_run",
    "trusting",
]
