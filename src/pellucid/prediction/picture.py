"""Whatever a person gives as an image, as the stored bytes that a run works with and as a network's input.

Shape letters: C channels, H rows, W columns.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from pellucid.data.decode import BrokenImage, PixelFormat, decode, fit_picture, fit_pixels
from pellucid.data.formats import open_picture_bytes
from pellucid.data.preprocessing import Preprocessing
from pellucid.ground.errors import UserError, did_you_mean
from pellucid.prediction.prediction import with_article

if TYPE_CHECKING:
    from pellucid.run import Run

__all__ = ["REFERENCE", "Picture", "open_picture"]

REFERENCE = re.compile(r"(train|val|test)/([0-9]{1,15})")
"""How an image of a run's own data is written."""


@dataclass(frozen=True, eq=False)
class Picture:
    """One image, ready for a network.

    Attributes:
        source: where it came from: a path, `test/17`, `the array`.
        input: `(1, C, H, W)` floating point, what the network gets.
        pixels: `[H, W, C]` uint8, the bytes it was made from; None when the network's input itself was given.
        preprocessing: what turned the bytes into the input; None along with them.
        label: the number of its true label, where its data set says so.
        fitted: how an image of another size was fitted (`640×480 stretched to 32×32`); empty where none was needed.
    """

    source: str
    input: Tensor
    pixels: NDArray[np.uint8] | None = None
    preprocessing: Preprocessing | None = None
    label: int | None = None
    fitted: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Where it came from and what was done to it; not the numbers themselves."""
        return {
            "source": self.source,
            "shape": list(self.input.shape[1:]),
            "label": self.label,
            "fitted": self.fitted or None,
        }


def open_picture(image: Any, preprocessing: Preprocessing | None = None, run: Run | None = None) -> Picture:
    """Read an image in any form that `look` takes.

    Args:
        image: a `Picture`; a path, or the bytes of an image file; `test/17` (the 18th image of that split of the run's
            data) or the name that an image has in the run's data; a PIL image; uint8 pixels as an array or tensor
            `[H, W]` or `[H, W, C]` (a tensor also `[C, H, W]`); or a network's input itself, floating point
            `[C, H, W]` or `[1, C, H, W]`.
        preprocessing: the run's own; without it only a network's input can be taken.
        run: whose data a reference means.

    Raises:
        UserError: it is no image, there is none of that name, or it has another shape than the network's input.
    """
    if isinstance(image, Picture):
        return image
    if isinstance(image, np.ndarray | Tensor) and _is_input(image):
        return Picture("the input", _as_input(image, preprocessing))
    if preprocessing is None:
        raise UserError(
            f"{_kind(image)} was given for a network that comes without preprocessing, so it is not "
            "known how pixels become the network's input; expected a floating-point tensor [C, H, W], or a run instead "
            "of the network, or preprocessing=..."
        )
    if isinstance(image, str) and run is not None:
        labelled = _from_data(image, run)
        if labelled is not None:
            pixels, label = labelled
            return Picture(image, _numbers(pixels, preprocessing), pixels, preprocessing, label)
    if isinstance(image, str | Path):
        return _from_file(Path(image), preprocessing, run)
    target = _target(preprocessing)
    if isinstance(image, bytes):
        return _from_content("the image", image, preprocessing)
    if isinstance(image, Image.Image):
        try:
            pixels, other = fit_picture(image, target)
        except BrokenImage as error:
            raise UserError(f"the PIL image: {error}") from error
        size, name = (image.height, image.width), "the PIL image"
    elif isinstance(image, np.ndarray | Tensor):
        array = _bytes(image)
        pixels, other = fit_pixels(array, target)
        size, name = (array.shape[0], array.shape[1]), "the array"
    else:
        raise UserError(f"the image is {_kind(image)}; expected a path, test/17, a PIL image, an array or a tensor")
    return _finished(name, pixels, preprocessing, size if other else None)


def _is_input(image: NDArray[Any] | Tensor) -> bool:
    return image.is_floating_point() if isinstance(image, Tensor) else image.dtype.kind == "f"


def _as_input(image: NDArray[Any] | Tensor, preprocessing: Preprocessing | None) -> Tensor:
    tensor = image.detach() if isinstance(image, Tensor) else torch.from_numpy(image)
    if preprocessing is None:
        # For a network that takes vectors instead of images the caller adds the batch axis.
        batched = tensor[None] if tensor.dim() == 3 else tensor
        if batched.dim() < 2 or batched.shape[0] != 1:
            raise UserError(f"the input has the shape {list(tensor.shape)}; expected one image, [C, H, W] or [1, ...]")
        return batched
    shape = preprocessing.input_shape
    if tuple(tensor.shape) not in (shape, (1, *shape)):
        wanted = "×".join(map(str, shape))
        raise UserError(
            f"the input has the shape {list(tensor.shape)}; the run's network takes {wanted} (channels, rows, "
            f"columns). The run fitted its images to that size by {preprocessing.fit!r}: give the picture itself "
            "(a path, a PIL image, or uint8 [H, W, C]) and it is fitted in the same way"
        )
    return tensor.reshape(1, *shape).to(torch.float32)


def _from_data(name: str, run: Run) -> tuple[NDArray[np.uint8], int] | None:
    """Find an image of the run's own data; None when the name is a file's."""
    reference = REFERENCE.fullmatch(name)
    if reference is None and Path(name).exists():
        return None
    images = run.open_images()
    if reference is None:
        for split in images.splits.values():
            if name in split.sources:
                index = list(split.sources).index(name)
                return split.images[index], int(split.labels[index])
        return None
    split_name, index = reference[1], int(reference[2])
    if split_name not in images.splits:
        raise UserError(f"{images.name} has no split {split_name!r}; {did_you_mean(split_name, images.splits)}")
    split = images.splits[split_name]
    if index >= len(split):
        raise UserError(
            f"{name} is beyond the end of {images.name}'s {split_name} images; expected {split_name}/0 to "
            f"{split_name}/{len(split) - 1}"
        )
    return split.images[index], int(split.labels[index])


def _from_file(path: Path, preprocessing: Preprocessing, run: Run | None) -> Picture:
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        own = f", or {run.example_image} for an image of {run.record.data.source}" if run is not None else ""
        raise UserError(f"the image {path} {what}; expected the path of a picture{own}")
    return _from_content(str(path), path.read_bytes(), preprocessing)


def _from_content(name: str, content: bytes, preprocessing: Preprocessing) -> Picture:
    try:
        pixels, other = decode(io.BytesIO(content), _target(preprocessing))
    except BrokenImage as error:
        raise UserError(f"{name}: {error}") from error
    size = None
    if other:
        with open_picture_bytes(content) as opened:
            size = opened.height, opened.width
    return _finished(name, pixels, preprocessing, size)


def _finished(
    name: str, pixels: NDArray[np.uint8], preprocessing: Preprocessing, other_size: tuple[int, int] | None
) -> Picture:
    fitted = ""
    if other_size is not None:
        words = {"stretch": "stretched", "crop": "scaled and cropped", "pad": "scaled and padded"}[preprocessing.fit]
        fitted = (
            f"{other_size[0]}×{other_size[1]} {words} to {preprocessing.height}×{preprocessing.width}, "
            f"the run's fit {preprocessing.fit!r}"
        )
    return Picture(name, _numbers(pixels, preprocessing), pixels, preprocessing, None, fitted)


def _numbers(pixels: NDArray[np.uint8], preprocessing: Preprocessing) -> Tensor:
    # Contiguous, so that a forward that uses `view` accepts it.
    return preprocessing(torch.from_numpy(pixels[None].copy())).contiguous()


def _target(preprocessing: Preprocessing) -> PixelFormat:
    # Where all images of a set had one size, none was fitted; an image of another size is fitted as the run says.
    size = preprocessing.height, preprocessing.width
    return PixelFormat(*size, preprocessing.channels, preprocessing.fit, preprocessing.pixel_range)


def _bytes(image: NDArray[Any] | Tensor) -> NDArray[np.uint8]:
    array = image.detach().cpu().numpy() if isinstance(image, Tensor) else image
    if isinstance(image, Tensor) and array.ndim == 3 and array.shape[0] in (1, 3) and array.shape[2] not in (1, 3):
        array = array.transpose(1, 2, 0)
    if array.ndim == 2:
        array = array[..., None]
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] not in (1, 3) or not array.size:
        raise UserError(
            f"the image is {array.dtype} {list(image.shape)}; expected bytes (uint8) [H, W] or [H, W, 1 or 3], or a "
            "network's input in floating point [C, H, W]"
        )
    return np.ascontiguousarray(array)


def _kind(image: Any) -> str:
    if isinstance(image, np.ndarray | Tensor):
        return f"a {image.dtype} array of shape {list(image.shape)}"
    return f"{image!r}" if isinstance(image, str | Path) else with_article(type(image).__name__)
