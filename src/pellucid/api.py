"""What one call does: train, resume, evaluate. The command line and `import pellucid` both call these."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from pellucid.data import DataRequest
from pellucid.evaluation import evaluate
from pellucid.glass import Unit, UnitTrace, look
from pellucid.ground.commands import command_line, next_lines
from pellucid.ground.files import replacing
from pellucid.recipes import Recipe
from pellucid.run import Run, RunFile, open_run
from pellucid.training import TrainingRequest
from pellucid.training import resume as resume_training
from pellucid.training import start as start_training

if TYPE_CHECKING:
    from torch import nn

    from pellucid.deployment import Exported, Limits

__all__ = ["draw_curves", "export", "resume", "serve", "trace", "train"]


def train(
    data: str | Path,
    *,
    network: str | None = None,
    weights: str | None = None,
    recipe: str | Recipe | None = None,
    seed: int = 0,
    device: str = "auto",
    out: str | Path | None = None,
    keep: int | str = "best-and-last",
    data_dir: str | Path | None = None,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    fit: str = "stretch",
    strict: bool = False,
    split_seed: int = 0,
    pixel_range: tuple[float, float] | None = None,
    file_column: str | None = None,
    label_column: str | None = None,
    stream: TextIO | None = None,
    **settings: Any,
) -> Run:
    """Train a network on images, evaluate it on the test split, draw its curves; return the run.

    Args:
        data: a name that `pellucid datasets` lists, such as `cifar10`, a folder with a folder of images for each
            class, a .zip or .tar of one, or a table of files and labels (`labels.csv`), alone or in the folder.
        network: a name of `pellucid networks`, `timm:NAME`, or `file.py:ClassName`; None takes what goes with the
            recipe: `efficientnet-lite0` for `photos`, else the lesson's network for the images (`simple-mnist` for one
            channel, `simple-cifar` for three).
        weights: `pretrained`, `random`, or the path of a .safetensors file; None takes pretrained ones where the
            network has some, and never random ones in their place.
        recipe: a name of `pellucid recipes`, or a Recipe; None takes `photos` for a folder of images where pretrained
            weights are installed, and for a network that has such weights; else `standard`.
        seed: of the first weights, the order of images, their augmentation and dropout.
        device: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.
        out: the run's directory, absent or empty; None makes one below `runs/`.
        keep: which epochs' weights to keep: `best-and-last` (by validation accuracy; without validation images only
            the last), `all`, or a number, so many of the newest and the best.
        data_dir: where the data sets lie in their official layouts; None looks at `PELLUCID_DATA`.
        size: `(H, W)` of the network's input; None is the set's own, for a folder what pretrained weights were trained
            at (224 × 224), else 64 × 64.
        channels: 1 or 3; None is the set's own, and 3 for a folder.
        fit: how an image of another size is brought to it: `stretch`, `crop`, `pad`.
        strict: make a broken image an error, instead of leaving it out and listing it.
        split_seed: of the split of a folder that has none of its own.
        pixel_range: which values of images of more than 8 bits are black and white, such as `(0, 4095)`; None chooses
            one range for the set from its values.
        file_column, label_column: of such a table, the columns by name or by number from 1; None finds them.
        stream: where the log goes; None is silent.
        settings: any field of the recipe, such as `epochs=3`.

    Raises:
        UserError: whatever cannot be, before anything is written; a loss that is not finite; a full disk.
        KeyboardInterrupt: asked to stop (`pellucid.training.Interrupted`), with everything up to then kept.

    A call looks like `run = pellucid.train("cifar10", recipe="tutorial", epochs=1)`.
    """
    images = DataRequest(
        source=data,
        data_dir=data_dir,
        size=size,
        channels=channels,
        fit=fit,
        strict=strict,
        split_seed=split_seed,
        pixel_range=pixel_range,
        file_column=file_column,
        label_column=label_column,
    )
    request = TrainingRequest(
        data=images,
        network=network,
        weights=weights,
        recipe=recipe,
        settings=settings,
        seed=seed,
        device=device,
        out=out,
        keep=keep,
    )
    return _conclude(start_training(request, stream=stream), stream)


def resume(run: Run | str | Path, *, device: str | None = None, stream: TextIO | None = None) -> Run:
    """Resume a stopped run; on the CPU it ends with the weights of a run never stopped, bit for bit.

    Args:
        run: a run or its directory.
        device: where to compute from here on; None is where it was computed before.
        stream: where the log goes.

    Raises:
        UserError: it is no run, another process is training it, or its images have changed.
    """
    opened = run if isinstance(run, Run) else open_run(run)
    return _conclude(resume_training(opened, device=device, stream=stream), stream, device)


def trace(network: Run | str | Path | nn.Module, image: Any, unit: Unit | str | None = None, **how: Any) -> UnitTrace:
    """Decompose one value of a run's network on one image into the terms that make it, checked against the network.

    Args:
        network: a run or its directory; a torch module works too, with `[C, H, W]` for the image.
        image: a path, `test/17` for an image of the run's own data, or whatever else `pellucid.look` takes.
        unit: a unit as it is written, `conv2[3,4,5]`; None is the logit of the predicted class.
        how: `epoch`, `training` and the other settings of `pellucid.look`.

    Raises:
        UserError: no such run, image, epoch, layer or unit.
        TraceMismatch: the recomputed value is not the network's.

    A call looks like `print(pellucid.trace("runs/cifar10-simple-cifar-1", "test/17", "conv2[3,4,5]"))`.
    """
    return look(network, image, **how).trace(unit)


def export(
    run: Run | str | Path,
    *,
    to: str = "onnx",
    out: str | Path | None = None,
    epoch: int | str | None = None,
    force: bool = False,
    show_progress: bool = False,
) -> Exported:
    """Write a run as one file with everything inside, from a picture's bytes of any size to a decision.

    It is written only if it answers as the run does on held-out images and on pictures made to be difficult: the same
    pixels, the same decisions, probabilities within 0.0001.

    Args:
        run: a run or its directory.
        to: `onnx`, for ONNX Runtime; `torch`, a `.pt2` of `torch.export`; `page`, HTML in which the network runs.
        out: the file; None is `model.onnx`, `model.pt2` or `page.html` in the run.
        epoch: whose weights: `last`, `best` or a number; None is the best on validation images, else the last.
        force: replace a file that exists.
        show_progress: bars on standard error.

    Raises:
        UserError: it is no run; the file exists; an extra is not installed; the network has an operation that cannot be
            exported; the file does not answer as the run does. Nothing is written then.

    A call looks like `pellucid.export("runs/cifar10-simple-cifar-1", to="onnx", out="model.onnx")`.
    """
    from pellucid.deployment import export as write_file

    opened = run if isinstance(run, Run) else open_run(run)
    return write_file(opened, to, out, epoch=epoch, force=force, show_progress=show_progress)


def serve(
    run: Run | str | Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str | None = None,
    epoch: int | str | None = None,
    device: str = "auto",
    threshold: float | None = None,
    limits: Limits | None = None,
) -> None:
    """Answer for a run, or a model that was exported from one, over HTTP, until SIGTERM or Ctrl-C.

    `POST /predict` takes images, `GET /` is a page to try it on, `GET /openapi.json` describes everything.

    Args:
        run: a run or its directory, or an `.onnx` file.
        host: where to listen; other machines reach only an address that is not the loopback's.
        port: 0 is any free one.
        token: what requests must carry, as `Authorization: Bearer TOKEN`.
        epoch: whose weights of a run: `last`, `best` or a number; None is the best on validation images, else the last.
        device: `auto`, `cpu`, `cuda`, `mps`.
        threshold: the confidence below which an answer is unsure; None is the run's own.
        limits: what a request may take.

    Raises:
        UserError: there is no such run or file, or the address cannot be listened on.

    A call looks like `pellucid.serve("runs/cifar10-simple-cifar-1", port=9000)`.
    """
    from pellucid.deployment.service import serve as listen
    from pellucid.prediction import open_classifier

    place = run.directory if isinstance(run, Run) else run
    listen(open_classifier(place, epoch, device, threshold), host=host, port=port, token=token, limits=limits)


def draw_curves(run: Run, accuracy: float | None = None, split: str = "test") -> Path:
    """Draw `curves.png` into the run, with a description for screen readers in its metadata; return its path."""
    from pellucid.figures.curves import curves_figure, describe_curves

    path = run.directory / RunFile.CURVES
    with replacing(path) as temporary:
        figure = curves_figure(run, accuracy, split)
        figure.savefig(temporary, format="png", metadata={"Description": describe_curves(run)})
    return path


def _next_steps(run: Run) -> list[tuple[str, str]]:
    return [
        ("click any number of it, in a browser", command_line("studio", run.directory)),
        ("use it: images of your own", command_line("predict", run.directory, "IMAGE")),
        ("trace one image through it", command_line("trace", run.directory, run.example_image)),
        ("everything about it on one page", command_line("report", run.directory)),
        ("one HTML file in which it runs, on a phone too", command_line("export", run.directory, "--to", "page")),
    ]


def _conclude(run: Run, stream: TextIO | None, device: str | None = None) -> Run:
    """Measure a finished run on its `measured_split` and draw its curves; in a distributed run, rank 0 alone."""
    if os.environ.get("RANK", "0") != "0":
        return run
    accuracy, split = None, run.measured_split
    if split is not None:
        evaluation = evaluate(run, device=device or run.record.device)
        accuracy = evaluation.accuracy
        if stream:
            print(evaluation.headline(), file=stream, flush=True)
    curves = draw_curves(run, accuracy, split or "test")
    if stream:
        print(f"Run: {run.directory}\nCurves: {curves}\n", file=stream)
        print("\n".join(next_lines(_next_steps(run))), file=stream, flush=True)
    return run
