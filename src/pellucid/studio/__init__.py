"""The studio: a local web app on which every number of a run's own network can be clicked, while it trains too.

`serving` starts it, `application` puts it together, `guarding` says who may ask for what. A file of `views/` answers
for one part of the page; it fetches what the rooms below give, and computes nothing of its own. `page/` is what the
browser runs: plain ES modules, which share `web/modules` with the exported page.
"""

from __future__ import annotations

from pellucid.studio.application import application
from pellucid.studio.serving import studio
from pellucid.studio.workplace import Workplace

__all__ = ["Workplace", "application", "studio"]
