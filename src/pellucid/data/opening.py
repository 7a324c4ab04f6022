"""Opening any source of pictures as an image set."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

from pellucid.data.archive import ArchiveLimits, is_archive, unpack
from pellucid.data.decode import FITS, PixelFormat
from pellucid.data.find import find
from pellucid.data.folder import FolderListing, list_folder, look_through
from pellucid.data.image_set import ImageSet
from pellucid.data.named import NAMED, NamedSet
from pellucid.data.places import cache_folder, data_folder
from pellucid.data.read_folder import FolderOptions, read_folder, refuse_left_out
from pellucid.data.read_named import read_named
from pellucid.data.store import Contents, key_of, open_or_make
from pellucid.ground.errors import UserError, did_you_mean

__all__ = ["DEFAULT_SIZE", "open_image_set"]

DEFAULT_SIZE = (64, 64)
"""`(H, W)` of a folder's images where no size is asked for."""

LARGEST_SIDE = 8192


def open_image_set(
    source: str | Path,
    *,
    data_dir: str | Path | None = None,
    cache_dir: str | Path | None = None,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    fit: str = "stretch",
    strict: bool = False,
    split_seed: int = 0,
    workers: int | None = None,
    download: bool = True,
) -> ImageSet:
    """Open a named set, a folder of images or an archive of one; decode it into the cache the first time.

    A folder has a folder per class, inside `train/`, `val/` and `test/` or without (then 15 % of each class are held
    out for each of `val` and `test`). A set with no split of its own records `split_seed`.

    Args:
        source: a name that `pellucid datasets` lists, such as `mnist` (write `./mnist` for a folder of such
            a name), else the path of a folder, or of a .zip or .tar (also .gz, .bz2, .xz) of one.
        data_dir: the folder in which named sets are looked for first; by default PELLUCID_DATA.
        cache_dir: where decoded sets are kept; by default PELLUCID_CACHE, else the system's cache folder.
        size: `(H, W)` of every image; by default a named set's own size, and 64×64 for folders and archives.
        channels: 1 for grey, 3 for red-green-blue; by default a named set's own, and 3 for folders and archives.
        fit: how an image of another size is brought to it: `stretch`, `crop` (covers it, cut around the centre) or
            `pad` (fits into it, centred on black).
        strict: make an error of broken images, which are otherwise left out and listed in `left_out`.
        split_seed: chooses the split of a source that has none.
        workers: decoding processes; by default as many as there are processor cores.
        download: whether a named set that is not on this machine may be fetched.

    Returns:
        The image set: uint8 `[N, H, W, C]` memory maps and int64 labels `[N]` by split.

    Raises:
        UserError: an option, the source or one of its files is at fault, or the disk is full; nothing is left behind.

    >>> open_image_set("cifar11")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    pellucid.ground.errors.UserError: there is no data set, folder or archive 'cifar11': did you mean 'cifar10'? ...
    """
    _check_options(size, channels, fit, workers)
    cache = cache_folder(cache_dir)
    if isinstance(source, str) and source in NAMED:
        named = NAMED[source]
        own_channels, own_height, own_width = named.shape
        target = PixelFormat(*(size or (own_height, own_width)), channels or own_channels, fit)
        return _open_named(named, data_folder(data_dir), cache, target, download)
    options = FolderOptions(PixelFormat(*(size or DEFAULT_SIZE), channels or 3, fit), split_seed, strict, workers)
    path = Path(source).expanduser().absolute()
    try:
        if path.is_dir():
            image_set = _open_folder(path, cache, options)
        elif path.is_file():
            image_set = _open_archive(path, cache, options)
        else:
            raise _no_such_source(source, path)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    if strict:
        refuse_left_out(image_set.origin, image_set.left_out)
    return image_set


