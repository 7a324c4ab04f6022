"""A process that decodes pictures, started by `decode_many`.

It reads one line of JSON an order from standard input and answers each with one on standard output:

    {"images": path of the .npy, "offset": of its first row, "start": row, "files": [...], "target": [H, W, C, fit]}
    {"broken": [[position in "files", reason], ...], "other_size": some image had another size}
    {"error": [errno, text]}        the rows could not be written

It ends when its standard input does, so none outlives the process that started it.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.data.arrays import RowWriter
from pellucid.data.decode import BrokenImage, PixelFormat, decode

__all__ = ["carry_out", "main"]


def carry_out(order: dict[str, Any]) -> dict[str, Any]:
    """Decode the files of one order into their rows; a broken one leaves its row black."""
    target = PixelFormat(*order["target"])
    shape = (target.height, target.width, target.channels)
    rows = np.zeros((len(order["files"]), *shape), np.uint8)
    broken, other_size = [], False
    for position, file in enumerate(order["files"]):
        try:
            rows[position], changed = decode(file, target)
            other_size |= changed
        except BrokenImage as error:
            broken.append([position, str(error)])
    writer = RowWriter(Path(order["images"]), int(np.prod(shape)), order["offset"])
    try:
        writer.write(order["start"], rows)
    finally:
        writer.close()
    return {"broken": broken, "other_size": other_size}


def main() -> None:
    """Carry out orders until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the starting process decides
    answers = sys.stdout
    sys.stdout = sys.stderr  # nothing that a library prints may mix with the answers
    for line in sys.stdin:
        try:
            answer = carry_out(json.loads(line))
        except OSError as error:
            answer = {"error": [error.errno, str(error)]}
        try:
            print(json.dumps(answer), file=answers, flush=True)
        except BrokenPipeError:
            return
