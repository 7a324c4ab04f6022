"""Training: the loop, and the checkpoints that make a killed run end as if nothing had happened."""

from pellucid.training.interruption import Interrupted
from pellucid.training.start import resume, start

__all__ = ["Interrupted", "resume", "start"]
