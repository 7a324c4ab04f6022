"""Writing one `.npy` file of images piece by piece, so that memory stays small however large the set is."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

__all__ = ["ROWS_AT_ONCE_BYTES", "ImagesFile", "RowWriter"]

ROWS_AT_ONCE_BYTES = 16 << 20


class RowWriter:
    """Writes rows of pixels into an existing images file, from any process.

    Rows are written to the file and not through a memory map: a full disk is then an error that can be reported, where
    a write to a mapped page would end the process.
    """

    def __init__(self, path: Path, row_bytes: int, offset: int) -> None:
        self._file = open(path, "r+b", buffering=0)  # noqa: SIM115 - closed by close()
        self._row_bytes = row_bytes
        self._offset = offset

    def write(self, start: int, rows: NDArray[np.uint8]) -> None:
        """Write uint8 `[n, H, W, C]` as the rows from `start` on."""
        self._file.seek(self._offset + start * self._row_bytes)
        rest = np.ascontiguousarray(rows).reshape(-1).data
        while len(rest):
            rest = rest[self._file.write(rest) :]

    def read(self, start: int, count: int) -> bytes:
        """Read `count` rows from `start` on."""
        self._file.seek(self._offset + start * self._row_bytes)
        return self._file.read(count * self._row_bytes)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class ImagesFile:
    """A `.npy` file of uint8 `[N, H, W, C]` whose N is settled at the end.

    As a context manager it closes the file; `finish` writes the header and flushes to the disk.
    """

    def __init__(self, path: Path, row_shape: tuple[int, int, int]) -> None:
        self.path = path
        self.row_shape = row_shape
        self.row_bytes = int(np.prod(row_shape))
        with open(path, "wb") as file:
            self.offset = _write_header(file, 0, row_shape)
        self._rows = RowWriter(path, self.row_bytes, self.offset)
        self._end = 0

    def __enter__(self) -> ImagesFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rows.close()

    def reserve(self, count: int) -> None:
        """Make room for `count` rows; OSError (ENOSPC) here rather than half-way, where the system can tell."""
        size = self.offset + count * self.row_bytes
        with open(self.path, "r+b") as file:
            if hasattr(os, "posix_fallocate"):
                try:
                    os.posix_fallocate(file.fileno(), 0, size)
                except OSError as error:
                    if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                        raise
            file.truncate(size)

    def append(self, rows: NDArray[np.uint8]) -> None:
        """Write uint8 `[n, H, W, C]` after the rows appended so far."""
        if rows.shape[1:] != self.row_shape or rows.dtype != np.uint8:
            raise ValueError(f"rows are {rows.dtype} {rows.shape}; expected uint8 [n, {self.row_shape}]")
        self._rows.write(self._end, rows)
        self._end += len(rows)

    def keep(self, kept: NDArray[np.bool_]) -> int:
        """Close the gaps: move the rows for which `kept` `[N]` is true to the front, in order; return their number."""
        at_once = max(1, ROWS_AT_ONCE_BYTES // self.row_bytes)
        first_gap = int(np.argmin(kept)) if not kept.all() else len(kept)
        end = first_gap
        for start in range(first_gap, len(kept), at_once):
            mask = kept[start : start + at_once]
            rows = np.frombuffer(self._rows.read(start, len(mask)), np.uint8).reshape(len(mask), *self.row_shape)
            self._rows.write(end, rows[mask])
            end += int(mask.sum())
        return end

    def finish(self, count: int | None = None) -> int:
        """Settle N (`count`, or as many rows as were appended), flush to the disk, return N."""
        settled = self._end if count is None else count
        with open(self.path, "r+b") as file:
            _write_header(file, settled, self.row_shape)
            file.truncate(self.offset + settled * self.row_bytes)
            os.fsync(file.fileno())
        return settled


def _write_header(file: object, count: int, row_shape: tuple[int, int, int]) -> int:
    """Write the header at the start of the file and return its length, which no N changes (NumPy leaves room)."""
    header = {"descr": "|u1", "fortran_order": False, "shape": (count, *row_shape)}
    np.lib.format.write_array_header_1_0(file, header)  # type: ignore[arg-type]
    return int(file.tell())  # type: ignore[attr-defined]
