"""A training step as text for a terminal and as HTML for a notebook."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from pellucid.arithmetic import Trace
from pellucid.arithmetic.arrays import Floats
from pellucid.glass.letters import letters_of
from pellucid.glass.showing import check_line, difference_text
from pellucid.ground.columns import aligned, wrapped
from pellucid.ground.shown import as_html, as_text
from pellucid.ground.tables import html_lines, html_table, text_table
from pellucid.ground.writing import counted, number, numbers_apart, shape_text, signed_number
from pellucid.networks import Head
from pellucid.prediction.prediction import with_article
from pellucid.stepping.repetition import RecordCheck
from pellucid.stepping.training_step import TrainingStep
from pellucid.stepping.update import Quantity

__all__ = ["examples_text", "step_html", "step_text"]

SHOWN, CLASSES = 5, 10
"""So many images and products are shown, and so many classes; `to_dict()` and `--json` have more."""

OPTIMIZERS = {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW"}

SYMBOLS = {"w": "weight", "g": "gradient", "η": "learning rate", "λ": "weight decay", "d": "gradient with weight decay"}
SGD_SYMBOLS = SYMBOLS | {"μ": "momentum", "v": "velocity", "n": "look ahead (Nesterov)"}
ADAM_SYMBOLS = SYMBOLS | {"β": "decay rate", "m": "running mean of g", "v": "running mean of g²", "ε": "small constant"}


@dataclass(frozen=True)
class Section:
    """One of the six parts: a heading, sentences, a table, and lines below it.

    `numeric` are the columns of numbers that are aligned at the point.
    """

    heading: str
    above: list[str]
    headings: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    numeric: tuple[int, ...] = ()
    below: tuple[str, ...] = ()


@as_text.register
def step_text(step: TrainingStep) -> str:
    """Write the step as six sections, each with a sentence and its check."""
    lines = [line for sentence in _opening(step) for line in wrapped(sentence)]
    for position, section in enumerate(_sections(step), start=1):
        lines += ["", f"{position}. {section.heading}"]
        lines += [line for sentence in section.above for line in wrapped(sentence, "   ")]
        if section.rows:
            columns = [
                aligned(column) if position in section.numeric else list(column)
                for position, column in enumerate(zip(*section.rows, strict=True))
            ]
            lines += [f"     {line}" for line in text_table(section.headings, list(zip(*columns, strict=True)))]
        lines += [line for sentence in section.below for line in wrapped(sentence, "   ", "     ")]
    return "\n".join(lines)


@as_html.register
def step_html(step: TrainingStep) -> str:
    """Write the same for a notebook."""
    title, *rest = _opening(step)
    sections = Markup().join(
        Markup("<li><strong>{}</strong>{}{}{}</li>").format(
            section.heading,
            html_lines(section.above),
            html_table(section.headings, section.rows) if section.rows else "",
            html_lines(section.below),
        )
        for section in _sections(step)
    )
    return str(Markup("<div><h3>{}</h3>{}<ol>{}</ol></div>").format(title, html_lines(rest), sections))


@as_text.register
def quantity_text(quantity: Quantity) -> str:
    """Write one line of an optimizer's arithmetic."""
    return f"{quantity.name} = {quantity.formula} = {quantity.numbers} = {number(quantity.value)}"


@as_text.register
def record_check_text(check: RecordCheck) -> str:
    """Write whether the repetition agrees with the run's record."""
    verdict = "the same to the last bit" if check.equal else f"different by up to {check.difference:.1e}"
    return f"{check.what} (step {check.step:,}): {verdict}"


def examples_text(run: str, examples: dict[str, tuple[int, ...]], shown: int = 12) -> str:
    """Write which weights a network has, one of each parameter, and how to ask for one.

    >>> print(examples_text("runs/a", {"conv1.weight[0,0,1,1]": (8, 3, 3, 3)}))
    Choose a weight to follow; the network of runs/a has 1 parameter tensor, for example:
      weight                 shape of the tensor
      conv1.weight[0,0,1,1]  8×3×3×3
    <BLANKLINE>
    Then: pellucid step runs/a --weight 'conv1.weight[0,0,1,1]'
    """
    count = counted(len(examples), "parameter tensor")
    lines = wrapped(f"Choose a weight to follow; the network of {run} has {count}, for example:")
    rows = [(name, shape_text(shape)) for name, shape in list(examples.items())[:shown]]
    lines += [f"  {line}" for line in text_table(("weight", "shape of the tensor"), rows)]
    if len(examples) > shown:
        lines.append(f"  … and {len(examples) - shown:,} more; --json lists all")
    example = next((name for name in examples if ".weight[" in name), next(iter(examples)))
    return "\n".join([*lines, "", f"Then: pellucid step {run} --weight '{example}'"])


