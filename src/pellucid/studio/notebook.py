"""One image through a network in a notebook, to be clicked: no server and no port, the kernel answers.

The page's modules are the studio's; what the studio fetches from its server they ask of the kernel here, as messages
of [anywidget](https://anywidget.dev), which Jupyter, marimo, VS Code and Colab carry.
"""

from __future__ import annotations

import functools
import importlib.util
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pellucid.glass import Glass
from pellucid.glass.showing import sentence_of
from pellucid.ground.errors import UserError
from pellucid.ground.plain import plain
from pellucid.studio.packing import packed
from pellucid.studio.views.see import packed_unit
from pellucid.web import joined_modules, outline_of, style_sheet

if TYPE_CHECKING:
    from anywidget import AnyWidget

__all__ = ["answer_to", "widget"]

FETCHED_AT_ONCE = 2_000_000
"""Numbers that go into the notebook from the start; where a pass has more, the others come as they are looked at."""


def widget(glass: Glass) -> AnyWidget:
    """Show what `pellucid.look` gave as a widget that can be clicked.

    Raises:
        UserError: anywidget is not installed.

    Example:
        >>> from pellucid.glass import look
        >>> shown = widget(look(torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3)), torch.ones(1, 4, 4)))
        >>> [node["name"] for node in shown.said["plan"]["nodes"]]
        ['input', '0']
    """
    if importlib.util.find_spec("anywidget") is None:
        raise UserError("the widget needs anywidget; install it with: pip install 'pellucid[notebook]'")
    shown = _widget_class()(said=_said(glass), style=str(style_sheet("page.css", "widget.css", shadow=True)))
    shown.on_msg(lambda _, question, buffers: _answer(shown, glass, question))
    return shown


@functools.cache
def _widget_class() -> type[AnyWidget]:
    import anywidget
    import traitlets

    script = f"{joined_modules('widget.js')}\nexport default {{ render: showGlass }};\n"
    traits = {
        "_esm": script,
        "said": traitlets.Dict().tag(sync=True),
        "style": traitlets.Unicode().tag(sync=True),
        "__module__": __name__,
    }
    return type("GlassWidget", (anywidget.AnyWidget,), traits)


def _answer(shown: AnyWidget, glass: Glass, question: Any) -> None:
    """Answer a message of the page: with bytes, or with what is wrong in words."""
    asked = question.get("id") if isinstance(question, dict) else None
    try:
        content = answer_to(glass, question)
    except UserError as error:
        shown.send({"id": asked, "error": str(error)})
    else:
        shown.send({"id": asked}, buffers=[content])


def answer_to(glass: Glass, question: Any) -> bytes:
    """Answer what the page asks: `{"ask": "values", "nodes": [0, 3]}` or `{"ask": "unit", "unit": "conv1[0,1,2]"}`.

    Returns:
        A head and arrays, as `studio.packing` writes them.

    Raises:
        UserError: it asks for something else, or for a node or unit that there is not.
    """
    kind = question.get("ask") if isinstance(question, dict) else None
    if kind == "unit" and isinstance(question.get("unit"), str):
        trace = glass.trace(question["unit"])
        return bytes(packed_unit(glass, trace, glass.picture.source).body)
    nodes, steps = question.get("nodes") if kind == "values" else None, glass.recording.steps
    if not isinstance(nodes, list) or not all(type(number) is int and 0 <= number < len(steps) for number in nodes):
        raise UserError(f"the page asked {str(question)[:200]}; expected values of nodes, or a unit")
    arrays: dict[str, np.ndarray[Any, Any]] = {
        str(number): steps[number].value.detach().to("cpu", torch.float32).contiguous().numpy() for number in nodes
    }
    if glass.picture.pixels is not None:
        arrays["pixels"] = glass.picture.pixels
    return bytes(packed({}, arrays).body)


def _said(glass: Glass) -> dict[str, Any]:
    steps, prediction = glass.recording.steps, glass.prediction
    computed = [step.number for step in steps if not step.is_source or not step.number]
    small = sum(steps[number].value.numel() for number in computed) <= FETCHED_AT_ONCE
    answer = None
    if prediction is not None and glass.classes:
        shares = list(glass.calibrated_probabilities or prediction.probabilities)
        answer = {"label": prediction.index, "probabilities": shares, "threshold": None, "unsure": False}
    preprocessing = glass.picture.preprocessing
    said = {
        "plan": outline_of(glass.recording),
        "classes": list(glass.classes or ()),
        "preprocessing": None if preprocessing is None else preprocessing.to_dict(),
        "sentence": sentence_of(glass),
        "answer": answer,
        "label": glass.picture.label,
        "first": computed if small else sorted({0, glass.recording.output}),
    }
    whole: dict[str, Any] = plain(said)
    return whole
