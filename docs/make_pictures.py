"""Make the pictures of docs/images: `python docs/make_pictures.py`, about half a minute.

All but one are made here, from the functions that the lesson explains; no data set is needed. The exception,
curves.png, is the picture that a training draws into its run; it is made by

    pellucid train cifar10 --recipe tutorial --out runs/curves    # then copy runs/curves/curves.png
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import nn

from pellucid.arithmetic import summarise
from pellucid.convolution import KERNELS, convolve, convolve_functions, correlate2d, filter_image
from pellucid.figures.architecture import architecture_svg
from pellucid.figures.continuous import convolution_figure
from pellucid.figures.dense import dense_figure, describe_dense
from pellucid.figures.flatten import describe_flatten, flatten_figure
from pellucid.figures.pooling import pooling_figure
from pellucid.figures.saving import save_figure
from pellucid.figures.sliding import save_sliding
from pellucid.figures.tokens import INK, POSITIVE, QUIET, diverging, sequential
from pellucid.ground.files import write_bytes
from pellucid.networks import build

IMAGES = Path(__file__).parent / "images"

EDGES = ((0, 0, 9, 9, 9, 0, 0), (0, 0, 9, 9, 9, 0, 0), (0, 0, 9, 9, 9, 0, 0), (0, 9, 9, 9, 9, 9, 0))
"""A small image with two vertical edges, to which a Sobel filter responds, and a flat part, to which it does not."""


def sliding(path: Path) -> None:
    """The lesson's first convolution, step by step."""
    save_sliding(convolve([3, 2, 1, 0], [1, 0, -1]), path, seconds=2.0, force=True)


def sliding_2d(path: Path) -> None:
    """A Sobel filter on a small image, step by step."""
    save_sliding(correlate2d(EDGES, KERNELS["sobel-x"].values, mode="valid"), path, seconds=1.5, force=True)


def parabola(path: Path) -> None:
    """sin(x) with x², cut off at -10 and 10, and what happens at x = 5."""
    save_figure(convolution_figure(convolve_functions("sin(x)", "x**2", (-10, 10)), at=5.0), path, force=True)


def bell(path: Path) -> None:
    """sin(x) with a bell curve: right in the middle, affected by truncation at both borders."""
    sampled = convolve_functions("sin(x)", "exp(-x**2)", (-10, 10), samples=2001)  # as in the lesson's text
    save_figure(convolution_figure(sampled, at=5.0), path, force=True)


def filters(path: Path) -> None:
    """One picture and what five named filters make of it."""
    picture = drawing()
    figure = Figure(figsize=(9.0, 6.4), dpi=100, layout="constrained")
    axes = figure.subplots(2, 3).ravel()
    axes[0].imshow(picture, cmap="gray", vmin=0, vmax=255)
    axes[0].set_title("the image", fontsize=12)
    for panel, name in zip(axes[1:], ("gaussian-blur", "sharpen", "sobel-x", "sobel-y", "edges"), strict=True):
        absolute = name in ("sobel-x", "sobel-y", "edges")
        panel.imshow(filter_image(picture, KERNELS[name].values, absolute=absolute), cmap="gray", vmin=0, vmax=255)
        panel.set_title(f"{name}{', absolute values' if absolute else ''}", fontsize=12)
    for panel in axes:
        panel.set(xticks=[], yticks=[])
    figure.set_label(
        "A drawing of a house under the sun, and the same blurred, sharpened, and as white edges on black: sobel-x "
        "shows the vertical edges, sobel-y the horizontal ones, edges all of them."
    )
    save_figure(figure, path, force=True)


def drawing() -> NDArray[np.uint8]:
    """Draw a house under the sun: `[96, 96]` uint8."""
    image = Image.new("L", (96, 96), 205)
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 76, 95, 95), fill=120)
    pen.rectangle((22, 46, 70, 80), fill=160)
    pen.polygon(((16, 46), (46, 22), (76, 46)), fill=70)
    pen.rectangle((42, 58, 54, 80), fill=50)
    pen.rectangle((28, 54, 37, 63), fill=235)
    pen.rectangle((59, 54, 66, 63), fill=235)
    pen.ellipse((72, 8, 90, 26), fill=252)
    return np.asarray(image)


