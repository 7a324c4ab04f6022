"""A network that also returns the value of every node that looking into it shows, under the same names.

The names are those of `pellucid.glass`, the operations those of `torch.export`. Which belong together is found from the
values: both run on the same random images, and a node is the operation that gave the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.export import Dim

from pellucid.glass import Glass, look

__all__ = ["Maps", "with_maps"]

IMAGES = 2
CLOSE = 1e-5
"""By how much values may differ, as a share of the largest: an operation may lie in memory in another way."""


@dataclass(frozen=True)
class Maps:
    """A network that returns its output and one value after the other, and what these are."""

    network: nn.Module
    """From `[B, C, h, w]` to a tuple of tensors, the output first."""

    names: tuple[str, ...]
    """The node of each value after the first."""

    missing: tuple[str, ...]
    """The nodes that no operation of the exported network gave, such as steps within an operation."""


def with_maps(network: nn.Module, input_shape: tuple[int, int, int]) -> Maps:
    """Make a network return the value of every node; `[B, ...]` of each, a parameter or constant as it is.

    Args:
        network: in evaluation mode; it is left as it was.
        input_shape: `(C, h, w)`.

    Raises:
        UserError: its operations cannot be followed.
    """
    generator = torch.Generator().manual_seed(0)
    images = [torch.randn((1, *input_shape), generator=generator) for _ in range(IMAGES)]
    with torch.no_grad():
        example = torch.cat(images)
        program = torch.export.export(network, (example,), dynamic_shapes=({0: Dim.DYNAMIC},), strict=False)
        module = _plain(program.module())
        runs = [_values(module, image) for image in images]
    glasses = [look(network, image) for image in images]
    operations = [node for node in module.graph.nodes if all(isinstance(run.get(node), Tensor) for run in runs)]
    pairs: dict[str, fx.Node] = {}
    for name in glasses[0].nodes:
        if all(name in glass.nodes for glass in glasses):
            same = next((node for node in operations if _agree(name, node, glasses, runs)), None)
            if same is not None:
                pairs[name] = same
    output = module.graph.output_node()
    output.args = ((output.args[0], *pairs.values()),)
    module.recompile()
    return Maps(module, tuple(pairs), tuple(name for name in glasses[0].nodes if name not in pairs))


def _plain(module: nn.Module) -> fx.GraphModule:
    """Make an exported module take a tensor and return one, without checks of what it is given."""
    assert isinstance(module, fx.GraphModule)
    graph = module.graph
    for node in list(graph.nodes):
        if node.op == "call_module" and node.target == "_guards_fn":
            graph.erase_node(node)
    output = graph.output_node()
    returned = output.args[0]
    output.args = (returned[0] if isinstance(returned, tuple | list) else returned,)
    graph.set_codegen(fx.graph.CodeGen())
    module.recompile()
    return module


def _values(module: fx.GraphModule, image: Tensor) -> dict[fx.Node, Any]:
    interpreter = fx.Interpreter(module, garbage_collect_values=False)
    interpreter.run(image)
    # What is changed in place later on is no longer what the operation gave.
    return dict(interpreter.env)


def _agree(name: str, node: fx.Node, glasses: list[Glass], runs: list[dict[fx.Node, Any]]) -> bool:
    for glass, run in zip(glasses, runs, strict=True):
        mine, theirs = glass[name].step.value, run[node]
        if mine.shape != theirs.shape or mine.dtype != theirs.dtype:
            return False
        limit = CLOSE * float(mine.abs().max()) if mine.numel() and mine.is_floating_point() else 0.0
        if mine.numel() and not bool(((mine.double() - theirs.double()).abs() <= limit).all()):
            return False
    return True
