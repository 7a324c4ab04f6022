"""The sections on what was trained, on what, and how it went; and on the network itself."""

from __future__ import annotations

from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from pellucid.arithmetic import summarise
from pellucid.figures.architecture import architecture_svg
from pellucid.figures.curves import describe_curves, training_charts
from pellucid.prediction.chosen_images import own_division
from pellucid.recipes import Recipe, recipe_fields
from pellucid.reporting.charts import chart_svg
from pellucid.reporting.pictures import make_sprite
from pellucid.reporting.source import Source

__all__ = ["data_section", "network_section", "training_section"]

CLASSES_SHOWN = 20
SAMPLES = 10

FITTED = {
    "stretch": "Both sides of each image were scaled to {size}, without keeping its proportions.",
    "crop": "Each image was scaled in proportion until it covered {size}, then cropped to its centre: edges are lost.",
    "pad": "Each image was scaled in proportion until it fitted into {size}, then padded with black.",
    "none": "All images had {size} already; none was scaled.",
}


def data_section(source: Source) -> dict[str, Any]:
    """Say which images there were, how they were fitted, and show some of each class."""
    run, data, preprocessing = source.run, source.run.data, source.run.preprocessing
    size = f"{preprocessing.width} × {preprocessing.height} pixels"
    colours = "grey" if preprocessing.channels == 1 else "red, green and blue"
    kind = data["fit"]
    mean, std = (_per_channel(values) for values in (preprocessing.mean, preprocessing.std))
    return {
        "name": data["name"],
        "classes": len(run.classes),
        "images": data["images"],
        "held_out": _held_out(source),
        "per_class": data["per_class"],
        "class_names": run.classes[:CLASSES_SHOWN],
        "size": size,
        "colours": colours,
        "fitted": FITTED[kind].format(size=size),
        "normalised": f"(pixel / 255 − mean) / standard deviation, with mean {mean} and standard deviation {std}",
        "split_seed": data["split_seed"],
        "left_out": data["left_out"],
        "samples": _samples(source),
    }


def _held_out(source: Source) -> int:
    """Count the training images that validate instead, as the recipe asks."""
    if source.chosen is None or not source.chosen.own:
        return 0
    division = own_division(source.run, source.chosen.images)
    return 0 if division.val_subset is None else len(division.val_subset)


def training_section(source: Source) -> dict[str, Any]:
    """Give the recipe and the curves."""
    run, evaluation = source.run, source.evaluation
    epochs = run.metrics("epoch")
    recipe = Recipe.from_dict(run.record.recipe)
    charts = training_charts(run, evaluation.accuracy, evaluation.split) if evaluation else training_charts(run)
    return {
        "recipe": recipe.name,
        "settings": [
            (field.name.replace("_", " "), _plain(getattr(recipe, field.name)), field.metadata["help"])
            for field in recipe_fields()
        ],
        "seed": run.record.seed,
        "device": run.computations[-1].name if run.computations else run.record.device,
        "status": run.status,
        "created": run.record.created.replace("T", " ").removesuffix("+00:00"),
        "versions": run.record.versions,
        "seconds": sum(line["seconds"] for line in epochs),
        "charts": [(chart.title, chart_svg(chart)) for chart in charts if epochs],
        "words": describe_curves(run),
        "epochs": epochs,
        "has_validation": any("val_loss" in line for line in epochs),
    }


def network_section(source: Source) -> dict[str, Any]:
    """Give the table of layers and the diagram."""
    run = source.run
    table = summarise(run.network(source.epoch), run.preprocessing.input_shape, source.network_name)
    return {"table": table, "diagram": Markup(architecture_svg(table))}


def _samples(source: Source) -> dict[str, Any] | None:
    if source.chosen is None:
        return None
    train = source.chosen.images.splits["train"]
    pictures: list[NDArray[np.uint8]] = []
    names = []
    for label, name in enumerate(source.run.classes[:CLASSES_SHOWN]):
        rows = np.flatnonzero(train.labels == label)
        chosen = rows[np.linspace(0, len(rows) - 1, min(SAMPLES, len(rows))).astype(int)]
        names.append((name, range(len(pictures), len(pictures) + len(chosen))))
        pictures += [np.asarray(train.images[row]) for row in chosen]
    return {"sprite": make_sprite(pictures), "rows": names, "more": max(0, len(source.run.classes) - CLASSES_SHOWN)}


def _per_channel(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:.3g}" for value in (values if len(set(values)) > 1 else values[:1]))


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
