"""The features of images: what a network's last layer is given. Computed once and kept in the cache by content.

They are kept in blocks of a few images, so that a computation that is interrupted goes on where it was, and photos
that are added at the end leave the others' features as they are. Which block an image is in, and in which batch of it,
depends on nothing but its place, and what could round otherwise (torch, device, threads) is part of a block's name: a
block that is found is the one that would be computed, to the last bit.

Shape letters: N images, B of them in a block, H rows, W columns, C channels, F features.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.data.batches import DeviceImages
from pellucid.data.places import cache_folder
from pellucid.data.preprocessing import Preprocessing
from pellucid.ground.errors import UserError
from pellucid.ground.files import read_whole, write_bytes
from pellucid.ground.notices import notice
from pellucid.ground.progress import progress
from pellucid.networks import features_of
from pellucid.run.weights import open_weights, seal_weights

__all__ = ["FeatureSource"]

SHELF = "features"
FORMAT = 1
"""Raised whenever the same images and weights would give other features than before."""
BLOCK = 32
BATCH = 8
"""Small batches stay in a processor's cache: 24 ms an image, where 16 at once took 33."""


@dataclass
class FeatureSource:
    """A network in evaluation mode, and where what it computes is kept."""

    network: nn.Module
    layer: str
    """The path of its last layer."""
    preprocessing: Preprocessing
    device: torch.device
    identity: Mapping[str, Any]
    """Whatever else decides about the features: the weights' checksum, the network's name."""
    _can_keep: bool = True

    def of(self, images: DeviceImages, *, mirrored: bool, after_block: Callable[[], None]) -> tuple[Tensor, Tensor]:
        """Give the features of images, in order, and those of their mirror images.

        Args:
            images: N of them.
            mirrored: whether the mirror images are computed.
            after_block: called after each block, to stop there if need be.

        Returns:
            `[N, F]` float32 and `[N, F]` or, without mirror images, `[0, F]`, on the CPU.
        """
        parts = []
        with progress("computing features", len(images)) as advance:
            for indices in torch.arange(len(images)).split(BLOCK):
                pixels = images.cut(indices)[0]
                parts.append(self._block(pixels, mirrored))
                advance(len(indices))
                after_block()
        return torch.cat([plain for plain, _ in parts]), torch.cat([mirror for _, mirror in parts])

    def _block(self, pixels: Tensor, mirrored: bool) -> tuple[Tensor, Tensor]:
        """Give the features of a block of pixels, `[B, H, W, C]` uint8, from the cache or computed."""
        name = self._name(pixels, mirrored)
        path = cache_folder(None) / SHELF / f"{name}.safetensors"
        kept = _read(path, name)
        if kept is None:
            plain = self._compute(pixels)
            kept = plain, self._compute(pixels.flip(2)) if mirrored else plain[:0]
            self._keep(path, name, kept)
        return kept

    def _compute(self, pixels: Tensor) -> Tensor:
        results = []
        with torch.inference_mode(), features_of(self.network, self.layer) as features:
            for batch in pixels.split(BATCH):
                self.network(self.preprocessing(batch))
                results.append(features[0].float().cpu())
        return torch.cat(results).contiguous()

    def _name(self, pixels: Tensor, mirrored: bool) -> str:
        facts = {
            "format": FORMAT,
            **self.identity,
            "preprocessing": self.preprocessing.to_dict(),
            "shape": list(pixels.shape),
            "mirrored": mirrored,
            "device": str(self.device),
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "processor": torch.backends.cpu.get_cpu_capability(),
        }
        digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
        digest.update(pixels.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()[:32]

    def _keep(self, path: Path, name: str, block: tuple[Tensor, Tensor]) -> None:
        """Write a block into the cache; a cache that cannot be written costs time later and nothing else."""
        if not self._can_keep:
            return
        try:
            write_bytes(path, seal_weights({"plain": block[0], "mirrored": block[1]}, name, 0))
        except (OSError, UserError) as error:
            self._can_keep = False
            notice(f"the features are not kept for the next time: the cache {path.parent} cannot be written: {error}")


def _read(path: Path, name: str) -> tuple[Tensor, Tensor] | None:
    """Read a block; None where there is none, or one that is not as it was written (which is said)."""
    try:
        block = open_weights(read_whole(path, "it is computed again"), name, 0)
        return block["plain"], block["mirrored"]
    except FileNotFoundError:
        return None
    except (UserError, KeyError) as error:
        notice(f"the kept features {path} are not as they were written ({error}); they are computed again")
        return None
