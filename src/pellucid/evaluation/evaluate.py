"""What a trained network gets right: accuracy, loss, the accuracy of each class, who is taken for whom."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from pellucid.data.batches import DeviceImages
from pellucid.devices import pick_device
from pellucid.errors import UserError, did_you_mean
from pellucid.files import write_json
from pellucid.run import Run
from pellucid.scoring import score

__all__ = ["ClassFigures", "Evaluation", "evaluate"]


@dataclass(frozen=True)
class ClassFigures:
    """How one class fared."""

    name: str
    images: int
    correct: int

    @property
    def accuracy(self) -> float | None:
        """Share of its images classified rightly, 0 to 1; None where there was no image of it."""
        return self.correct / self.images if self.images else None


@dataclass(frozen=True)
class Evaluation:
    """The figures of one pass over a split, with the weights of one epoch."""

    run: str
    data: str
    split: str
    epoch: int
    images: int
    correct: int
    loss: float
    """Mean cross-entropy in nats."""
    classes: tuple[ClassFigures, ...]
    confusion: tuple[tuple[int, ...], ...]
    """Row = true class, column = predicted class, entry = number of images."""

    @property
    def accuracy(self) -> float:
        """Share of images classified rightly, 0 to 1."""
        return self.correct / self.images

    def to_dict(self) -> dict[str, Any]:
        """Give the figures as `evaluation.json` holds them."""
        classes = [{**asdict(one), "accuracy": one.accuracy} for one in self.classes]
        return {**asdict(self), "accuracy": self.accuracy, "classes": classes}

    def headline(self) -> str:
        """The line a person looks for first."""
        return (
            f"{self.split.capitalize()} Accuracy: {self.accuracy:.2%} ({self.correct:,} of {self.images:,} images), "
            f"Loss: {self.loss:.3f}"
        )

    def __str__(self) -> str:
        """The headline, each class's accuracy, and for each the class it is most often taken for."""
        width = max(len(one.name) for one in self.classes)
        lines = [self.headline(), "", f"{'class':<{width}}  images  accuracy  most often taken for"]
        for index, one in enumerate(self.classes):
            wrong = [(count, other) for other, count in enumerate(self.confusion[index]) if other != index]
            count, other = max(wrong, key=lambda pair: pair[0])
            taken_for = f"{self.classes[other].name} ({count})" if count else "-"
            accuracy = "   -    " if one.accuracy is None else f"{one.accuracy:8.2%}"
            lines.append(f"{one.name:<{width}}  {one.images:6,}  {accuracy}  {taken_for}")
        return "\n".join(lines)


def evaluate(
    run: Run, *, split: str = "test", epoch: int | str = "last", device: str = "auto", show_progress: bool = False
) -> Evaluation:
    """Measure a run's network on a split of its own data and write `evaluation.json` into the run.

    Args:
        run: opened with `pellucid.open_run`.
        split: `test`, or another that the image set itself has (`train`, `val`).
        epoch: `last`, `best` (by validation accuracy) or a number.
        device: `auto`, `cpu`, `cuda`, `mps`.
        show_progress: a bar on standard error.

    Raises:
        UserError: the run has no weights yet, or its data no such split, or they are not what they were.
    """
    resolved = run.resolve_epoch(epoch)
    images = run.open_images()
    if split not in images.splits:
        raise UserError(f"{images.name} has no split {split!r}; {did_you_mean(split, images.splits)}")
    torch_device = pick_device(device)
    network = run.network(resolved).to(torch_device)
    measured = score(
        network,
        DeviceImages(images.splits[split], torch_device),
        run.preprocessing,
        len(run.classes),
        show_progress=show_progress,
    )
    confusion = measured.confusion.tolist()
    evaluation = Evaluation(
        run=str(run.directory),
        data=images.name,
        split=split,
        epoch=resolved,
        images=measured.images,
        correct=measured.correct,
        loss=measured.loss,
        classes=tuple(
            ClassFigures(name, sum(row), row[index])
            for index, (name, row) in enumerate(zip(run.classes, confusion, strict=True))
        ),
        confusion=tuple(map(tuple, confusion)),
    )
    write_json(run.directory / "evaluation.json", evaluation.to_dict())
    return evaluation
