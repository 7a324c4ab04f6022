"""Opening any source of pictures as an image set."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from pellucid.data.archive import ArchiveLimits, is_archive, unpack
from pellucid.data.decode import PixelFormat
from pellucid.data.find import find
from pellucid.data.folder import FolderListing, list_folder, look_through
from pellucid.data.formats import optional_readers
from pellucid.data.image_set import ImageSet
from pellucid.data.member_names import member_name
from pellucid.data.named import NAMED, NamedSet
from pellucid.data.passed_over import PassedOver, PassingOver
from pellucid.data.pixel_range import PixelRange
from pellucid.data.places import cache_folder, data_folder
from pellucid.data.read_folder import FolderOptions, read_folder, refuse_left_out
from pellucid.data.read_named import read_named
from pellucid.data.request import WRONG_OPTIONS, DataRequest
from pellucid.data.split_names import nfc
from pellucid.data.store import Contents, is_kept, key_of, open_or_make
from pellucid.data.table import is_table
from pellucid.data.table_listing import find_table, list_table, tables_in
from pellucid.data.walk import Walk
from pellucid.ground.errors import UserError
from pellucid.ground.writing import counted

__all__ = ["DEFAULT_SIZE", "open_image_set", "open_requested"]

DEFAULT_SIZE = (64, 64)
"""`(H, W)` of a folder's images where no size is asked for."""

SHOWN = 20
"""So many pictures are listed in an error; the rest is counted."""


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
    pixel_range: PixelRange | None = None,
    file_column: str | None = None,
    label_column: str | None = None,
    workers: int | None = None,
    download: bool = True,
    trainable: bool = True,
) -> ImageSet:
    """Open a named set, a folder of images or an archive of one; decode it into the cache the first time.

    A folder has a folder per class, inside `train/`, `val/` and `test/` or without (then 15 % of each class are held
    out for each of `val` and `test`). A set with no split of its own records `split_seed`.
    Images that lie together in one folder get their classes from a table beside them, such as `labels.csv`.

    Args:
        source: a name that `pellucid datasets` lists, such as `mnist` (write `./mnist` for a folder of such
            a name), else the path of a folder, of a .zip or .tar (also .gz, .bz2, .xz) of one, or of a table of files
            and labels (.csv or .tsv) among the images that it names.
        data_dir: the folder in which named sets are looked for first; by default PELLUCID_DATA.
        cache_dir: where decoded sets are kept; by default PELLUCID_CACHE, else the system's cache folder.
        size: `(H, W)` of every image; by default a named set's own size, and 64×64 for folders and archives.
        channels: 1 for grey, 3 for red-green-blue; by default a named set's own, and 3 for folders and archives.
        fit: how an image of another size is brought to it: `stretch`, `crop` (covers it, cut around the centre) or
            `pad` (fits into it, centred on black).
        strict: make an error of broken images, which are otherwise left out and listed in `left_out`.
        split_seed: chooses the split of a source that has none.
        pixel_range: which values of pictures of more than 8 bits become black and white, such as `(0, 4095)`; by
            default chosen for the whole set from the values that it holds. Pictures of 8 bits stay as they are.
        file_column, label_column: of a table of files and labels, the columns by name, or by number from 1; by default
            found.
        workers: decoding processes; by default as many as there are processor cores.
        download: whether a named set that is not on this machine may be fetched.
        trainable: refuse a folder that no network can be trained on: of one class, or with a class of one image.

    Returns:
        The image set: uint8 `[N, H, W, C]` memory maps and int64 labels `[N]` by split.

    Raises:
        UserError: an option, the source or one of its files is at fault, or the disk is full; nothing is left behind.

    >>> open_image_set("cifar11")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    pellucid.ground.errors.UserError: there is no data set, folder or archive 'cifar11': did you mean 'cifar10'? ...
    """
    request = DataRequest(
        source=source,
        data_dir=data_dir,
        size=size,
        channels=channels,
        fit=fit,
        strict=strict,
        split_seed=split_seed,
        pixel_range=pixel_range,
        file_column=file_column,
        label_column=label_column,
    )
    data_dir_problem = request.data_dir_problem()
    if data_dir_problem:
        raise UserError(data_dir_problem)
    return open_requested(request, cache_dir=cache_dir, workers=workers, download=download, trainable=trainable)


