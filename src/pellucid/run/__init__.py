"""The run: the directory that training writes and everything else reads."""

from pellucid.run.files import RunFile
from pellucid.run.run import DataRequest, Run, RunRecord, find_runs, open_run

__all__ = ["DataRequest", "Run", "RunFile", "RunRecord", "find_runs", "open_run"]
