"""Reading an audit that was kept."""

from __future__ import annotations

from pathlib import Path

from pellucid.auditing.result import FORMAT, Audit
from pellucid.ground.documents import read_as
from pellucid.run import RunFile

__all__ = ["read_audit"]


def read_audit(folder: str | Path) -> Audit | None:
    """Read the `audit.json` of a run or another folder; None where there is none.

    Raises:
        UserError: it is damaged, was changed, or is of another pellucid.
    """
    return read_as(Audit, Path(folder) / RunFile.AUDIT, FORMAT, "audit again")
