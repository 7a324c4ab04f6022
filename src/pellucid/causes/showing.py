"""What a terminal and a notebook show of the causes; HTML with pictures is made by `figures/results.py`."""

from __future__ import annotations

from markupsafe import Markup

from pellucid.attribution.explanation import Explanation
from pellucid.attribution.showing import answer_sentence, evidence_text, source_lines, wrapped
from pellucid.causes.activating_images import Activations
from pellucid.causes.chain import Why
from pellucid.causes.confused_pair import ConfusedPair
from pellucid.causes.contributor import Contributor
from pellucid.causes.epochs import History, Moment
from pellucid.causes.feature_maps import FeatureMaps, Filters
from pellucid.glass.units import unit_text
from pellucid.ground.shown import as_html, as_text
from pellucid.ground.tables import html_table, text_table
from pellucid.ground.writing import counted, number

__all__ = [
    "ACTIVATION_HEADINGS",
    "activation_rows",
    "activations_title",
    "contributor_text",
    "feature_maps_text",
    "feature_maps_title",
    "history_headings",
    "history_rows",
    "history_sentence",
    "history_title",
    "pair_sentences",
    "product_sentence",
    "share_sentence",
]

ACTIVATION_HEADINGS = ("", "value", "image", "class", "unit", "sees")
PAIR_HEADINGS = ("image", "true label", "predicted as", "confidence as evaluated")
MAP_HEADINGS = ("channel", "smallest", "mean", "largest", "largest at")
FILTER_HEADINGS = ("filter", "smallest", "mean", "largest")

FEW = 5
"""So many channels of a layer are listed, unless all are asked for."""

SMALL, LARGE = 0.1, 0.5
"""With a share below the first a unit is one of many; from the second on it outweighs all others together."""


@as_text.register
def pair_text(pair: ConfusedPair) -> str:
    """Write what is predicted and what with it may be confused, how often, and other images of the same mistake."""
    lines = [line for sentence in pair_sentences(pair) for line in wrapped(sentence)]
    if pair.images:
        lines.append(f"{_images_heading(pair)}:")
        lines += [f"  {line}" for line in text_table(PAIR_HEADINGS, _pair_rows(pair), right=(3,))]
    return "\n".join([*lines, *(f"  {note}" for note in pair.notes)])


@as_html.register
def pair_html(pair: ConfusedPair) -> str:
    """Write the same as a piece of a page."""
    notes = Markup().join(Markup("<div>{}</div>").format(note) for note in pair.notes)
    table = html_table(PAIR_HEADINGS, _pair_rows(pair)) if pair.images else ""
    heading = Markup("<div>{}:</div>").format(_images_heading(pair)) if pair.images else ""
    sentences = " ".join(pair_sentences(pair))
    return str(Markup("<div><strong>{}</strong>{}{}{}</div>").format(sentences, heading, table, notes))


def pair_sentences(pair: ConfusedPair) -> list[str]:
    """Say what is predicted and whether it is right, then how often the two classes are confused."""
    if pair.wrong:
        first = f"This image is predicted as {pair.predicted}, which is wrong: its true label is {pair.other}."
    elif pair.wrong is None:
        first = f"This image is predicted as {pair.predicted}; {pair.other} is next. Its true label is not known."
    else:
        first = f"This image is predicted as {pair.predicted}, which is right; {pair.other} is next."
    if pair.count is None or pair.total is None or pair.back is None:
        return [first]
    verb = "was" if pair.count == 1 else "were"
    return [
        first,
        f"In the evaluation {pair.count:,} of {counted(pair.total, 'image')} of {pair.other} {verb} predicted as "
        f"{pair.predicted}, and {pair.back:,} of {pair.predicted} as {pair.other}.",
    ]


@as_text.register
def contributor_text(contributor: Contributor) -> str:
    """Write the unit, the product that it contributed, and how much of the layer's evidence that is."""
    return "\n".join([*wrapped(product_sentence(contributor)), *wrapped(share_sentence(contributor))])


def product_sentence(contributor: Contributor) -> str:
    """Say which unit it is, and what its value times its gradient contributed."""
    unit = contributor.unit
    return (
        f"{unit.name} is {number(unit.value)}; times its gradient {number(contributor.gradient)} it contributed "
        f"{number(contributor.contribution)} to {contributor.margin}."
    )


def share_sentence(contributor: Contributor) -> str:
    """Say honestly how much one unit means among all of its layer."""
    layer = contributor.unit.node.name
    if contributor.contribution <= 0:
        return f"No unit of {layer} is evidence for it: every contribution is zero or negative."
    share = (
        f"That is {contributor.share:.1%} of all positive contributions of the {contributor.units:,} units of {layer}"
    )
    if contributor.share < SMALL:
        return f"{share}: the largest, but one of many; the decision does not rest on it alone."
    if contributor.share < LARGE:
        return f"{share}: a considerable part, though the others together contributed more."
    return f"{share}: as much as all others together, or more."


@as_text.register
def activations_text(activations: Activations) -> str:
    """Write what was looked for, and a row for each image."""
    table = text_table(ACTIVATION_HEADINGS, activation_rows(activations), right=(0, 1))
    return "\n".join([*wrapped(activations_title(activations)), *table])


