"""`pellucid.predictor`: a run or an exported model that is called with images, in Python."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

from pellucid.data.decode import BrokenImage, decode_single, fit_picture
from pellucid.data.read_bytes import MachineFault, NoPicture, file_bytes
from pellucid.ground.errors import UserError
from pellucid.ground.outside import visible
from pellucid.ground.shown import Shown, as_html, as_text
from pellucid.ground.tables import html_table, text_table
from pellucid.prediction.classifier import Answer, Classifier, Refusal, images_at_once
from pellucid.prediction.opening import open_classifier
from pellucid.prediction.prediction import Prediction
from pellucid.prediction.prediction_file import UNREADABLE
from pellucid.prediction.showing import HEADINGS, table_cells

if TYPE_CHECKING:
    from pellucid.run import Run

__all__ = ["ImagePredictor", "PredictionList", "Unreadable", "predictor"]

SHOWN = 3
"""So many classes of each image stand in the table."""


@dataclass(frozen=True)
class Unreadable(Shown):
    """An image among several that could not be read, and why."""

    source: str
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Its source and the reason."""
        return {"source": self.source, "reason": self.reason}


@dataclass(frozen=True)
class PredictionList(Shown, Sequence["Prediction | Unreadable"]):
    """What is predicted for several images, in their order."""

    entries: tuple[Prediction | Unreadable, ...]

    def __len__(self) -> int:
        return len(self.entries)

    @overload
    def __getitem__(self, index: int) -> Prediction | Unreadable: ...

    @overload
    def __getitem__(self, index: slice) -> PredictionList: ...

    def __getitem__(self, index: int | slice) -> Prediction | Unreadable | PredictionList:
        return PredictionList(self.entries[index]) if isinstance(index, slice) else self.entries[index]

    def to_dict(self) -> list[dict[str, Any]]:
        """A list, each entry as its own `to_dict` gives it."""
        return [{"source": entry.source, **entry.to_dict()} for entry in self.entries]


