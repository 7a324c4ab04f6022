"""Which images are asked for: made once, early, and passed on; a run's record holds it."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pellucid.data.decode import FITS
from pellucid.data.named import NAMED
from pellucid.data.pixel_range import PixelRange
from pellucid.data.places import asked_folder, data_folder
from pellucid.ground.errors import UserError, did_you_mean

__all__ = ["LARGEST_SIDE", "WRONG_OPTIONS", "DataRequest"]

LARGEST_SIDE = 8192
WRONG_OPTIONS = "the options for the images do not fit"


@dataclass(frozen=True, kw_only=True)
class DataRequest:
    """An image set that is asked for, with every option that changes its pixels or its splits.

    Making one raises nothing, so that all mistakes of a training can be reported together; `problems` lists them.

    >>> DataRequest(source="mnist", fit="strech").problems()
    ["fit is 'strech': did you mean 'stretch'? (one of: stretch, crop, pad)"]
    """

    source: str | Path
    """A name such as `cifar10`, or the path of a folder, of an archive of one, or of a table of files and labels."""
    data_dir: str | Path | None = None
    """The folder in which named sets are looked for first; None is PELLUCID_DATA."""
    size: tuple[int, int] | None = None
    """`(H, W)` of every image; None is a named set's own size, and 64×64 for folders and archives."""
    channels: int | None = None
    """1 for grey, 3 for red-green-blue; None is a named set's own, and 3 for folders and archives."""
    fit: str = "stretch"
    """How an image of another size is brought to it: `stretch`, `crop` or `pad`."""
    strict: bool = False
    """Whether a broken image is an error; otherwise it is left out and listed."""
    split_seed: int = 0
    """Chooses the split of a source that has none."""
    file_column: str | None = None
    """Of a table of files and labels, the column of the files, by name or by number from 1; None finds it."""
    label_column: str | None = None
    """The same of the labels."""
    pixel_range: PixelRange | None = None
    """Which values of pictures of more than 8 bits become black and white; None chooses from the values there are."""

    @property
    def is_named(self) -> bool:
        """Whether the source is a named set; `./mnist` is a folder of such a name."""
        return isinstance(self.source, str) and self.source in NAMED

    @property
    def path(self) -> Path:
        """The absolute path of a folder or an archive, without links: one place has one name, however it is reached."""
        return Path(self.source).expanduser().resolve()

    def problems(self) -> list[str]:
        """List the options that cannot be, a line each: what was given and what was expected."""
        problems = []
        if self.size is not None and not (len(self.size) == 2 and all(1 <= side <= LARGEST_SIDE for side in self.size)):
            problems.append(f"size is {self.size}; expected (H, W), each from 1 to {LARGEST_SIDE:,} pixels")
        if self.channels not in (None, 1, 3):
            problems.append(f"channels is {self.channels}; expected 1 (grey) or 3 (red-green-blue)")
        if self.fit not in FITS:
            problems.append(f"fit is {self.fit!r}: {did_you_mean(self.fit, FITS)}")
        for name in ("file_column", "label_column"):
            column = getattr(self, name)
            if column is not None and not column.strip():
                problems.append(f"{name} is {column!r}; expected a column of the table, by name or by number from 1")
            elif column is not None and self.is_named:
                problems.append(
                    f"{name} is {column!r}, but {self.source} is no table of files and labels; leave it out"
                )
        if self.split_seed < 0:
            problems.append(f"split_seed is {self.split_seed}; expected a whole number of 0 or more")
        if self.pixel_range is not None and not (
            len(self.pixel_range) == 2
            and all(map(math.isfinite, self.pixel_range))
            and self.pixel_range[0] < self.pixel_range[1]
        ):
            problems.append(
                f"pixel_range is {self.pixel_range}; expected two numbers, the value that is black and a larger one "
                "that is white, such as (0, 4095)"
            )
        return problems

    def data_dir_problem(self) -> str | None:
        """Say what is wrong with the folder of named sets that is asked for, whether a set of it is used or not."""
        try:
            data_folder(self.data_dir if self.data_dir is not None else Path.cwd())
        except UserError as error:
            return str(error)
        return None

    def source_problem(self) -> str | None:
        """Say what is wrong with the source as far as its name tells; None where it is a named set or a path exists."""
        if self.is_named or self.path.exists():
            return None
        text = str(self.source)
        if os.sep in text or "/" in text or Path(text).suffix:
            return (
                f"{self.path} does not exist; expected a folder of images, a .zip or .tar of one, a table of files and "
                f"labels (.csv), or one of: "
                f"{', '.join(NAMED)}"
            )
        return f"there is no data set, folder or archive {text!r}: {did_you_mean(text.lower(), NAMED)}"

    def absolute(self) -> DataRequest:
        """Give the same request with absolute paths, PELLUCID_DATA's too, so that it means the same from everywhere.

        >>> DataRequest(source="cifar10").absolute().source
        'cifar10'
        """
        folder, _ = asked_folder(self.data_dir)
        return replace(
            self,
            source=str(self.source) if self.is_named else str(self.path),
            data_dir=None if folder is None else str(Path(folder).expanduser().resolve()),
        )

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as JSON holds them."""
        return asdict(self.absolute())

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> DataRequest:
        """Read what `to_dict` gave."""
        pairs = {name: tuple(fields[name]) if fields.get(name) else None for name in ("size", "pixel_range")}
        return cls(**{**fields, **pairs})
