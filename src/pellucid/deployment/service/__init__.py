"""A classifier that answers over HTTP: what is asked of it, what it refuses, how requests share a batch."""

from pellucid.deployment.service.application import application
from pellucid.deployment.service.limits import Limits
from pellucid.deployment.service.running import serve

__all__ = ["Limits", "application", "serve"]
