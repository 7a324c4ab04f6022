"""Checkpoints: everything an exact resume needs, complete or passed over, never torn.

A checkpoint is two files. `step-00001563.safetensors` holds the tensors; then its manifest `step-00001563.json`
names the run, that file's length and SHA-256, and the position, with a checksum over all of it. Each is written beside
its name, flushed to the disk and renamed. A checkpoint that is damaged, or does not fit its network, is passed over
with a note, and the one before it is used.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from pellucid.ground.documents import read_document, shaped, write_document
from pellucid.ground.errors import UserError
from pellucid.ground.files import read_whole, write_bytes
from pellucid.ground.notices import notice
from pellucid.run import Run, RunFile
from pellucid.run.epochs import kept_epochs
from pellucid.run.files import checkpoint_file, writing_into
from pellucid.run.weights import seal_weights
from pellucid.training.position import Position

__all__ = ["load_checkpoint", "remove_old_weights", "save_checkpoint", "save_epoch_weights"]

KEPT = 2
"""Two, so that one is there while the next is written, and if the newest turns out damaged."""

FORMAT = 2
REMEDY = "it is passed over"


@dataclass(frozen=True)
class _Manifest:
    """What a manifest holds."""

    run: str
    bytes: int
    tensors_sha256: str
    position: Position


def save_checkpoint(run: Run, network: nn.Module, optimizer: torch.optim.Optimizer, position: Position) -> Path:
    """Write a checkpoint, then remove all but the newest two. Returns the manifest's path.

    Raises:
        UserError: the disk is full, what was there before is untouched; or the run was removed.
    """
    tensors = {f"network/{name}": value for name, value in network.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{name}": value for name, value in state.items() if value is not None}
    content = save(_detached(tensors))
    manifest = checkpoint_file(run.directory, position.step)
    with writing_into(run.directory):
        write_bytes(manifest.with_suffix(".safetensors"), content)
        digest = hashlib.sha256(content).hexdigest()
        written = _Manifest(run.record.identity, len(content), digest, position)
        write_document(manifest, {"format": FORMAT, **asdict(written)})
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
    damaged = 0
    for manifest in reversed(_manifests(run)):
        if up_to is not None and _step_of(manifest) > up_to:
            continue
        try:
            position, tensors = _read_checked(run, manifest, network, optimizer)
        except UserError as error:
            notice(str(error))
            damaged += 1
            continue
        network.load_state_dict(
            {name.removeprefix("network/"): value for name, value in tensors.items() if name.startswith("network/")}
        )
        _restore_optimizer(optimizer, tensors, device)
        return position
    if damaged:
        notice(f"{run.directory} has no other checkpoint: its training is repeated from its seed, to the same weights")
    return None


def save_epoch_weights(run: Run, network: nn.Module, epoch: int) -> None:
    """Write the weights of an epoch that is done.

    Raises:
        UserError: the disk is full, or the run was removed.
    """
    with writing_into(run.directory):
        content = seal_weights(_detached(network.state_dict()), run.record.identity, epoch)
        write_bytes(run.weights_path(epoch), content)


def remove_old_weights(run: Run) -> None:
    """Remove the weights of epochs that are not to be kept.

    This comes after the checkpoint that follows an epoch: a training that is killed before it goes back behind the
    epoch, whose figures then do not count yet.

    Raises:
        UserError: the run was removed, or its directory cannot be written.
    """
    there = run.epochs()
    staying = kept_epochs(run.record.keep, there, run.metrics("epoch"))
    with writing_into(run.directory):
        for epoch in there:
            if epoch not in staying:
                run.weights_path(epoch).unlink(missing_ok=True)


def _manifests(run: Run) -> list[Path]:
    """List the checkpoints' manifests, oldest first."""
    files = (run.directory / RunFile.CHECKPOINTS).glob("step-*.json")
    return sorted((file for file in files if _step_of(file) >= 0), key=_step_of)


def _step_of(manifest: Path) -> int:
    number = manifest.stem.removeprefix("step-")
    return int(number) if number.isascii() and number.isdigit() and len(number) < 18 else -1


