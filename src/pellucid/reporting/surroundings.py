"""The sections on changed images, on the images themselves, and on what was not measured."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.auditing.composition import ImageAt
from pellucid.evaluation.charts import robustness_chart
from pellucid.evaluation.showing import images_text, robustness_sentence
from pellucid.evaluation.showing_curve import CURVE_HEADINGS, curve_chart, curve_rows, curve_sentences
from pellucid.recipes import Recipe
from pellucid.reporting.charts import NARROW, chart_svg
from pellucid.reporting.pictures import data_uri
from pellucid.reporting.source import Source

__all__ = ["audit_section", "curve_section", "not_measured", "robustness_section"]

PAIRS = 24
DOUBTS = 24


def robustness_section(source: Source) -> dict[str, Any] | None:
    """Give accuracy under each change as a chart and as rows; None where it was not measured."""
    measured = source.robustness
    if measured is None:
        return None
    return {
        "sentence": robustness_sentence(measured),
        "images": images_text(measured.images, measured.split, measured.data),
        "accuracy": measured.accuracy,
        "kinds": [
            {"figures": kind, "chart": chart_svg(robustness_chart(kind, measured), width=NARROW)}
            for kind in measured.corruptions
        ],
    }


def curve_section(source: Source) -> dict[str, Any] | None:
    """Give accuracy with fewer training images, and what more would bring; None where it was not measured."""
    if source.curve is None:
        return None
    return {
        "sentences": curve_sentences(source.curve),
        "chart": chart_svg(curve_chart(source.curve), width=600),
        "headings": CURVE_HEADINGS,
        "rows": curve_rows(source.curve),
    }


def audit_section(source: Source) -> dict[str, Any] | None:
    """Give what an audit found, with the pictures of the first pairs and doubts; None where there was none."""
    audit = source.audit
    if audit is None:
        return None
    # Across splits first, and of those the different labels: they affect the figures, the others only take up space.
    pairs = sorted(
        audit.duplicates.pairs,
        key=lambda pair: (pair.first.split == pair.second.split, pair.first.label == pair.second.label),
    )
    doubts = audit.doubts.most[:DOUBTS] if audit.doubts else ()
    return {
        "result": audit,
        "pairs": [(pair, _picture(source, pair.first), _picture(source, pair.second)) for pair in pairs[:PAIRS]],
        "doubted": [(doubt, _picture(source, doubt.image)) for doubt in doubts],
        "sizes": {split.name: split.images for split in audit.splits},
    }


def not_measured(source: Source) -> list[tuple[str, str | None]]:
    """List what a reader might take for granted and nobody measured, each with the command that would."""
    gaps: list[tuple[str, str | None]] = [(sentence, None) for sentence in source.missing]
    if source.robustness is None:
        changes = "noise, blur, contrast, brightness, shift and rotation"
        gaps.append((f"How accuracy falls under {changes}.", "pellucid robustness ."))
    if source.curve is None and Recipe.from_dict(source.run.record.recipe).backbone == "frozen":
        gaps.append(("What more photos would bring.", "pellucid evaluate . --curve"))
    if source.audit is None:
        gaps.append(
            (
                "Whether images of the test set are also in the training set, and which labels are wrong.",
                "pellucid audit --run .",
            )
        )
    elif source.audit.doubts is None:
        gaps.append(("Which labels the network doubts.", "pellucid audit --run ."))
    evaluation = source.evaluation
    if evaluation is not None and evaluation.calibrated is None:
        gaps.append(("What calibration would change about the probabilities: no temperature was fitted.", None))
    if evaluation is not None:
        tried = " and ".join(figures.name for figures in evaluation.unknown) or "nothing"
        gaps.append(
            (
                f"How confident the network is on photographs of none of its classes: it was tested with {tried}.",
                "pellucid evaluate . --unknown cifar100",
            )
        )
    gaps += [
        (
            "Images from elsewhere: another camera, another place, another year. The figures hold for images like "
            "those of the data set.",
            "pellucid evaluate . --data OTHER_PHOTOS --shared-classes",
        ),
        (
            "How much of the accuracy is due to the seed: the interval accounts only for which images were tested. "
            "Train with other seeds, and compare.",
            "pellucid compare . ../OTHER_RUN",
        ),
        ("Adversarial images, and whether groups of people or things are classified worse than others.", None),
    ]
    return gaps


def _picture(source: Source, image: ImageAt) -> str | None:
    if source.chosen is None:
        return None
    split = source.chosen.images.splits[image.split]
    pixels: NDArray[np.uint8] = np.asarray(split.images[image.index])
    step = max(1, -(-max(pixels.shape[:2]) // 96))
    return data_uri(pixels[::step, ::step])
