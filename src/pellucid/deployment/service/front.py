"""The page of a service: choose or drop images, see what the network says."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined

from pellucid.deployment.service.limits import Limits
from pellucid.figures.tokens import TOKENS
from pellucid.prediction.classifier import Classifier

__all__ = ["POLICY", "front_page"]

POLICY = (
    "default-src 'none'; connect-src 'self'; img-src blob: data:; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def front_page(classifier: Classifier, limits: Limits, guarded: bool) -> str:
    """Write the page."""
    environment = Environment(
        loader=PackageLoader("pellucid.deployment"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    template = environment.get_template("service.html")
    return template.render(classifier=classifier, limits=limits, guarded=guarded, tokens=TOKENS)
