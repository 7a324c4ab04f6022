"""Loss and accuracy over a training, as a picture."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from pellucid.run import Run

__all__ = ["curves_figure", "describe_curves"]

TRAINING = {"color": "#1f5fa8", "marker": "o", "linestyle": "-"}
VALIDATION = {"color": "#c4501b", "marker": "s", "linestyle": "--"}


def curves_figure(run: Run, test_accuracy: float | None = None) -> Figure:
    """Draw a run's loss (left) and accuracy (right) over its epochs.

    The thin line is the loss every so many batches; markers are whole epochs. Training and validation differ in
    marker and dash as well as in colour, so that the picture can be read in grey.

    Args:
        run: with at least one line of metrics.
        test_accuracy: 0 to 1; drawn as a level line where given.
    """
    record = run.record
    epochs, batches = run.metrics("epoch"), run.metrics("batch")
    figure = Figure(figsize=(10, 4), dpi=120, layout="constrained")
    losses, accuracies = figure.subplots(1, 2)
    if batches:
        steps_per_epoch = epochs[0]["step"] / epochs[0]["epoch"] if epochs else batches[-1]["step"]
        losses.plot(
            [line["step"] / steps_per_epoch for line in batches],
            [line["loss"] for line in batches],
            color="#8ab0d8",
            linewidth=1,
            label="training, running",
        )
    _curve(losses, epochs, "train_loss", "training, mean of the epoch", TRAINING)
    _curve(losses, epochs, "val_loss", "validation", VALIDATION)
    losses.set(title="Loss (cross-entropy)", xlabel="epoch")
    losses.set_ylim(bottom=0)
    _curve(accuracies, epochs, "train_accuracy", "training, mean of the epoch", TRAINING)
    _curve(accuracies, epochs, "val_accuracy", "validation", VALIDATION)
    if test_accuracy is not None:
        accuracies.axhline(test_accuracy, color="#333333", linestyle=":", label=f"test: {test_accuracy:.2%}")
    accuracies.set(title="Accuracy", xlabel="epoch")
    accuracies.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    for axes in (losses, accuracies):
        axes.set_xlim(0, max(record.recipe["epochs"], 1) * 1.03)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False)
    figure.suptitle(f"{record.network} on {run.data['name']}, recipe {record.recipe['name']}, seed {record.seed}")
    return figure


def describe_curves(run: Run) -> str:
    """Say in a sentence what the picture shows, for those who cannot see it."""
    epochs = run.metrics("epoch")
    if not epochs:
        return "Training curves: no epoch is finished yet."
    first, last = epochs[0], epochs[-1]
    text = (
        f"Training curves over {len(epochs)} epochs: training loss from {first['train_loss']:.3f} to "
        f"{last['train_loss']:.3f}, training accuracy from {first['train_accuracy']:.1%} "
        f"to {last['train_accuracy']:.1%}"
    )
    if "val_accuracy" in last:
        text += f", validation accuracy from {first['val_accuracy']:.1%} to {last['val_accuracy']:.1%}"
    return text + "."


def _curve(axes: Any, epochs: list[dict[str, Any]], figure: str, label: str, style: dict[str, str]) -> None:
    present = [line for line in epochs if figure in line]
    if present:
        axes.plot([line["epoch"] for line in present], [line[figure] for line in present], label=label, **style)
