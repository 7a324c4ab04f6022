"""Checkpoints: everything an exact resume needs, complete or passed over, never torn.

A checkpoint is two files. `step-00001563.safetensors` holds the tensors; then its manifest `step-00001563.json`
names that file's length and SHA-256 and holds the position. Each is written beside its name, flushed to the disk and
renamed; a checkpoint without a manifest, or whose file is not what the manifest says, does not count.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from pellucid.ground.errors import UserError
from pellucid.ground.files import write_bytes, write_json
from pellucid.run import Run, RunFile
from pellucid.run.files import checkpoint_file
from pellucid.training.position import Position

__all__ = ["load_checkpoint", "save_checkpoint", "save_epoch_weights"]

KEPT = 2
"""Two, so that one is there while the next is written, and if the newest turns out damaged."""


def save_checkpoint(run: Run, network: nn.Module, optimizer: torch.optim.Optimizer, position: Position) -> Path:
    """Write a checkpoint, then remove all but the newest two. Returns the manifest's path.

    Raises:
        UserError: the disk is full; what was there before is untouched.
    """
    tensors = {f"network/{name}": value for name, value in network.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{name}": value for name, value in state.items() if value is not None}
    content = save(_detached(tensors))
    manifest = checkpoint_file(run.directory, position.step)
    with _full_disk_explained(run):
        write_bytes(manifest.with_suffix(".safetensors"), content)
        write_json(
            manifest,
            {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(), "position": asdict(position)},
        )
    for old in _manifests(run)[:-KEPT]:
        old.unlink()  # the manifest first: without it the rest does not count
        old.with_suffix(".safetensors").unlink(missing_ok=True)
    return manifest


def load_checkpoint(
    run: Run,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    device: torch.device,
    *,
    up_to: int | None = None,
) -> Position | None:
    """Restore the newest complete checkpoint into `network` and `optimizer`; None where there is none.

    With `up_to`, the newest of those that had done no more than so many steps.
    """
    for manifest in reversed(_manifests(run)):
        if up_to is not None and int(manifest.stem.removeprefix("step-")) > up_to:
            continue
        tensors = _read_if_complete(manifest)
        if tensors is None:
            continue
        network.load_state_dict(
            {name.removeprefix("network/"): value for name, value in tensors.items() if name.startswith("network/")}
        )
        _restore_optimizer(optimizer, tensors, device)
        return Position(**json.loads(manifest.read_text(encoding="utf-8"))["position"])
    return None


def save_epoch_weights(run: Run, network: nn.Module, epoch: int) -> None:
    """Write the weights of an epoch that is done, and remove those that are not to be kept.

    Raises:
        UserError: the disk is full.
    """
    with _full_disk_explained(run):
        write_bytes(run.weights_path(epoch), save(_detached(network.state_dict())))
    if run.record.keep is not None:
        for old in run.epochs()[: -run.record.keep]:
            run.weights_path(old).unlink()


def _manifests(run: Run) -> list[Path]:
    """List the checkpoints' manifests, oldest first."""
    return sorted((run.directory / RunFile.CHECKPOINTS).glob("step-*.json"))


def _detached(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Copy to the CPU, contiguous and each by itself: safetensors refuses tensors that share memory."""
    return {
        name: tensor.detach().to("cpu", copy=True).contiguous(memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }


def _read_if_complete(manifest: Path) -> dict[str, Tensor] | None:
    try:
        expected = json.loads(manifest.read_text(encoding="utf-8"))
        content = manifest.with_suffix(".safetensors").read_bytes()
    except (OSError, ValueError):
        return None
    if len(content) != expected["bytes"] or hashlib.sha256(content).hexdigest() != expected["sha256"]:
        return None
    return load(content)


def _restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor], device: torch.device) -> None:
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for index, parameter in enumerate(parameters):
        prefix = f"optimizer/{index}/"
        for name, value in tensors.items():
            if not name.startswith(prefix):
                continue
            if value.shape == parameter.shape and value.ndim > 0:
                # The moments lie in memory as their weights do (channels last): the fused kernels rely on it.
                restored = torch.empty_like(parameter, memory_format=torch.preserve_format)
                restored.copy_(value)
            else:
                restored = value.to(device)
            optimizer.state[parameter][name.removeprefix(prefix)] = restored.detach()


@contextlib.contextmanager
def _full_disk_explained(run: Run) -> Iterator[None]:
    """Turn "no space left" into a message that says what is safe and what to do."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise UserError(
            f"the disk of {run.directory} is full; the last complete checkpoint is untouched. "
            f"Make room, then: pellucid resume {run.directory}"
        ) from error
