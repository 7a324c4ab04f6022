"""The sections on changed images, on the data, and on what was not measured."""

from __future__ import annotations

import shlex
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.reporting.charts import NARROW, Series, line_chart
from pellucid.reporting.pictures import data_uri
from pellucid.reporting.source import Source

__all__ = ["audit_section", "not_measured", "robustness_section"]

PAIRS = 24
DOUBTS = 24


def robustness_section(source: Source) -> dict[str, Any] | None:
    """Give accuracy under each change as a chart and as rows; None where it was not measured."""
    document = source.robustness
    if document is None:
        return None
    kinds = []
    for one in document["corruptions"]:
        points = sorted(
            [(point["strength"], point["accuracy"]) for point in one["points"]]
            + [(one["neutral"], document["accuracy"])]
        )
        worst = min(one["points"], key=lambda point: point["accuracy"])
        chart = line_chart(
            [Series(one["name"], points, "a")],
            x_label=one["unit"],
            y_label="accuracy",
            description=f"{one['name']}: {worst['accuracy']:.1%} at {worst['strength']:g}, "
            f"unchanged {document['accuracy']:.1%}.",
            width=NARROW,
            y_range=(0, 1),
            percent=(False, True),
            flip=one["neutral"] > 0,
        )
        kinds.append({"name": one["name"], "unit": one["unit"], "chart": chart, "points": one["points"]})
    return {**document, "kinds": kinds}


def audit_section(source: Source) -> dict[str, Any] | None:
    """Give what an audit found, with the pictures of the first pairs and doubts; None where there was none."""
    document = source.audit
    if document is None:
        return None
    pairs = document["duplicates"]["pairs"]
    # Across splits first, and of those the different labels: they falsify figures, the others only waste room.
    order = sorted(
        range(len(pairs)),
        key=lambda at: (
            pairs[at]["first"]["split"] == pairs[at]["second"]["split"],
            pairs[at]["first"]["label"] == pairs[at]["second"]["label"],
        ),
    )
    shown = [pairs[at] for at in order[:PAIRS]]
    doubts = document["doubts"]["most"][:DOUBTS] if document["doubts"] else []
    return {
        **document,
        "pairs": [
            {**pair, "pictures": [_picture(source, pair["first"]), _picture(source, pair["second"])]} for pair in shown
        ],
        "doubted": [{**one, "picture": _picture(source, one["image"])} for one in doubts],
        "splits_by_name": {one["name"]: one for one in document["splits"]},
    }


def not_measured(source: Source) -> list[tuple[str, str | None]]:
    """List what a reader might take for granted and nobody looked at, each with the command that would."""
    run = shlex.quote(str(source.run.directory))
    found: list[tuple[str, str | None]] = [(sentence, None) for sentence in source.missing]
    if source.robustness is None:
        found.append(
            (
                "How accuracy falls under noise, blur, contrast, brightness, shift and rotation.",
                f"pellucid robustness {run}",
            )
        )
    if source.audit is None:
        found.append(
            (
                "Whether pictures of the test set are also in the training set, and which labels are wrong.",
                f"pellucid audit --run {run}",
            )
        )
    elif source.audit["doubts"] is None:
        found.append(("Which labels the network doubts.", f"pellucid audit --run {run}"))
    evaluation = source.evaluation
    if evaluation is not None and evaluation.calibrated is None:
        found.append(("What a temperature would make of the probabilities: none was fitted.", None))
    if evaluation is not None:
        strange = " and ".join(one.name for one in evaluation.unknown) or "nothing"
        found.append(
            (
                f"How sure the network is of photographs that are none of its classes: it was asked about {strange}.",
                f"pellucid evaluate {run} --unknown cifar100",
            )
        )
    found += [
        (
            "Images from elsewhere: another camera, another place, another year. The figures hold for images like "
            "those of the data set.",
            f"pellucid evaluate {run} --data my_photos/ --shared-classes",
        ),
        (
            "How much of the accuracy is the luck of this seed: the interval counts the images only. Train with other "
            "seeds, and compare.",
            f"pellucid compare {run} OTHER_RUN",
        ),
        ("Images made to deceive the network, and whether groups of people or things fare worse than others.", None),
    ]
    return found


def _picture(source: Source, image: dict[str, Any]) -> str | None:
    if source.chosen is None:
        return None
    split = source.chosen.images.splits[image["split"]]
    pixels: NDArray[np.uint8] = np.asarray(split.images[image["index"]])
    step = max(1, -(-max(pixels.shape[:2]) // 96))
    return data_uri(pixels[::step, ::step])
