"""Explanations as text for a terminal; their HTML holds pictures, so `figures/results.py` makes it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from pellucid.attribution.explanation import Explanation, Explanations
from pellucid.attribution.faithfulness import Faithfulness
from pellucid.glass.nodes import ForwardPass
from pellucid.ground.shown import as_text
from pellucid.ground.tables import text_table
from pellucid.prediction.prediction import percent

__all__ = [
    "HEADINGS",
    "MEANING",
    "WIDTH",
    "answer_sentence",
    "evidence_text",
    "explanation_text",
    "explanations_text",
    "opening",
    "score_rows",
    "source_lines",
    "verdict_sentence",
    "wrapped",
]

WIDTH = 96
"""No line of a sentence is longer, so that it fits 100 columns below a heading too."""

HEADINGS = ("map", "deletion", "p", "insertion", "p", "")
RIGHT = (1, 2, 3, 4)

MEANING = (
    "deletion: the class's mean probability as the strongest pixels are painted over; low is good",
    "insertion: the same as these pixels come first into a blurred image; high is good",
    "p: the chance of a score as good if it did not matter where the map is; a test is passed at 0.05",
)
"""What the scores mean, a line each."""


@as_text.register
def explanation_text(explanation: Explanation) -> str:
    """Write what is explained, what was computed, the scores and what they mean."""
    return _text((explanation,), verdict_sentence(explanation))


@as_text.register
def explanations_text(explanations: Explanations) -> str:
    """Write what is explained, a row of scores for each map, and what was computed."""
    best = explanations.best
    conclusion = verdict_sentence(best)
    if len(explanations) > 1:
        conclusion = f"Highest insertion minus deletion: {best.method}. {conclusion}"
    return _text(explanations.explanations, conclusion)


def answer_sentence(glass: ForwardPass) -> str:
    """Say in a sentence what the network predicts, how sure it is, and whether that is right where it is known."""
    prediction = glass.prediction
    assert prediction is not None  # there are classes
    calibrated = glass.calibrated_confidence
    both = "" if calibrated is None else f" (calibrated: {percent(calibrated)})"
    sentence = f"The network predicts {prediction.name} with {percent(prediction.probability)} confidence{both}"
    if prediction.true_label is None:
        return f"{sentence}."
    if prediction.true_label == prediction.name:
        return f"{sentence}, which is right."
    return f"{sentence}; the true label is {prediction.true_label}."


def opening(explanation: Explanation) -> str:
    """Say what the network predicts, how sure it is, and which class is explained."""
    sentence = answer_sentence(explanation.glass)
    share = explanation.prediction.probabilities[explanation.target]
    if explanation.target == explanation.prediction.index:
        return f"{sentence} Explained here: why {explanation.class_name}."
    return f"{sentence} Explained here: why {explanation.class_name} ({share:.1%})."


def verdict_sentence(explanation: Explanation) -> str:
    """Say which tests a map passes, with the p-values, and what was corrected for.

    Passing says that the place of the map matters, and no more: not that the map shows all of the evidence.
    """
    test = explanation.test
    parts = [
        f"{'passes' if passed else 'does not pass'} the {name} test ({_p_value(p_value, test.smallest_p_value)})"
        for name, passed, p_value in (
            ("deletion", test.passes_deletion, test.deletion_p_value),
            ("insertion", test.passes_insertion, test.insertion_p_value),
        )
    ]
    corrected = f", corrected for the {test.tries} maps it was chosen from" if test.tries > 1 else ""
    return (
        f"The map by {explanation.method} {' and '.join(parts)} against the same map moved to "
        f"{len(test.moved)} other positions{corrected}."
    )


def _p_value(p_value: float, smallest: float) -> str:
    """Write a p-value; one that no number of positions drawn could make smaller is said to be the smallest."""
    return f"p = {p_value:.2g}" + (", the smallest possible here" if p_value == smallest else "")


def evidence_text(explanation: Explanation) -> str:
    """Write the scores of a map and what was computed, where the prediction has been said already."""
    return "\n".join(_scores((explanation,), verdict_sentence(explanation)))


def source_lines(glass: ForwardPass) -> list[str]:
    """Say which network looks at which image, and how the image was fitted to its input."""
    fitted = f"The image was {glass.picture.fitted}." if glass.picture.fitted else ""
    return [*wrapped(f"{glass.title}."), *wrapped(fitted)]


def score_rows(explanations: Sequence[Explanation]) -> list[tuple[str, ...]]:
    """Write a row for each map, and one for the random orders."""
    rows: list[tuple[str, ...]] = []
    for explanation in explanations:
        scores, test = explanation.scores, explanation.test
        rows.append(
            (
                explanation.method,
                f"{scores.deletion:.3f}",
                f"{test.deletion_p_value:.2g}",
                f"{scores.insertion:.3f}",
                f"{test.insertion_p_value:.2g}",
                explanation.verdict,
            )
        )
    random = explanations[0].random
    if not random:
        return rows
    deletion, insertion = _ranges(random)
    return [*rows, ("random order", deletion, "", insertion, "", f"{len(random)} tries")]


def wrapped(text: str, indent: str = "") -> list[str]:
    """Break a text into lines that fit a terminal; all but the first are indented.

    >>> wrapped("a " * 60)[1]
    'a a a a a a a a a a a a'
    """
    return textwrap.wrap(text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _text(explanations: Sequence[Explanation], conclusion: str) -> str:
    lines = [*wrapped(opening(explanations[0])), *source_lines(explanations[0].glass), ""]
    return "\n".join([*lines, *_scores(explanations, conclusion)])


def _scores(explanations: Sequence[Explanation], conclusion: str) -> list[str]:
    """Write the table of scores, what they mean, and what was computed."""
    lines = text_table(HEADINGS, score_rows(explanations), right=RIGHT)
    lines += ["", *wrapped(conclusion), *MEANING, ""]
    for explanation in explanations:
        lines += wrapped(_computed(explanation), indent="  ")
    return lines


def _computed(explanation: Explanation) -> str:
    return f"{explanation.method}: {'; '.join(explanation.attribution.facts)}"


def _ranges(measured: Iterable[Faithfulness]) -> tuple[str, str]:
    several = list(measured)
    deletions = [faithfulness.deletion for faithfulness in several]
    insertions = [faithfulness.insertion for faithfulness in several]
    return (
        f"{min(deletions):.3f} to {max(deletions):.3f}",
        f"{min(insertions):.3f} to {max(insertions):.3f}",
    )
