"""The mathematics, editable: a filter on numbers, step by step; filters on images and functions stand beside it."""

from __future__ import annotations

import math
import re
from functools import partial
from typing import Any

import numpy as np
from starlette.responses import JSONResponse
from starlette.routing import Route

from pellucid.convolution import (
    Convolution,
    WindowStep,
    convolve,
    convolve2d,
    parse_numbers,
    parse_whole_numbers,
    step_sentence,
)
from pellucid.ground.commands import command_line
from pellucid.ground.errors import UserError
from pellucid.studio.answering import Asked, reading
from pellucid.studio.views import maths_functions, maths_images
from pellucid.studio.views.maths_answers import FieldMistakes, cells, shown_number
from pellucid.studio.workplace import Workplace

__all__ = ["routes"]

LONGEST_TEXT = 3_000
LONGEST_NUMBER = 60
MOST_SIGNAL, MOST_FILTER, MOST_RESULTS, MOST_SHOWN = 400, 225, 1_200, 2_500
"""Numbers of the signal, of the filter, of the result; cells of the signal with all that the filter reaches."""

DEFAULTS = {"stride": "1", "padding_mode": "zeros", "dilation": "1"}
SETTINGS = ("mode", "stride", "padding", "padding_mode", "dilation")
FIELDS = (
    ("padding mode", "padding_mode"),
    ("stride", "stride"),
    ("dilation", "dilation"),
    ("padding", "padding"),
    ("mode", "mode"),
    ("the signal", "signal"),
    ("the image", "signal"),
)
"""How the room's messages begin, and the field that they are about; the rest are about how filter and signal fit."""


def routes(workplace: Workplace) -> list[Route]:
    """Give what this part answers."""
    return [
        reading("/api/maths/numbers", _numbers),
        *maths_images.routes(workplace),
        *maths_functions.routes(),
    ]


def _numbers(asked: Asked) -> dict[str, Any] | JSONResponse:
    """Convolve what was typed: signal, filter, result, and one step of it, all as cells."""
    mistakes = FieldMistakes()
    given = {name: asked.text(name, DEFAULTS.get(name, "")).strip() for name in ("signal", "filter", *SETTINGS)}
    is_correlation = asked.get("correlate", "") not in ("", "0")
    signal = mistakes.reading("signal", lambda: _parsed(given["signal"], "the signal", MOST_SIGNAL))
    kernel = mistakes.reading("filter", lambda: _parsed(given["filter"], "the filter", MOST_FILTER))
    whole: dict[str, Any] = {}
    for name in ("stride", "padding", "dilation"):
        if given[name]:
            whole[name] = mistakes.reading(name, partial(parse_whole_numbers, given[name], name))
    at = mistakes.reading("at", lambda: asked.whole("at") if asked.get("at") else None)
    if mistakes:
        return mistakes.answer()
    assert signal is not None
    assert kernel is not None
    is_grid = max(signal.ndim, kernel.ndim) == 2
    if is_grid:
        signal, kernel = signal.reshape(-1, signal.shape[-1]), kernel.reshape(-1, kernel.shape[-1])
    settings = {**whole, "mode": given["mode"] or None, "padding_mode": given["padding_mode"] or "zeros"}
    try:
        work = convolve2d if is_grid else convolve
        convolution = work(signal, kernel, correlate=is_correlation, **settings)
        _check_size(convolution)
    except UserError as error:
        mistakes.add(_field_of(str(error)), str(error))
        return mistakes.answer()
    used = {name: text for name in SETTINGS if (text := given[name]) and text != DEFAULTS.get(name)}
    return _answer(convolution, at) | {
        "command": _command(given, used, is_correlation),
        "python": _python(convolution, {name: settings[name] for name in used}),
    }


def _parsed(text: str, name: str, most: int) -> Any:
    if len(text) > LONGEST_TEXT:
        raise UserError(f"{name} has {len(text):,} characters; expected at most {LONGEST_TEXT:,} on this page")
    long = next((word for word in re.split(r"[\s,;]+", text) if len(word) > LONGEST_NUMBER), None)
    if long is not None:
        raise UserError(
            f"{name} holds a number of {len(long):,} characters; expected at most {LONGEST_NUMBER} on this page"
        )
    if not text:
        raise UserError(f"{name} is empty; expected numbers, such as 3, 2, 1, 0")
    numbers = parse_numbers(text, name)
    if numbers.size > most:
        raise UserError(f"{name} has {numbers.size:,} numbers; expected at most {most:,} on this page")
    return numbers


