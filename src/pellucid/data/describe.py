"""What a run records of its data."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from pellucid.data.image_set import ImageSet

__all__ = ["describe_images"]


def describe_images(image_set: ImageSet) -> dict[str, Any]:
    """Return everything about an image set but its pixels, ready for JSON.

    Keys: `name`, `origin`, `fingerprint`, `shape` (`[C, H, W]`), `fit`, `classes`, `images` (by split), `per_class` (by
    split, by class), `left_out` (each with `source` and `reason`), `passed_over`
    (`endings`, `hidden`, `system`, `pictures`, `notes`), `split_seed`, `flip_allowed`, `near_copies`, `pixel_range`,
    `cut_off` (None, or how many `images` have values beyond that range, and which `share` of their pixels).
    """
    count = len(image_set.classes)
    return {
        "name": image_set.name,
        "origin": image_set.origin,
        "fingerprint": image_set.fingerprint,
        "shape": list(image_set.shape),
        "fit": image_set.fit,
        "classes": list(image_set.classes),
        "images": {name: len(split) for name, split in image_set.splits.items()},
        "per_class": {
            name: dict(zip(image_set.classes, np.bincount(split.labels, minlength=count).tolist(), strict=True))
            for name, split in image_set.splits.items()
        },
        "left_out": [asdict(image) for image in image_set.left_out],
        "passed_over": image_set.passed_over.to_dict(),
        "split_seed": image_set.split_seed,
        "flip_allowed": image_set.flip_allowed,
        "near_copies": asdict(image_set.near_copies),
        "pixel_range": None if image_set.pixel_range is None else list(image_set.pixel_range),
        "cut_off": None if image_set.cut_off is None else asdict(image_set.cut_off),
    }
