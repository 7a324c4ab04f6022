"""A folder of photos by the default command, beside a linear probe of the same features by scikit-learn.

    python benchmarks/photos.py [--classes 2 10] [--per-class 20 60] [--seeds 0 1] [--tested 50]

The photos are CIFAR-10's, enlarged to 160×160 and written as JPEG: `train/` has so many of each class from its training
images, `test/` as many as are asked for from its test images. The probe is standardisation and logistic regression, its
C chosen by five-fold cross-validation, on the features of all training photos, which are computed here by plain
loops over files. Seconds are those of the whole command, from nothing to a run that is evaluated, with an empty cache:
on the clock, and of processors.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from sklearn.linear_model import LogisticRegressionCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import pellucid
from pellucid.networks import begin_with, build, features_of, starting_weights

NETWORK, SHAPE = "efficientnet-lite0", (3, 224, 224)
PAIRS = ((3, 5), (0, 8), (1, 9), (4, 7), (2, 6))
"""Cat and dog, aeroplane and ship, car and truck, deer and horse, bird and frog: by seed."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classes", type=int, nargs="+", default=[2, 10])
    parser.add_argument("--per-class", type=int, nargs="+", default=[20, 60])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--tested", type=int, default=50, help="test photos of each class")
    asked = parser.parse_args()
    print("classes  per class  seed  the command  scikit-learn  seconds  processor")
    for count in asked.classes:
        for number in asked.per_class:
            for seed in asked.seeds:
                classes = PAIRS[seed % len(PAIRS)] if count == 2 else tuple(range(count))
                with tempfile.TemporaryDirectory() as folder:
                    photos = Path(folder) / "photos"
                    write_photos(photos, classes, number, asked.tested, seed)
                    accuracy, seconds, busy = by_the_command(photos, seed)
                    probe = by_scikit_learn(photos)
                print(
                    f"{count:7}  {number:9}  {seed:4}  {accuracy:11.1%}  {probe:12.1%}  {seconds:7.1f}  {busy:9.1f}",
                    flush=True,
                )


def write_photos(folder: Path, classes: tuple[int, ...], per_class: int, tested: int, seed: int) -> None:
    """Write a folder with train/ and test/, a folder for each class."""
    images = pellucid.open_image_set("cifar10")
    generator = np.random.default_rng(seed)
    for name, count in (("train", per_class), ("test", tested)):
        split = images.splits[name]
        for label in classes:
            place = folder / name / images.classes[label]
            place.mkdir(parents=True)
            for index in generator.choice(np.flatnonzero(split.labels == label), count, replace=False):
                large = Image.fromarray(split.images[index]).resize((160, 160), Image.Resampling.BICUBIC)
                large.save(place / f"{index}.jpg", quality=92)


def by_the_command(photos: Path, seed: int) -> tuple[float, float, float]:
    """Run `pellucid train PHOTOS`; give the accuracy on test/ that it prints, and the seconds, of both kinds."""
    surroundings = {**os.environ, "PELLUCID_CACHE": str(photos.parent / "cache")}
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "pellucid", "train", str(photos), "--seed", str(seed), "--out", "run"]
    done = subprocess.run(command, cwd=photos.parent, env=surroundings, capture_output=True, text=True)
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    match = re.search(r"Test Accuracy: ([\d.]+)%", done.stdout)
    if match is None:
        sys.exit(done.stdout + done.stderr)
    return float(match[1]) / 100, seconds, busy


def by_scikit_learn(photos: Path) -> float:
    """Fit a probe to the features of train/; give its accuracy on test/."""
    network = build(NETWORK, input_shape=SHAPE, classes=2).eval()
    weights = starting_weights(NETWORK, None, SHAPE, 2)
    assert weights is not None
    begin_with(network, weights, SHAPE)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    (train, labels), (test, expected) = (features(network, photos / name) for name in ("train", "test"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search = LogisticRegressionCV(Cs=np.logspace(-4, 1, 6), cv=5, max_iter=2000, scoring="accuracy")
        probe = make_pipeline(StandardScaler(), search).fit(train, labels)
    return float(probe.score(test, expected))


def features(
    network: torch.nn.Module, folder: Path, mirrored: bool = False
) -> tuple[NDArray[np.float32], NDArray[np.str_]]:
    """Give the features `[N, F]` of the photos below a folder, or of their mirror images, and their classes `[N]`."""
    files = sorted(folder.glob("*/*.jpg"))
    rows = []
    with torch.inference_mode(), features_of(network, "classify") as given:
        for start in range(0, len(files), 8):
            pictures = [
                Image.open(file).resize((224, 224), Image.Resampling.BILINEAR)  # as a run brings images to its size
                for file in files[start : start + 8]
            ]
            pixels = torch.from_numpy(np.stack([np.asarray(picture) for picture in pictures]))
            pixels = pixels.flip(2) if mirrored else pixels
            network((pixels.float() - 127).div(128).permute(0, 3, 1, 2))
            rows.append(given[0].numpy().copy())
    return np.concatenate(rows), np.array([file.parent.name for file in files])


if __name__ == "__main__":
    main()
