"""A comparison of runs as text for a terminal and HTML for a notebook: the verdicts first, then the numbers."""

from __future__ import annotations

from pathlib import Path
from textwrap import wrap

from markupsafe import Markup

from pellucid.evaluation.comparison import PairComparison, RunComparison
from pellucid.evaluation.showing import WIDTH, images_text, interval_text, paragraphs, share_text
from pellucid.ground.shown import as_html, as_text
from pellucid.ground.tables import html_table, text_table
from pellucid.ground.writing import counted

__all__ = ["FIGURE_HEADINGS", "RUN_HEADINGS", "figure_rows", "run_names", "run_rows", "verdict"]

RUN_HEADINGS = ("run", "network", "recipe", "seed", "epoch")
FIGURE_HEADINGS = (
    "run", "accuracy", "95% interval", "balanced accuracy", "loss", "temperature", "calibration error",
)  # fmt: skip
LOSS_MEANING = "Loss: at temperature 1, as trained. Calibration error: at the run's own temperature, if any."

CLASSES_SHOWN = 10
IMAGES_SHOWN = 5


def run_names(comparison: RunComparison) -> dict[str, str]:
    """Name each run by its folder, or by its whole path where two folders have one name."""
    folders = [Path(figures.run).resolve().name for figures in comparison.runs]
    return {
        figures.run: folder if folders.count(folder) == 1 else figures.run
        for figures, folder in zip(comparison.runs, folders, strict=True)
    }


def verdict(pair: PairComparison, names: dict[str, str]) -> str:
    """Say in a sentence which of two runs is better, or that the difference is not statistically significant."""
    first, second = names[pair.first], names[pair.second]
    low, high = (100 * bound for bound in pair.difference_interval)
    points = 100 * abs(pair.difference)
    chance = f"p = {pair.adjusted_p_value:.2g}" if pair.adjusted_p_value >= 1e-4 else "p < 0.0001"
    if pair.different == 0:
        return f"{first} and {second} predict the same class for every image."
    interval = f"95% interval of {second} minus {first}: {low:+.2f} to {high:+.2f} points; {chance}"
    if not pair.significant:
        return (
            f"The difference between {first} and {second} is not statistically significant: "
            f"{points:.2f} points of accuracy ({interval})."
        )
    better, worse = (second, first) if pair.difference > 0 else (first, second)
    return (
        f"{better} is better than {worse} by {points:.2f} points of accuracy, statistically significant ({interval})."
    )


def run_rows(comparison: RunComparison) -> list[tuple[str, ...]]:
    """List what each run is."""
    names = run_names(comparison)
    return [
        (names[figures.run], figures.network, figures.recipe, str(figures.seed), str(figures.epoch))
        for figures in comparison.runs
    ]


def figure_rows(comparison: RunComparison) -> list[tuple[str, ...]]:
    """List how good each run is."""
    names = run_names(comparison)
    return [
        (
            names[figures.run],
            share_text(figures.accuracy),
            interval_text(figures.accuracy_interval),
            share_text(figures.balanced_accuracy),
            f"{figures.loss:.3f}",
            f"{figures.temperature:.3g}" if figures.temperature != 1 else "-",
            share_text(figures.calibration_error),
        )
        for figures in comparison.runs
    ]


@as_text.register
def comparison_text(comparison: RunComparison) -> str:
    """Write the verdicts, the tables of runs, and where the runs of each pair disagree."""
    names = run_names(comparison)
    return paragraphs(
        [
            *(wrap(verdict(pair, names), WIDTH, break_on_hyphens=False) for pair in comparison.pairs),
            [f"All were tested on the same {images_text(comparison.images, comparison.split, comparison.data)}."],
            text_table(FIGURE_HEADINGS, figure_rows(comparison), right=(1, 2, 3, 4, 5, 6)),
            [LOSS_MEANING],
            text_table(RUN_HEADINGS, run_rows(comparison), right=(3, 4)),
            *(_disagreement_lines(pair, names) for pair in comparison.pairs),
        ]
    )


@as_html.register
def comparison_html(comparison: RunComparison) -> str:
    """Write the verdicts and the tables of runs and pairs."""
    names = run_names(comparison)
    verdicts = Markup().join(Markup("<p>{}</p>").format(verdict(pair, names)) for pair in comparison.pairs)
    tables = Markup().join(
        html_table((names[pair.first], f"{names[pair.second]} correct", f"{names[pair.second]} wrong"), rows)
        for pair in comparison.pairs
        for rows in [
            [
                ("correct", f"{pair.both_right:,}", f"{pair.only_first:,}"),
                ("wrong", f"{pair.only_second:,}", f"{pair.both_wrong:,}"),
            ]
        ]
    )
    runs = html_table(FIGURE_HEADINGS, figure_rows(comparison)) + Markup("<p>{}</p>").format(LOSS_MEANING)
    return str(Markup("<div>{}{}{}</div>").format(verdicts, runs, tables))


def _disagreement_lines(pair: PairComparison, names: dict[str, str]) -> list[str]:
    if not pair.different:
        return []
    first, second = names[pair.first], names[pair.second]
    lines = [
        *wrap(
            f"{first} and {second}: both correct {pair.both_right:,}, only {first} {pair.only_first:,}, only {second} "
            f"{pair.only_second:,}, both wrong {pair.both_wrong:,}. They predict different classes for "
            f"{counted(pair.different, 'image')}.",
            WIDTH,
            break_on_hyphens=False,
        )
    ]
    if pair.classes:
        rows = [
            (
                difference.name,
                f"{difference.images:,}",
                share_text(difference.first_recall),
                share_text(difference.second_recall),
                f"{100 * (difference.second_recall - difference.first_recall):+.1f}",
            )
            for difference in pair.classes[:CLASSES_SHOWN]
        ]
        columns = ("class", "images", f"recall {_cut(first)}", f"recall {_cut(second)}", "points")
        lines += ["", *text_table(columns, rows, right=(1, 2, 3, 4))]
        if len(pair.classes) > CLASSES_SHOWN:
            lines.append(f"… and {len(pair.classes) - CLASSES_SHOWN:,} more classes (--json has all)")
    if pair.disagreements:
        pictures = [
            (
                image.image,
                image.true,
                f"{image.first} ({image.first_confidence:.0%})",
                f"{image.second} ({image.second_confidence:.0%})",
            )
            for image in pair.disagreements[:IMAGES_SHOWN]
        ]
        headings = ("image", "true label", f"{_cut(first)} predicts", f"{_cut(second)} predicts")
        lines += ["", *text_table(headings, pictures)]
    return lines


def _cut(name: str, longest: int = 26) -> str:
    return name if len(name) <= longest else f"…{name[1 - longest :]}"