def overview(path: Path) -> None:
    """The way of an image through a network of two rounds, the maps computed, the probabilities invented."""
    image = torch.tensor(drawing().copy()).float()[None, None] / 255 - 0.5
    first = torch.stack([torch.tensor(KERNELS[name].values).float() for name in ("sobel-x", "sobel-y")])[:, None]
    first = torch.cat([first, -first])
    second = torch.randn(6, 4, 3, 3, generator=torch.Generator().manual_seed(4))
    maps, smaller = [], image
    for weight in (first, second):
        maps.append(F.conv2d(F.pad(smaller, (1, 1, 1, 1), mode="replicate"), weight))
        smaller = F.max_pool2d(F.relu(maps[-1]), 2)
        maps.append(smaller)
    features = smaller.flatten()[:: smaller.numel() // 400]
    figure = Figure(figsize=(10.0, 3.3), dpi=110)
    stages = (
        ("image", [image[0, 0]], 0.015, 0.15),
        ("convolution\n4 filters, 4 maps", list(maps[0][0]), 0.19, 0.13),
        ("ReLU, pooling\nhalf the size", list(maps[1][0]), 0.37, 0.085),
        ("convolution, ReLU,\npooling: 6 maps", list(maps[3][0]), 0.51, 0.055),
    )
    for (title, panels, left, width), follows in zip(stages, (0.19, 0.37, 0.51, 0.66), strict=True):
        _stack(figure, title, panels, left, width)
        middle = (left + width + 0.009 * (len(panels) - 1) + follows) / 2
        figure.text(middle, 0.46, "▶", color=QUIET, fontsize=10, ha="center", va="center")
    strip = figure.add_axes((0.66, 0.12, 0.014, 0.68))
    strip.imshow(features.reshape(-1, 1).numpy(), cmap=sequential(), aspect="auto", interpolation="nearest")
    strip.set(xticks=[], yticks=[])
    figure.text(0.667, 0.9, "flattening\none list", ha="center", va="center", fontsize=9)
    _connected(figure)
    figure.set_label(
        "From left to right: a drawing of a house; four maps of its edges, from four filters; the same without what is "
        "below zero, at half the size; six smaller maps of the second round; all their numbers as one list; lines from "
        "the list to circles and on to three bars, the probabilities of three classes."
    )
    save_figure(figure, path, force=True)


def _stack(figure: Figure, title: str, panels: list[torch.Tensor], left: float, width: float) -> None:
    """Draw maps behind each other, each with its own scale: blue above zero, orange below."""
    height = width * 10.0 / 3.3
    shift = 0.009 * (len(panels) - 1)
    bottom = 0.46 - (height + 3 * shift) / 2
    for place, panel in reversed(list(enumerate(panels))):
        axes = figure.add_axes((left + 0.009 * place, bottom + 0.027 * place, width, height))
        top = float(panel.abs().max())
        if title == "image":
            axes.imshow(panel.numpy(), cmap="gray", interpolation="nearest")
        else:
            axes.imshow(panel.numpy(), cmap=diverging(), vmin=-top, vmax=top, interpolation="nearest")
        axes.set(xticks=[], yticks=[])
    figure.text(left + (width + shift) / 2, 0.9, title, ha="center", va="center", fontsize=9)


def _connected(figure: Figure) -> None:
    """Draw the fully connected layers as lines and circles, and three probabilities as bars."""
    axes = figure.add_axes((0.674, 0.12, 0.316, 0.68), xlim=(0, 1), ylim=(0, 1))
    axes.axis("off")
    hidden, classes = np.linspace(0.1, 0.9, 6), np.array([0.8, 0.5, 0.2])
    for y in hidden:
        for start in np.linspace(0.02, 0.98, 9):
            axes.plot([0, 0.25], [start, y], color=QUIET, linewidth=0.4, alpha=0.6)
        for end in classes:
            axes.plot([0.25, 0.5], [y, end], color=QUIET, linewidth=0.4, alpha=0.6)
    axes.scatter([0.25] * 6, hidden, s=60, color="white", edgecolors=INK, zorder=3)
    axes.scatter([0.5] * 3, classes, s=60, color="white", edgecolors=INK, zorder=3)
    for y, name, share in zip(classes, ("house", "tree", "car"), (0.9, 0.07, 0.03), strict=True):
        axes.barh(y, 0.26 * share, left=0.6, height=0.1, color=POSITIVE)
        axes.text(0.6, y - 0.07, f"{name} {share:.0%}", fontsize=9, va="top", color=INK)
    figure.text(0.79, 0.9, "fully connected\ntwo layers", ha="center", va="center", fontsize=9)
    figure.text(0.915, 0.9, "softmax\nprobabilities", ha="center", va="center", fontsize=9)


def activations(path: Path) -> None:
    """ReLU and the sigmoid, side by side."""
    x = torch.linspace(-5, 5, 201)
    figure = Figure(figsize=(9.0, 3.0), dpi=100, layout="constrained")
    for axes, values, title in zip(
        figure.subplots(1, 2),
        (torch.relu(x), torch.sigmoid(x)),
        ("ReLU: max(0, x)", "sigmoid: 1/(1 + e⁻ˣ)"),
        strict=True,
    ):
        axes.plot(x.numpy(), values.numpy(), color="#00507f", linewidth=2.4)
        axes.axvline(0, color="#444444", linewidth=0.8)
        axes.axhline(0, color="#444444", linewidth=0.8)
        axes.set_title(title, fontsize=12)
        axes.set_xlabel("x")
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    figure.set_label(
        "Two curves over x from -5 to 5. ReLU is 0 up to x = 0 and then rises as x does. The sigmoid rises from nearly "
        "0 through one half at x = 0 to nearly 1."
    )
    save_figure(figure, path, force=True)


def pooling(path: Path) -> None:
    """Maximum and average pooling of a 4×4 matrix."""
    save_figure(pooling_figure(), path, force=True)


def flatten(path: Path) -> None:
    """Two feature maps as one row of numbers."""
    maps = np.arange(1.0, 19.0).reshape(2, 3, 3)
    figure = flatten_figure(maps)
    figure.set_label(describe_flatten(maps))
    save_figure(figure, path, force=True)


def dense(path: Path) -> None:
    """The lesson's fully connected layer: three inputs, two outputs."""
    layer = nn.Linear(3, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.5, -1.0, 2.0], [1.0, 0.0, 1.0]]))
        layer.bias.copy_(torch.tensor([0.5, -1.0]))
    x = torch.tensor([1.0, 2.0, 3.0])
    figure = dense_figure(layer, x)
    figure.set_label(describe_dense(layer, x))
    save_figure(figure, path, force=True)


