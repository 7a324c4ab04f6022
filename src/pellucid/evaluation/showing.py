"""An evaluation and its mistakes as text for a terminal: a plain sentence first, then the numbers, 100 columns wide.

The rows of the tables are made here once, for the terminal, the notebook and the report.
"""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import wrap

from markupsafe import Markup

from pellucid.evaluation.measures import confused_with, most_frequent_mistakes
from pellucid.evaluation.mistakes import Mistakes
from pellucid.evaluation.result import SPLITS, Evaluation
from pellucid.evaluation.robustness import Robustness
from pellucid.ground.shown import as_html, as_text
from pellucid.ground.tables import html_table, text_table
from pellucid.ground.writing import counted

__all__ = [
    "CLASS_HEADINGS",
    "MISTAKE_HEADINGS",
    "PROBABILITY_HEADINGS",
    "ROBUSTNESS_HEADINGS",
    "UNKNOWN_HEADINGS",
    "WIDTH",
    "class_rows",
    "fact_rows",
    "images_text",
    "interval_text",
    "mistake_rows",
    "mistakes_sentence",
    "notes_lines",
    "paragraphs",
    "probability_rows",
    "robustness_rows",
    "robustness_sentence",
    "share_text",
    "summary_sentence",
    "threshold_sentence",
    "unknown_rows",
]

WIDTH = 100
"""How a split is called in a sentence, where not by its own name."""

CLASS_HEADINGS = ("class", "images", "recall", "95% interval", "precision", "F1", "most often confused with")
PROBABILITY_HEADINGS = (
    "probabilities", "temperature", "loss", "Brier score", "calibration error", "mean confidence",
)  # fmt: skip
UNKNOWN_HEADINGS = ("out-of-class images", "images", "mean confidence", "above threshold", "AUROC")
MISTAKE_HEADINGS = ("image", "true label", "predicted as", "confidence", "true label's probability")
ROBUSTNESS_HEADINGS = ("change", "strength", "accuracy", "95% interval", "points lost")


def share_text(figure: float | None, digits: int = 2) -> str:
    """Write a share as a percentage.

    >>> share_text(0.5), share_text(None)
    ('50.00%', 'undefined')
    """
    return "undefined" if figure is None else f"{figure:.{digits}%}"


def interval_text(interval: tuple[float, float], digits: int = 2) -> str:
    """Write the bounds of an interval of shares.

    >>> interval_text((0.25, 0.5))
    '25.00% to 50.00%'
    """
    return f"{interval[0]:.{digits}%} to {interval[1]:.{digits}%}"


def paragraphs(blocks: Iterable[Iterable[str]]) -> str:
    """Join blocks of lines, with an empty line between them; empty blocks are left out."""
    return "\n\n".join("\n".join(block) for block in map(list, blocks) if block)


def images_text(count: int, split: str, data: str) -> str:
    """Say which images were measured.

    >>> images_text(10000, "test", "cifar10"), images_text(1, "all", "photos")
    ('10,000 test images of cifar10', '1 image of photos')
    """
    return f"{counted(count, f'{SPLITS.get(split, split)} image'.strip())} of {data}"


def summary_sentence(evaluation: Evaluation) -> str:
    """Say in plain words how good the network is, at what it is best and worst, and its most frequent mistake."""
    images = images_text(evaluation.images, evaluation.split, evaluation.data)
    text = f"The network classifies {evaluation.accuracy:.2%} of the {images} correctly."
    known = [(figures.recall, figures.name) for figures in evaluation.classes if figures.recall is not None]
    if len(known) > 1 and min(known)[0] < max(known)[0]:
        best, worst = max(known, key=lambda pair: pair[0]), min(known, key=lambda pair: pair[0])
        text += f" It is best at {best[1]} (recall {best[0]:.1%}) and worst at {worst[1]} ({worst[0]:.1%})."
    for true, predicted, count in most_frequent_mistakes(evaluation.confusion, 1):
        names = evaluation.classes
        text += (
            f" Most frequent mistake: {names[true].name} predicted as {names[predicted].name} "
            f"({count:,} of {counted(names[true].images, 'image')})."
        )
    return text


