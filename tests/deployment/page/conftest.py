"""Runs to export: grey digits and colour photos, trained for a moment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chromium import CHROMIUM, QUIET
from PIL import Image

import pellucid
from pellucid.deployment import export
from pellucid.ground.errors import UserError
from pellucid.web import WebRuntime, web_runtime

PHOTO_NETWORK = '''
import torch
from torch import nn
import torch.nn.functional as F

class PhotoNet(nn.Module):
    """One of everything that a page does by hand."""

    def __init__(self, in_channels, num_classes):
        super().__init__()
        self.first = nn.Conv2d(in_channels, 8, 3, stride=2, bias=False)
        self.norm = nn.BatchNorm2d(8, eps=1e-3)
        self.deep = nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=8)
        self.point = nn.Conv2d(8, 8, 1)
        self.left = nn.MaxPool2d(2)
        self.right = nn.AvgPool2d(3, stride=2, padding=1)
        self.pool = nn.AdaptiveAvgPool2d((3, 2))
        self.classify = nn.Linear(96, num_classes)

    def forward(self, x):
        x = F.relu6(self.norm(self.first(F.pad(x, (0, 1, 0, 1)))))
        y = x + F.silu(self.point(F.leaky_relu(self.deep(x), 0.1)))
        y = y * torch.sigmoid(y.mean((2, 3), keepdim=True))
        z = torch.cat([self.left(y), self.right(y)], dim=1)
        return self.classify(F.dropout(self.pool(z).flatten(1), 0.2, self.training))
'''

DIGIT_NETWORK = """
from torch import nn

class DigitNet(nn.Sequential):
    def __init__(self, in_channels, num_classes):
        super().__init__(
            nn.Conv2d(in_channels, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 5, stride=2),
            nn.ReLU(), nn.Flatten(), nn.Linear(200, num_classes),
        )
"""

STROKES = {
    "upright": [(0.5, 0.1, 0.5, 0.9)],
    "slanted": [(0.2, 0.1, 0.8, 0.9)],
    "cross": [(0.1, 0.5, 0.9, 0.5), (0.5, 0.1, 0.5, 0.9)],
}


@pytest.fixture(scope="session")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exports")


@pytest.fixture(scope="session")
def runtime() -> WebRuntime:
    """The person's own cache, so that 33 MB are not fetched for every run of the tests."""
    try:
        return web_runtime()
    except UserError as error:
        pytest.skip(f"no ONNX Runtime Web: {error}")


def train(folder: Path, data: Path, network: str, **options: Any) -> pellucid.Run:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PELLUCID_CACHE", str(folder / "cache"))
        file = folder / "nets.py"
        run = pellucid.train(
            data, network=f"{file}:{network}", recipe="tutorial", out=folder / network.lower(), device="cpu", **options
        )
        pellucid.evaluate(run)
    return run


@pytest.fixture(scope="session")
def digit_run(exports: Path) -> pellucid.Run:
    """Signs drawn as MNIST's digits are: in a box of 20 pixels, centred by mass, in 28 × 28."""
    generator = np.random.default_rng(4)
    for split, count in (("train", 60), ("test", 20)):
        for name in STROKES:
            (exports / "signs" / split / name).mkdir(parents=True)
            for number in range(count):
                Image.fromarray(drawn_sign(name, generator)).save(exports / "signs" / split / name / f"{number}.png")
    (exports / "nets.py").write_text(PHOTO_NETWORK + DIGIT_NETWORK)
    return train(exports, exports / "signs", "DigitNet", epochs=5, flip=False, size=(28, 28), channels=1)


def drawn_sign(name: str, generator: np.random.Generator) -> np.ndarray:
    from PIL import ImageDraw

    fine = Image.new("L", (320, 320))
    draw = ImageDraw.Draw(fine)
    for line in STROKES[name]:
        ends = np.array(line) * 320 + generator.uniform(-20, 20, 4)
        draw.line([tuple(ends[:2]), tuple(ends[2:])], fill=255, width=36)
    cut = fine.crop(fine.getbbox())
    scale = 20 / max(cut.size)
    box = np.asarray(cut.resize([max(1, round(side * scale)) for side in cut.size], Image.Resampling.BOX))
    mass = box.astype(float)
    rows = (mass.sum(1) @ (np.arange(len(box)) + 0.5)) / mass.sum()
    columns = (mass.sum(0) @ (np.arange(box.shape[1]) + 0.5)) / mass.sum()
    top, left = round(14 - rows), round(14 - columns)
    pixels = np.zeros((28, 28), np.uint8)
    pixels[top : top + box.shape[0], left : left + box.shape[1]] = box
    return pixels


@pytest.fixture(scope="session")
def colour_run(exports: Path, digit_run: pellucid.Run) -> pellucid.Run:
    """Three kinds of colour photos of several sizes; a class with a name that HTML must be careful with."""
    generator = np.random.default_rng(5)
    kinds = {"<img src=x onerror=alert(1)>": (210, 60, 60), "green & gold": (60, 200, 80), "blue": (60, 60, 210)}
    for split, count in (("train", 40), ("test", 20)):
        for name, colour in kinds.items():
            folder = exports / "photos" / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                size = (int(generator.integers(20, 60)), int(generator.integers(20, 60)), 3)
                pixels = np.clip(np.array(colour) + generator.normal(0, 70, size), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    return train(exports, exports / "photos", "PhotoNet", epochs=3, size=(24, 24))


def page_file(run: pellucid.Run, path: Path, runtime: WebRuntime) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PELLUCID_CACHE", str(path.parent / "cache"))
        patch.setattr("pellucid.deployment.page.web_runtime", lambda: runtime)
        export(run, "page", path)
    return path


@pytest.fixture(scope="session")
def digit_page(digit_run: pellucid.Run, exports: Path, runtime: WebRuntime) -> Path:
    return page_file(digit_run, exports / "digits.html", runtime)


@pytest.fixture(scope="session")
def colour_page(colour_run: pellucid.Run, exports: Path, runtime: WebRuntime) -> Path:
    return page_file(colour_run, exports / "colours.html", runtime)


@pytest.fixture(scope="module")  # an open one keeps an event loop running, which tests elsewhere cannot have
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield opened
        opened.close()
