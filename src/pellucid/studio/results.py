"""A run's files of results, as a page may open or save them: these, and no other file of this machine."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from starlette.responses import StreamingResponse

from pellucid.evaluation.result import evaluation_folder
from pellucid.ground.errors import UserError, did_you_mean
from pellucid.run import Run, RunFile
from pellucid.studio.tools import PICTURES, TOOLS

__all__ = ["PREDICTED", "file_facts", "path_of", "result_response"]

BLOCK = 1 << 20

PREDICTED = re.compile(r"predicted-[A-Za-z0-9_.-]{1,60}\.csv")
"""What predictions of a folder are called in the run."""

SANDBOX = (
    "sandbox allow-scripts allow-downloads; default-src 'none'; script-src 'unsafe-inline' 'wasm-unsafe-eval' blob:; "
    "style-src 'unsafe-inline'; img-src data: blob:; media-src blob:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""Scripts of a report run, with no address of their own: nothing of the studio can be asked for or read by them."""

KINDS = {
    ".html": ("text/html; charset=utf-8", True),
    ".png": ("image/png", True),
    ".json": ("application/json", False),
    ".csv": ("text/csv; charset=utf-8", False),
    ".onnx": ("application/octet-stream", False),
    ".pt2": ("application/octet-stream", False),
}
"""By ending: the type, and whether a browser shows it; it saves the others."""


def path_of(run: Run, name: str) -> Path:
    """Give the path of one of a run's files of results.

    Raises:
        UserError: it is none: no other file of this machine can be asked for.
    """
    known = {RunFile.CURVES.value, *(file for tool in TOOLS.values() for file in tool.files)}
    if PREDICTED.fullmatch(name):
        return run.directory / name
    if name not in known:
        raise UserError(f"{name!r} is no file of results; {did_you_mean(name, sorted(known))}")
    if name in (RunFile.EVALUATION, RunFile.PREDICTIONS, *PICTURES) and run.measured_split is not None:
        return evaluation_folder(run.directory, run.data["name"], run.measured_split, True) / name
    return run.directory / name


def file_facts(run: Run, name: str) -> dict[str, Any] | None:
    """Say how large one is and when it was written; None where it is not there, or is no file."""
    path = path_of(run, name)
    try:
        facts = path.lstat()
    except OSError:
        return None
    if not stat.S_ISREG(facts.st_mode):
        return None
    shown = KINDS[path.suffix][1]
    return {"name": str(name), "path": str(path), "bytes": facts.st_size, "written": facts.st_mtime, "shown": shown}


def _opened(path: Path) -> IO[bytes] | None:
    """Open a file, and no link to one, and nothing that is not a file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return None
    file = os.fdopen(descriptor, "rb")
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return file
    file.close()
    return None


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while block := file.read(BLOCK):
            yield block


def _how_to_make(name: str) -> str:
    makers = [tool.title for tool in TOOLS.values() if name in tool.files]
    return f"{makers[0]} writes it" if makers else "it was removed"


def result_response(run: Run, name: str, *, save: bool) -> StreamingResponse:
    """Hand out a file of results, to be shown or saved; whatever it is, it stands in a sandbox.

    Raises:
        UserError: it is no file of results, or not there.
    """
    path = path_of(run, name)
    file = _opened(path)
    if file is None:
        raise UserError(f"{path} is not there, or is no file; {_how_to_make(name)}")
    kind, is_shown = KINDS[path.suffix]
    return StreamingResponse(
        _blocks(file),
        media_type=kind,
        headers={
            "Content-Length": str(os.fstat(file.fileno()).st_size),
            "Content-Disposition": f'{"inline" if is_shown and not save else "attachment"}; filename="{path.name}"',
            "Content-Security-Policy": SANDBOX,
            # A page in a sandbox cannot be in a group of its own, and needs none: it has no address.
            "Cross-Origin-Opener-Policy": "unsafe-none",
        },
    )