def _detached(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Copy to the CPU, contiguous and each by itself: safetensors refuses tensors that share memory."""
    return {
        name: tensor.detach().to("cpu", copy=True).contiguous(memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }


def _read_checked(
    run: Run, path: Path, network: nn.Module, optimizer: torch.optim.Optimizer
) -> tuple[Position, dict[str, Tensor]]:
    """Read a checkpoint, and check everything in it before it is used.

    Raises:
        UserError: it is damaged, another run's, or does not fit; the message names the file.
    """
    document = read_document(path, FORMAT, REMEDY)
    if document is None:
        raise UserError(f"{path} is missing; {REMEDY}")
    manifest = shaped(_Manifest, document, path, REMEDY)
    if manifest.run != run.record.identity:
        raise UserError(f"{path} is a checkpoint of another run; {REMEDY}")
    _check_position(run, path, manifest.position)
    file = path.with_suffix(".safetensors")
    try:
        content = read_whole(file, REMEDY)
    except FileNotFoundError:
        raise UserError(f"{file} is missing, the tensors of a checkpoint; {REMEDY}") from None
    if len(content) != manifest.bytes or hashlib.sha256(content).hexdigest() != manifest.tensors_sha256:
        raise UserError(f"{file} is damaged: its SHA-256 is not the one that its manifest names; {REMEDY}")
    try:
        tensors = load(content)
    except SafetensorError as error:
        raise UserError(f"{file} is damaged ({error}); {REMEDY}") from error
    _check_tensors(file, tensors, network, optimizer)
    return manifest.position, tensors


def _check_position(run: Run, path: Path, at: Position) -> None:
    counts = (at.epoch - 1, at.batch, at.step, at.correct, at.seen, at.metrics_bytes)
    sums = (at.loss_sum, at.recent_loss_sum, at.seconds)
    fits = at.step == _step_of(path) and at.epoch <= run.record.recipe["epochs"] + 1 and at.correct <= at.seen
    if not fits or min(counts) < 0 or max(counts) >= 2**62 or not all(map(math.isfinite, sums)):
        raise UserError(f"{path} is damaged: its position cannot be; {REMEDY}")


def _check_tensors(
    file: Path, tensors: dict[str, Tensor], network: nn.Module, optimizer: torch.optim.Optimizer
) -> None:
    """Compare names, shapes and types with those of the network and the optimizer: no kernel sees anything else."""
    expected: dict[str, tuple[torch.Size, torch.dtype]] = {
        f"network/{name}": (value.shape, value.dtype) for name, value in network.state_dict().items()
    }
    for index, parameter in enumerate(_parameters(optimizer)):
        prefix = f"optimizer/{index}/"
        if any(name.startswith(prefix) for name in tensors):  # none where the parameter has had no gradient yet
            for name in _state_names(optimizer):
                expected[prefix + name] = (
                    (torch.Size(), torch.float32) if name == "step" else (parameter.shape, parameter.dtype)
                )
    given = {name: (value.shape, value.dtype) for name, value in tensors.items()}
    if given != expected:
        wrong = min(name for name in given.keys() | expected.keys() if given.get(name) != expected.get(name))
        raise UserError(
            f"{file} does not fit the run's network and optimizer: {wrong} is {_described(given.get(wrong))}, expected "
            f"{_described(expected.get(wrong))}; {REMEDY}"
        )


def _described(form: tuple[torch.Size, torch.dtype] | None) -> str:
    return "nothing" if form is None else f"{str(form[1]).removeprefix('torch.')} {list(form[0])}"


def _parameters(optimizer: torch.optim.Optimizer) -> list[nn.Parameter]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _state_names(optimizer: torch.optim.Optimizer) -> tuple[str, ...]:
    """Name what the optimizer keeps for each parameter."""
    if isinstance(optimizer, torch.optim.SGD):
        return ("momentum_buffer",) if optimizer.defaults["momentum"] else ()
    return ("step", "exp_avg", "exp_avg_sq")


def _restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor], device: torch.device) -> None:
    index = 0
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            state = _restored(tensors, f"optimizer/{index}/", parameter, group, device)
            if state:  # there is none before a parameter's first gradient, and an empty one would not be made up for
                optimizer.state[parameter] = state
            index += 1


def _restored(
    tensors: dict[str, Tensor], prefix: str, parameter: Tensor, group: dict[str, Any], device: torch.device
) -> dict[str, Tensor]:
    state = {}
    for name, value in tensors.items():
        key = name.removeprefix(prefix)
        if not name.startswith(prefix):
            continue
        if key == "step":
            # The fused kernels count on the device; the others on the CPU, where reading it makes nobody wait.
            state[key] = value.to(device if group.get("fused") or group.get("capturable") else "cpu")
        else:
            # The moments lie in memory as their weights do (channels last): the fused kernels rely on it.
            restored = torch.empty_like(parameter, memory_format=torch.preserve_format)
            state[key] = restored.copy_(value).detach()
    return state