def simple_cifar(path: Path) -> None:
    """The lesson's network for CIFAR-10."""
    _architecture(path, "simple-cifar", (3, 32, 32))


def simple_mnist(path: Path) -> None:
    """The lesson's network for MNIST."""
    _architecture(path, "simple-mnist", (1, 28, 28))


def _architecture(path: Path, name: str, shape: tuple[int, int, int]) -> None:
    write_bytes(path, architecture_svg(summarise(build(name, input_shape=shape, classes=10), shape, name)).encode())


PICTURES: dict[str, Callable[[Path], None]] = {
    "sliding.gif": sliding,
    "sine-and-parabola.png": parabola,
    "sine-and-bell.png": bell,
    "sliding-2d.gif": sliding_2d,
    "filters.png": filters,
    "overview.png": overview,
    "activations.png": activations,
    "pooling.png": pooling,
    "flatten.png": flatten,
    "dense.png": dense,
    "simple-cifar.svg": simple_cifar,
    "simple-mnist.svg": simple_mnist,
}
"""Each picture's file and the function that makes it."""


def make(folder: Path) -> None:
    """Make every picture in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, maker in PICTURES.items():
        maker(folder / name)


def main() -> None:
    """Make every picture and say how large it is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=IMAGES, help="the folder to write into; docs/images if not given")
    folder = parser.parse_args().out
    make(folder)
    for name in PICTURES:
        print(f"{(folder / name).stat().st_size / 1000:7.1f} kB  {name}")


if __name__ == "__main__":
    main()
