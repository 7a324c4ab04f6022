"""One training step, recomputed: loss, gradients, the chain rule back to one weight, the optimizer."""

from pellucid.stepping import showing as _  # noqa: F401 -- registers the views
from pellucid.stepping.repetition import RecordCheck
from pellucid.stepping.taking import take_step
from pellucid.stepping.training_step import TrainingStep
from pellucid.stepping.update import Quantity, Update, recompute_update
from pellucid.stepping.weights import check_has_steps, example_weights

__all__ = [
    "Quantity",
    "RecordCheck",
    "TrainingStep",
    "Update",
    "check_has_steps",
    "example_weights",
    "recompute_update",
    "take_step",
]
