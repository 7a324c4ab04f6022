"""The last layer that pellucid fits, beside scikit-learn's probe, over many draws of a few training photos.

    python benchmarks/heads.py [--sets car-truck cat-dog] [--per-class 20 60] [--draws 25]

One draw of 40 photos says little: two ways of fitting then differ by points either way. Here the features of 300
photos of each class (as `photos.py` makes them) are computed once; each draw takes some of them, both fit on the same
ones, and both are tested on the same 300 others of each class. The standard error is that of the draws' differences.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegressionCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pellucid.networks import begin_with, build, starting_weights
from pellucid.training.frozen.logistic import FeatureScale, fit, turned
from pellucid.training.frozen.strength import choose_strength
from photos import NETWORK, SHAPE, features, write_photos

Floats = NDArray[np.float32]
SETS = {"cat-dog": (3, 5), "aeroplane-ship": (0, 8), "car-truck": (1, 9), "deer-horse": (4, 7), "all": tuple(range(10))}
PHOTOS = 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=["car-truck", "cat-dog"])
    parser.add_argument("--per-class", type=int, nargs="+", default=[20, 60])
    parser.add_argument("--draws", type=int, default=25)
    asked = parser.parse_args()
    network = build(NETWORK, input_shape=SHAPE, classes=2).eval()
    weights = starting_weights(NETWORK, None, SHAPE, 2)
    assert weights is not None
    begin_with(network, weights, SHAPE)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    print("set             per class  pellucid  scikit-learn  difference  standard error")
    for name in asked.sets:
        with tempfile.TemporaryDirectory() as folder:
            write_photos(Path(folder), SETS[name], PHOTOS, PHOTOS, seed=0)
            (rows, labels), (tests, expected) = (features(network, Path(folder) / split) for split in ("train", "test"))
            mirrored, _ = features(network, Path(folder) / "train", mirrored=True)
        for count in asked.per_class:
            pairs = []
            for draw in range(asked.draws):
                generator = np.random.default_rng(100 + draw)
                of_classes = [np.flatnonzero(labels == label) for label in np.unique(labels)]
                chosen = np.concatenate([generator.choice(those, count, replace=False) for those in of_classes])
                ours = by_pellucid(rows[chosen], mirrored[chosen], labels[chosen], tests, seed=draw)
                theirs = by_scikit_learn(rows[chosen], labels[chosen], tests)
                pairs.append(((ours == expected).mean(), (theirs == expected).mean()))
            first, second = np.array(pairs).T
            error = (first - second).std(ddof=1) / len(pairs) ** 0.5
            means = f"{first.mean():8.1%}  {second.mean():12.1%}  {first.mean() - second.mean():+10.1%}"
            print(f"{name:<14}  {count:9}  {means}  {error:14.1%}", flush=True)


def by_pellucid(
    rows: NDArray[np.float32],
    mirrored: NDArray[np.float32],
    labels: NDArray[np.str_],
    tests: NDArray[np.float32],
    seed: int,
) -> NDArray[np.str_]:
    """Fit as the recipe `photos` does; give the classes of the test photos."""
    classes, numbers = np.unique(labels, return_inverse=True)
    targets, both = torch.from_numpy(numbers), torch.from_numpy(np.concatenate([rows, mirrored]))
    scale = FeatureScale.of(both)
    seen, axes = turned(scale.apply(both))
    tried = choose_strength(seen[: len(targets)], seen[len(targets) :], targets, len(classes), seed)
    fitted = fit(seen, targets.repeat(2), len(classes), tried.chosen, tolerance=1e-8)
    weight, bias = scale.folded(fitted.weight if axes is None else fitted.weight @ axes.T, fitted.bias)
    return np.asarray(classes[(torch.from_numpy(tests) @ weight.T + bias).argmax(1).numpy()])


def by_scikit_learn(
    rows: NDArray[np.float32], labels: NDArray[np.str_], tests: NDArray[np.float32]
) -> NDArray[np.str_]:
    """Fit the probe of `photos.py`; give the classes of the test photos."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search = LogisticRegressionCV(Cs=np.logspace(-4, 1, 6), cv=5, max_iter=2000, scoring="accuracy")
        return np.asarray(make_pipeline(StandardScaler(), search).fit(rows, labels).predict(tests))


if __name__ == "__main__":
    main()
