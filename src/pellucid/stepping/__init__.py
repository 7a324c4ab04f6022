"""One training step by hand: loss, gradients, the chain rule back to one weight, the optimizer."""

from pellucid.stepping import showing as _  # noqa: F401 -- registers the views
from pellucid.stepping.training_step import TrainingStep, take_step
from pellucid.stepping.update import Quantity, Update, update_by_hand

__all__ = ["Quantity", "TrainingStep", "Update", "take_step", "update_by_hand"]
