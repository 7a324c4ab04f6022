"""Two runs beside each other: on all images that both were tested on, and which images they disagree about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.routing import Route

from pellucid.evaluation import compare, own_evaluation
from pellucid.evaluation.showing import images_text
from pellucid.evaluation.showing_comparison import (
    FIGURE_HEADINGS,
    LOSS_MEANING,
    RUN_HEADINGS,
    figure_rows,
    run_names,
    run_rows,
    verdict,
)
from pellucid.ground.commands import command_line
from pellucid.run import Run
from pellucid.studio.answering import Asked, reading, writing
from pellucid.studio.views.mistakes import references_of, start_apart
from pellucid.studio.workplace import Workplace

__all__ = ["LONG", "routes"]

MOST_IMAGES = 48


def routes(workplace: Workplace) -> list[Route]:
    """Give what this part answers."""

    def answer(asked: Asked) -> dict[str, Any]:
        first, second = _runs(workplace, asked)
        missing = [run.directory.name for run in (first, second) if not _is_measured(run)]
        if missing and first.directory != second.directory:
            return {"unmeasured": missing}
        with workplace.computing:
            return compared(workplace, asked)

    def start(asked: Asked) -> dict[str, Any]:
        return start_apart(workplace, "compare", asked, _runs(workplace, asked)[0])

    return [reading("/api/compare", answer), writing("/api/compare/start", start)]


def compared(workplace: Workplace, asked: Asked) -> dict[str, Any]:
    """Compare two runs as `pellucid.compare` does."""
    first, second = _runs(workplace, asked)
    comparison = compare(first, second, top=MOST_IMAGES, show_progress=True)
    (pair,) = comparison.pairs
    names, references = run_names(comparison), references_of(first)
    images = images_text(comparison.images, comparison.split, comparison.data)
    document = comparison.to_dict()
    (document["pair"],) = document.pop("pairs")
    for entry in document["pair"]["disagreements"]:
        entry["reference"] = references.get(entry["image"])
    places = [str(run.directory) for run in (first, second)]
    return document | {
        "names": [names[place] for place in (pair.first, pair.second)],
        "sentence": verdict(pair, names),
        "images_sentence": f"Both were tested on the same {images}.",
        "figures": {"headings": FIGURE_HEADINGS, "rows": figure_rows(comparison), "meaning": LOSS_MEANING},
        "about": {"headings": RUN_HEADINGS, "rows": run_rows(comparison)},
        "command": command_line("compare", first.directory, second.directory),
        "python": f"pellucid.compare(*map(pellucid.open_run, {places!r}))",
    }


LONG: dict[str, Callable[[Workplace, Asked], dict[str, Any]]] = {"compare": compared}
"""What may be computed in a process of its own."""


def _runs(workplace: Workplace, asked: Asked) -> tuple[Run, Run]:
    return workplace.run(asked.text("run")), workplace.run(asked.text("other"))


def _is_measured(run: Run) -> bool:
    """Whether the kept predictions are those of the weights that a comparison takes, so that no network has to run."""
    evaluation, epoch = own_evaluation(run), run.resolve_epoch()
    return evaluation is not None and evaluation.epoch == epoch and evaluation.weights == run.weights_digest(epoch)
