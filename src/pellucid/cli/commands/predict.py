"""`pellucid predict`: what a run, or a model that was exported from one, says of images."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pellucid.cli.command import Command
from pellucid.cli.kinds import Place, RunOrModel
from pellucid.cli.options import device_option, epoch_option, force_option, top_option, trust_option
from pellucid.cli.output import announce
from pellucid.ground.commands import command_line
from pellucid.ground.errors import UserError
from pellucid.ground.notices import notice

if TYPE_CHECKING:
    from pellucid.ground.ranks import Ranks
    from pellucid.prediction.classifier import Classifier
    from pellucid.prediction.predicting import PredictedImage
    from pellucid.prediction.prediction_file import Form, PredictionFile
    from pellucid.prediction.showing import Tally
    from pellucid.prediction.sorting import ClassFolders
    from pellucid.prediction.sources import SourceList

__all__ = ["predict"]

STANDARD = "-"
MOST_ON_SHEET = 120
LOOKED_AT = 64
"""So many images are asked whether they are in colour, where a network takes grey ones."""


@click.command(
    cls=Command, section="Use", position=1, short_help='Predict images, with calibrated confidence or "unsure".'
)
@click.argument("model", type=RunOrModel(), metavar="RUN|MODEL.onnx")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@top_option(3, "of the most probable classes to show")
@click.option(
    "--threshold",
    type=float,
    metavar="P",
    help="Confidence, 0 to 1, below which an answer is unsure.  [the run's own, if it was evaluated]",
)
@click.option("--csv", "csv_file", metavar="FILE", help="Write a CSV line for each image; - is standard output.")
@click.option("--jsonl", "jsonl_file", metavar="FILE", help="Write a line of JSON for each image; - likewise.")
@click.option(
    "--sort-into",
    "sorted_into",
    type=Place(file_okay=False),
    metavar="DIR",
    help="Copy each image into a folder of its class below DIR, or into unsure/ or unreadable/.",
)
@click.option("--sheet", type=Place(dir_okay=False), metavar="FILE", help="Draw the first images: .png or .svg.")
@force_option
@epoch_option
@device_option
@trust_option
def predict(
    model: str,
    paths: tuple[str, ...],
    top: int,
    threshold: float | None,
    csv_file: str | None,
    jsonl_file: str | None,
    sorted_into: Path | None,
    sheet: Path | None,
    force: bool,
    epoch: str | None,
    device: str,
) -> None:
    """Predict images with a RUN, or with a MODEL that was exported from one.

    PATH is an image, a folder (with all below it), a .zip or .tar, or - for a list of paths on standard input. An
    answer that is less confident than the threshold is "unsure". What cannot be read gets a line with the reason.

    A CSV or JSON-lines file grows while it is written. After an interruption the same command goes on where it was;
    lines of another model or threshold are refused. Nothing is ever replaced in the folders of --sort-into.

    \b
    Examples:
      pellucid predict runs/pets-1 cat.jpg
      pellucid predict runs/pets-1 photos/ more.zip --csv predictions.csv
      pellucid predict runs/pets-1 photos/ --threshold 0.9 --sort-into sorted/
      pellucid predict runs/pets-1 photos/ --sheet sheet.png
      find /photos -newer last.txt -name '*.jpg' | pellucid predict pets.onnx - --jsonl -
      torchrun --nproc-per-node 2 -m pellucid predict runs/pets-1 photos/ --csv predictions.csv
    """
    forms: dict[Form, str] = {}
    if csv_file is not None:
        forms["csv"] = csv_file
    if jsonl_file is not None:
        forms["jsonl"] = jsonl_file
    _check_places(forms, paths, sorted_into, sheet, force)
    from pellucid.prediction.opening import open_classifier

    ranks = _join(device)
    is_main = ranks is None or ranks.is_main
    with contextlib.ExitStack() as stack:
        sources = _sources(paths, ranks, stack)
        classifier = open_classifier(model, epoch, device, threshold, for_many=True)
        if not is_main:
            for _ in _predicted(classifier, sources, [], None, ranks):
                pass
            return
        for note in (*sources.notes, *_made_grey(sources, classifier)):
            notice(note)
        tally, first = _predict(classifier, sources, forms, sorted_into, top, ranks)
        if sheet is not None:
            _draw(sheet, classifier, first, tally)
    written = [Path(name) for name in forms.values() if name != STANDARD]
    places = [*written, *filter(None, (sorted_into, sheet))]
    to_error = STANDARD in forms.values()
    click.echo(tally.sentence(classifier.threshold), err=to_error)
    if places:
        announce(*places)
    click.echo(_what_comes_next(model, tally, sorted_into), err=to_error)


def _predict(
    classifier: Classifier,
    sources: SourceList,
    forms: dict[Form, str],
    sorted_into: Path | None,
    top: int,
    ranks: Ranks | None,
) -> tuple[Tally, list[PredictedImage]]:
    """Predict everything into its places, printing as it goes; give the counts, and the first images for a sheet."""
    from pellucid.ground.progress import progress
    from pellucid.prediction.prediction_file import PredictionFile, TableForm
    from pellucid.prediction.showing import PredictionTable, Tally
    from pellucid.prediction.sorting import ClassFolders

    tally, first = Tally(), list[Any]()
    table = None if forms else PredictionTable([image.name for image in sources.images], classifier.classes, top)
    lines = next((TableForm(form, classifier) for form, name in forms.items() if name == STANDARD), None)
    folders = None if sorted_into is None else ClassFolders(sorted_into, classifier.classes)
    # a table that grows on the terminal is its own progress, and a bar would be drawn across it
    shown = 0 if (table or lines) and sys.stdout.isatty() else len(sources.images)
    with contextlib.ExitStack() as stack:
        files = [
            stack.enter_context(PredictionFile(Path(name), TableForm(form, classifier)))
            for form, name in forms.items()
            if name != STANDARD
        ]
        kept = sum(len(answers) for file in files[:1] for answers in file.kept.values())
        if kept:
            notice(f"{files[0].path} has {kept:,} lines already, which are kept; the rest is added")
        advance = stack.enter_context(progress("predicting", shown)) if shown else None
        batches = stack.enter_context(contextlib.closing(_predicted(classifier, sources, files, folders, ranks)))
        if table is not None:
            click.echo(table.heading())
        elif lines is not None:
            click.echo(lines.header, nl=False)
        try:
            for images in batches:
                tally.add(images)
                first += images[: MOST_ON_SHEET - len(first)]
                if table is not None:
                    click.echo("\n".join(table.lines(images)))
                elif lines is not None:
                    click.echo("".join(map(lines.line, images)), nl=False)
                if advance is not None:
                    advance(len(images))
        except KeyboardInterrupt as stop:
            where = f"{files[0].path} has {tally.total:,} of {len(sources.images):,} images; " if files else ""
            goes_on = "the same command goes on from there" if files else "--csv FILE would keep what was predicted"
            raise KeyboardInterrupt(f"{where}{goes_on}") from stop
    return tally, first


def _predicted(
    classifier: Classifier,
    sources: SourceList,
    files: list[PredictionFile],
    folders: ClassFolders | None,
    ranks: Ranks | None,
) -> Generator[list[PredictedImage], None, None]:
    from pellucid.prediction.job import predict_into

    explained: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
    if ranks is not None:
        from pellucid.ground.ranks import lost_processes_explained

        explained = lost_processes_explained(ranks, "start all of them again, and they go on where they were")
    with explained:
        yield from predict_into(classifier, sources.images, files, folders, ranks)


def _check_places(
    forms: dict[Form, str], paths: Sequence[str], sorted_into: Path | None, sheet: Path | None, force: bool
) -> None:
    """Refuse places for results that cannot be, before any work is done."""
    if len(set(forms.values())) < len(forms):
        raise UserError(f"--csv and --jsonl both write to {forms['csv']}; expected two places")
    for form, name in forms.items():
        if not name.strip():
            raise UserError(f"--{form} is {name!r}; expected the name of a file, or - for standard output")
    if sheet is not None:
        from pellucid.figures.saving import check_destination

        check_destination(sheet, (".png", ".svg"), force)
    from pellucid.prediction.sorting import refuse_inside

    for option, place in (("--sort-into", sorted_into), ("--sheet", sheet)):
        if place is not None:
            refuse_inside(place, paths, option)


def _join(device: str) -> Ranks | None:
    """Join the processes that `torchrun` started; one process alone needs no torch for that."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return None
    from pellucid.ground.devices import pick_device
    from pellucid.ground.ranks import join_ranks

    return join_ranks(pick_device(device))


