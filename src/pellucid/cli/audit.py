"""`pellucid audit`: what is wrong with the images."""

from __future__ import annotations

from pathlib import Path

import click

from pellucid.cli.command import Command
from pellucid.cli.output import json_option, print_json

__all__ = ["audit"]


@click.command(cls=Command)
@click.argument("data", required=False)
@click.option("--run", "run_path", help="A run whose network is asked what it makes of the labels.")
@click.option("--similarity", type=float, default=0.6, show_default=True, help="Least likeness of near duplicates.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Write tables and contact sheets into this folder.  [the run, if any]",
)
@click.option("--size", type=int, help="Side to which a folder's images are brought.  [64; the run's own]")
@click.option("--data-dir", type=click.Path(path_type=Path), envvar="PELLUCID_DATA", help="Where named sets lie.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 or mps.")
@json_option
def audit(
    data: str | None,
    run_path: str | None,
    similarity: float,
    out: Path | None,
    size: int | None,
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
    from pellucid.auditing import audit as look_through
    from pellucid.auditing import open_images_of, write_audit
    from pellucid.data import open_image_set
    from pellucid.run import open_run

    run = open_run(run_path) if run_path else None
    if run is not None:
        if size is not None:
            raise click.UsageError("--size and --run exclude each other: the network has one input size")
        images = open_images_of(run, data, data_dir)
    elif data is None:
        raise click.UsageError("nothing to look through; give DATA (a named set, a folder, an archive) or --run RUN")
    else:
        images = open_image_set(data, data_dir=data_dir, size=(size, size) if size else None)
    audited = look_through(images, run, detail=similarity, device=device)
    written = []
    if run is not None and images.fingerprint == run.record.data.fingerprint:
        written += write_audit(audited, run.directory)[:1]
    if out is not None:
        from pellucid.figures.duplicates import doubts_sheet, duplicates_sheet
        from pellucid.figures.saving import save_figure

        written += write_audit(audited, out)
        if audited.duplicates.pairs:
            save_figure(duplicates_sheet(audited, images), out / "duplicates.png", force=True)
            written.append(out / "duplicates.png")
        if audited.doubts and audited.doubts.most:
            save_figure(doubts_sheet(audited, images), out / "doubts.png", force=True)
            written.append(out / "doubts.png")
    if as_json:
        print_json(audited.to_dict())
        return
    click.echo(str(audited))
    if written:
        click.echo(f"\nWritten: {', '.join(map(str, written))}")
