"""What a run becomes to be used elsewhere: a file with everything inside, or a service that answers over HTTP.

Importing this loads no torch, since a service of an exported model runs without it. A name is imported when it is asked
for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pellucid.deployment.answering import graph_of
    from pellucid.deployment.export import KINDS, Exported, export
    from pellucid.deployment.gate import GateFigures
    from pellucid.deployment.service import Limits, application, serve

_HOMES = {
    "answering": ("graph_of",),
    "export": ("KINDS", "Exported", "export"),
    "gate": ("GateFigures",),
    "service": ("Limits", "application", "serve"),
}

__all__ = ["KINDS", "Exported", "GateFigures", "Limits", "application", "export", "graph_of", "serve"]


def __getattr__(name: str) -> Any:
    """Import a name from its file (PEP 562)."""
    for file, names in _HOMES.items():
        if name in names:
            value = getattr(importlib.import_module(f"{__name__}.{file}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
