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
        "pellucid.glass": "pellucid.figures.unit",
        "pellucid.run": "pellucid.figures.measured",
    }
)

if TYPE_CHECKING:
    from pellucid.api import export, resume, serve, trace, train
    from pellucid.arithmetic import summarise as layers
    from pellucid.attribution import explain
    from pellucid.auditing import audit
    from pellucid.causes import activations, history, maps, why
    from pellucid.convolution import convolve, convolve2d
    from pellucid.data import open_image_set
    from pellucid.evaluation import compare, evaluate, mistakes, robustness
    from pellucid.glass import look
    from pellucid.ground.errors import UserError
    from pellucid.prediction.calling import predictor
    from pellucid.recipes import Recipe
    from pellucid.reporting import report
    from pellucid.run import Run, find_runs, open_run
    from pellucid.stepping import take_step as step
    from pellucid.studio import studio

_HOMES = {
    "Recipe": "pellucid.recipes",
    "Run": "pellucid.run",
    "UserError": "pellucid.ground.errors",
    "activations": "pellucid.causes",
    "audit": "pellucid.auditing",
    "compare": "pellucid.evaluation",
    "convolve": "pellucid.convolution",
    "convolve2d": "pellucid.convolution",
    "evaluate": "pellucid.evaluation",
    "explain": "pellucid.attribution",
    "export": "pellucid.api",
    "find_runs": "pellucid.run",
    "history": "pellucid.causes",
    "layers": "pellucid.arithmetic:summarise",
    "look": "pellucid.glass",
    "maps": "pellucid.causes",
    "mistakes": "pellucid.evaluation",
    "open_image_set": "pellucid.data",
    "open_run": "pellucid.run",
    "predictor": "pellucid.prediction.calling",
    "report": "pellucid.reporting",
    "resume": "pellucid.api",
    "robustness": "pellucid.evaluation",
    "serve": "pellucid.api",
    "step": "pellucid.stepping:take_step",
    "studio": "pellucid.studio",
    "trace": "pellucid.api",
    "train": "pellucid.api",
    "why": "pellucid.causes",
}
"""Where each public name is imported from when it is first asked for; the lines above say the same to type checkers.

A name after the colon is the one it has at home, where that is another; a room of the verb's own name is the verb.
"""

__all__ = [
    "Recipe",
    "Run",
    "UserError",
    "activations",
    "audit",
    "compare",
    "convolve",
    "convolve2d",
    "evaluate",
    "explain",
    "export",
    "find_runs",
    "history",
    "layers",
    "look",
    "maps",
    "mistakes",
    "open_image_set",
    "open_run",
    "predictor",
    "report",
    "resume",
    "robustness",
    "serve",
    "step",
    "studio",
    "trace",
    "train",
    "why",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its home (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'pellucid' has no attribute {name!r}; it has {', '.join(__all__)}")
    module, _, name_at_home = _HOMES[name].partition(":")
    home = importlib.import_module(module)
    value = home if module == f"pellucid.{name}" else getattr(home, name_at_home or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
