"""Export: a run as one file that answers pictures elsewhere, kept only after it has answered as the run does."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pellucid.deployment.answering import deciding_of, graph_of, metadata_of, program_for
from pellucid.deployment.gate import GateFigures, Graph, pass_gate
from pellucid.deployment.gate_pictures import hard_pictures, held_out_pictures, pixel_format
from pellucid.deployment.graph import INPUT, OUTPUTS, PIXELS
from pellucid.deployment.onnx_file import onnx_bytes, onnx_graph, with_metadata, without_output
from pellucid.deployment.page import page_of
from pellucid.deployment.torch_file import torch_bytes, torch_graph
from pellucid.deployment.unexportable import explaining
from pellucid.ground.errors import UserError, did_you_mean
from pellucid.ground.files import write_bytes
from pellucid.ground.progress import progress
from pellucid.ground.shown import Shown, as_text
from pellucid.prediction.predictor import Predictor, open_predictor
from pellucid.run import Run, RunFile
from pellucid.web import web_runtime

__all__ = ["KINDS", "Exported", "export"]

NEEDED = ("onnx", "onnxscript", "onnxruntime")
"""What an ONNX file is made and checked with."""


@dataclass(frozen=True)
class Kind:
    """One kind of file."""

    file: RunFile
    """Its name in the run, where no other is given."""

    make: Callable[[Predictor], tuple[Graph, Callable[[dict[str, Any]], bytes]]]
    """Gives the graph in its runtime, and a function from metadata to the file's bytes."""


@dataclass(frozen=True)
class Exported(Shown):
    """A file that was written."""

    path: Path
    to: str
    """`onnx`, `torch` or `page`."""
    gate: GateFigures
    metadata: dict[str, Any]
    """What the file says of itself."""
    bytes: int

    def to_dict(self) -> dict[str, Any]:
        """The path, the size and the metadata."""
        return {"path": str(self.path), "to": self.to, "bytes": self.bytes, **self.metadata}


@as_text.register
def _text(exported: Exported) -> str:
    return f"{exported.path.name}: {exported.bytes / 1e6:.1f} MB, {exported.gate}."


def export(
    run: Run,
    to: str = "onnx",
    out: str | Path | None = None,
    *,
    epoch: int | str | None = None,
    force: bool = False,
    show_progress: bool = False,
) -> Exported:
    """Write a run as one file with everything inside, from a picture's bytes to the decision.

    The file is written only after its runtime gave the run's own answers: on held-out images and on pictures made to be
    difficult, the same pixels, the same decisions, and probabilities within 0.0001.

    Args:
        run: opened with `pellucid.open_run`.
        to: `onnx`, for ONNX Runtime; `torch`, a `.pt2` of `torch.export`; `page`, HTML in which the network runs.
        out: the file; None is `model.onnx`, `model.pt2` or `page.html` in the run.
        epoch: whose weights: `last`, `best` or a number; None is the best on validation images, else the last.
        force: replace a file that exists.
        show_progress: bars on standard error.

    Raises:
        UserError: there is no such kind; the file exists; an extra is not installed; the network has an operation that
            cannot be exported; the file does not answer as the run does. Nothing is written then.
    """
    if to not in KINDS:
        raise UserError(f"there is no export to {to!r}; {did_you_mean(to, KINDS)}")
    kind = KINDS[to]
    path = run.directory / kind.file if out is None else Path(out)
    suffix = Path(kind.file).suffix
    if path.suffix.lower() != suffix:
        raise UserError(f"{path} does not end in {suffix}; expected a file such as {kind.file}")
    if path.is_dir():
        raise UserError(f"{path} is a folder; expected a file such as {path / kind.file}")
    if path.exists() and not force:
        raise UserError(f"{path} exists already; give another name, or --force to replace it")
    if to != "torch":
        _require()
    predictor = open_predictor(run, epoch, "cpu")
    held_out = held_out_pictures(predictor)  # before the long part: they may be gone
    with progress("exporting", 1 if show_progress else 0, "files") as advance:
        graph, content_with = kind.make(predictor)
        advance(1)
    figures = _checked(predictor, graph, held_out, show_progress)
    metadata = metadata_of(predictor, deciding_of(predictor)) | {"gate": figures.to_dict()}
    content = content_with(metadata)
    write_bytes(path, content)
    return Exported(path, to, figures, metadata, len(content))


def _checked(predictor: Predictor, graph: Graph, held_out: list[Any], show_progress: bool) -> GateFigures:
    hard = list(hard_pictures(pixel_format(predictor)))
    with progress("checking", len(held_out) + len(hard) if show_progress else 0) as advance:
        told = advance if show_progress else lambda count: None
        return pass_gate(predictor, deciding_of(predictor), graph, [*held_out, *hard], told)


def _require() -> None:
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(
            f"exporting to ONNX needs {', '.join(missing)}, which "
            f"{'is' if len(missing) == 1 else 'are'} not installed; install with pip install 'pellucid[onnx]', or "
            "export with --to torch"
        )


def _make_onnx(predictor: Predictor) -> tuple[Graph, Callable[[dict[str, Any]], bytes]]:
    program = program_for(predictor, deciding_of(predictor))
    with explaining(predictor.run.record.network, predictor.network):
        with_pixels = onnx_bytes(program, INPUT, (*OUTPUTS, PIXELS))
    content = without_output(with_pixels, PIXELS)
    return onnx_graph(content, with_pixels), lambda metadata: with_metadata(content, metadata)


def _make_torch(predictor: Predictor) -> tuple[Graph, Callable[[dict[str, Any]], bytes]]:
    program = program_for(predictor, deciding_of(predictor))
    return torch_graph(torch_bytes(program, {})), lambda metadata: torch_bytes(program, metadata)


def _make_page(predictor: Predictor) -> tuple[Graph, Callable[[dict[str, Any]], bytes]]:
    web_runtime()  # before the long part: it may have to be fetched
    graph = graph_of(predictor, maps=True)
    return onnx_graph(graph, graph), lambda metadata: page_of(predictor, graph, metadata)


KINDS = {
    "onnx": Kind(RunFile.ONNX, _make_onnx),
    "torch": Kind(RunFile.TORCH, _make_torch),
    "page": Kind(RunFile.PAGE, _make_page),
}
