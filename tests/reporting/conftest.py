"""Runs to report on: ten made classes of 28 × 28 pixels, and a folder of coloured pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from learnable_sets import TINY_NETWORK, write_learnable_mnist
from PIL import Image

import pellucid


@pytest.fixture(scope="session")
def report_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reports")
    write_learnable_mnist(folder / "data/MNIST/raw")
    (folder / "tiny_net.py").write_text(TINY_NETWORK)
    return folder


@pytest.fixture(autouse=True)
def _surroundings(report_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PELLUCID_CACHE", str(report_folder / "cache"))
    monkeypatch.delenv("PELLUCID_DATA", raising=False)
    monkeypatch.chdir(report_folder)


@pytest.fixture
def digits(report_folder: Path, _surroundings: None) -> pellucid.Run:
    """Made once; one epoch, so that there are mistakes."""
    if not (report_folder / "digits/run.json").exists():
        pellucid.train(
            "mnist",
            network=f"{report_folder / 'tiny_net.py'}:TinyNet",
            recipe="tutorial",
            epochs=1,
            out=report_folder / "digits",
            data_dir=report_folder / "data",
        )
    return pellucid.open_run("digits")


@pytest.fixture
def photos(report_folder: Path, _surroundings: None) -> pellucid.Run:
    """Wide pictures in a folder with a name that HTML and shells have to be careful with; one of them is broken."""
    root = report_folder / "my <b>'photos'"
    if not root.exists():
        random = np.random.default_rng(1)
        for kind, colour in (("red & hot", (200, 60, 60)), ("blue", (60, 60, 200))):
            (root / kind).mkdir(parents=True)
            for index in range(30):
                pixels = np.clip(np.array(colour) + random.normal(0, 60, (30, 50, 3)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(root / kind / f"{index}.png")
        (root / "blue/broken.png").write_bytes(b"no picture")
        pellucid.train(
            root,
            network=f"{report_folder / 'tiny_net.py'}:TinyNet",
            recipe="tutorial",
            epochs=1,
            size=(24, 24),
            fit="pad",
            out=report_folder / "photos",
        )
    return pellucid.open_run("photos")
