"""One HTML file that says everything that is known of a run, and opens from the disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pellucid.ground.errors import UserError
from pellucid.ground.files import write_bytes
from pellucid.reporting.inside import filters_section, maps_section, mistakes_section
from pellucid.reporting.results import classes_section, confidence_section, confusion_section
from pellucid.reporting.source import Source, open_source
from pellucid.reporting.surroundings import audit_section, not_measured, robustness_section
from pellucid.reporting.training import data_section, network_section, training_section
from pellucid.run import Run, RunFile

__all__ = ["LARGEST", "write_report"]

LARGEST = 5_000_000
"""A report has fewer bytes than this; where it would have more, the confusion matrix keeps fewer images."""


def write_report(
    run: Run,
    out: str | Path | None = None,
    *,
    epoch: int | str | None = None,
    device: str = "auto",
    show_progress: bool = False,
) -> Path:
    """Write a run's report: one HTML file that asks for nothing outside of itself.

    Its figures are those of the run's `evaluation.json`, which is made first where it is absent. `robustness.json` and
    `audit.json` are shown where they are there.

    Args:
        run: opened with `pellucid.open_run`.
        out: the file; None is `report.html` in the run.
        epoch: `last`, `best` or a number; None takes the evaluation that is there, else the last epoch.
        device: where the network runs.
        show_progress: bars on standard error.

    Returns:
        the file's path.

    Raises:
        UserError: the run has no weights yet, or no such epoch; `out` does not end in .html.
    """
    path = run.directory / RunFile.REPORT if out is None else Path(out)
    if path.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"{path} does not end in .html; expected a file such as report.html")
    source = open_source(run, epoch, device, show_progress)
    sections = _sections(source)
    share = 1.0
    while True:
        page = _page(source, {**sections, "confusion": confusion_section(source, share) if source.evaluation else None})
        content = page.encode()
        if len(content) < LARGEST or share < 0.01:
            break
        share /= 2
    write_bytes(path, content)
    return path


def _sections(source: Source) -> dict[str, Any]:
    evaluation = source.evaluation
    return {
        "data": data_section(source),
        "training": training_section(source),
        "network": network_section(source),
        "classes": classes_section(evaluation) if evaluation else None,
        "confidence": confidence_section(evaluation) if evaluation else None,
        "mistakes": mistakes_section(source) if evaluation else None,
        "filters": filters_section(source),
        "maps": maps_section(source),
        "robustness": robustness_section(source),
        "audit": audit_section(source),
        "not_measured": not_measured(source),
    }


def _page(source: Source, sections: dict[str, Any]) -> str:
    environment = Environment(
        loader=PackageLoader("pellucid.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "share": _share,
        "count": "{:,}".format,
        "decimal": _decimal,
    }
    loader = environment.loader
    assert loader is not None
    inlined = {
        name: Markup(loader.get_source(environment, file)[0])  # pellucid's own files, shipped beside the template
        for name, file in (("style", "style.css"), ("script", "script.js"))
    }
    return environment.get_template("report.html").render(
        run=source.run, epoch=source.epoch, evaluation=source.evaluation, **sections, **inlined
    )


def _decimal(figure: float, digits: int = 3) -> str:
    return f"{figure:.{digits}f}"


def _share(figure: float | None, digits: int = 2) -> str:
    return "undefined" if figure is None else f"{figure:.{digits}%}"
