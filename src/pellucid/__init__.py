"""Pellucid: convolutional networks that you can see through.

    import pellucid
    run = pellucid.train("fashion-mnist", recipe="tutorial", epochs=1)
    print(pellucid.evaluate(run))

Importing this loads neither torch nor matplotlib; the first call that needs them does.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

from pellucid.ground.shown import pictures_of
from pellucid.ground.version import VERSION

__version__ = VERSION

# A thread of GNU's OpenMP that waits for another keeps its core busy for milliseconds; where other programs run
# beside, it so keeps the very thread it waits for from running. A shorter wait costs nothing on a quiet machine and
# is five times faster on a busy one (benchmarks/LOG.md). It is read when torch is loaded.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")

pictures_of(
    {
        "pellucid.attribution": "pellucid.figures.results",
        "pellucid.causes": "pellucid.figures.results",
        "pellucid.evaluation": "pellucid.figures.measured",
        "pellucid.run": "pellucid.figures.measured",
    }
)

if TYPE_CHECKING:
    from pellucid.api import draw_curves, resume, train
    from pellucid.attribution import explain
    from pellucid.causes import activations, history, maps, why
    from pellucid.data import open_image_set
    from pellucid.evaluation import evaluate
    from pellucid.glass import look
    from pellucid.ground.errors import UserError
    from pellucid.recipes import Recipe
    from pellucid.run import Run, find_runs, open_run
    from pellucid.stepping import take_step

_HOMES = {
    "Recipe": "pellucid.recipes",
    "Run": "pellucid.run.run",
    "UserError": "pellucid.ground.errors",
    "activations": "pellucid.causes",
    "draw_curves": "pellucid.api",
    "evaluate": "pellucid.evaluation",
    "explain": "pellucid.attribution",
    "find_runs": "pellucid.run.run",
    "history": "pellucid.causes",
    "look": "pellucid.glass",
    "maps": "pellucid.causes",
    "open_image_set": "pellucid.data",
    "open_run": "pellucid.run.run",
    "resume": "pellucid.api",
    "take_step": "pellucid.stepping",
    "train": "pellucid.api",
    "why": "pellucid.causes",
}

__all__ = [
    "Recipe",
    "Run",
    "UserError",
    "activations",
    "draw_curves",
    "evaluate",
    "explain",
    "find_runs",
    "history",
    "look",
    "maps",
    "open_image_set",
    "open_run",
    "resume",
    "take_step",
    "train",
    "why",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its home when it is first asked for (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'pellucid' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
