"""Accuracy under noise, blur, contrast, brightness, shift and rotation, each from slight to strong.

`robustness.json` holds `format`, `run`, `data`, `split`, `epoch`, `images` (how many were classified), `of` (how
many the split has), `accuracy` and `accuracy_interval` of the unchanged images, `corruptions`: for each its `name`,
`unit`, `neutral` (the strength that changes nothing) and `points`, a list of `strength`, `correct`, `accuracy`,
`accuracy_interval` (95%, Wilson); and `notes`, as in `evaluation.json`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pellucid.data.batches import DeviceImages
from pellucid.evaluation.corruptions import CORRUPTIONS, Corruption, corrupt
from pellucid.evaluation.evaluate import run_notes
from pellucid.evaluation.measures import wilson_interval
from pellucid.ground.devices import full_float32
from pellucid.ground.documents import read_as, write_document
from pellucid.ground.errors import UserError
from pellucid.ground.progress import progress
from pellucid.ground.shown import Shown
from pellucid.prediction.chosen_images import choose_images
from pellucid.prediction.predictor import Predictor, open_predictor
from pellucid.run import Run, RunFile
from pellucid.training.scoring import evaluation_batches

__all__ = ["IMAGES", "CorruptionFigures", "CorruptionPoint", "Robustness", "read_robustness", "robustness"]

FORMAT = 2
IMAGES = 2000
SEED = 0


@dataclass(frozen=True)
class CorruptionPoint:
    """Accuracy at one strength."""

    strength: float
    correct: int
    accuracy: float
    accuracy_interval: tuple[float, float]


@dataclass(frozen=True)
class CorruptionFigures:
    """Accuracy under one kind of change."""

    name: str
    unit: str
    neutral: float
    points: tuple[CorruptionPoint, ...]


@dataclass(frozen=True, kw_only=True)
class Robustness(Shown):
    """What `robustness.json` holds; the module says what each field means."""

    run: str
    data: str
    split: str
    epoch: int
    images: int
    of: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    corruptions: tuple[CorruptionFigures, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Give the figures as JSON holds them."""
        return {"format": FORMAT, **asdict(self)}


def read_robustness(folder: str | Path) -> Robustness | None:
    """Read the `robustness.json` of a run; None where there is none.

    Raises:
        UserError: it is damaged, or of another pellucid.
    """
    return read_as(Robustness, Path(folder) / RunFile.ROBUSTNESS, FORMAT, "measure again: pellucid robustness RUN")


def robustness(
    run: Run,
    *,
    split: str | None = None,
    epoch: int | str | None = None,
    device: str = "auto",
    images: int = IMAGES,
    corruptions: Sequence[str] = tuple(CORRUPTIONS),
    show_progress: bool = False,
) -> Robustness:
    """Measure a run under each corruption and write `robustness.json` into the run.

    The same images, drawn evenly from the split with a fixed seed, are changed by each kind at each strength; what is
    random in a kind (an image's noise, its direction) is the same at every strength, in every run and in every batch.

    Args:
        run: opened with `pellucid.open_run`.
        split: of the run's own data; None is `test`.
        epoch: `last`, `best` or a number; None is the best on validation images, else the last.
        device: `auto`, `cpu`, `cuda`, `mps`.
        images: classify at most this many.
        corruptions: names of `CORRUPTIONS`.
        show_progress: a bar on standard error.

    Raises:
        UserError: fewer than one image; and whatever `pellucid.evaluate` raises.
    """
    if images < 1:
        raise UserError(f"--images is {images}; expected at least 1")
    predictor = open_predictor(run, epoch, device)
    chosen = choose_images(run, None, split)
    (part,) = chosen.parts
    subset = _sample(len(part), images)
    rows = subset if part.subset is None else part.subset[subset]
    source = DeviceImages(part.split, predictor.device, rows.astype(np.int64))
    kinds = [CORRUPTIONS[name] for name in corruptions]
    passes = sum(len(kind.strengths) for kind in kinds)
    with torch.inference_mode(), progress("changing", passes * len(rows) if show_progress else 0) as advance:
        unchanged = _correct(predictor, source, subset, None, 0.0)
        figures = []
        for kind in kinds:
            points = []
            for strength in kind.strengths:
                correct = _correct(predictor, source, subset, kind, strength)
                share, interval = correct / len(rows), wilson_interval(correct, len(rows))
                points.append(CorruptionPoint(strength, correct, share, interval))
                if show_progress:
                    advance(len(rows))
            figures.append(CorruptionFigures(kind.name, kind.unit, kind.neutral, tuple(points)))
    measured = Robustness(
        run=str(run.directory),
        data=chosen.images.name,
        split=chosen.split,
        epoch=predictor.epoch,
        images=len(rows),
        of=len(part),
        accuracy=unchanged / len(rows),
        accuracy_interval=wilson_interval(unchanged, len(rows)),
        corruptions=tuple(figures),
        notes=(*run_notes(run, predictor.epoch), *chosen.notes),
    )
    write_document(run.directory / RunFile.ROBUSTNESS, measured.to_dict())
    return measured


def _sample(count: int, most: int) -> NDArray[np.int64]:
    """Draw images without replacement, always the same, in ascending order."""
    if count <= most:
        return np.arange(count, dtype=np.int64)
    drawn = np.random.default_rng(SEED).choice(count, most, replace=False)
    return np.sort(drawn).astype(np.int64)


@full_float32()
def _correct(
    predictor: Predictor,
    source: DeviceImages,
    numbers: NDArray[np.int64],
    kind: Corruption | None,
    strength: float,
) -> int:
    correct, broken = torch.zeros((2,), dtype=torch.int64, device=predictor.device).unbind()
    for indices in evaluation_batches(torch.arange(len(source)), predictor.preprocessing):
        pixels, labels = source.cut(indices)
        if kind is not None:
            pixels = corrupt(pixels, kind, strength, SEED, numbers[indices.numpy()].tolist())
        logits = predictor.network(predictor.preprocessing(pixels))
        correct += (logits.argmax(1) == labels).sum()
        broken += (~logits.isfinite()).any(1).sum()
    predictor.require_finite(int(broken.item()), len(source))
    return int(correct.item())
