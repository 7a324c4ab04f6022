"""Small data sets in the official formats, and small folders of images."""

from __future__ import annotations

import gzip
import struct
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

from pellucid.data.named import NAMED


def idx_bytes(array: np.ndarray) -> bytes:
    return struct.pack(f">I{array.ndim}I", 0x0800 + array.ndim, *array.shape) + array.tobytes()


def write_idx_set(folder: Path, count: int = 20, packed: bool = True, seed: int = 0) -> dict[str, np.ndarray]:
    """Write four IDX files of random digits; return what they hold."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(seed)
    arrays = {}
    for split, prefix, number in (("train", "train", count), ("test", "t10k", count // 2)):
        arrays[f"{split}-images"] = generator.integers(0, 256, (number, 28, 28), np.uint8)
        arrays[f"{split}-labels"] = (np.arange(number) % 10).astype(np.uint8)
        for kind, dimensions in (("images", 3), ("labels", 1)):
            content = idx_bytes(arrays[f"{split}-{kind}"])
            name = f"{prefix}-{kind}-idx{dimensions}-ubyte"
            if packed:
                (folder / f"{name}.gz").write_bytes(gzip.compress(content))
            else:
                (folder / name).write_bytes(content)
    return arrays


def cifar_records(labels: np.ndarray, images: np.ndarray, coarse: bool = False) -> bytes:
    """Images `[N, 32, 32, 3]` to records: label bytes, then the red, the green, the blue plane."""
    records = []
    for label, image in zip(labels, images, strict=True):
        head = bytes([int(label) // 5, int(label)]) if coarse else bytes([int(label)])
        records.append(head + b"".join(image[:, :, channel].tobytes() for channel in range(3)))
    return b"".join(records)


def write_cifar_set(folder: Path, name: str = "cifar10", per_file: int = 10) -> dict[str, np.ndarray]:
    """Write a CIFAR layout into `folder` itself; return images and labels by split."""
    folder.mkdir(parents=True, exist_ok=True)
    named = NAMED[name]
    generator = np.random.default_rng(1)
    arrays = {}
    for split, files in (("train", named.train_files), ("test", named.test_files)):
        images, labels = [], []
        for file in files:
            images.append(generator.integers(0, 256, (per_file, 32, 32, 3), np.uint8))
            labels.append(generator.integers(0, len(named.classes), per_file))
            (folder / file).write_bytes(cifar_records(labels[-1], images[-1], coarse=name == "cifar100"))
        arrays[f"{split}-images"], arrays[f"{split}-labels"] = np.concatenate(images), np.concatenate(labels)
    return arrays


def write_tar(path: Path, folder: Path, inside: str) -> Path:
    mode = {".gz": "w:gz", ".bz2": "w:bz2", ".xz": "w:xz"}.get(path.suffix, "w")
    with tarfile.open(path, mode) as archive:
        archive.add(folder, inside)
    return path


def write_image(
    path: Path, colour: tuple[int, ...] | int = 128, size: tuple[int, int] = (8, 6), mode: str = ""
) -> Path:
    """Write one plain image; `size` is (width, height), as in Pillow."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode or ("L" if isinstance(colour, int) else "RGB"), size, colour).save(path)
    return path


def write_classes(root: Path, counts: dict[str, int], size: tuple[int, int] = (8, 6)) -> Path:
    """Write a folder of class folders; image `number` of a class is grey of value 10·class + number."""
    for position, (name, count) in enumerate(counts.items()):
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            write_image(root / name / f"{number:03}.png", (10 * position + number) % 256, size)
    return root


def everything_in(cache: Path) -> list[str]:
    """Every file and folder in the cache but its shelves and their locks, hidden ones included."""
    shelves = (cache / "image-sets", cache / "downloads")
    return sorted(
        str(path.relative_to(cache)) for path in cache.rglob("*") if path not in shelves and ".locks" not in path.parts
    )


def names_in(shelf: Path) -> list[str]:
    """What a shelf of the cache holds beside its lock files."""
    return sorted(path.name for path in shelf.iterdir() if path.name != ".locks")
