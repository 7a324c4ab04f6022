"""Folders of small photos, runs of one epoch on them, and what they are exported to, each made once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pellucid
from pellucid.prediction.predictor import Predictor, open_predictor
from pellucid.run import Run

OWN_NETWORKS = """
import torch
from torch import nn

class Base(nn.Module):
    def __init__(self, in_channels, num_classes):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 4, 3, stride=2)
        self.label = nn.ReLU()
        self.fc = nn.Linear(4, num_classes)

    def logits(self, x):
        return self.fc(self.label(self.conv(x)).mean((2, 3)))

    def forward(self, x):
        return self.logits(x)

class EndsInSoftmax(Base):
    def forward(self, x):
        return self.logits(x).softmax(1)

class EndsInSigmoid(Base):
    def forward(self, x):
        return self.logits(x).sigmoid()

class NotInOnnx(Base):
    def forward(self, x):
        return self.logits(x) * torch.special.bessel_j0(x.mean())

class LooksAtValues(Base):
    def forward(self, x):
        return self.logits(x) if x.mean() > 0 else -self.logits(x)
"""


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes, red and blue, of many sizes; also the file of a person's own networks."""
    folder = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(3)
    for place, name in enumerate(("blue", "red")):
        for split, count in (("train", 16), ("val", 6), ("test", 9)):
            for number in range(count):
                pixels = random.integers(0, 160, (*random.integers(9, 70, 2), 3), np.uint8)
                pixels[..., 2 if place == 0 else 0] += 95
                file = folder / "set" / split / name / f"{number}.{'png' if number % 2 else 'jpg'}"
                file.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(file)
    (folder / "own.py").write_text(OWN_NETWORKS)
    return folder


@pytest.fixture(autouse=True)
def _surroundings(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PELLUCID_CACHE", str(photos / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def photo_run(photos: Path):
    """Train a network for one epoch; each once."""
    kept: dict[str, Run] = {}

    def make(network: str, **settings) -> Run:
        name = "-".join([network.rpartition(":")[2], *map(str, settings.values())])
        if name not in kept:
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("PELLUCID_CACHE", str(photos / "cache"))
                kept[name] = pellucid.train(
                    photos / "set",
                    network=network.replace("own.py", str(photos / "own.py")),
                    device="cpu",
                    out=photos / "runs" / name,
                    **({"epochs": 1, "batch_size": 16, "recipe": "tutorial", "size": (28, 28)} | settings),
                )
        return kept[name]

    return make


@pytest.fixture(scope="session")
def predictor_of(photo_run):
    def opened(network: str, **settings) -> Predictor:
        return open_predictor(photo_run(network, **settings), device="cpu")

    return opened