def open_requested(
    request: DataRequest,
    *,
    cache_dir: str | Path | None = None,
    workers: int | None = None,
    download: bool = True,
    trainable: bool = True,
) -> ImageSet:
    """Open what a request asks for, as `open_image_set` does; its other arguments change no pixel."""
    _check(request, workers)
    cache = cache_folder(cache_dir)
    if request.is_named:
        named = NAMED[str(request.source)]
        own_channels, own_height, own_width = named.shape
        target = PixelFormat(*(request.size or (own_height, own_width)), request.channels or own_channels, request.fit)
        return _open_named(named, data_folder(request.data_dir), cache, target, download)
    target = PixelFormat(*(request.size or DEFAULT_SIZE), request.channels or 3, request.fit, request.pixel_range)
    options = FolderOptions(
        target, request.split_seed, request.strict, workers, trainable, request.file_column, request.label_column
    )
    path = request.path
    try:
        if path.is_dir():
            image_set = _open_folder(path, cache, options)
        elif path.is_file() and is_table(path.name):
            image_set = _open_folder(path.parent, cache, options, path)
        elif path.is_file():
            image_set = _open_archive(path, cache, options)
        else:
            raise UserError(request.source_problem() or f"{path} is neither a folder nor a file")
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    if request.strict:
        _refuse_passed_over(image_set.origin, image_set.passed_over)
        refuse_left_out(image_set.origin, image_set.left_out)
    return image_set


def _open_named(named: NamedSet, data: Path | None, cache: Path, target: PixelFormat, download: bool) -> ImageSet:
    source = find(named, data, cache, download)
    files = [[str(path), path.stat().st_size, path.stat().st_mtime_ns] for path in source.files]
    pixels = _pixel_identity(target, (target.height, target.width) == named.shape[1:])
    key = key_of({"named": named.name, "origin": source.origin, "files": files, **pixels})
    return open_or_make(cache, key, f"reading {named.name}", lambda folder: read_named(named, source, target, folder))


def _open_folder(path: Path, cache: Path, options: FolderOptions, table: Path | None = None) -> ImageSet:
    passing = PassingOver()
    listing, prefix = _listed(path, passing, nfc, options, table)
    if options.strict:
        _refuse_passed_over(str(path), listing.passed_over)
    name = path.name
    identity = {"folder": str(path), "prefix": prefix, **_listing_identity(listing), **_option_identity(options)}
    key = _key(cache, identity, options)

    def make(folder: Path) -> Contents:
        return read_folder(listing, name, str(path), prefix, options, folder)

    image_set = open_or_make(cache, key, f"decoding {name}", make)
    return replace(image_set, passed_over=listing.passed_over)  # which may have changed since it was decoded


def _open_archive(path: Path, cache: Path, options: FolderOptions) -> ImageSet:
    if not is_archive(path):
        raise UserError(f"{path} is no archive that can be read; expected a folder, a .zip or a .tar(.gz, .bz2, .xz)")
    limits = ArchiveLimits.from_environment()
    facts = path.stat()
    identity = {"archive": [str(path), facts.st_size, facts.st_mtime_ns], **_option_identity(options)}
    key = _key(cache, identity, options)

    def make(folder: Path) -> Contents:
        unpacked = folder / "unpacked"
        unpacked.mkdir()
        passing = PassingOver()
        unpack(path, unpacked, limits, passing)
        try:
            listing, prefix = _listed(unpacked, passing, member_name, options)
            return read_folder(listing, path.name, str(path), prefix, options, folder)
        except UserError as error:  # speak of the archive, not of the folder that nobody will find
            raise UserError(str(error).replace(str(unpacked), str(path))) from error
        finally:
            shutil.rmtree(unpacked)

    return open_or_make(cache, key, f"decoding {path.name}", make)