def _open_named(named: NamedSet, data: Path | None, cache: Path, target: PixelFormat, download: bool) -> ImageSet:
    found = find(named, data, cache, download)
    files = [[str(path), path.stat().st_size, path.stat().st_mtime_ns] for path in found.files]
    pixels = _pixel_identity(target, (target.height, target.width) == named.shape[1:])
    key = key_of({"named": named.name, "origin": found.origin, "files": files, **pixels})
    return open_or_make(cache, key, f"reading {named.name}", lambda folder: read_named(named, found, target, folder))


def _open_folder(path: Path, cache: Path, options: FolderOptions) -> ImageSet:
    listing = list_folder(path)
    name = path.resolve().name
    key = key_of({"folder": str(path), **_listing_identity(listing), **_option_identity(options)})

    def make(folder: Path) -> Contents:
        return read_folder(listing, name, str(path), "", options, folder)

    return open_or_make(cache, key, f"decoding {name}", make)


def _open_archive(path: Path, cache: Path, options: FolderOptions) -> ImageSet:
    if not is_archive(path):
        raise UserError(f"{path} is no archive that can be read; expected a folder, a .zip or a .tar(.gz, .bz2, .xz)")
    limits = ArchiveLimits.from_environment()
    facts = path.stat()
    key = key_of({"archive": [str(path), facts.st_size, facts.st_mtime_ns], **_option_identity(options)})

    def make(folder: Path) -> Contents:
        unpacked = folder / "unpacked"
        unpacked.mkdir()
        unpack(path, unpacked, limits)
        root = look_through(unpacked)
        prefix = "" if root == unpacked else root.relative_to(unpacked).as_posix() + "/"
        try:
            listing = list_folder(root)
            return read_folder(listing, path.name, str(path), prefix, options, folder)
        except UserError as error:  # speak of the archive, not of the folder that nobody will find
            raise UserError(str(error).replace(str(unpacked), str(path))) from error
        finally:
            shutil.rmtree(unpacked)

    return open_or_make(cache, key, f"decoding {path.name}", make)


def _listing_identity(listing: FolderListing) -> dict[str, str]:
    digest = hashlib.sha256(json.dumps(listing.classes).encode())
    for split, images in listing.splits.items():
        for image in images:
            digest.update(json.dumps([split, image.path, image.label, image.size, image.modified]).encode())
    return {"files": digest.hexdigest()}


def _option_identity(options: FolderOptions) -> dict[str, object]:
    return {"split_seed": options.split_seed, **_pixel_identity(options.target)}


def _pixel_identity(target: PixelFormat, own_size: bool = False) -> dict[str, object]:
    fit = "none" if own_size else target.fit
    return {"size": [target.height, target.width], "channels": target.channels, "fit": fit}


def _check_options(size: tuple[int, int] | None, channels: int | None, fit: str, workers: int | None) -> None:
    problems = []
    if size is not None and not (len(size) == 2 and all(1 <= side <= LARGEST_SIDE for side in size)):
        problems.append(f"size is {size}; expected (H, W), each from 1 to {LARGEST_SIDE:,} pixels")
    if channels not in (None, 1, 3):
        problems.append(f"channels is {channels}; expected 1 (grey) or 3 (red-green-blue)")
    if fit not in FITS:
        problems.append(f"fit is {fit!r}: {did_you_mean(fit, FITS)}")
    if workers is not None and workers < 1:
        problems.append(f"workers is {workers}; expected 1 or more processes")
    if problems:
        raise UserError.all_of("the options for the images do not fit", problems)


def _no_such_source(source: str | Path, path: Path) -> UserError:
    looks_like_path = os.sep in str(source) or "/" in str(source) or bool(Path(source).suffix)
    if looks_like_path:
        return UserError(
            f"{path} does not exist; expected a folder of images, a .zip or .tar of one, or one of: {', '.join(NAMED)}"
        )
    return UserError(
        f"there is no data set, folder or archive {str(source)!r}: {did_you_mean(str(source).lower(), NAMED)}"
    )
