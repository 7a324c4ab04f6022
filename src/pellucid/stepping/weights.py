"""Weights by name: the one asked for, and examples of those a network has."""

from __future__ import annotations

from torch import nn

from pellucid.glass.units import check_index, parse_unit, unit_text
from pellucid.ground.errors import UserError, did_you_mean
from pellucid.run import Run

__all__ = ["check_has_steps", "example_weights", "find_weight"]


def check_has_steps(run: Run) -> None:
    """Check that a run was trained step by step.

    Raises:
        UserError: its last layer was fitted at once.
    """
    if run.record.recipe["backbone"] == "frozen":
        how = "first without steps" if run.record.recipe["fine_tune"] else "without steps"
        raise UserError(
            f"{run.directory} was trained {how}: its backbone is frozen, and its last layer was fitted to "
            "the features at once; a run of another recipe has steps to repeat"
        )


def find_weight(network: nn.Module, text: str) -> tuple[str, tuple[int, ...]]:
    """Find a weight that is written `conv1.weight[0,0,1,1]`: the parameter's name and the index.

    Raises:
        UserError: no such parameter or index, or the parameter is not trained.
    """
    name, index = parse_unit(text)
    parameters = dict(network.named_parameters())
    if name not in parameters:
        raise UserError(f"no weight is called {name!r}; {did_you_mean(name, parameters)}")
    if not parameters[name].requires_grad:
        raise UserError(f"{name} is not trained (requires_grad is off); choose another")
    return name, check_index(name, () if index is None else index, tuple(parameters[name].shape))


def example_weights(network: nn.Module) -> dict[str, tuple[int, ...]]:
    """Name one weight of each trained parameter, with the parameter's shape; of a kernel the one in the middle.

    >>> example_weights(nn.Conv2d(3, 8, 3))
    {'weight[0,0,1,1]': (8, 3, 3, 3), 'bias[0]': (8,)}
    """
    examples = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad and parameter.numel():
            shape = tuple(parameter.shape)
            examples[unit_text(name, [0 if axis < 2 else size // 2 for axis, size in enumerate(shape)])] = shape
    return examples