def _sources(paths: Sequence[str], ranks: Ranks | None, stack: contextlib.ExitStack) -> SourceList:
    """List the images; of several processes each does, for they may be on several machines, and all must agree."""
    from pellucid.prediction.sources import list_sources, read_list

    listed: list[str] = []
    if STANDARD in paths:
        if ranks is None or ranks.is_main:
            listed = read_list(sys.stdin.buffer.read())
        listed = listed if ranks is None else ranks.agree(listed)
    named = [path for path in paths if path != STANDARD]
    sources = list_sources(
        named, listed, lambda: Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pellucid-")))
    )
    if ranks is not None:
        counts = ranks.collect(len(sources.images))
        if len({tuple(names) for names in ranks.collect([image.name for image in sources.images])}) > 1:
            raise UserError(
                f"the processes do not see the same images ({', '.join(map(str, counts))}); expected one folder that "
                "all machines share"
            )
    return sources


def _made_grey(sources: SourceList, classifier: Classifier) -> Iterator[str]:
    """Say that colours are not looked at, where the network takes grey images and one of the first is in colour."""
    if classifier.target.channels == 1:
        from pellucid.data.formats import is_stored_in_colour

        for source in sources.images[:LOOKED_AT]:
            if not source.problem and is_stored_in_colour(source.path):
                yield f"{classifier.name} takes grey images: {source.name} and others in colour are made grey"
                return


def _draw(sheet: Path, classifier: Classifier, first: list[PredictedImage], tally: Tally) -> None:
    from pellucid.figures.prediction_sheet import prediction_sheet
    from pellucid.figures.saving import save_figure

    save_figure(prediction_sheet(first, classifier, tally), sheet, force=True)


def _what_comes_next(run: str, tally: Tally, sorted_into: Path | None) -> str:
    doubtful = tally.doubtful
    if doubtful is not None and not run.lower().endswith(".onnx"):
        command = command_line("trace", Path(run), doubtful.source.path)
        return f"Next: {command} (the least confident one, traced)"
    if sorted_into is None:
        return "Next: --sort-into DIR copies each image into a folder of its answer"
    return f"Next: look through {sorted_into}"
