"""One HTML file with everything that was measured of a run, which opens from the disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pellucid.evaluation.showing import interval_text, share_text
from pellucid.figures.tokens import TOKENS
from pellucid.ground.errors import UserError
from pellucid.ground.files import write_bytes
from pellucid.ground.writing import counted
from pellucid.reporting.inside import filters_section, maps_section, mistakes_section
from pellucid.reporting.results import classes_section, confidence_section, confusion_section
from pellucid.reporting.source import Source, open_source
from pellucid.reporting.surroundings import audit_section, curve_section, not_measured, robustness_section
from pellucid.reporting.training import data_section, network_section, training_section
from pellucid.run import Run, RunFile

__all__ = ["LARGEST", "report"]

LARGEST = 5_000_000
"""A report has fewer bytes than this; where it would have more, the confusion matrix keeps fewer images."""


def report(
    run: Run,
    out: str | Path | None = None,
    *,
    epoch: int | str | None = None,
    device: str = "auto",
    force: bool = False,
    show_progress: bool = False,
) -> Path:
    """Write a run's report: one HTML file that loads nothing from outside of itself.

    Its figures are those of the run's `evaluation.json`, which is measured first where it is absent.
    `robustness.json` and `audit.json` are shown where they exist.

    Args:
        run: opened with `pellucid.open_run`.
        out: the file; None is `report.html` in the run.
        epoch: `last`, `best` or a number; None takes the evaluation that is there, else the best
            on validation images, else the last.
        device: where the network runs.
        force: replace a file that exists; the report in the run itself is always replaced.
        show_progress: bars on standard error.

    Returns:
        the file's path.

    Raises:
        UserError: the run has no weights yet, or no such epoch; `out` does not end in .html, or exists without
            `force`.
    """
    path = run.directory / RunFile.REPORT if out is None else Path(out)
    if path.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"{path} does not end in .html; expected a file such as report.html")
    if out is not None and path.exists() and not force:
        raise UserError(f"{path} exists already; give another name, or --force to replace it")
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
        "curve": curve_section(source),
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
        "share": share_text,
        "count": "{:,}".format,
        "counted": counted,
        "decimal": _decimal,
        "interval": interval_text,
    }
    loader = environment.loader
    assert loader is not None
    files = {
        name: Markup(loader.get_source(environment, file)[0])  # pellucid's own files, shipped beside the template
        for name, file in (("style", "style.css"), ("script", "script.js"))
    }
    files["style"] = _tokens() + files["style"]
    return environment.get_template("report.html").render(
        run=source.run,
        name=source.name,
        network_name=source.network_name,
        epoch=source.run.epoch_words(source.epoch).removeprefix("epoch "),
        evaluation=source.evaluation,
        **sections,
        **files,
    )


def _decimal(figure: float, digits: int = 3) -> str:
    return f"{figure:.{digits}f}"


def _tokens() -> Markup:
    """Write the colours that every picture of pellucid shares as variables of the style sheet."""
    return Markup(":root{{{}}}\n").format(Markup().join(f"--{name}:{colour};" for name, colour in TOKENS.items()))
