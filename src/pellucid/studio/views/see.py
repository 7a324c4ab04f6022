"""Seeing: which runs and images there are, one image through a network, any value of it, and where that comes from."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from starlette.responses import Response
from starlette.routing import Route

from pellucid.deployment.pads import pad_of
from pellucid.evaluation import own_evaluation
from pellucid.glass import Glass, UnitTrace
from pellucid.glass.showing import closing_of, facts_of, sentence_of, trace_sentence
from pellucid.ground.commands import command_line
from pellucid.ground.errors import UserError
from pellucid.prediction.calibration import read_calibration
from pellucid.prediction.picture import REFERENCE
from pellucid.run import Run
from pellucid.studio.answering import Asked, reading
from pellucid.studio.packing import packed
from pellucid.studio.workplace import GIVEN, Workplace
from pellucid.web import outline_of

__all__ = ["packed_unit", "routes"]

MOST_LISTED = 200
"""Images of a split that are listed at once."""

WINDOWED = ("conv1d", "conv2d", "conv3d", "max_pool1d", "max_pool2d", "avg_pool1d", "avg_pool2d")


def routes(workplace: Workplace) -> list[Route]:
    """Give what this part answers."""
    view = _See(workplace)
    return [
        reading("/api/runs", view.runs),
        reading("/api/run", view.run),
        reading("/api/images", view.images),
        reading("/api/picture", view.picture),
        reading("/api/look", view.look),
        reading("/api/values", view.values),
        reading("/api/unit", view.unit),
        reading("/api/field", view.field),
        reading("/api/feeds", view.feeds),
        reading("/api/path", view.path),
        reading("/api/moment", view.moment),
    ]


class _See:
    def __init__(self, workplace: Workplace) -> None:
        self._workplace = workplace

    def runs(self, asked: Asked) -> dict[str, Any]:
        """List the runs, the newest first, and name what is damaged: a run, or only its evaluation."""
        runs, damaged = [], self._workplace.damaged()
        for run in self._workplace.runs()[::-1]:
            try:
                runs.append(facts := _facts(run))
            except UserError as error:
                damaged.append((run.directory.name, str(error)))
            else:
                damaged += [(run.directory.name, facts["damage"])] if facts["damage"] else []
        return {
            "folder": str(self._workplace.folder),
            "runs": runs,
            "damaged": [{"name": name, "reason": reason} for name, reason in damaged],
        }

    def run(self, asked: Asked) -> dict[str, Any]:
        """Say what a run is: its classes, epochs, splits, preprocessing, and the pad for its images."""
        run = self._workplace.run(asked.text("run"))
        facts = _facts(run) | {
            "classes": list(run.classes),
            "preprocessing": run.preprocessing.to_dict(),
            "splits": {},
            "pad": pad_of(None, run.preprocessing.channels),
            "missing": None,
            "default_epoch": run.resolve_epoch() if run.epochs() else None,
        }
        try:
            images = run.open_images()
        except UserError as error:
            return facts | {"missing": str(error)}
        train = images.splits["train"].images if "train" in images.splits else None
        return facts | {
            "splits": {name: len(split) for name, split in images.splits.items()},
            "pad": pad_of(train, run.preprocessing.channels),
        }

    def images(self, asked: Asked) -> dict[str, Any]:
        """List images of a split from a number on, with their labels."""
        run = self._workplace.run(asked.text("run"))
        images = run.open_images()
        name = asked.text("split", run.measured_split or "train")
        if name not in images.splits:
            raise UserError(f"{images.name} has no split {name!r}")
        split, first = images.splits[name], max(0, asked.whole("first", 0))
        last = min(len(split), first + min(MOST_LISTED, asked.whole("count", 24)))
        return {
            "split": name,
            "count": len(split),
            "images": [
                {"reference": f"{name}/{index}", "source": split.sources[index], "label": int(split.labels[index])}
                for index in range(first, last)
            ],
        }

    def picture(self, asked: Asked) -> Response:
        """Give an image of the run's own data as a PNG, as it is stored; one that was given, as a file to save."""
        if asked.text("image").startswith(GIVEN):
            return self._given(asked.text("image"))
        run, reference = self._workplace.run(asked.text("run")), REFERENCE.fullmatch(asked.text("image"))
        images = run.open_images()
        if reference is None or reference[1] not in images.splits:
            raise UserError(f"the image is {asked['image']!r}; expected one of the run's own, like test/17")
        split, index = images.splits[reference[1]], int(reference[2])
        if index >= len(split):
            raise UserError(f"{images.name} has {len(split)} images in {reference[1]}; there is no {asked['image']}")
        content = _png(split.images[index])
        return Response(content, media_type="image/png", headers={"Cache-Control": "private, max-age=3600"})

    def _given(self, key: str) -> Response:
        image = self._workplace.given.get(key)[1]
        # Whatever bytes somebody gave, a browser only saves them and never shows them as a page of this address.
        return Response(
            image if isinstance(image, bytes) else _png(image),
            media_type="application/octet-stream",
            headers={"Content-Disposition": "attachment"},
        )

    def look(self, asked: Asked) -> dict[str, Any]:
        """Run the network on an image: what it answers, and its operations in order; values are asked for by name."""
        glass = self._glass(asked)
        image, run = asked.text("image"), glass.run
        assert run is not None
        source, name = self._named(image)
        return {
            "run": run.directory.name,
            "epoch": glass.epoch,
            "image": image,
            "source": source,
            "file": name if image.startswith(GIVEN) else None,
            "fitted": glass.picture.fitted or None,
            "label": glass.picture.label,
            "sentence": sentence_of(glass),
            "answer": _answer(glass, run),
            "plan": outline_of(glass.recording),
            "command": command_line("trace", run.directory, name, "--epoch", str(glass.epoch)),
            "python": f"pellucid.look({str(run.directory)!r}, {name!r}, epoch={glass.epoch})",
        }

    def values(self, asked: Asked) -> Response:
        """Give the values of some nodes, with the batch axis, in float32; `pixels` are the image's bytes."""
        glass = self._glass(asked)
        texts = asked.text("nodes").split(",")
        numbers = [int(text) for text in texts if text.isascii() and text.isdigit() and len(text) < 9]
        steps = glass.recording.steps
        arrays = {
            str(number): steps[number].value.detach().to("cpu", torch.float32).contiguous().numpy()
            for number in numbers
            if number < len(steps)
        }
        if glass.picture.pixels is not None:
            arrays["pixels"] = glass.picture.pixels
        return packed({}, arrays)

    def unit(self, asked: Asked) -> Response:
        """Decompose a unit: its terms as arrays, what they come to, and that in words."""
        glass = self._glass(asked)
        with self._workplace.computing:
            trace = glass.trace(glass.unit(asked.text("unit")))
            return packed_unit(glass, trace, self._named(asked.text("image"))[1])

    def field(self, asked: Asked) -> dict[str, Any]:
        """Find the pixels that a unit depends on, checked against its gradient; no click waits for that."""
        glass = self._glass(asked)
        box = glass.trace(glass.unit(asked.text("unit"))).receptive_field
        return {"field": None if box is None else box.to_dict(), "text": None if box is None else f"{box} of the image"}

    def feeds(self, asked: Asked) -> dict[str, Any]:
        """Find what a unit feeds, the strongest first."""
        glass = self._glass(asked)
        with self._workplace.computing:
            found = glass.feeds(asked.text("unit"), limit=asked.whole("limit", 8))
            return found.to_dict()

    def path(self, asked: Asked) -> dict[str, Any]:
        """Find the strongest chain from a pixel through a unit to a class's logit."""
        glass = self._glass(asked)
        with self._workplace.computing:
            found = glass.path(asked.text("unit"), asked.chosen("target"))
            return found.to_dict() | {"text": str(found)}

    def moment(self, asked: Asked) -> dict[str, Any]:
        """Say what an image's classes and a unit come to after one epoch; nothing of it is held."""
        glass = self._workplace.glass(asked.text("run"), asked.text("epoch"), asked.text("image"), hold=False)
        unit = asked.chosen("unit")
        return {
            "epoch": glass.epoch,
            "label": None if glass.prediction is None else glass.prediction.index,
            "probabilities": None if glass.prediction is None else list(glass.prediction.probabilities),
            "unit": unit,
            "value": None if unit is None else glass.unit(unit).value,
        }

    def _named(self, image: str) -> tuple[str, str]:
        """Give what an image is called, and what the file of it would be called in a command."""
        if not image.startswith(GIVEN):
            return image, image
        name, content = self._workplace.given.get(image)
        return name, name if isinstance(content, bytes) else f"{name.replace(' ', '-')}.png"

    def _glass(self, asked: Asked) -> Glass:
        return self._workplace.glass(asked.text("run"), asked.chosen("epoch"), asked.text("image"))


