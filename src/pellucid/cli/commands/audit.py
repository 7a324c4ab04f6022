"""`pellucid audit`: what is wrong with the images."""

from __future__ import annotations

from pathlib import Path

import click

from pellucid.cli.command import Command
from pellucid.cli.kinds import RunPath
from pellucid.cli.options import (
    DATA,
    data_dir_option,
    device_option,
    force_option,
    out_folder_option,
    size_option,
    trust_option,
)
from pellucid.cli.output import announce, json_option, print_json
from pellucid.cli.pictures import check_folder

__all__ = ["audit"]


@click.command(
    cls=Command, section="Evaluate", position=5, short_help="Find duplicates, suspicious images and doubtful labels."
)
@click.argument("data", type=DATA, required=False)
@click.option("--run", "run_path", type=RunPath(), help="A run; also lists the labels that its network doubts most.")
@click.option("--similarity", type=float, default=0.6, show_default=True, help="Least similarity of near duplicates.")
@out_folder_option("tables and contact sheets", "the run, if any")
@force_option
@size_option
@data_dir_option
@device_option
@json_option
@trust_option
def audit(
    data: str | None,
    run_path: str | None,
    similarity: float,
    out: Path | None,
    force: bool,
    size: tuple[int, int] | None,
    data_dir: Path | None,
    device: str,
    as_json: bool,
) -> None:
    """Look through images: DATA is a named set, a folder or an archive; with --run, by default the run's own.

    Finds exact and near duplicates within and across splits, counts classes, lists broken and suspicious images and,
    with a run, the labels that its network doubts most.

    \b
    Examples:
      pellucid audit cifar10 --out audit/
      pellucid audit my_photos/
      pellucid audit --run runs/cifar10-simple-cifar-1
    """
    check_folder(out, force)
    from pellucid.auditing import audit as look_through
    from pellucid.auditing import open_images_of, write_audit
    from pellucid.data import open_image_set
    from pellucid.run import RunFile, open_run

    run = open_run(run_path) if run_path else None
    if run is not None:
        if size is not None:
            raise click.UsageError("--size and --run exclude each other: the network has one input size")
        images = open_images_of(run, data, data_dir)
    elif data is None:
        raise click.UsageError("nothing to look through; give DATA (a named set, a folder, an archive) or --run RUN")
    else:
        images = open_image_set(data, data_dir=data_dir, size=size, trainable=False)
    audited = look_through(images, run, detail=similarity, device=device)
    written = []
    if run is not None and images.fingerprint == run.record.fingerprint:
        written += write_audit(audited, run.directory)[:1]
    if out is not None:
        from pellucid.figures.duplicates import doubts_sheet, duplicates_sheet
        from pellucid.figures.saving import save_figure

        written += write_audit(audited, out)
        if audited.duplicates.pairs:
            save_figure(duplicates_sheet(audited, images), out / RunFile.DUPLICATES_PICTURE, force=True)
            written.append(out / RunFile.DUPLICATES_PICTURE)
        if audited.doubts and audited.doubts.most:
            save_figure(doubts_sheet(audited, images), out / "doubts.png", force=True)
            written.append(out / "doubts.png")
    if written:
        announce(*written)
    if as_json:
        print_json(audited.to_dict())
        return
    click.echo(str(audited))
