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