def _png(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(file, "PNG")
    return file.getvalue()


def _facts(run: Run) -> dict[str, Any]:
    damage = None
    try:
        evaluation = own_evaluation(run)
    except UserError as error:  # the run can be looked at all the same
        evaluation, damage = None, str(error)
    return {
        "name": run.directory.name,
        "network": run.record.network.replace("\\", "/").rpartition("/")[2],
        "data": run.record.data.source,
        "recipe": run.record.recipe["name"],
        "created": run.record.created,
        "status": run.status,
        "epochs": run.epochs(),
        "accuracy": None if evaluation is None else evaluation.accuracy,
        "split": None if evaluation is None else evaluation.split,
        "damage": damage,
        "example": run.example_image,
        "place": str(run.directory),
    }


def _answer(glass: Glass, run: Run) -> dict[str, Any] | None:
    """Give each class's probability, at the run's temperature where it has one."""
    if glass.prediction is None or glass.epoch is None:
        return None
    calibration = read_calibration(run, glass.epoch)
    calibrated = glass.calibrated_probabilities
    shares = calibrated or glass.prediction.probabilities
    threshold = None if calibration is None else calibration.threshold
    return {
        "label": glass.prediction.index,
        "probabilities": list(shares),
        "calibrated": calibrated is not None,
        "threshold": threshold,
        "unsure": threshold is not None and max(shares) < threshold,
    }


def packed_unit(glass: Glass, trace: UnitTrace, image: str) -> Response:
    """Answer with what makes a unit's value: its terms as arrays, what they come to, and that in words."""
    node, inner, run = trace.unit.node, trace.trace, glass.run
    number, name = node.step.number, trace.unit.name
    head: dict[str, Any] = {
        "unit": name,
        "node": number,
        "index": [0, *trace.unit.index],
        "value": trace.value,
        "kind": trace.kind,
        "sentence": trace_sentence(trace),
        "formula": _formula(trace),
        "closing": closing_of(trace),
        "note": node.reason or None,
        "check": None if trace.check is None else trace.check.to_dict(),
        "pixel": None if trace.pixel is None else vars(trace.pixel) | {"value": trace.pixel.value},
    }
    if run is not None:
        head["command"] = command_line("trace", run.directory, image, "--unit", name, "--epoch", str(glass.epoch))
        head["python"] = f"pellucid.look({str(run.directory)!r}, {image!r}, epoch={glass.epoch}).trace({name!r})"
    if inner is None:
        return packed(head, {})
    terms, inputs = inner.terms, node.step.inputs
    position = np.full(len(terms), -1, np.int32)
    for operand, tensor in enumerate(inputs):
        rows = terms.operand == operand
        index = tuple(terms.index[rows, : terms.ranks[operand]].T)
        if rows.any():
            position[rows] = np.ravel_multi_index(index, tuple(tensor.shape)) if index else 0
    window = _window(inner.operation.kind, inner.operation.settings, len(terms))
    inside = terms.index[terms.operand >= 0]
    details = {
        "window": window,
        "first": int(inside[:, 1].min()) if window and len(inside) and inside.shape[1] > 1 else 0,
        "winner": inner.details.get("winner"),
        "own": inner.details.get("own"),
        "divisor": inner.details.get("divisor"),
    }
    head |= {"combine": inner.combine, "bias": inner.bias, "details": details}
    arrays: dict[str, NDArray[Any]] = {
        "values": terms.values,
        "operand": terms.operand.astype(np.int32),
        "position": position,
    }
    if terms.weights is not None:
        arrays["weights"] = terms.weights
    if terms.products is not None:
        arrays["products"] = terms.products
    return packed(head, arrays)


def _formula(trace: UnitTrace) -> str | None:
    """Give the formula alone: what else is known of a unit, such as its field, is not computed for a click."""
    if trace.trace is not None:
        return trace.trace.formula.text
    return dict(facts_of(trace)).get("formula") if trace.pixel is not None else None


def _window(kind: str, settings: Any, count: int) -> list[int] | None:
    """Give the sides of the window that the terms fill channel by channel; None where they do not."""
    if kind not in WINDOWED:
        return None
    sides = [int(side) for side in settings["kernel"]]
    return sides if count and count % math.prod(sides) == 0 else None