class ImagePredictor:
    """Calling it with an image gives a `Prediction`, with several a `PredictionList`."""

    def __init__(self, classifier: Classifier) -> None:
        self.classifier = classifier

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes."""
        return self.classifier.classes

    @property
    def threshold(self) -> float | None:
        """The confidence below which a prediction is unsure; None where none is."""
        return self.classifier.threshold

    def __repr__(self) -> str:
        bound = "no threshold" if self.threshold is None else f"threshold {self.threshold:.4g}"
        return visible(f"ImagePredictor({self.classifier.name}, {len(self.classes)} classes, {bound})")

    def __call__(self, images: Any) -> Any:
        """Predict an image or several.

        Args:
            images: a path; the bytes of an image file; a PIL image; an array `[H, W]` or `[H, W, C]` with 1 to 4
                channels (grey, grey and alpha, red-green-blue, and alpha), uint8 or, for grey, of more bits or
                fractions; a tensor of these, also uint8 `[C, H, W]`. Several: a list or tuple of these, or uint8
                `[N, H, W, C]`.

        Returns:
            A `Prediction`; of several a `PredictionList`, in which an image that cannot be read is an `Unreadable`.

        Raises:
            UserError: it is no image, or the one image cannot be read.
        """
        several = isinstance(images, list | tuple) or getattr(images, "ndim", 0) == 4
        entries = list(images) if several else [images]
        predictions: list[Prediction | Unreadable] = []
        at_once = images_at_once(self.classifier.target)
        for start in range(0, len(entries), at_once):
            predictions += self._batch(entries[start : start + at_once], start)
        if several:
            return PredictionList(tuple(predictions))
        (prediction,) = predictions
        if isinstance(prediction, Unreadable):
            raise UserError(f"{prediction.source}: {prediction.reason}")
        return prediction

    def _batch(self, images: Sequence[Any], start: int) -> Iterator[Prediction | Unreadable]:
        decoded = [self._pixels(image) for image in images]
        pixels = [entry for entry in decoded if not isinstance(entry, Refusal)]
        answers = iter(self.classifier.classify(np.stack(pixels)) if pixels else ())
        for index, (image, entry) in enumerate(zip(images, decoded, strict=True), start + 1):
            source = visible(os.fspath(image)) if isinstance(image, str | Path) else f"image {index}"
            answer = entry if isinstance(entry, Refusal) else next(answers)
            if isinstance(answer, Answer):
                yield Prediction(self.classes, answer.probabilities, threshold=self.threshold, source=source)
            else:
                yield Unreadable(source, visible(answer.reason))

    def _pixels(self, image: Any) -> NDArray[np.uint8] | Refusal:
        target = self.classifier.target
        try:
            if isinstance(image, str | Path):
                if not os.path.lexists(image):
                    return Refusal("does not exist; expected the path of an image")
                image = file_bytes(image)
            if isinstance(image, bytes):
                pixels = decode_single(image, target).pixels
                assert pixels is not None
                return pixels
            return fit_picture(image.copy() if isinstance(image, Image.Image) else _picture(image), target)[0]
        except (BrokenImage, NoPicture, MachineFault) as error:
            return Refusal(str(error))


def predictor(
    run: Run | str | Path,
    epoch: int | str | None = None,
    device: str = "auto",
    *,
    threshold: float | None = None,
    trust: bool = False,
) -> ImagePredictor:
    """Open a run, or a model that was exported from one, to be called with images.

    Args:
        run: a run or its directory, or an `.onnx` file that `pellucid export` wrote; that needs no torch.
        epoch: whose weights of a run: `last`, `best` or a number; None is the best on validation images, else the last.
        device: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.
        threshold: the confidence, 0 to 1, below which a prediction is unsure; None is the run's own, if there is one.
        trust: run the network's file in a run although it was made elsewhere.

    Raises:
        UserError: there is no such run or file, or it cannot be used here.

    A call looks like `predictor = pellucid.predictor("runs/pets-1"); print(predictor("cat.jpg"))`.
    """
    return ImagePredictor(open_classifier(run, epoch, device, threshold, trust))


def _picture(image: Any) -> Image.Image:
    """Make a PIL image of an array or a tensor.

    Raises:
        UserError: it is none, or of another shape or type.
    """
    array = image.detach().cpu().numpy() if hasattr(image, "detach") else image
    if not isinstance(array, np.ndarray):
        raise UserError(
            f"the image is {type(image).__name__} {str(image)[:60]!r}; expected a path, the bytes of a file, a PIL "
            "image, an array, or a list of them"
        )
    if array is not image and array.ndim == 3 and array.shape[0] in (1, 3) and array.shape[2] not in (1, 3):
        array = array.transpose(1, 2, 0)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    is_deep = array.ndim == 2 and (array.dtype.kind == "f" or array.dtype in (np.uint16, np.int32))
    is_plain = array.dtype == np.uint8 and (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (2, 3, 4)))
    if not array.size or not (is_deep or is_plain):
        raise UserError(
            f"the image is {array.dtype} {list(array.shape)}; expected bytes (uint8) [H, W] or [H, W, 1 to 4], or "
            "grey [H, W] in uint16, int32 or floating point"
        )
    return Image.fromarray(np.ascontiguousarray(array.astype(np.float32) if array.dtype.kind == "f" else array))


def _cells(entry: Prediction | Unreadable) -> tuple[str, str, str, str]:
    if isinstance(entry, Unreadable):
        return entry.source, UNREADABLE, "", entry.reason
    return table_cells(entry.source, entry.top(SHOWN), entry.unsure, SHOWN)


@as_text.register
def _(entry: Unreadable) -> str:
    return f"{entry.source}: {entry.reason}"


@as_text.register
def _(predictions: PredictionList) -> str:
    return "\n".join(text_table(HEADINGS, list(map(_cells, predictions.entries)), right=(2,)))


@as_html.register
def _(predictions: PredictionList) -> Markup:
    return html_table(HEADINGS, list(map(_cells, predictions.entries)))
