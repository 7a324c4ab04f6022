"""A training step as text for a terminal and as HTML for a notebook."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

from pellucid.arithmetic import Check
from pellucid.glass.showing import difference_text
from pellucid.ground.shown import as_html, as_text
from pellucid.ground.tables import html_table, text_table
from pellucid.ground.writing import number
from pellucid.stepping.training_step import TrainingStep

__all__ = ["step_html", "step_text"]

SHOWN = 5

Section = tuple[str, list[str], tuple[tuple[str, ...], list[tuple[str, ...]]] | None, list[str]]
"""A heading, lines, a table, and lines below it."""


@as_text.register
def step_text(taken: TrainingStep) -> str:
    """Write the step as six sections, each with its check."""
    lines = [_title(taken), *_header(taken)]
    for place, (heading, above, table, below) in enumerate(_sections(taken), start=1):
        lines += ["", f"{place}. {heading}", *(f"   {line}" for line in above)]
        if table is not None:
            lines += [f"     {line}" for line in text_table(*table)]
        lines += [f"   {line}" for line in below]
    return "\n".join(lines)


@as_html.register
def step_html(taken: TrainingStep) -> str:
    """Write the same for a notebook."""
    parts = [f"<h3>{escape(_title(taken))}</h3>", *(f"<div>{escape(line)}</div>" for line in _header(taken)), "<ol>"]
    for heading, above, table, below in _sections(taken):
        parts.append(f"<li><strong>{escape(heading)}</strong>")
        parts += [f"<div>{escape(line)}</div>" for line in above]
        parts += [html_table(*table)] if table is not None else []
        parts += [*(f"<div>{escape(line)}</div>" for line in below), "</li>"]
    return f"<div>{''.join(parts)}</ol></div>"


def _title(taken: TrainingStep) -> str:
    return (
        f"{taken.run.directory}: step {taken.step:,} of {taken.steps:,} (epoch {taken.epoch}, batch {taken.batch}), "
        f"and what it does to {taken.weight}"
    )


def _header(taken: TrainingStep) -> list[str]:
    varied = ", mirrored and shifted as the recipe drew it" if taken.images.varied else ""
    begun = "the seed" if taken.started_at == 0 else f"the checkpoint after step {taken.started_at:,}"
    return [
        f"{len(taken.images.sources)} images{varied}; learning rate {number(taken.rate)}",
        f"repeated from {begun}",
    ]


def _sections(taken: TrainingStep) -> list[Section]:
    return [_loss(taken), _scores(taken), _chain(taken), _gradient(taken), _optimizer(taken), _record(taken)]


def _loss(taken: TrainingStep) -> Section:
    classes, labels = taken.run.classes, taken.images.labels.tolist()
    each = taken.loss.terms.products
    assert each is not None
    # Of every image there is one term a class; together they are its part of the mean.
    losses = each.reshape(len(labels), -1).sum(axis=1) * len(labels)
    order = [int(image) for image in np.argsort(-losses)[:SHOWN]]
    rows: list[tuple[str, ...]] = [
        (
            f"image {image}",
            taken.images.sources[image],
            classes[labels[image]],
            number(taken.probabilities[image, labels[image]]),
            number(losses[image]),
        )
        for image in order
    ]
    table = (("", "", "class", "its probability", "loss"), rows)
    return (
        "Loss: the mean cross-entropy",
        [taken.loss.formula.text, f"the {len(rows)} images with the largest, of {len(labels)}:"],
        table,
        [f"mean {_check(taken.loss_check)}"],
    )


def _scores(taken: TrainingStep) -> Section:
    image = taken.chain[-1].image if taken.chain else 0
    count = len(taken.images.labels)
    rows: list[tuple[str, ...]] = [
        (
            name,
            *(number(float(values[image, k])) for values in (taken.probabilities, taken.targets, taken.score_gradient)),
        )
        for k, name in enumerate(taken.run.classes)
    ]
    table = (("class", "softmax", "target", f"(softmax − target) / {count}"), rows)
    return (
        "Gradient at the scores: softmax minus target",
        [f"of image {image} ({taken.images.sources[image]}, {taken.run.classes[int(taken.images.labels[image])]}):"],
        table,
        [f"of all {taken.score_gradient.size:,} the furthest off: {_check(taken.score_check)}"],
    )


def _chain(taken: TrainingStep) -> Section:
    rows: list[tuple[str, ...]] = []
    for link in reversed(taken.chain):
        terms = sum(len(each.terms) for each in link.traces)
        formula = link.traces[0].formula.text if link.traces else "(softmax − target) / images"
        through = f"through {link.through}: {terms:,} term{'s' * (terms != 1)}" if link.through else ""
        difference = "" if link.check is None else difference_text(link.check)
        rows.append((link.unit, number(link.gradient), through, formula, difference))
    table = (("unit", "∂L/∂unit", "", "", "difference"), rows)
    above = ["the weight takes part in nothing: it meets padding alone"]
    if taken.chain:
        above = [f"for image {taken.chain[0].image} of the batch, from the score to where the weight is used"]
    return (
        f"Back to {taken.weight.partition('[')[0]}: the chain rule along the strongest term",
        above,
        table,
        [],
    )


def _gradient(taken: TrainingStep) -> Section:
    found = taken.gradient
    above: list[str] = []
    rows: list[tuple[str, ...]] = []
    for step, read, trace in zip(found.steps, found.inputs, found.traces, strict=True):
        above.append(f"{trace.formula.text}: {len(trace.terms):,} products in {step.name}")
        for row in trace.terms.strongest(SHOWN):
            place = trace.terms.index[row].tolist()
            met = "" if trace.terms.weights is None else f"× {number(float(trace.terms.weights[row]))}"
            where = ""
            if trace.terms.weight_index is not None and trace.terms.weight_of == "input":
                where = f"{read}[{','.join(map(str, trace.terms.weight_index[row].tolist()[1:]))}]"
            product = f"= {number(float(_products(trace)[row]))}"
            unit = f"{step.name}[{','.join(map(str, place[1:]))}]"
            rows.append(
                (
                    f"image {place[0]}" if place else "",
                    unit,
                    number(float(trace.terms.values[row])),
                    met,
                    where,
                    product,
                )
            )
    strongest = [int(image) for image in np.argsort(-np.abs(found.images))[:SHOWN]]
    images = ", ".join(f"image {image} {found.images[image]:+.4g}" for image in strongest)
    rest = float(found.images.sum() - found.images[strongest].sum())
    more = f", the other {len(found.images) - len(strongest)} {rest:+.4g}" if len(found.images) > len(strongest) else ""
    return (
        "Gradient of the weight: a sum over images and places",
        [*above, "the strongest products:"],
        (("", "∂L/∂", "", "", "", ""), rows),
        [f"by image: {images}{more}", _check(found.check, "autograd")],
    )


def _optimizer(taken: TrainingStep) -> Section:
    gradient = number(taken.gradient.check.pytorch)
    names = {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW"}
    rows: list[tuple[str, ...]] = [
        (line.name, f"= {line.formula}", f"= {line.numbers}", f"= {number(line.value)}") for line in taken.update.lines
    ]
    return (
        f"{names[taken.update.optimizer]}",
        [f"w = {number(taken.before)}, g = {gradient} (autograd's), η = {number(taken.rate)}"],
        (("", "", "", ""), rows),
        [_check(taken.update_check, "torch.optim")],
    )


def _record(taken: TrainingStep) -> Section:
    lines = [str(each) for each in taken.comparisons]
    moved = taken.after - taken.before
    verdict = (
        f"so in the run itself {taken.weight} went from {number(taken.before)} to {number(taken.after)} ({moved:+.3g})"
        if taken.confirmed
        else f"here {taken.weight} went from {number(taken.before)} to {number(taken.after)} ({moved:+.3g})"
    )
    return "What the run wrote down, beside the repetition", [*lines, *taken.remarks, verdict], None, []


def _products(trace: Any) -> Any:
    return trace.terms.products


def _check(check: Check, who: str = "PyTorch") -> str:
    return f"by hand {number(check.recomputed)}, {who} {number(check.pytorch)}, difference {difference_text(check)}"
