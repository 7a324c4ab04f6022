"""The studio: a local web app on which every number of a run's own network can be clicked, while it trains too.

`serving` starts it, `application` puts it together, `guarding` says who may ask for what. A file of `views/` answers
for one part of the page; it fetches what the rooms below give, and computes nothing of its own. `page/` is what the
browser runs: plain ES modules, which share `web/modules` with the exported page. `notebook` shows one image through a
network by the same modules, without a server.

`pellucid.studio` is this room and a verb: `pellucid.studio(run)` opens it. Importing this loads no torch, since the
page is handed out before that is there.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pellucid.studio.opening import studio
    from pellucid.studio.workplace import Workplace

_HOMES = {
    "Workplace": "workplace",
    "studio": "opening",
}

__all__ = ["Workplace", "studio"]


class _Verb(ModuleType):
    """A module that can be called: Python puts an imported room where `pellucid` has the verb of the same name."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Open the studio; see `pellucid.studio.opening.studio`."""
        from pellucid.studio.opening import studio

        return studio(*arguments, **options)


sys.modules[__name__].__class__ = _Verb


def __getattr__(name: str) -> Any:
    """Import a name from its file (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
