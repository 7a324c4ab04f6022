"""What pages and the studio share: modules that run in a browser, the network as plain data, and what runs it there."""

from __future__ import annotations

from pellucid.web.inlining import as_json, joined_modules, modules_folder, style_sheet
from pellucid.web.plan import Plan, outline_of, plan_of
from pellucid.web.runtime import WebRuntime, web_runtime

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
