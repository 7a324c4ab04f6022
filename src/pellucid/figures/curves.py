"""Loss and accuracy over a training, prepared as charts and drawn as a picture."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from pellucid.evaluation.charts import Chart, Scale, Series
from pellucid.figures.charts import draw_chart
from pellucid.figures.page import Page
from pellucid.ground.writing import counted
from pellucid.run import Run

__all__ = ["curves_figure", "describe_curves", "training_charts"]

RUNNING = 400
"""The loss of single batches is drawn with at most about this many points."""


def training_charts(run: Run, accuracy: float | None = None, split: str = "test") -> tuple[Chart, Chart]:
    """Prepare a run's loss and its accuracy over the epochs.

    Args:
        run: with at least one line of metrics.
        accuracy: 0 to 1; drawn as a level line where given.
        split: which images the level line is for.
    """
    epochs, batches = run.metrics("epoch"), run.metrics("batch")
    end = float(max(run.record.recipe["epochs"], epochs[-1]["epoch"] if epochs else 1))
    steps = [0, *(line["step"] for line in epochs)]  # a first epoch that fits the last layer is one step
    steps_per_epoch = steps[-1] - steps[-2] if epochs else batches[-1]["step"] if batches else 1
    running = tuple((line["epoch"] - 1 + line["batch"] / steps_per_epoch, line["loss"]) for line in batches)
    losses = (
        Series("running", running[:: max(1, len(running) // RUNNING)], "thin"),
        Series("training", _curve(epochs, "train_loss"), "line"),
        Series("validation", _curve(epochs, "val_loss"), "dashed"),
    )
    accuracies = [
        Series("training", _curve(epochs, "train_accuracy"), "line"),
        Series("validation", _curve(epochs, "val_accuracy"), "dashed"),
    ]
    if accuracy is not None:
        level = ((0.0, accuracy), (end, accuracy))
        accuracies.append(Series(f"{split} {accuracy:.2%}", level, "level"))
    across, words = Scale("epoch", (0.0, end), whole=True), describe_curves(run)
    return (
        Chart("Loss (cross-entropy)", across, Scale("loss"), words, losses),
        Chart("Accuracy", across, Scale("accuracy", (0, 1), percent=True), words, tuple(accuracies)),
    )


def curves_figure(run: Run, accuracy: float | None = None, split: str = "test") -> Figure:
    """Draw a run's loss (left) and accuracy (right) over its epochs; the figure's label describes them in words.

    The thin line is the loss every so many batches; marks are the means of whole epochs.

    Args:
        run: with at least one line of metrics.
        accuracy: 0 to 1; drawn as a level line where given.
        split: which images the level line is for.
    """
    record = run.record
    figure = Page(figsize=(10, 4), dpi=120, layout="constrained")
    for axes, chart in zip(figure.subplots(1, 2), training_charts(run, accuracy, split), strict=True):
        draw_chart(axes, chart)
    figure.suptitle(f"{record.network} on {run.data['name']}, recipe {record.recipe['name']}, seed {record.seed}")
    figure.set_label(describe_curves(run))
    return figure


def describe_curves(run: Run) -> str:
    """Say in a sentence what the picture shows, for those who cannot see it."""
    epochs = run.metrics("epoch")
    if not epochs:
        return "Training curves: no epoch is complete yet."
    first, last = epochs[0], epochs[-1]
    if len(epochs) == 1:
        checked = f", validation accuracy {last['val_accuracy']:.1%}" if "val_accuracy" in last else ""
        return (
            f"After the one epoch so far: training loss {last['train_loss']:.3f}, training accuracy "
            f"{last['train_accuracy']:.1%}{checked}."
        )
    text = (
        f"Training curves over {counted(len(epochs), 'epoch')}: training loss from {first['train_loss']:.3f} to "
        f"{last['train_loss']:.3f}, training accuracy from {first['train_accuracy']:.1%} "
        f"to {last['train_accuracy']:.1%}"
    )
    if "val_accuracy" in last:
        text += f", validation accuracy from {first['val_accuracy']:.1%} to {last['val_accuracy']:.1%}"
    return text + "."


def _curve(epochs: list[dict[str, Any]], name: str) -> tuple[tuple[float, float], ...]:
    return tuple((line["epoch"], line[name]) for line in epochs if name in line)