def _opening(step: TrainingStep) -> list[str]:
    *before, last = step.images.augmented or ("",)
    augmented = f", {' and '.join(filter(None, (', '.join(before), last)))} at random" if last else ""
    weight_before, weight_after = numbers_apart(step.before, step.after)
    begun = "the seed" if step.started_at == 0 else f"the checkpoint after step {step.started_at:,}"
    return [
        f"Step {step.step:,} of {step.steps:,} (epoch {step.epoch}, batch {step.batch}) changes {step.weight} from "
        f"{weight_before} to {weight_after}.",
        f"{step.run.directory}, repeated from {begun}; {counted(len(step.images.sources), 'image')}{augmented}; "
        f"learning rate {number(step.rate)}.",
    ]


def _sections(step: TrainingStep) -> list[Section]:
    return [_loss(step), _logits(step), _chain(step), _gradient(step), _optimizer(step), _record(step)]


def _with_letters(kind: str, formula: str) -> list[str]:
    letters = letters_of(kind, formula)
    return [formula, f"({letters})"] if letters else [formula]


def _loss(step: TrainingStep) -> Section:
    labels = step.images.labels.tolist()
    # Of every image there is one term a class; together they are its part of the mean.
    losses = _products(step.loss).reshape(len(labels), -1).sum(axis=1) * len(labels)
    order = [int(image) for image in np.argsort(-losses)[:SHOWN]]
    mixed = ", of mixed images of both labels by their shares" if step.images.targets.is_floating_point() else ""
    rows = tuple(
        (
            str(image),
            step.images.sources[image],
            _label_text(step, image),
            number(step.probabilities[image, labels[image]]),
            number(losses[image]),
        )
        for image in order
    )
    return Section(
        "Loss",
        [
            f"The loss is the mean cross-entropy: minus the logarithm of the probability of the true label{mixed}"
            f"{_weights_words(step)}.",
            *_of_the_head(step.run.head),
            *_with_letters("cross_entropy", step.loss.formula.text),
            f"The {counted(len(rows), 'image')} with the largest loss, of {len(labels)}:",
        ],
        ("image", "name", "true label", "its probability", "loss"),
        rows,
        (0, 3, 4),
        (f"mean: {check_line(step.loss_check, 'PyTorch')}",),
    )


def _of_the_head(head: Head) -> list[str]:
    """Say what stands for the logits where the network returns none."""
    if head is Head.PROBABILITIES:
        return [f"As the network returns {head.value}, x are their logarithms, whose softmax gives them back."]
    if head is Head.SIGMOIDS:
        return [f"As the network returns {head.value}, x are their logarithms; the softmax gives each its share."]
    return []


def _label_text(step: TrainingStep, image: int) -> str:
    classes, wanted = step.run.classes, step.images.targets[image]
    if not wanted.is_floating_point():
        return classes[int(wanted)]
    shares = sorted(((share, classes[k]) for k, share in enumerate(wanted.tolist()) if share), reverse=True)
    return " + ".join(f"{share:.0%} {name}" for share, name in shares)


def _weights_words(step: TrainingStep) -> str:
    kind = step.run.record.recipe["class_weights"]
    return "" if kind == "none" else f", times the weight of its class ({kind})"


def _logits(step: TrainingStep) -> Section:
    image = step.chain[-1].image if step.chain else 0
    label = int(step.images.labels[image])
    gradient = step.logit_gradient[image]
    # All classes where they are few, else those whose logits have the largest gradients.
    chosen = range(len(gradient))
    if len(gradient) > CLASSES + 2:
        chosen = sorted(int(k) for k in np.argsort(-np.abs(gradient))[:CLASSES])  # type: ignore[assignment]
    rows = tuple(
        (
            step.run.classes[k],
            *(number(float(values[image, k])) for values in (step.probabilities, step.targets, step.logit_gradient)),
        )
        for k in chosen
    )
    count, weighted = len(step.images.labels), _weights_words(step)
    rule = "softmax minus target, divided by the number of images"
    if weighted:
        rule = (
            "softmax times the sum of the targets, minus target, divided by the number of images; a target is "
            "multiplied by the weight of its class"
        )
    return Section(
        "Gradient at the logits",
        [
            f"The gradient of the loss at a logit is {rule}. "
            f"For image {image} ({step.images.sources[image]}, {with_article(step.run.classes[label])}):"
        ],
        (
            "class",
            "softmax",
            "target",
            f"(softmax · Σ target − target) / {count}" if weighted else f"(softmax − target) / {count}",
        ),
        rows,
        (1, 2, 3),
        (
            *(
                (f"… and {len(gradient) - len(rows):,} more classes (--json has all)",)
                if len(rows) < len(gradient)
                else ()
            ),
            f"largest difference of all {step.logit_gradient.size:,}: {check_line(step.logit_check, 'PyTorch')}",
        ),
    )


