"""What pages and the studio share: modules that run in a browser, the network as plain data, and what runs it there.

Importing this loads no torch, since the studio's page is handed out before that is there. A name is imported when it is
asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pellucid.web.inlining import as_json, joined_modules, modules_folder, style_sheet
    from pellucid.web.plan import Plan, outline_of, plan_of
    from pellucid.web.runtime import WebRuntime, web_runtime

_HOMES = {
    "inlining": ("as_json", "joined_modules", "modules_folder", "style_sheet"),
    "plan": ("Plan", "outline_of", "plan_of"),
    "runtime": ("WebRuntime", "web_runtime"),
}

__all__ = [
    "Plan",
    "WebRuntime",
    "as_json",
    "joined_modules",
    "modules_folder",
    "outline_of",
    "plan_of",
    "style_sheet",
    "web_runtime",
]


def __getattr__(name: str) -> Any:
    """Import a name from its file (PEP 562)."""
    for file, names in _HOMES.items():
        if name in names:
            value = getattr(importlib.import_module(f"{__name__}.{file}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
