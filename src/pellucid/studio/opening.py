"""`pellucid.studio(…)`: the studio in a browser, or, in a notebook, one image through a network that can be clicked."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pellucid.glass import Glass, look
from pellucid.ground.errors import UserError
from pellucid.prediction.picture import REFERENCE
from pellucid.run import Run, open_run
from pellucid.studio.serving import serve

if TYPE_CHECKING:
    from anywidget import AnyWidget

__all__ = ["studio"]


def studio(thing: str | Path | Run | Glass = "runs", *, port: int | None = None) -> AnyWidget | None:
    """Open the studio on a run: in a script in the browser, until Ctrl-C; in a notebook as a widget in the page.

    Args:
        thing: a run, or its directory; what `pellucid.look` gave; or, in a script, a folder of runs.
        port: where a script's studio listens; None takes 8501, or the next free one.

    Returns:
        The widget in a notebook, which shows it; None from a script, when the studio was ended.

    Raises:
        UserError: the place is a file; a `Glass` outside a notebook is not of a run; a notebook lacks anywidget.

    Example:
        >>> pellucid.studio("runs/mnist-1")  # doctest: +SKIP
    """
    if in_notebook():
        from pellucid.studio.notebook import widget

        return widget(thing if isinstance(thing, Glass) else _example(thing))
    shown = {}
    if isinstance(thing, Glass):
        if thing.run is None:
            raise UserError(
                "this Glass is of a network without a run; outside a notebook the studio shows runs. "
                "In a notebook, its widget can be clicked; `pellucid.trace` prints any unit"
            )
        shown = {"epoch": str(thing.epoch)}
        if REFERENCE.fullmatch(thing.picture.source):
            shown["image"] = thing.picture.source
        thing = thing.run
    serve(thing.directory if isinstance(thing, Run) else thing, port=port, shown=shown)
    return None


def in_notebook() -> bool:
    """Whether this runs in the kernel of a notebook, which shows widgets.

    >>> in_notebook()
    False
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is not None and hasattr(shell, "kernel"):
        return True
    marimo = sys.modules.get("marimo")
    return bool(marimo is not None and marimo.running_in_notebook())


def _example(thing: str | Path | Run) -> Glass:
    run = thing if isinstance(thing, Run) else open_run(thing)
    return look(run, run.example_image)
