"""The learning curve of a frozen backbone: refits of its last layer on fewer images, and what more images would bring.

It is kept as `curve.json`; its fields are those of `LearningCurve`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.data.batches import DeviceImages
from pellucid.evaluation.power_law import Forecast, forecast
from pellucid.ground.documents import read_as, write_document
from pellucid.ground.errors import UserError
from pellucid.ground.progress import progress
from pellucid.ground.shown import Shown
from pellucid.networks import last_layer
from pellucid.prediction.chosen_images import choose_images, own_division
from pellucid.prediction.predictor import open_predictor
from pellucid.recipes import Recipe
from pellucid.run import Run, RunFile
from pellucid.training.frozen.features import FeatureSource
from pellucid.training.frozen.last_layer import identity_of
from pellucid.training.frozen.logistic import FeatureScale, fit, turned

__all__ = ["ClassForecast", "LearningCurve", "learning_curve", "read_learning_curve"]

FORMAT = 1
SHARES = (0.15, 0.22, 0.33, 0.5, 0.7, 1.0)
REPEATS = 6
MORE = 50
FARTHEST = 4
"""No forecast for more than so many times the images: that far it was compared with the truth."""
FEWEST, FEWEST_HELD_OUT = 10, 30
TOLERANCE = 1e-3


@dataclass(frozen=True)
class ClassForecast:
    """The recall of one class, as it is and with more images of each class."""

    name: str
    images: int
    recall: float
    forecast: Forecast


@dataclass(frozen=True)
class LearningCurve(Shown):
    """Accuracy on held-out images after training on fewer images, and what more would bring."""

    fingerprint: str
    epoch: int
    weights: str
    """Checksum of the weights whose curve it is."""
    split: str
    held_out: int
    images: int
    """Training images."""
    each: float
    """Training images of a class, on average."""
    sizes: tuple[float, ...]
    """Images of a class, on average."""
    accuracies: tuple[float, ...]
    lowest: tuple[float, ...]
    highest: tuple[float, ...]
    """Of the repeats."""
    more: int
    forecast: Forecast | None
    """Of accuracy with so many more images of each class; None where there are too few images."""
    classes: tuple[ClassForecast, ...]

    def to_dict(self) -> dict[str, Any]:
        """Give the figures as JSON holds them."""
        return {"format": FORMAT, **asdict(self)}


def read_learning_curve(folder: str | Path) -> LearningCurve | None:
    """Read the `curve.json` of a run; None where there is none.

    Raises:
        UserError: it is damaged, or of another pellucid.
    """
    return read_as(LearningCurve, Path(folder) / RunFile.CURVE, FORMAT, "measure again: pellucid evaluate RUN --curve")


def learning_curve(
    run: Run, *, epoch: int | str | None = None, device: str = "auto", show_progress: bool = False
) -> LearningCurve:
    """Refit the last layer on nested random subsets of the training images, and write `curve.json` into the run.

    The same share of each class is drawn; strength is the run's. Accuracy is that on the validation images or, where
    there are none, on the test images.

    Args:
        run: trained with a frozen backbone, as recipe `photos` does.
        epoch: `last`, `best` or a number; None is the best on validation images, else the last.
        device: where features are computed that the cache has not.
        show_progress: a bar on standard error.

    Raises:
        UserError: the backbone was trained; there are neither validation nor test images.
    """
    if Recipe.from_dict(run.record.recipe).backbone != "frozen":
        raise UserError(
            f"{run.directory} trained its whole network, so a learning curve would take a training for each point; "
            "it is for runs with a frozen backbone (--recipe photos)"
        )
    predictor = open_predictor(run, epoch, device)
    images = run.open_images()
    division = own_division(run, images)
    split = "test" if division.val is None else "val"
    if split not in images.splits and division.val is None:
        raise UserError(f"{run.directory} has neither validation nor test images, on which a curve could be measured")
    (part,) = choose_images(run, None, split).parts
    network = predictor.network.eval()
    path = last_layer(network, run.preprocessing.input_shape)
    assert path is not None  # it was fitted
    source = FeatureSource(network, path, run.preprocessing, predictor.device, identity_of(run, network, path))
    train = division.train_on(predictor.device)
    mirrors = Recipe.from_dict(run.record.recipe).flip and images.flip_allowed
    plain, mirrored = source.of(train, mirrored=mirrors, after_block=_go_on)
    seen, _ = source.of(DeviceImages(part.split, predictor.device, part.subset), mirrored=False, after_block=_go_on)
    labels, truth = train.labels.cpu(), torch.from_numpy(np.asarray(part.labels))
    strength = float(run.metrics("fit")[-1]["strength"])
    shares, correct = _measure(plain, mirrored, labels, seen, truth, len(run.classes), strength, show_progress)
    each = len(labels) / len(run.classes)
    more = round(min(MORE, (FARTHEST - 1) * each))
    sizes, then = shares * each, each + more
    enough = each >= FEWEST and len(truth) >= FEWEST_HELD_OUT and len(sizes) > 2
    means = correct.mean(2)
    curve = LearningCurve(
        fingerprint=run.record.fingerprint,
        epoch=predictor.epoch,
        weights=run.weights_digest(predictor.epoch),
        split=split,
        held_out=len(truth),
        images=len(labels),
        each=each,
        sizes=tuple(sizes.tolist()),
        accuracies=tuple(means.mean(0).tolist()),
        lowest=tuple(means.min(0).tolist()),
        highest=tuple(means.max(0).tolist()),
        more=more,
        forecast=forecast(sizes, correct, each, then) if enough else None,
        classes=tuple(
            ClassForecast(name, len(of_class), float(of_class_correct[0, -1].mean()), outlook)
            for name, of_class, of_class_correct, outlook in _by_class(run.classes, truth, correct, sizes, each, then)
        )
        if enough
        else (),
    )
    write_document(run.directory / RunFile.CURVE, curve.to_dict())
    return curve


def _go_on() -> None:
    """Nothing asks to stop but the keyboard."""


def _by_class(
    names: tuple[str, ...], truth: Tensor, correct: Any, sizes: Any, each: float, then: float
) -> list[tuple[str, Any, Any, Forecast]]:
    """Forecast the recall of each class that has held-out images."""
    rows = []
    for label, name in enumerate(names):
        columns = np.flatnonzero(truth.numpy() == label)
        if len(columns):
            rows.append((name, columns, correct[:, :, columns], forecast(sizes, correct[:, :, columns], each, then)))
    return rows


def _measure(
    plain: Tensor,
    mirrored: Tensor,
    labels: Tensor,
    seen: Tensor,
    truth: Tensor,
    classes: int,
    strength: float,
    show_progress: bool,
) -> tuple[Any, Any]:
    """Give the shares `[S]`, and which held-out images were classified correctly, `[R, S, M]`."""
    generator = np.random.default_rng(0)
    groups = [np.flatnonzero(labels.numpy() == label) for label in range(classes)]
    least = max(1.0 / max(1, min(len(group) for group in groups if len(group))), 0.0)
    shares = np.array([share for share in SHARES if share >= least])
    correct = np.zeros((REPEATS, len(shares), len(truth)))
    with progress("refitting", REPEATS * len(shares) if show_progress else 0, "fits") as advance:
        for repeat in range(REPEATS):
            orders = [generator.permutation(group) for group in groups]
            for position, share in enumerate(shares):
                if share == 1 and repeat:
                    correct[repeat, position] = correct[0, position]
                else:
                    kept = torch.from_numpy(np.concatenate([o[: max(1, round(share * len(o)))] for o in orders]))
                    rows = plain[kept] if not len(mirrored) else torch.cat((plain[kept], mirrored[kept]))
                    targets = labels[kept].repeat(len(rows) // len(kept))
                    correct[repeat, position] = _refit(rows, targets, seen, classes, strength) == truth.numpy()
                if show_progress:
                    advance(1)
    return shares, correct


def _refit(rows: Tensor, targets: Tensor, seen: Tensor, classes: int, strength: float) -> Any:
    """Fit a last layer to features, and give what it predicts for others, `[M]`."""
    scale = FeatureScale.of(rows)
    coordinates, axes = turned(scale.apply(rows))
    layer = fit(coordinates, targets, classes, strength, tolerance=TOLERANCE)
    weight, bias = scale.folded(layer.weight if axes is None else layer.weight @ axes.T, layer.bias)
    return (seen @ weight.T + bias).argmax(1).numpy()
