"""Batches cut from the array of images where they are trained on; no worker processes, no per-image objects.

Shape letters: N images, B of them in the batch, H rows, W columns, C channels.
"""

from __future__ import annotations

import copy
import warnings

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.data.image_set import Split

__all__ = ["DeviceImages", "epoch_order"]

SHARE_OF_DEVICE_MEMORY = 0.5
"""Images move to a GPU whole when they take up no more than this share of its free memory."""


def epoch_order(count: int, seed: int) -> Tensor:
    """Give the order in which an epoch visits `count` images: `[N]` int64, a permutation, equal for equal seeds."""
    return torch.randperm(count, generator=torch.Generator().manual_seed(seed))


class DeviceImages:
    """The images of a split where batches are cut from them.

    On the CPU the array is used where it lies, in memory or memory-mapped, without a copy. A GPU gets it whole
    if it fits, and otherwise batch by batch.
    """

    def __init__(self, split: Split, device: torch.device, subset: NDArray[np.int64] | None = None) -> None:
        """Take the images of `split`, or those at the indices `subset`, `[M]` int64."""
        self.device = device
        self._sources = split.sources
        self._subset = None if subset is None else torch.from_numpy(subset)
        with warnings.catch_warnings():
            # torch knows no read-only tensors and warns of a read-only map; nothing here writes to it.
            warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
            images = torch.from_numpy(split.images)
            self._labels = torch.from_numpy(split.labels).to(device)
        if device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(device)
            if images.numel() <= SHARE_OF_DEVICE_MEMORY * free:
                images = images.to(device)
        elif device.type != "cpu":  # with mps, memory is shared with the CPU, and so is the limit
            images = images.to(device)
        self._images = images

    def with_subset(self, subset: NDArray[np.int64] | None) -> DeviceImages:
        """Give other images of the same split, at the indices `subset`, `[M]` int64; the pixels are shared."""
        other = copy.copy(self)
        other._subset = None if subset is None else torch.from_numpy(subset)
        return other

    def __len__(self) -> int:
        return len(self._labels if self._subset is None else self._subset)

    @property
    def labels(self) -> Tensor:
        """`[N]` int64, the label of each image, on the device."""
        return self._labels if self._subset is None else self._labels[self._subset.to(self._labels.device)]

    @property
    def image_size(self) -> tuple[int, int]:
        """`(H, W)` of every image."""
        return self._images.shape[1], self._images.shape[2]

    def sources(self, indices: Tensor) -> tuple[str, ...]:
        """Say where the images at `indices`, `[B]` int64, came from."""
        rows = indices if self._subset is None else self._subset[indices]
        return tuple(self._sources[row] for row in rows.tolist())

    def cut(self, indices: Tensor, positions: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """Cut one batch.

        Args:
            indices: `[B]` int64 on the CPU, which images, counted from 0 to `len(self) - 1`.
            positions: rows `[B, H]` and columns `[B, W]` as `Augmentation.draw` gives them; None leaves the
                images as they are.

        Returns:
            images `[B, H, W, C]` uint8 and labels `[B]` int64, both on the device.
        """
        if self._subset is not None:
            indices = self._subset.index_select(0, indices)
        at, rows, columns = _all_moved(indices, positions, self._images.device)
        if rows is None or columns is None:
            images = self._images.index_select(0, at)
        else:  # selecting and moving in one gather: each pixel is read once and written once
            images = self._images[at[:, None, None], rows[:, :, None], columns[:, None, :]]
        return _moved(images, self.device), self._labels.index_select(0, _moved(at, self.device))


def _moved(tensor: Tensor, device: torch.device) -> Tensor:
    """Give a tensor on a device. A GPU fetches it while the CPU goes on, which takes memory that is not paged out."""
    if tensor.device == device:
        return tensor
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def _all_moved(
    indices: Tensor, positions: tuple[Tensor, Tensor] | None, device: torch.device
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Give indices, rows and columns on a device, moved together: each transfer costs as much as some kernels."""
    if positions is None:
        return _moved(indices, device), None, None
    if device == indices.device:
        return indices, *positions
    rows, columns = positions
    together = _moved(torch.cat((indices[:, None], rows, columns), dim=1), device)
    moved = together.split((1, rows.shape[1], columns.shape[1]), dim=1)
    return moved[0][:, 0], moved[1], moved[2]