def fact_rows(evaluation: Evaluation) -> list[tuple[str, str, str]]:
    """List the figures of the whole: name, value, remark."""
    interval = interval_text(evaluation.accuracy_interval)
    rows = [
        (
            "accuracy",
            share_text(evaluation.accuracy),
            f"{evaluation.correct:,} of {evaluation.images:,}; 95% interval {interval}",
        )
    ]
    rows += [(f"top-{k} accuracy", share_text(share), "") for k, share in evaluation.top_k.items() if k != "1"]
    return [
        *rows,
        ("balanced accuracy", share_text(evaluation.balanced_accuracy), "mean recall of the classes"),
        ("macro F1", share_text(evaluation.macro_f1), "mean F1 of the classes"),
        ("loss", f"{evaluation.loss:.3f}", "mean negative log-likelihood (cross-entropy), as trained"),
    ]


def class_rows(evaluation: Evaluation) -> list[tuple[str, ...]]:
    """List each class's figures and the class it is most often confused with."""
    return [
        (
            figures.name,
            f"{figures.images:,}",
            share_text(figures.recall),
            "" if figures.recall_interval is None else interval_text(figures.recall_interval, 1),
            share_text(figures.precision),
            share_text(figures.f1),
            _confused_text(evaluation, index),
        )
        for index, figures in enumerate(evaluation.classes)
    ]


def probability_rows(evaluation: Evaluation) -> list[tuple[str, ...]]:
    """List how reliable the probabilities are, as trained and, where there is a temperature, calibrated."""
    measured = [("as trained", evaluation.as_trained)]
    if evaluation.calibrated:
        measured.append(("calibrated", evaluation.calibrated))
    return [
        (
            name,
            f"{figures.temperature:.3f}",
            f"{figures.loss:.3f}",
            f"{figures.brier_score:.3f}",
            share_text(figures.calibration_error),
            share_text(figures.mean_confidence),
        )
        for name, figures in measured
    ]


def threshold_sentence(evaluation: Evaluation) -> str:
    """Say what the confidence threshold does."""
    asked = evaluation.abstention
    split = SPLITS.get(asked.chosen_on, asked.chosen_on)
    wanted = f"at most {asked.error_rate:.1%} wrong predictions"
    if asked.threshold is None:
        return f"No confidence threshold leaves {wanted} (tried on {counted(asked.chosen_images, f'{split} image')})."
    text = (
        f"Confidence threshold {asked.threshold:.3f}, chosen on {counted(asked.chosen_images, f'{split} image')} for "
        f"{wanted}: "
    )
    if asked.coverage is None or asked.error is None:
        return f"{text}none of these images reaches it."
    return f"{text}{asked.coverage:.2%} of these images reach it, and {asked.error:.2%} of those predictions are wrong."


def unknown_rows(evaluation: Evaluation) -> list[tuple[str, ...]]:
    """List how confident the network is on out-of-class images, after the images that were measured."""
    known = (evaluation.calibrated or evaluation.as_trained).mean_confidence
    asked = evaluation.abstention
    coverage = None if asked.threshold is None else asked.coverage
    images = f"{SPLITS.get(evaluation.split, evaluation.split)} images".strip()
    rows: list[tuple[str, ...]] = [(f"({images})", f"{evaluation.images:,}", share_text(known), _or_dash(coverage), "")]
    for figures in evaluation.unknown:
        confidence = share_text(figures.mean_confidence)
        accepted = _or_dash(figures.accepted)
        rows.append((figures.name, f"{figures.images:,}", confidence, accepted, f"{figures.auroc:.3f}"))
    return rows


@as_text.register
def evaluation_text(evaluation: Evaluation) -> str:
    """Write the sentence, the figures, each class, how reliable the confidence is, and the notes."""
    unknown = [
        *text_table(UNKNOWN_HEADINGS, unknown_rows(evaluation), right=(1, 2, 3, 4)),
        "AUROC: the chance that a known image gets more confidence than one of these (0.5: no difference).",
    ]
    return paragraphs(
        [
            wrap(summary_sentence(evaluation), WIDTH),
            text_table(("", "", ""), fact_rows(evaluation), right=(1,)),
            text_table(CLASS_HEADINGS, class_rows(evaluation), right=(1, 2, 3, 4, 5)),
            [
                "Is its confidence reliable? (calibration)",
                *text_table(PROBABILITY_HEADINGS, probability_rows(evaluation), right=(1, 2, 3, 4, 5)),
                *wrap(threshold_sentence(evaluation), WIDTH),
            ],
            unknown if evaluation.unknown else [],
            notes_lines([f"Left out: {image['source']} ({image['reason']})" for image in evaluation.left_out]),
            notes_lines([f"Note: {note}" for note in evaluation.notes]),
        ]
    )


