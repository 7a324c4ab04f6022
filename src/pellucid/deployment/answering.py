"""The graph of a predictor: a run's network with everything before and after it."""

from __future__ import annotations

import contextlib
import importlib.metadata
from typing import Any

from torch.export import ExportedProgram

from pellucid.deployment.graph import INPUT, OUTPUTS, PIXELS, Answering, Deciding, program_of
from pellucid.deployment.maps import with_maps
from pellucid.deployment.onnx_file import onnx_bytes, with_metadata
from pellucid.deployment.unexportable import explaining
from pellucid.ground.version import VERSION
from pellucid.prediction.calibration import read_calibration
from pellucid.prediction.predictor import Predictor

__all__ = ["FORMAT", "deciding_of", "graph_of", "metadata_of", "program_for", "versions"]

FORMAT = 1


def deciding_of(predictor: Predictor) -> Deciding:
    """How the run's predictions become decisions, with the weights of the predictor's epoch."""
    calibration = read_calibration(predictor.run, predictor.epoch)
    if calibration is None:
        return Deciding(predictor.run.head, 1.0, None)
    return Deciding(predictor.run.head, calibration.temperature or 1.0, calibration.threshold)


def program_for(predictor: Predictor, deciding: Deciding) -> ExportedProgram:
    """Trace the graph of a predictor; beside `OUTPUTS` it gives the fitted pixels.

    Raises:
        UserError: torch.export cannot follow the network.
    """
    network = predictor.network
    with explaining(predictor.run.record.network, network):
        return program_of(Answering(network, predictor.preprocessing, deciding, pixels=True))


def graph_of(predictor: Predictor, maps: bool = False) -> bytes:
    """Make the ONNX file of a predictor: from pictures of any size to probabilities and a decision.

    Its input is `image`, uint8 `[B, H, W, C]`; its outputs are `probabilities` `[B, K]` float32, at the run's
    temperature, `label` `[B]` int64, and `abstain` `[B]` bool, whether the run's threshold is not reached. It has
    passed no gate.

    Args:
        predictor: a run with the weights of an epoch, on the CPU.
        maps: add the fitted pixels and the value of every node of the network as further outputs, called as in
            `pellucid.look`; one whose name is taken gets `_2`. The metadata say in `maps` which output is which node's,
            and in `without_map` which nodes have none, because they are steps within an operation.

    Raises:
        UserError: the network has an operation that cannot be exported.
    """
    deciding = deciding_of(predictor)
    network, name = predictor.network, predictor.run.record.network
    names: dict[str, str] = {}
    metadata = metadata_of(predictor, deciding)
    with explaining(name, network):
        if maps:
            all_maps = with_maps(network, predictor.preprocessing.input_shape)
            network, names = all_maps.network, _free_names(all_maps.names)
            metadata |= {"maps": names, "without_map": list(all_maps.missing)}
        program = program_of(Answering(network, predictor.preprocessing, deciding, pixels=maps))
        outputs = (*OUTPUTS, *([PIXELS] if maps else []), *names.values())
        return with_metadata(onnx_bytes(program, INPUT, outputs), metadata)


def _free_names(nodes: tuple[str, ...]) -> dict[str, str]:
    """Give each node an output's name: its own, unless that is taken."""
    taken = {INPUT, PIXELS, *OUTPUTS}
    names: dict[str, str] = {}
    for node in nodes:
        name, number = node, 2
        while name in taken or (name != node and name in nodes):
            name, number = f"{node}_{number}", number + 1
        taken.add(name)
        names[node] = name
    return names


def metadata_of(predictor: Predictor, deciding: Deciding) -> dict[str, Any]:
    """What an exported file says of itself; `gate` is added when it has passed."""
    run, preprocessing = predictor.run, predictor.preprocessing
    return {
        "format": FORMAT,
        "classes": list(run.classes),
        "threshold": deciding.threshold,
        "temperature": deciding.temperature,
        "network": run.record.network,
        "height": preprocessing.height,
        "width": preprocessing.width,
        "channels": preprocessing.channels,
        "fit": preprocessing.fit,
        "pixel_range": preprocessing.pixel_range,
        "run": run.directory.resolve().name,
        "epoch": predictor.epoch,
        "weights": run.weights_digest(predictor.epoch),
        "versions": versions(),
        "gate": None,
    }


def versions() -> dict[str, str]:
    """What the answers depend on, each with its version; what is not installed is left out."""
    known = {"pellucid": VERSION}
    for name in ("torch", "pillow", "onnx", "onnxscript", "onnxruntime"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            known[name] = importlib.metadata.version(name)
    return known
