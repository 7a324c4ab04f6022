"""Random horizontal flips and shifts, drawn for a whole batch and applied while it is cut from the array.

Shape letters: B images in the batch, H rows, W columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Augmentation"]


@dataclass(frozen=True)
class Augmentation:
    """What is done at random to each training image, every time it is shown."""

    flip: bool
    """Flip left and right with probability one half."""

    shift: int
    """Shift by up to this many pixels in either direction; what comes into view is the image reflected at its edge."""

    def draw(
        self, batch: int, height: int, width: int, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Draw, for each image, the source row of each of its rows and the source column of each of its columns.

        The draws depend only on the generator and the sizes, on the CPU, so that every process of a
        distributed run draws the same for the whole batch.

        Returns:
            rows `[B, H]` and columns `[B, W]`, both int64, on the CPU.

        >>> Augmentation(flip=False, shift=0).draw(1, 2, 3)
        (tensor([[0, 1]]), tensor([[0, 1, 2]]))
        """
        rows = torch.arange(height).expand(batch, height)
        columns = torch.arange(width).expand(batch, width)
        if self.flip:
            flipped = torch.rand(batch, 1, generator=generator) < 0.5
            columns = torch.where(flipped, width - 1 - columns, columns)
        if self.shift:
            limits = -self.shift, self.shift + 1
            rows = _reflect(rows + torch.randint(*limits, (batch, 1), generator=generator), height)
            columns = _reflect(columns + torch.randint(*limits, (batch, 1), generator=generator), width)
        return rows, columns


def _reflect(index: Tensor, size: int) -> Tensor:
    """Fold indices that leave `0 … size - 1` back in: reflection at the edge pixel."""
    if size == 1:
        return torch.zeros_like(index)
    folded = index.remainder(2 * size - 2)
    return torch.minimum(folded, 2 * size - 2 - folded)
