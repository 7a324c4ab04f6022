"""Weights of an epoch as a safetensors file that says when it was changed.

The file's own metadata hold the SHA-256 of the whole file, taken with zeros in the place of these 64 digits, the run
and the epoch. Other programs read the file as any other of its kind.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from pellucid.ground.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["open_weights", "seal_of", "seal_weights"]

BLANK = "0" * 64


def seal_weights(tensors: dict[str, Tensor], run: str, epoch: int) -> bytes:
    """Give the bytes of a file of weights: tensors on the CPU, contiguous, none sharing memory with another."""
    from safetensors.torch import save

    content = _in_order(save(tensors, metadata={"run": run, "epoch": str(epoch), "sha256": BLANK}))
    blank = f'"sha256":"{BLANK}"'.encode()
    start = content.index(blank) + len('"sha256":"')
    digest = hashlib.sha256(content).hexdigest().encode()
    return content[:start] + digest + content[start + 64 :]


def _in_order(content: bytes) -> bytes:
    """Write the metadata in the order of their names: safetensors' own changes each time, and with it the SHA-256."""
    size = int.from_bytes(content[:8], "little")
    head = json.loads(content[8 : 8 + size])
    head["__metadata__"] = dict(sorted(head["__metadata__"].items()))
    written = json.dumps(head, separators=(",", ":"), ensure_ascii=False).encode()
    return content[:8] + written.ljust(size) + content[8 + size :]


def seal_of(content: bytes, run: str, epoch: int) -> str:
    """Check a file's bytes and give the SHA-256 that they state.

    Raises:
        UserError: they are not what was written for this run and epoch; the message says why, without the file's name.
    """
    # https://github.com/huggingface/safetensors#format: 8 bytes for the size of the head, then the head.
    size = int.from_bytes(content[:8], "little")
    try:
        metadata = json.loads(content[8 : 8 + min(size, len(content))])["__metadata__"]
        digest = str(metadata["sha256"])
        start = content.index(f'"sha256":"{digest}"'.encode()) + len('"sha256":"')
        stated = (str(metadata["run"]), str(metadata["epoch"]))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError("its head cannot be read, or names no SHA-256") from error
    if hashlib.sha256(content[:start] + BLANK.encode() + content[start + len(digest) :]).hexdigest() != digest:
        raise UserError("its SHA-256 is not that of its content")
    if stated != (run, str(epoch)):
        whose = "another run" if stated[0] != run else f"epoch {stated[1]}"
        raise UserError(f"it holds the weights of {whose}")
    return digest


def open_weights(content: bytes, run: str, epoch: int) -> dict[str, Tensor]:
    """Check a file's bytes and give its tensors.

    Raises:
        UserError: they are not what was written for this run and epoch.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    seal_of(content, run, epoch)
    try:
        return load(content)
    except SafetensorError as error:
        raise UserError(str(error)) from error