def _chain(step: TrainingStep) -> Section:
    heading = f"Back to {step.weight.partition('[')[0]}: the chain rule"
    if not step.chain:
        return Section(heading, ["No gradient reaches the weight: it meets padding alone."])
    rows = tuple(
        (
            link.unit,
            number(link.gradient),
            link.through,
            f"{sum(len(trace.terms) for trace in link.traces):,}" if link.traces else "",
            "" if link.check is None else difference_text(link.check),
        )
        for link in reversed(step.chain)
    )
    return Section(
        heading,
        [
            "The gradient at a unit is a sum over the units that it feeds: the gradient there times the derivative. "
            f"For image {step.chain[0].image}, from the logit along the strongest term of each sum:"
        ],
        ("unit", "∂L/∂unit", "through", "terms added", "difference to autograd"),
        rows,
        (1, 3),
    )


def _gradient(step: TrainingStep) -> Section:
    gradient = step.gradient
    above: list[str] = []
    rows: list[tuple[str, ...]] = []
    total = sum(len(trace.terms) for trace in gradient.traces)
    for operation, read, trace in zip(gradient.steps, gradient.inputs, gradient.traces, strict=True):
        above += _with_letters(trace.kind, trace.formula.text)
        for row in trace.terms.strongest(SHOWN):
            index = trace.terms.index[row].tolist()
            met = "" if trace.terms.weights is None else number(float(trace.terms.weights[row]))
            where = ""
            if trace.terms.weight_index is not None and trace.terms.weight_of == "input":
                where = f"{read}[{','.join(map(str, trace.terms.weight_index[row].tolist()[1:]))}]"
            rows.append(
                (
                    str(index[0]) if index else "",
                    f"{operation.name}[{','.join(map(str, index[1:]))}]",
                    number(float(trace.terms.values[row])),
                    met,
                    where,
                    number(float(_products(trace)[row])),
                )
            )
    layers = " and ".join(operation.name for operation in gradient.steps)
    positions = " and at all positions" if total > len(gradient.images) * len(gradient.traces) else ""
    sentence = (
        f"In {layers} the weight is used for all images{positions}, so its gradient is a sum of "
        f"{counted(total, 'product')}."
    )
    strongest = [int(image) for image in np.argsort(-np.abs(gradient.images))[:SHOWN]]
    images = ", ".join(f"image {image} {signed_number(float(gradient.images[image]))}" for image in strongest)
    if len(gradient.images) > len(strongest):
        rest = float(gradient.images.sum() - gradient.images[strongest].sum())
        images += f", the other {len(gradient.images) - len(strongest)} {signed_number(rest)}"
    return Section(
        "Gradient of the weight",
        [sentence, *dict.fromkeys(above), "The strongest products:"],
        ("image", "unit", "∂L/∂unit", "× input", "read from", "= product"),
        tuple(rows),
        (0, 2, 3, 5),
        (f"by image: {images}", check_line(gradient.check, "autograd")),
    )


def _optimizer(step: TrainingStep) -> Section:
    update = step.update
    name = OPTIMIZERS[update.optimizer]
    rows = tuple(
        (line.name, f"= {line.formula}", f"= {line.numbers}", f"= {number(line.value)}") for line in update.lines
    )
    gradient = number(step.gradient.check.pytorch)
    symbols = SGD_SYMBOLS if update.optimizer == "sgd" else ADAM_SYMBOLS
    used = set(re.findall(r"(?<![a-z])[a-zβελμη](?![a-z])", " ".join(line.formula for line in update.lines)))
    return Section(
        f"{name} moves the weight",
        [
            f"{name} turns the gradient g = {gradient} into a new weight w':",
            f"({', '.join(f'{letter} {meaning}' for letter, meaning in symbols.items() if letter in used)})",
        ],
        ("quantity", "formula", "with numbers", "result"),
        rows,
        (),
        (check_line(step.update_check, "torch.optim"),),
    )


def _record(step: TrainingStep) -> Section:
    change = signed_number(step.after - step.before)
    before, after = numbers_apart(step.before, step.after)
    moved = f"{step.weight} went from {before} to {after} ({change})"
    verdict = (
        f"The record agrees, so this is the run's own step: in the run itself {moved}."
        if step.confirmed
        else f"Whether this is the run's own step is not proved; here {moved}."
    )
    lines = [*(str(check) for check in step.record_checks), *step.remarks]
    return Section("The run's own record", [verdict], below=tuple(lines))


def _products(trace: Trace) -> Floats:
    assert trace.terms.products is not None
    return trace.terms.products
