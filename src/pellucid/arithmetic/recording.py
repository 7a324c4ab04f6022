"""Which operations a network runs, in order, with every value: modules, functions and methods alike.

The network is run once while PyTorch reports each function that is called on a tensor, so that `F.relu`, `x.view`,
`x + y` and a module that is used twice all appear, and a forward with branches of its own shows the branch it took.
Underneath, PyTorch's dispatcher reports what is done to which memory, so that nothing goes unseen (`recorder.py`); what
leaves torch and comes back is found by a second run on another image (`proving.py`). What is run is a copy that shares
the parameters, so the network stays as it was.
"""

from __future__ import annotations

import copy
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.arithmetic.proving import (
    mark_what_changes,
    needs_proof,
    other_image,
    random_states,
    restore_random_states,
)
from pellucid.arithmetic.recorded_step import RecordedStep, Recording
from pellucid.arithmetic.recorder import PassRecorder
from pellucid.arithmetic.step_list import FarEnough
from pellucid.ground.errors import UserError

__all__ = ["ALONE", "RecordedStep", "Recording", "record", "twin_of"]

ALONE = threading.RLock()
"""Held while a network is recorded: the random generators, the parameters and `autograd.Function` are the process's."""


def twin_of(network: nn.Module) -> nn.Module:
    """Copy a network's modules and buffers, while its parameters are shared and not copied.

    Raises:
        UserError: its modules cannot be copied.
    """
    shared: dict[int, Any] = {id(parameter): parameter for parameter in network.parameters()}
    # Each module has a dozen tables of hooks, nearly all empty, which deepcopy is slow to copy.
    shared |= {
        id(table): OrderedDict()
        for module in network.modules()
        for table in vars(module).values()
        if type(table) is OrderedDict and not table
    }
    try:
        return copy.deepcopy(network, memo=shared)
    except Exception as error:
        raise UserError(
            f"{type(network).__name__} cannot be copied ({type(error).__name__}: {error}); a copy is what is run, "
            "so that the network stays as it is; expected modules that copy.deepcopy can copy"
        ) from error


def record(
    network: nn.Module,
    x: Tensor,
    *,
    training: bool | None = None,
    keep_graph: bool = False,
    until: str | None = None,
    then: Callable[[Tensor], Tensor] | None = None,
) -> Recording:
    """Run a network once and record every operation; one thread at a time, the others wait.

    Args:
        network: left exactly as it is: modes, hooks, gradients, running statistics, parameters.
        x: the input, `(N, C, H, W)` or whatever the network takes; a copy of it goes in.
        training: run in training or evaluation mode; as the network stands when None. A dropout's mask is recorded.
        keep_graph: let values stay connected for autograd (`torch.autograd.grad(loss, [step.value])`).
        until: run no further than the step of this name, which is then the last one and the output.
        then: what is done to the output afterwards, recorded like the rest.

    Raises:
        UserError: the network fails on this input, or returns something other than one tensor.

    >>> recording = record(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten()), torch.zeros(1, 1, 5, 5))
    >>> [(step.name, step.label, tuple(step.value.shape)) for step in recording.steps][1:]
    [('0', 'Conv2d', (1, 2, 3, 3)), ('1', 'ReLU', (1, 2, 3, 3)), ('2', 'Flatten', (1, 18))]
    """
    with ALONE:
        return _record(network, x, training, keep_graph, until, then)


def _record(
    network: nn.Module,
    x: Tensor,
    training: bool | None,
    keep_graph: bool,
    until: str | None,
    then: Callable[[Tensor], Tensor] | None,
) -> Recording:
    before = random_states()
    try:
        recorder, result = _run(network, x, training, keep_graph, until, then, gradients=True)
    except UserError:
        raise
    except Exception as error:
        if keep_graph:
            raise _failure(network, x, error) from error
        # Some networks run only where no gradients are kept: `.numpy()` of what has one, some changes in place.
        restore_random_states(before)
        try:
            recorder, result = _run(network, x, training, keep_graph, until, then, gradients=False)
        except UserError:
            raise
        except Exception as again:
            raise _failure(network, x, again) from again
    if result is UNFINISHED:
        return Recording(recorder.finished(), len(recorder.steps) - 1, tuple(recorder.notes))
    if not isinstance(result, Tensor):
        raise UserError(f"{type(network).__name__} returns a {type(result).__name__}; expected one tensor")
    output = recorder.number_of(result)
    steps = recorder.finished()
    if not keep_graph and x.is_floating_point() and needs_proof(steps, recorder):
        after = random_states()
        restore_random_states(before)
        other: tuple[RecordedStep, ...] = ()
        try:
            second, _ = _run(network, other_image(x), training, False, None, then, recorder.gradients)
            other = second.finished()
        except Exception:
            pass  # fails on the other image: nothing can be compared, so what left torch counts as unproven
        finally:
            restore_random_states(after)
        steps = mark_what_changes(steps, other, recorder)
    return Recording(steps, output, tuple(recorder.notes))


UNFINISHED = object()


def _run(
    network: nn.Module,
    x: Tensor,
    training: bool | None,
    keep_graph: bool,
    until: str | None,
    then: Callable[[Tensor], Tensor] | None,
    gradients: bool,
) -> tuple[PassRecorder, Any]:
    twin = twin_of(network)
    if training is not None:
        twin.train(training)
    recorder = PassRecorder(twin, keep_graph, until, gradients)
    with torch.set_grad_enabled(gradients):
        image = x.clone()  # a forward may change it in place
        recorder.add_source("input", image)
        try:
            with recorder.watching():
                result = twin(image)
                return recorder, result if then is None or not isinstance(result, Tensor) else then(result)
        except FarEnough:
            return recorder, UNFINISHED


def _failure(network: nn.Module, x: Tensor, error: Exception) -> UserError:
    first = (str(error).splitlines() or [""])[0]
    return UserError(
        f"{type(network).__name__} fails on an input of shape {list(x.shape)}: {type(error).__name__}: {first}"
    )