def activations_title(activations: Activations) -> str:
    """Say which images these are, how many were searched, and how often the unit is active."""
    what = counted(len(activations), "image")
    split = {"train": "training", "val": "validation"}.get(activations.split, activations.split)
    verb = "activates" if len(activations) == 1 else "activate"
    return (
        f"The {what} that {verb} {activations.unit} most, of {activations.searched:,} {split} images. It is above zero "
        f"in {activations.active:.1%} of them ({activations.run.directory}, epoch {activations.epoch})."
    )


def activation_rows(activations: Activations) -> list[tuple[str, ...]]:
    """Write a row for each image, each cell as text."""
    return [
        (
            str(rank),
            number(image.value),
            image.image,
            image.true,
            unit_text(activations.layer, image.index),
            "" if image.box is None else str(image.box),
        )
        for rank, image in enumerate(activations, start=1)
    ]


@as_text.register
def feature_maps_text(maps: FeatureMaps, top: int | None = FEW) -> str:
    """Write a sentence and the strongest channels; `top` None lists all, in their order."""
    order = maps.order()
    channels = range(len(order)) if top is None else order[:top]
    documents = maps.to_dict()["channels"]
    rows = [
        (
            str(channel),
            number(documents[channel]["min"]),
            number(documents[channel]["mean"]),
            number(documents[channel]["max"]),
            documents[channel]["unit"],
        )
        for channel in channels
    ]
    lines = [*wrapped(feature_maps_title(maps)), *text_table(MAP_HEADINGS, rows, right=(0, 1, 2, 3))]
    rest = len(order) - len(rows)
    return "\n".join([*lines, *([f"... and {counted(rest, 'weaker channel')}"] if rest else [])])


def feature_maps_title(maps: FeatureMaps) -> str:
    """Say which layer it is, how many maps it made of which size, and which is the strongest."""
    channels, rows, columns = maps.values.shape
    strongest = maps.order()[0]
    return (
        f"{maps.node.name} ({maps.node.label}) makes {counted(channels, 'feature map')} of {rows}×{columns} from "
        f"{maps.glass.picture.source}; the largest value is in channel {strongest}."
    )


@as_text.register
def filters_text(filters: Filters) -> str:
    """Write a row for each filter."""
    rows = [
        (str(index), number(float(weights.min())), number(float(weights.mean())), number(float(weights.max())))
        for index, weights in enumerate(filters.weights)
    ]
    return "\n".join([filters.title, *text_table(FILTER_HEADINGS, rows, right=(0, 1, 2, 3))])


@as_text.register
def history_text(history: History) -> str:
    """Write how the prediction changed, and a row for each epoch."""
    table = text_table(history_headings(history), history_rows(history), right=(0, 2, 3, 4, 5, 6))
    return "\n".join([*wrapped(history_sentence(history)), *wrapped(history_title(history)), "", *table])


def history_sentence(history: History) -> str:
    """Say what the network predicts at the first and at the last epoch."""
    first, last = history[0], history[-1]
    truth = last.prediction.true_label
    label = "" if truth is None else f" The true label is {truth}."
    if len(history) == 1:
        return f"After epoch {first.epoch} the network predicts {_answer(first)}.{label}"
    return (
        f"After epoch {first.epoch} the network predicts {_answer(first)}, after epoch {last.epoch} "
        f"{_answer(last)}.{label}"
    )


def history_title(history: History) -> str:
    """Say whose history it is, and what is measured."""
    at = f" at layer {history.layer}" if history.layer else ""
    return (
        f"{history.run.directory} on {history.picture.source}: the probability of class {history.target}, the value of "
        f"{history.unit}, and how faithful the map by {history.method}{at} is.{_not_kept(history)}"
    )


def _not_kept(history: History) -> str:
    """Say how many epochs are missing, whose weights the run does not keep."""
    done = len(history.run.metrics("epoch"))
    if len(history) >= done:
        return ""
    return f" The run keeps the weights of {len(history)} of {done:,} epochs; train with --keep all for every epoch."


def history_headings(history: History) -> tuple[str, ...]:
    """Name the columns of the table."""
    return ("epoch", "prediction", "confidence", history.target, history.unit, "deletion", "insertion")


def history_rows(history: History) -> list[tuple[str, ...]]:
    """Write a row for each epoch, each cell as text."""
    target = history[0].prediction.classes.index(history.target)
    return [
        (
            str(moment.epoch),
            moment.prediction.name,
            f"{moment.prediction.probability:.1%}",
            f"{moment.prediction.probabilities[target]:.1%}",
            number(moment.value),
            f"{moment.scores.deletion:.3f}",
            f"{moment.scores.insertion:.3f}",
        )
        for moment in history
    ]


@as_text.register
def why_text(why: Why) -> str:
    """Write every link of the chain under its heading."""
    lines = [*wrapped(answer_sentence(why.glass)), *source_lines(why.glass)]
    for position, (heading, link) in enumerate(why.sections(), start=1):
        text = evidence_text(link) if isinstance(link, Explanation) else str(link)
        lines += ["", f"{position}. {heading}", *(f"   {line}".rstrip() for line in text.splitlines())]
    return "\n".join(lines)


def _images_heading(pair: ConfusedPair) -> str:
    if pair.wrong:
        return "Other images of this mistake"
    return f"Images of {pair.other} that are predicted as {pair.predicted}"


def _pair_rows(pair: ConfusedPair) -> list[tuple[str, ...]]:
    return [(image.image, pair.other, pair.predicted, f"{image.confidence:.1%}") for image in pair]


def _answer(moment: Moment) -> str:
    return f"{moment.prediction.name} ({moment.prediction.probability:.1%})"
