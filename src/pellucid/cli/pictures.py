"""What commands with `--out DIR` have in common: several files in one folder, none replaced without `--force`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid.cli.options import force_option, out_folder_option
from pellucid.cli.output import announce
from pellucid.ground.errors import UserError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["check_folder", "force_option", "out_option", "write_folder"]

out_option = out_folder_option()


def check_folder(folder: Path | None, force: bool) -> None:
    """Refuse a folder that has files in it without `force`; asked before any work is done."""
    if folder is not None and not force and folder.is_dir() and any(folder.iterdir()):
        raise UserError(f"{folder} has files in it; give another folder, or --force to replace those of the same name")


def write_folder(folder: Path, figures: Mapping[str, Figure], name: str, document: Any) -> None:
    """Write pictures by name, then the JSON document; say which files they are."""
    from pellucid.figures.saving import save_figure
    from pellucid.ground.files import write_json

    for file, figure in figures.items():
        save_figure(figure, folder / file, force=True)
    write_json(folder / name, document)
    announce(*(folder / file for file in (*figures, name)))
