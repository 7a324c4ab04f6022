"""Two functions and their convolution: all of it at samples, and what happens at one x."""

from __future__ import annotations

import ast
from functools import lru_cache, partial
from typing import Any

import numpy as np
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pellucid.convolution import (
    FUNCTIONS,
    Expression,
    Overlap,
    SampledConvolution,
    convolve_functions,
    overlap_sentence,
    parse_domain,
    parse_expression,
    parse_number,
)
from pellucid.ground.commands import command_line
from pellucid.ground.errors import UserError
from pellucid.studio.answering import Asked, reading
from pellucid.studio.packing import packed
from pellucid.studio.views.maths_answers import FieldMistakes, shown_number

__all__ = ["routes"]

MOST_SAMPLES = 2001
MOST_PARTS = 150
"""Of an expression: a longer one takes a second and more at each key."""

DEFAULTS = {"f": "rect(x)", "h": "exp(-x)*step(x)", "domain": "-3:5", "samples": "801"}


def routes() -> list[Route]:
    """Give what this part answers."""
    return [reading("/api/maths/functions", _functions), reading("/api/maths/overlap", _overlap)]


def _functions(asked: Asked) -> Response:
    """Convolve two expressions: the curves, and the sliding picture at one x."""
    read = _read(asked)
    if isinstance(read, JSONResponse):
        return read
    sampled, overlap = read
    head = _said(sampled, overlap) | {
        "f": str(sampled.f),
        "h": str(sampled.h),
        "domain": list(sampled.domain),
        "samples": len(sampled.x),
        "affected": sampled.affected,
        "warning": sampled.warning,
        "known": [[name, about] for name, (_, about) in FUNCTIONS.items()],
    }
    curves = {"x": sampled.x, "f": sampled.f_values, "h_of_x": sampled.h_values, "result": sampled.result}
    return packed(head, {**curves, "h": overlap.h, "product": overlap.product})


def _overlap(asked: Asked) -> Response:
    """Give the sliding picture at one x alone."""
    read = _read(asked)
    if isinstance(read, JSONResponse):
        return read
    return packed(_said(*read), {"h": read[1].h, "product": read[1].product})


def _read(asked: Asked) -> tuple[SampledConvolution, Overlap] | JSONResponse:
    mistakes = FieldMistakes()
    given = {name: asked.text(name, default).strip() for name, default in DEFAULTS.items()}
    first, second = (mistakes.reading(name, partial(_expression, given[name], name)) for name in ("f", "h"))
    domain = mistakes.reading("domain", lambda: parse_domain(given["domain"], "the domain"))
    samples = mistakes.reading("samples", lambda: _samples(given["samples"]))
    x = mistakes.reading("x", lambda: parse_number(asked.text("x"), "x") if asked.get("x") else None)
    if mistakes:
        return mistakes.answer()
    assert first is not None
    assert second is not None
    assert domain is not None
    assert samples is not None
    try:
        sampled = _sampled(first.text, second.text, domain, samples)
    except UserError as error:
        mistakes.add(_field_of(str(error), first, second), str(error))
        return mistakes.answer()
    overlap = mistakes.reading("x", lambda: sampled.at(_highest(sampled) if x is None else x))
    return mistakes.answer() if overlap is None else (sampled, overlap)


@lru_cache(maxsize=16)  # while x moves, the rest stays
def _sampled(f: str, h: str, domain: tuple[float, float], samples: int) -> SampledConvolution:
    return convolve_functions(f, h, domain, samples)


def _expression(text: str, name: str) -> Expression:
    if not text:
        raise UserError(f"{name}(x) is empty; expected an expression in x, such as rect(x)")
    expression = parse_expression(text)
    parts = sum(isinstance(node, ast.expr) for node in ast.walk(expression.tree))
    if parts > MOST_PARTS:
        raise UserError(f"the expression has {parts} parts; expected at most {MOST_PARTS} on this page")
    return expression


def _samples(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 2 <= int(text[:9]) <= MOST_SAMPLES):
        raise UserError(f"samples is {text!r}; expected a whole number from 2 to {MOST_SAMPLES:,} on this page")
    return int(text)


def _field_of(message: str, first: Expression, second: Expression) -> str:
    if message.startswith(("the domain", "samples")):
        return "samples" if message.startswith("samples") else "domain"
    # the same expression twice: one message beside the first is enough
    return "f" if message.startswith(f"{first} is") else "h" if message.startswith(f"{second} is") else "f"


def _highest(sampled: SampledConvolution) -> float:
    """Find the x where the result is largest, which tells the most."""
    return float(sampled.x[int(np.abs(sampled.result).argmax())])


def _said(sampled: SampledConvolution, overlap: Overlap) -> dict[str, Any]:
    low, high = (repr(end) for end in sampled.domain)
    functions, samples = [str(sampled.f), str(sampled.h)], len(sampled.x)
    options = [f"--domain={low}:{high}", "--samples", str(samples), f"--at={overlap.x!r}"]
    return {
        "at": overlap.x,
        "x_text": shown_number(overlap.x)[:2],
        "area": shown_number(overlap.area),
        "sentence": overlap_sentence(overlap),
        "command": command_line("convolve", "--functions", *functions, *options),
        "python": (
            "from pellucid.convolution import convolve_functions\n\n"
            f"sampled = convolve_functions({functions[0]!r}, {functions[1]!r}, {sampled.domain!r}, {samples})\n"
            f"print(sampled)\nprint(sampled.at({overlap.x!r}).area)"
        ),
    }