def _check_size(convolution: Convolution) -> None:
    """Refuse what is too large to look at, before anything is computed."""
    results = math.prod(convolution.shape)
    if results > MOST_RESULTS:
        raise UserError(f"the result would have {results:,} numbers; expected at most {MOST_RESULTS:,} on this page")
    shown = 1
    for axis in convolution.axes:
        end = axis.first + (axis.count - 1) * axis.stride + axis.reach
        shown *= max(axis.padded, end) - min(0, axis.first)
    if shown > MOST_SHOWN:
        raise UserError(
            f"padding of the signal and reach of the filter make {shown:,} places; expected at most {MOST_SHOWN:,} on "
            "this page: less padding, or less dilation"
        )


def _field_of(message: str) -> str:
    if " padding of " in message:
        return "padding_mode"
    return next((field for start, field in FIELDS if message.startswith(start)), "filter")


def _answer(convolution: Convolution, at: int | None) -> dict[str, Any]:
    steps = convolution.steps
    number = _fullest(convolution) if at is None else max(0, min(len(steps) - 1, at))
    step = steps[number]
    plain = {"first": 0, "count": 1, "stride": 1, "dilation": 1, "kernel": 1, "before": 0, "size": 1}
    axes = [
        {"first": axis.first, "count": axis.count, "stride": axis.stride, "dilation": axis.dilation}
        | {"kernel": axis.kernel, "before": axis.before, "size": axis.size, "padded": axis.padded, "reach": axis.reach}
        for axis in convolution.axes
    ]
    if len(axes) == 1:
        axes.insert(0, plain | {"padded": 1, "reach": 1})
    return {
        "operation": "correlation" if convolution.is_correlation else "convolution",
        "dimensions": len(convolution.axes),
        "mode": convolution.mode,
        "axes": axes,
        "padded": cells(convolution.padded[0]),
        "signal": cells(convolution.signal),
        "kernel": cells(convolution.kernel),
        "aligned": cells(convolution.aligned),
        "result": cells(convolution.result),
        "at": number,
        "steps": len(steps),
        "step": _step(convolution, step),
        "sentence": step_sentence(convolution, step),
    }


def _step(convolution: Convolution, step: WindowStep) -> dict[str, Any]:
    """Give one step: for each axis where the overlap begins, with which filter element, and how many are met."""
    position = (step.position,) if isinstance(step.position, int) else step.position
    met = [axis.overlap(at) for axis, at in zip(convolution.axes, position, strict=True)]
    begins = [axis.first + at * axis.stride for axis, at in zip(convolution.axes, position, strict=True)]
    plain = step.to_dict()
    return {
        "signal_indices": plain["signal_indices"],
        "kernel_indices": plain["kernel_indices"],
        "position": [0] * (2 - len(position)) + list(position),
        "met": [(0, 0, 1)] * (2 - len(met)) + met,
        "begins": [0] * (2 - len(begins)) + begins,
        "values": cells(step.signal_values),
        "weights": cells(step.kernel_values),
        "products": cells(step.products),
        "value": shown_number(step.value),
        "text": str(step),
    }


def _fullest(convolution: Convolution) -> int:
    """Find the first step with the most overlap, which tells the most."""
    best = [max(range(axis.count), key=lambda k: axis.overlap(k)[2]) for axis in convolution.axes]
    return int(np.ravel_multi_index(best, convolution.shape))


def _command(given: dict[str, str], used: dict[str, str], is_correlation: bool) -> str:
    options = [word for name, text in used.items() for word in (f"--{name.replace('_', '-')}", text)]
    numbers = [_as_argument(given[name]) for name in ("signal", "filter")]
    return command_line("convolve", *numbers, *options, *(["--correlate"] if is_correlation else []))


def _as_argument(text: str) -> str:
    """Write numbers as one word for a terminal; in brackets where they would look like an option."""
    text = re.sub(r"\s*([,;])\s*", r"\1", text)
    return f"[{text}]" if re.match(r"-[^\d.]", text) else text


def _python(convolution: Convolution, settings: dict[str, Any]) -> str:
    name = "convolve" if len(convolution.axes) == 1 else "convolve2d"
    if convolution.is_correlation:
        settings = settings | {"correlate": True}
    words = [_literal(convolution.signal), _literal(convolution.kernel)]
    words += [f"{key}={value!r}" for key, value in settings.items()]
    return f"from pellucid import {name}\n\nprint({name}({', '.join(words)}).result)"


def _literal(array: Any) -> str:
    return re.sub(r"\binf\b", 'float("inf")', repr(array.tolist()))