def _listed(
    path: Path, passing: PassingOver, shown: Callable[[str], str], options: FolderOptions, table: Path | None = None
) -> tuple[FolderListing, str]:
    """List a folder's images, by its table where it has one that counts, and say what stands before their paths."""
    table = table or find_table(path)
    if table is None:
        root, prefix = _unwrapped(path, passing, shown)
        for ignored in tables_in(root):
            passing.note(
                prefix + ignored.name, "a table beside folders of classes, which are read; give its path to read it"
            )
        columns = options.file_column or options.label_column
        if columns:
            raise UserError(
                f"{path} has no table of files and labels, so it has no column {columns!r}; expected labels.csv in it "
                "beside its images, or the path of a .csv"
            )
        below = passing.below(prefix)
        return list_folder(root, below, *(() if shown is nfc else (shown,)), trainable=options.trainable), prefix
    prefix = "".join(f"{shown(part)}/" for part in table.parent.relative_to(path).parts)
    passing.forget(prefix + table.name)  # an archive's other files were noted as it was unpacked
    listing = list_table(
        table,
        passing,
        shown,
        file_column=options.file_column,
        label_column=options.label_column,
        trainable=options.trainable,
    )
    return listing, prefix


def _key(cache: Path, identity: Mapping[str, object], options: FolderOptions) -> str:
    """Give the key of a set; one to be measured on is that to be trained on where this is there already."""
    trainable = key_of(identity)
    return trainable if options.trainable or is_kept(cache, trainable) else key_of({**identity, "trainable": False})


def _unwrapped(path: Path, passing: PassingOver, shown: Callable[[str], str]) -> tuple[Path, str]:
    """Return the folder that holds the classes or splits, and what stands before its paths, as it is shown."""
    root = look_through(path)
    if root == path:
        return root, ""
    wrappers = root.relative_to(path).parts
    wrapper = "/".join(map(shown, wrappers))
    walk = Walk(path, passing)
    for depth in range(len(wrappers)):
        walk.pass_over_loose(path.joinpath(*wrappers[:depth]), "beside the folder of classes, so it has no class")
    passing.note(wrapper, "the one folder there is; the folders in it are read as the classes or splits")
    return root, wrapper + "/"


def _refuse_passed_over(origin: str, passed_over: PassedOver) -> None:
    """Refuse a set beside which there are pictures that are not read.

    Raises:
        UserError: there are; it lists them.
    """
    pictures = (*passed_over.pictures, *passed_over.missing)
    if pictures:
        problems = [f"{picture.source}: {picture.reason}" for picture in pictures[:SHOWN]]
        if len(pictures) > SHOWN:
            problems.append(f"and {len(pictures) - SHOWN:,} more")
        raise UserError.all_of(
            f"{origin}: {counted(len(pictures), 'picture')} passed over (without --strict they are left out)", problems
        )


def _listing_identity(listing: FolderListing) -> dict[str, str]:
    digest = hashlib.sha256(json.dumps(listing.classes).encode())
    for split, images in listing.splits.items():
        for image in images:
            digest.update(
                json.dumps([split, image.path, image.shown, image.label, image.size, image.modified]).encode()
            )
    return {"files": digest.hexdigest()}


def _option_identity(options: FolderOptions) -> dict[str, object]:
    # The readers too: a picture left out because a library is missing is read once it is installed.
    readers = {"pixel_range": options.target.pixel_range, "readers": optional_readers()}
    return {"split_seed": options.split_seed, **readers, **_pixel_identity(options.target)}


def _pixel_identity(target: PixelFormat, own_size: bool = False) -> dict[str, object]:
    fit = "none" if own_size else target.fit
    return {"size": [target.height, target.width], "channels": target.channels, "fit": fit}


def _check(request: DataRequest, workers: int | None) -> None:
    problems = request.problems()
    if workers is not None and workers < 1:
        problems.append(f"workers is {workers}; expected 1 or more processes")
    if problems:
        raise UserError.all_of(WRONG_OPTIONS, problems)
