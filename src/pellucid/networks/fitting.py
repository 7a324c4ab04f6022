"""Whether a network takes an input: one run on blank images, with the layer named where it fails."""

from __future__ import annotations

import copy

import torch
from torch import nn

from pellucid.ground.errors import UserError

__all__ = ["check_fits", "check_trains_on"]


def check_fits(network: nn.Module, name: str, input_shape: tuple[int, int, int], classes: int) -> None:
    """Run `network` once on two blank `(C, H, W)` images and check that it returns `[2, classes]`.

    The network is left as it was found: its mode, its random state, its running statistics.

    Raises:
        UserError: a layer cannot take what reaches it (which, and why), or the output has another shape.
    """
    entered: list[tuple[str, nn.Module, tuple[int, ...]]] = []
    handles = [
        module.register_forward_pre_hook(
            lambda module, inputs, path=path: entered.append(
                (
                    path,
                    module,
                    tuple(inputs[0].shape) if inputs and isinstance(inputs[0], torch.Tensor) else (),
                )
            )
        )
        for path, module in network.named_modules()
        if path and not any(True for _ in module.children())
    ]
    modes = [(module, module.training) for module in network.modules()]
    blank = torch.zeros(2, *input_shape)
    size = "×".join(map(str, input_shape))
    try:
        network.eval()
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            output = network(blank)
    except Exception as error:
        where = "before its first layer"
        if entered:
            path, module, shape = entered[-1]
            where = f"at layer {path}, {module}, which receives {list(shape)}"
        raise UserError(f"{name} cannot take {size} images: it fails {where}: {error}") from error
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes:
            module.training = training
    returned = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
    if returned != (2, classes):
        raise UserError(
            f"{name} returns {returned} for two {size} images; expected one logit for each of {classes} classes: "
            f"(2, {classes}). Give its last layer {classes} outputs, or take `classes` in __init__"
        )


def check_trains_on(network: nn.Module, name: str, input_shape: tuple[int, int, int], classes: int, left: int) -> None:
    """Run a copy of `network` in training mode, on two blank `(C, H, W)` images and on a last batch of `left`.

    Some networks return something else in training mode, such as a second output, and batch normalisation over one
    value has no variance; both would otherwise end a training under way. The network itself is not touched.

    Raises:
        UserError: the output has another shape in training mode, or the last batch cannot be taken.
    """
    try:
        twin = copy.deepcopy(network).train()
    except Exception:  # what cannot be copied is not tried: a trial would move its running statistics
        return
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        for count in (2, left):
            try:
                output = twin(torch.zeros(count, *input_shape))
            except Exception as error:
                if count == 1:
                    raise UserError(
                        f"the last batch of an epoch has 1 image, which {name} cannot take in training ({error}); "
                        "try another --batch-size"
                    ) from error
                raise UserError(f"{name} fails in training mode on {count} images: {error}") from error
            returned = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
            if returned != (count, classes):
                raise UserError(
                    f"{name} returns {returned} in training mode for {count} images; expected one logit for each of "
                    f"{classes} classes, ({count}, {classes}), as in evaluation mode"
                )
