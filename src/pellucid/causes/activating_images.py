"""What a unit looks for: the images, and the positions in them, that activate it most.

Shape letters: N images, B of them in a batch, D channels of a layer, h rows, w columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.arithmetic import record
from pellucid.data import Split
from pellucid.data.batches import DeviceImages
from pellucid.glass.glass import Glass, look, random_numbers_kept
from pellucid.glass.nodes import Node, Unit
from pellucid.glass.receptive_field import Box, box_of
from pellucid.glass.units import check_index, parse_unit, unit_text
from pellucid.ground.errors import UserError, did_you_mean
from pellucid.ground.progress import progress
from pellucid.ground.shown import Shown
from pellucid.ground.writing import shape_text
from pellucid.recipes import Recipe
from pellucid.run import Run, open_run
from pellucid.training.preparation import divide

__all__ = ["ActivatingImage", "Activations", "activations", "find_position"]

BATCH = 100
VALUES_AT_ONCE = 2**20
"""A batch has at most so many pixel values: a layer's values can be many times as many as its input's."""


@dataclass(frozen=True, eq=False)
class ActivatingImage:
    """One image that activates a unit strongly.

    Attributes:
        value: the unit's value there.
        index: which unit; of a channel, the position where it is largest in this image.
        image: the name of the image: a path inside its folder, or `train/17`.
        true: the name of its class.
        pixels: `[H, W, C]` uint8.
        box: the pixels that the unit can depend on.
    """

    value: float
    index: tuple[int, ...]
    image: str
    true: str
    pixels: NDArray[np.uint8]
    box: Box | None

    def __repr__(self) -> str:
        return f"ActivatingImage({self.image!r}, {self.true}: {self.value:.7g} at {list(self.index)})"

    @property
    def patch(self) -> NDArray[np.uint8]:
        """The pixels within the box, `[rows, columns, C]`."""
        if self.box is None:
            return self.pixels
        return self.pixels[self.box.top : self.box.bottom, self.box.left : self.box.right]

    def to_dict(self) -> dict[str, Any]:
        """The same as words and numbers, without the pixels."""
        return {
            "value": self.value,
            "index": list(self.index),
            "image": self.image,
            "true": self.true,
            "receptive_field": None if self.box is None else self.box.to_dict(),
        }


@dataclass(frozen=True, eq=False)
class Activations(Shown):
    """The images that activate a channel or a unit most, the strongest first.

    Attributes:
        run, epoch: whose network.
        unit: as people write it: `conv2[7]` for a channel, `conv2[7,3,5]` for one unit of it.
        split, searched: where they were looked for, and in how many images.
        active: the share of the searched images in which the unit is above zero somewhere.
        images: the strongest.
        field: how many rows and columns of pixels it sees, those beyond the border counted; None without windows.
    """

    run: Run
    epoch: int
    unit: str
    split: str
    searched: int
    active: float
    images: tuple[ActivatingImage, ...]
    field: tuple[int, int] | None

    def __repr__(self) -> str:
        return f"Activations({self.unit} of {self.run.directory}, epoch {self.epoch}: {len(self)} images)"

    def __iter__(self) -> Iterator[ActivatingImage]:
        return iter(self.images)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, rank: int) -> ActivatingImage:
        return self.images[rank]

    @property
    def layer(self) -> str:
        """The layer that the unit is part of."""
        return parse_unit(self.unit)[0]

    def look(self, rank: int = 0) -> Unit:
        """Look at the network on one of the images, at the unit there."""
        image = self.images[rank]
        return look(self.run, image.pixels, epoch=self.epoch)[self.layer][image.index]

    def to_dict(self) -> dict[str, Any]:
        """Everything as words, numbers and lists; ready for JSON."""
        return {
            "run": str(self.run.directory),
            "epoch": self.epoch,
            "unit": self.unit,
            "split": self.split,
            "searched": self.searched,
            "active": self.active,
            "images": [image.to_dict() for image in self.images],
        }


def activations(
    run: Run | str | Path,
    unit: str | Unit,
    top: int = 9,
    *,
    split: str = "train",
    epoch: int | str | None = None,
    limit: int | None = None,
    show_progress: bool = False,
) -> Activations:
    """Find the images that activate a channel (`conv2[7]`) or a unit (`conv2[7,3,5]`, `fc1[12]`) most, in one pass.

    Args:
        run: a run or its directory.
        unit: a channel or a unit; of a channel each image counts once, at the channel's strongest position in it.
        top: how many images to keep; equally strong ones in the order of the images.
        split: `train`, `val` or `test`, as the run divided its images.
        epoch: `last`, `best` or a number; None is the best on validation images, else the last.
        limit: look only at so many images, evenly spaced; None looks at all.
        show_progress: a bar on standard error.

    Raises:
        UserError: there is no such unit, split or epoch; values that are not finite.
    """
    opened = run if isinstance(run, Run) else open_run(run)
    if top < 1:
        raise UserError(f"{top} images were asked for; expected 1 or more")
    if limit is not None and limit < 1:
        raise UserError(f"the limit is {limit} images; expected 1 or more, or --limit 0 for all")
    text = unit.name if isinstance(unit, Unit) else unit
    images, subset, classes = _images(opened, split)
    rows = np.arange(len(images)) if subset is None else subset
    if limit is not None and limit < len(rows):
        rows = rows[np.linspace(0, len(rows) - 1, limit).round().astype(np.int64)]
    glass = look(opened, images.images[rows[0]], epoch=epoch)
    node, position = find_position(glass, text)
    values, where = _pass(glass, node, position, images, rows, show_progress)
    strongest = []
    for candidate in np.argsort(-values, kind="stable")[:top]:
        index = (*position, *(int(coordinate) for coordinate in where[candidate]))
        row = int(rows[candidate])
        strongest.append(
            ActivatingImage(
                value=float(values[candidate]),
                index=index,
                image=images.sources[row],
                true=classes[int(images.labels[row])],
                pixels=np.array(images.images[row]),
                box=box_of(node[index]),
            )
        )
    active = float((values > 0).mean())
    assert glass.epoch is not None  # a run's network has one
    name = unit_text(node.name, position)
    field = _field(node, position)
    return Activations(opened, glass.epoch, name, split, len(rows), active, tuple(strongest), field)


def find_position(glass: Glass, text: str) -> tuple[Node, tuple[int, ...]]:
    """Find a channel or a unit.

    Returns:
        the layer, and the index: one number for a channel, as many as the layer has axes for a unit.

    Raises:
        UserError: there is none of that name, or it does not depend on the image.
    """
    name, index = parse_unit(text)
    node = glass[name]
    if not node.batched:
        raise UserError(f"{name} is the same for every image ({node.label}); expected a layer's unit, like conv1[0]")
    if index is None:
        example = unit_text(name, (0,)) if len(node.shape) in (1, 3) else unit_text(name, (0,) * len(node.shape))
        what = "channels" if len(node.shape) == 3 else "units"
        raise UserError(f"{name} has the shape {shape_text(node.shape)}; name one of its {what}, like {example}")
    if len(index) == 1 and len(node.shape) == 3:
        if not 0 <= index[0] < node.shape[0]:
            raise UserError(
                f"{name} has the shape {shape_text(node.shape)} (channel, row, column), so there is no channel "
                f"{index[0]}; expected {name}[0] to {name}[{node.shape[0] - 1}]"
            )
        return node, index
    return node, check_index(name, index, node.shape)


def _images(run: Run, split: str) -> tuple[Split, NDArray[np.int64] | None, tuple[str, ...]]:
    images = run.open_images()
    division = divide(images, Recipe.from_dict(run.record.recipe), run.record.seed)
    splits = {"train": (division.train, division.train_subset)}
    if division.val is not None:
        splits["val"] = (division.val, division.val_subset)
    if "test" in images.splits:
        splits["test"] = (images.splits["test"], None)
    if split not in splits:
        raise UserError(f"{images.name} has no split {split!r}; {did_you_mean(split, splits)}")
    return *splits[split], images.classes


def _pass(
    glass: Glass, node: Node, position: tuple[int, ...], images: Split, rows: NDArray[np.int64], show_progress: bool
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Run the network up to the node on every image.

    Returns:
        values `[N]` and, of a channel, the rest of the index `[N, 2]`; of a unit `[N, 0]`.
    """
    preprocessing = glass.picture.preprocessing
    assert preprocessing is not None  # a run has one
    cutter = DeviceImages(images, torch.device("cpu"), rows)
    size = max(1, min(BATCH, VALUES_AT_ONCE // preprocessing.values))
    values: list[Tensor] = []
    where: list[Tensor] = []
    with torch.no_grad(), random_numbers_kept(), progress("searching", len(rows) if show_progress else 0) as advance:
        for indices in torch.arange(len(rows)).split(size):
            x = preprocessing(cutter.cut(indices)[0])
            layer = record(glass.network, x, training=False, until=node.name).steps[-1].value
            if len(layer) != len(indices):
                raise UserError(
                    f"{node.name} mixes the images of a batch, so its activation does not belong to one image"
                )
            at_position: tuple[Any, ...] = (slice(None), *position)
            chosen = layer[at_position]
            strongest, where_strongest = chosen.flatten(1).max(1) if chosen.dim() > 1 else (chosen, None)
            values.append(strongest.double())
            if where_strongest is not None:
                width = chosen.shape[2]
                where.append(torch.stack([where_strongest // width, where_strongest % width], 1))
            if show_progress:
                advance(len(indices))
    numbers = torch.cat(values).numpy()
    if not np.isfinite(numbers).all():
        raise UserError(
            f"{node.name} is not finite for {int((~np.isfinite(numbers)).sum()):,} images; take another epoch"
        )
    return numbers, torch.cat(where).numpy() if where else np.empty((len(rows), 0), np.int64)


def _field(node: Node, position: tuple[int, ...]) -> tuple[int, int] | None:
    """Measure the window of a unit in the middle, which no border cuts."""
    middle = (position[0], node.shape[1] // 2, node.shape[2] // 2) if len(node.shape) == 3 else position
    box = box_of(node[middle])
    return None if box is None else (box.bottom - box.top, box.right - box.left)