def notes_lines(notes: Iterable[str]) -> list[str]:
    """Wrap each note to 100 columns; a word that is longer, such as a path, stays whole."""
    return [
        line
        for note in notes
        for line in wrap(note, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    ]


def mistakes_sentence(mistakes: Mistakes) -> str:
    """Say which mistakes are listed, and how many there are."""
    kind = f" of class {mistakes.true}" if mistakes.true else ""
    kind += f" predicted as {mistakes.predicted}" if mistakes.predicted else ""
    images = images_text(mistakes.images, mistakes.split, mistakes.data)
    text = f"{counted(mistakes.count, 'mistake')}{kind} among {images}"
    if not mistakes.shown:
        return f"{text}."
    more = mistakes.count > len(mistakes.shown)
    return f"{text}; the {len(mistakes.shown)} most confident:" if more else f"{text}, most confident first:"


def mistake_rows(mistakes: Mistakes) -> list[tuple[str, ...]]:
    """List each mistake."""
    return [
        (
            mistake.image,
            mistake.true,
            mistake.predicted,
            f"{mistake.confidence:.1%}",
            f"{mistake.true_probability:.1%}",
        )
        for mistake in mistakes.shown
    ]


@as_text.register
def mistakes_text(mistakes: Mistakes) -> str:
    """Write what is listed and a line for each mistake."""
    lines = wrap(mistakes_sentence(mistakes), WIDTH)
    if mistakes.shown:
        lines += ["", *text_table(MISTAKE_HEADINGS, mistake_rows(mistakes), right=(3, 4))]
    return paragraphs([lines, notes_lines([f"Note: {note}" for note in mistakes.notes])])


@as_html.register
def mistakes_html(mistakes: Mistakes) -> str:
    """Write the same as a table."""
    table = html_table(MISTAKE_HEADINGS, mistake_rows(mistakes)) if mistakes.shown else Markup()
    return str(Markup("<div>{}{}</div>").format(mistakes_sentence(mistakes), table))


def robustness_sentence(measured: Robustness) -> str:
    """Say which images were changed, and which change costs most."""
    images = images_text(measured.images, measured.split, measured.data)
    if measured.images < measured.of:
        images += f" (drawn from {measured.of:,})"
    text = f"Without changes the network classifies {measured.accuracy:.2%} of {images} correctly."
    points = [(point.accuracy, point.strength, kind) for kind in measured.corruptions for point in kind.points]
    if points:
        accuracy, strength, kind = min(points, key=lambda row: row[0])
        text += (
            f" Lowest accuracy: {accuracy:.2%} with {kind.name} {strength:g} ({kind.unit}). The strengths go from "
            "slight to strong: under the strongest a person may not recognise what an image shows either."
        )
    return text


def robustness_rows(measured: Robustness) -> list[tuple[str, ...]]:
    """List accuracy at each strength of each change, and how much of it is lost."""
    rows: list[tuple[str, ...]] = []
    for kind in measured.corruptions:
        for index, point in enumerate(kind.points):
            lost = round(100 * (measured.accuracy - point.accuracy), 1) + 0.0  # no minus before a zero
            rows.append(
                (
                    f"{kind.name} ({kind.unit})" if index == 0 else "",
                    f"{point.strength:g}",
                    share_text(point.accuracy),
                    interval_text(point.accuracy_interval),
                    f"{lost:.1f}",
                )
            )
    return rows


@as_text.register
def robustness_text(measured: Robustness) -> str:
    """Write the sentence and a line for each strength of each change."""
    return paragraphs(
        [
            wrap(robustness_sentence(measured), WIDTH),
            text_table(ROBUSTNESS_HEADINGS, robustness_rows(measured), right=(1, 2, 3, 4)),
            notes_lines([f"Note: {note}" for note in measured.notes]),
        ]
    )


@as_html.register
def robustness_html(measured: Robustness) -> str:
    """Write the same as a table."""
    table = html_table(ROBUSTNESS_HEADINGS, robustness_rows(measured))
    return str(Markup("<div>{}{}</div>").format(robustness_sentence(measured), table))


def _confused_text(evaluation: Evaluation, index: int) -> str:
    other, count = confused_with(evaluation.confusion, index)
    return f"{evaluation.classes[other].name} ({count:,})" if count else "-"


def _or_dash(share: float | None) -> str:
    return "-" if share is None else share_text(share)
