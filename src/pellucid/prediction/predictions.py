"""The table that every figure of an evaluation comes from: a network's probabilities for each image of a split.

Its file, `predictions.csv`, has a line for each image, in the order of the split:

    image                where it came from: a path inside the folder or archive, or `test/17` in a named set
    true                 its true label
    predicted            the name of the most probable class
    confidence           that class's probability
    loss                 -ln of the true class's probability, in nats
    probability_NAME     a column for each class, in the network's order

A name that a spreadsheet would take for a formula has a quote before it (`pellucid.ground.outside.csv_cell`).

The probabilities are those that the run predicts: at its temperature where it has one (see
`pellucid.prediction.calibration`).
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pellucid.ground.errors import UserError
from pellucid.ground.files import read_whole
from pellucid.ground.outside import csv_cell, from_csv_cell, visible

__all__ = ["Predictions", "log_softmax", "predictions_csv", "read_predictions"]

FIXED_COLUMNS = ("image", "true", "predicted", "confidence", "loss")
PREFIX = "probability_"


@dataclass(frozen=True)
class Predictions:
    """What a network predicts for N images and K classes."""

    classes: tuple[str, ...]
    sources: Sequence[str]
    """`[N]`, where each image came from."""
    labels: NDArray[np.int64]
    """`[N]`, the true class of each."""
    predicted: NDArray[np.int64]
    """`[N]`, the most probable class of each; of equal ones the first."""
    log_probabilities: NDArray[np.float64]
    """`[N, K]`, natural logarithms, so that a probability too small for a float is kept."""
    temperature: float = 1.0
    """What the logits were divided by."""

    @classmethod
    def from_logits(
        cls, classes: tuple[str, ...], sources: Sequence[str], labels: NDArray[np.int64], logits: NDArray[np.float32]
    ) -> Predictions:
        """Make the table from a network's logits, `[N, K]`."""
        return cls(classes, sources, labels, logits.argmax(1), log_softmax(logits.astype(np.float64)))

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def probabilities(self) -> NDArray[np.float64]:
        """`[N, K]`, each row adds up to 1."""
        return np.exp(self.log_probabilities)

    @property
    def confidence(self) -> NDArray[np.float64]:
        """`[N]`, the probability of the predicted class."""
        return self.probabilities[np.arange(len(self)), self.predicted]

    @property
    def losses(self) -> NDArray[np.float64]:
        """`[N]`, -ln of the true class's probability, in nats."""
        return -self.log_probabilities[np.arange(len(self)), self.labels]

    @property
    def right(self) -> NDArray[np.bool_]:
        """`[N]`, whether the predicted class is the true one."""
        return np.asarray(self.predicted == self.labels)

    def at_temperature(self, temperature: float) -> Predictions:
        """Divide the logits by a temperature before the softmax: above 1 is less confident, below 1 more.

        The order of a row's classes, and so the prediction, stays.
        """
        if temperature == 1:
            return self
        # A row of log-probabilities is the row of logits minus a constant, which the softmax cancels.
        changed = log_softmax(self.log_probabilities / temperature)
        return replace(self, log_probabilities=changed, temperature=self.temperature * temperature)

    def as_trained(self) -> Predictions:
        """Bring the probabilities back to temperature 1, at which the network was trained."""
        return self.at_temperature(1 / self.temperature)


def log_softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Take ln(softmax) along the last axis of `[N, K]`, without overflow.

    >>> np.exp(log_softmax(np.array([[0.0, np.log(3.0)]]))).round(2).tolist()
    [[0.25, 0.75]]
    """
    shifted = logits - logits.max(1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(1, keepdims=True)))


def predictions_csv(predictions: Predictions) -> bytes:
    """Give the table as the bytes of a CSV file."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    names = predictions.classes
    shown = [csv_cell(name) for name in names]
    writer.writerow([*FIXED_COLUMNS, *(PREFIX + name for name in names)])
    columns = zip(
        predictions.sources,
        predictions.labels.tolist(),
        predictions.predicted.tolist(),
        predictions.confidence.tolist(),
        predictions.losses.tolist(),
        predictions.probabilities.tolist(),
        strict=True,
    )
    for source, true, predicted, confidence, loss, row in columns:
        numbers = [f"{number:.9g}" for number in (confidence, loss, *row)]
        writer.writerow([csv_cell(source), shown[true], shown[predicted], *numbers])
    return text.getvalue().encode("utf-8", "surrogateescape")


def read_predictions(path: Path, sha256: str | None = None, temperature: float = 1.0) -> Predictions | None:
    """Read a file of what `predictions_csv` gave; None where it is absent or not the one with this SHA-256.

    `temperature` is that of its probabilities, which the file does not say. Control characters in names become escapes.

    Raises:
        UserError: it is not such a table.
    """
    try:
        content = read_whole(path, "evaluate again")
    except FileNotFoundError:
        return None
    if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
        return None
    try:
        rows = list(csv.reader(io.StringIO(content.decode("utf-8", "surrogateescape"), newline="")))
    except csv.Error as error:
        raise UserError(f"{path} is damaged: {error}; evaluate again") from error
    start = len(FIXED_COLUMNS)
    if not rows or tuple(rows[0][:start]) != FIXED_COLUMNS:
        raise UserError(f"{path} is not a table of predictions; expected the columns {', '.join(FIXED_COLUMNS)}, ...")
    classes = tuple(name.removeprefix(PREFIX) for name in rows[0][start:])
    index = {name: number for number, name in enumerate(classes)}
    try:
        numbers = np.array([row[start - 1 :] for row in rows[1:]], dtype=np.float64).reshape(-1, 1 + len(classes))
        labels = np.array([index[from_csv_cell(row[1])] for row in rows[1:]], dtype=np.int64)
        predicted = np.array([index[from_csv_cell(row[2])] for row in rows[1:]], dtype=np.int64)
    except (KeyError, ValueError, IndexError) as error:
        raise UserError(f"{path} is damaged: {type(error).__name__}: {error}; evaluate again") from error
    if not (numbers >= 0).all() or (numbers[:, 1:] > 1).any():
        raise UserError(f"{path} is damaged: a number in it is no probability, or no loss; evaluate again")
    with np.errstate(divide="ignore", invalid="ignore"):
        log_probabilities = np.log(numbers[:, 1:])
    # Where the true class's probability was too small to be written, the loss still has its logarithm.
    lost = np.flatnonzero(np.isneginf(log_probabilities[np.arange(len(labels)), labels]))
    log_probabilities[lost, labels[lost]] = -numbers[lost, 0]
    return Predictions(
        tuple(map(visible, classes)),
        [visible(from_csv_cell(row[0])) for row in rows[1:]],
        labels,
        predicted,
        log_probabilities,
        temperature,
    )
