"""Make docs/walk.gif, the picture at the top of the README: `python docs/make_walk.py RUN [IMAGE]`.

RUN is a run of the lesson's network on CIFAR-10 (`pellucid train cifar10 --recipe tutorial`). IMAGE is an image of its
test set that it got wrong; by default the first of those that it was most confident about. Every number in the picture
is read from the run's network; the sum is computed again and checked against PyTorch's.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

import pellucid
from pellucid.causes import find_contributor
from pellucid.evaluation import predictions_of
from pellucid.figures.saving import save_animation
from pellucid.figures.tokens import FRAME, INK, QUIET, diverging
from pellucid.glass import Glass, UnitTrace
from pellucid.ground.writing import number

FRAMES = 5


def most_confident_mistake(run: pellucid.Run) -> str:
    """Name the test image that the network was most confident about and got wrong."""
    predictions, _, _ = predictions_of(run)
    wrong = np.flatnonzero(predictions.predicted != predictions.labels)
    return str(predictions.sources[int(wrong[np.argmax(predictions.confidence[wrong])])])


def walk(glass: Glass, trace: UnitTrace) -> Iterator[Figure]:
    """Draw the walk from an image to one sum, a step more in each figure."""
    for frame in range(1, FRAMES + 1):
        yield draw(glass, trace, frame)


def draw(glass: Glass, trace: UnitTrace, frames: int) -> Figure:
    """Draw the first `frames` steps: image, channel, window times weights, sum, check."""
    figure = Figure(figsize=(11.0, 3.9), dpi=100, facecolor="white")
    prediction = glass.prediction
    assert prediction is not None
    assert trace.trace is not None
    unit, terms = trace.unit, trace.trace.terms
    assert terms.products is not None
    assert terms.weights is not None
    box, pixels = trace.receptive_field, glass.picture.pixels
    assert box is not None
    assert pixels is not None
    axes = figure.add_axes((0.01, 0.16, 0.24, 0.66))
    show(
        axes, pixels, f"a {prediction.true_label}, predicted as {prediction.name}", f"{prediction.probability:.0%} sure"
    )
    if frames >= 2:
        for colour, width in (("white", 3.6), (FRAME, 1.8)):
            size = (box.right - box.left, box.bottom - box.top)
            axes.add_patch(Rectangle((box.left - 0.5, box.top - 0.5), *size, fill=False, ec=colour, lw=width))
        axes = figure.add_axes((0.27, 0.16, 0.2, 0.66))
        values = unit.node.value[unit.index[0]].detach().numpy()
        show(axes, values, f"{unit.node.name}, channel {unit.index[0]}", f"{unit.name} = {number(trace.value)}")
        axes.add_patch(Rectangle((unit.index[2] - 0.5, unit.index[1] - 0.5), 1, 1, fill=False, ec=INK, lw=2))
    rows, columns = trace.trace.operation.settings["kernel"]
    windows = terms.products.reshape(-1, rows, columns)
    channel = int(np.argmax(np.abs(windows.sum(axis=(1, 2)))))
    parts = [array.reshape(-1, rows, columns)[channel] for array in (terms.values, terms.weights, terms.products)]
    if frames >= 3:
        name = unit.node.inputs[0].name
        for place, (title, part) in enumerate(zip((f"{name}[{channel}]", "weights", "products"), parts, strict=True)):
            axes = figure.add_axes((0.5 + 0.17 * place, 0.36, 0.145, 0.41))
            table(axes, part, title)
            if place < 2:
                axes.text(1.09, 0.5, "×=="[place], transform=axes.transAxes, ha="center", va="center", fontsize=15)
    line = {"family": "monospace", "fontsize": 12, "color": INK}
    if frames >= 4:
        bias = trace.trace.bias or 0.0
        total = float(terms.products.sum())
        words = f"{len(terms)} products {number(total)}  + bias {number(bias)}  = {number(total + bias)}"
        figure.text(0.5, 0.19, words, **line)
    if frames >= 5:
        check = trace.trace.check
        words = f"✓ PyTorch says {number(check.pytorch)}, difference {abs(check.difference):.0e}"
        figure.text(0.5, 0.09, words.replace("e-0", "e-"), **{**line, "color": "#00507f", "weight": "bold"})
    figure.set_label(
        f"An image of a {prediction.true_label} that the network predicts as {prediction.name}; one unit, {unit.name}; "
        f"the window that it reads times its weights; the sum of {len(terms)} products, checked against PyTorch."
    )
    return figure


def show(axes: Axes, picture: NDArray[np.generic], title: str, below: str) -> None:
    """Show an image, or a feature map on a scale with zero in white."""
    if picture.ndim == 3:
        axes.imshow(picture, interpolation="nearest")
    else:
        largest = float(np.abs(picture).max()) or 1.0
        axes.imshow(picture, cmap=diverging(), vmin=-largest, vmax=largest, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.set_title(title, fontsize=12, color=INK)
    axes.set_xlabel(below, fontsize=12, color=INK)


def table(axes: Axes, values: NDArray[np.float64], title: str) -> None:
    """Show the numbers of a window, tinted by size and sign."""
    largest = float(np.abs(values).max()) or 1.0
    axes.imshow(values, cmap=diverging(), vmin=-1.6 * largest, vmax=1.6 * largest, interpolation="nearest")
    for (row, column), value in np.ndenumerate(values):
        axes.text(
            column,
            row,
            f"{round(value, 2) or 0:.2f}".replace("-", "−"),
            ha="center",
            va="center",
            fontsize=10.5,
            color=INK,
        )
    axes.set(xticks=np.arange(values.shape[1] + 1) - 0.5, yticks=np.arange(values.shape[0] + 1) - 0.5)
    axes.grid(color="white", linewidth=2)
    axes.tick_params(length=0, labelleft=False, labelbottom=False)
    axes.spines[:].set_visible(False)
    axes.set_title(title, fontsize=12, color=QUIET)


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("image", nargs="?")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "walk.gif")
    arguments = parser.parse_args()
    run = pellucid.open_run(arguments.run)
    glass = pellucid.look(run, arguments.image or most_confident_mistake(run))
    assert glass.prediction is not None
    contributor = find_contributor(glass, glass.prediction.name, glass.prediction.true_label)
    trace = glass.trace(contributor.unit)
    figures = list(walk(glass, trace))
    save_animation([*figures, figures[-1], figures[-1]], arguments.out, str(figures[-1].get_label()), force=True)
    print(f"Wrote {arguments.out}: {glass.picture.source}, {contributor.unit.name}")


if __name__ == "__main__":
    main()
