"""A check that a GPU computes gradients as the CPU does, before a training on it begins.

Shape letters: B images in the batch, H rows, W columns, C channels.
"""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from pellucid.data.preprocessing import Preprocessing
from pellucid.ground.devices import generators_kept
from pellucid.ground.errors import UserError
from pellucid.networks import place

__all__ = ["IMAGES", "check_gradients", "gradient_differences"]

IMAGES = 16
"""As many are enough to see a wrong formula, and few enough to cost nothing."""
TOLERANCE = 0.05
"""The largest relative difference. Between two ways of adding up in float32 we measured at most 0.005 (small-resnet, in
which a ReLU or a maximum tips over); a fault smaller than the tolerance goes unseen."""
FLOOR = 1e-3
"""A gradient smaller than this share of the whole network's is compared with that share: a bias before a batch
normalisation has a gradient of zero, of which only rounding is left."""

CPU = torch.device("cpu")


def check_gradients(
    network: nn.Module, pixels: Tensor, labels: Tensor, preprocessing: Preprocessing, device: torch.device
) -> None:
    """Compare the gradients of one step on `device` with those of the CPU; nothing is changed.

    Args:
        network: as the training has it, anywhere.
        pixels: `[B, H, W, C]` uint8, some training images.
        labels: `[B]` int64.
        preprocessing: what makes the network's input of them.
        device: on which training is to run; the CPU itself is not checked.

    Raises:
        UserError: they differ by more than rounding explains; the message names the weights.
    """
    if device.type == "cpu":
        return
    differences = gradient_differences(network, preprocessing(pixels.cpu()), labels.cpu(), device)
    wrong = {name: difference for name, difference in differences.items() if not difference <= TOLERANCE}
    if wrong:
        name = max(wrong, key=lambda key: wrong[key])
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise UserError(
            f"torch {torch.__version__} computes wrong gradients on {device}: that of {name}{more} differs from the "
            f"CPU's by {wrong[name]:.1%}, where rounding explains less than {TOLERANCE:.0%}; use --device cpu, or "
            "another release of torch"
        )


def gradient_differences(
    network: nn.Module, inputs: Tensor, labels: Tensor, device: torch.device, reference: torch.device = CPU
) -> dict[str, float]:
    """Measure how far the gradients of a batch on two devices are apart, relative to their size.

    Both are computed in float32 and in training mode without dropout; a network that draws random numbers by itself is
    compared in evaluation mode. One that cannot be copied gives nothing.

    Returns:
        For each parameter that has a gradient, the norm of the difference divided by the norm of the reference's.
    """
    try:
        copy.deepcopy(network)
    except Exception:
        return {}
    with generators_kept(device), generators_kept(reference):
        expected = _gradients(network, inputs, labels, reference, seed=0)
        again = _gradients(network, inputs, labels, reference, seed=1)
        is_random = any(not torch.equal(expected[name], again[name]) for name in expected)
        if is_random:
            expected = _gradients(network, inputs, labels, reference, seed=0, training=False)
        given = _gradients(network, inputs, labels, device, seed=0, training=not is_random)
    least = FLOOR * float(torch.stack([value.norm() for value in expected.values()]).norm()) if expected else 0.0
    return {
        name: float((given[name] - value).norm()) / max(float(value.norm()), least, torch.finfo(torch.float32).tiny)
        for name, value in expected.items()
    }


def _gradients(
    network: nn.Module, inputs: Tensor, labels: Tensor, device: torch.device, *, seed: int, training: bool = True
) -> dict[str, Tensor]:
    """Give the gradient of the mean loss by each parameter, in float64 on the CPU."""
    twin = place(copy.deepcopy(network), device).train(training)
    for module in twin.modules():
        if isinstance(module, _DropoutNd):
            module.eval()
    twin.zero_grad()
    torch.manual_seed(seed)
    F.cross_entropy(twin(inputs.to(device)), labels.to(device)).backward()
    return {
        name: parameter.grad.cpu().double() for name, parameter in twin.named_parameters() if parameter.grad is not None
    }
