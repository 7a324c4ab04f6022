"""An image in, calibrated probabilities out: what evaluation, the glass box, the report and `predict` share.

Importing this loads no torch: a model that was exported is run without it. A name is imported when it is asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pellucid.prediction.calibration import Calibration, read_calibration
    from pellucid.prediction.chosen_images import ChosenImages, SplitPart, choose_images
    from pellucid.prediction.classifier import Answer, Classifier, Refusal
    from pellucid.prediction.opening import open_classifier
    from pellucid.prediction.picture import Picture, open_picture
    from pellucid.prediction.prediction import Prediction
    from pellucid.prediction.predictions import Predictions, predictions_csv, read_predictions
    from pellucid.prediction.predictor import Predictor, open_predictor

_HOMES = {
    "calibration": ("Calibration", "read_calibration"),
    "chosen_images": ("ChosenImages", "SplitPart", "choose_images"),
    "classifier": ("Answer", "Classifier", "Refusal"),
    "opening": ("open_classifier",),
    "picture": ("Picture", "open_picture"),
    "prediction": ("Prediction",),
    "predictions": ("Predictions", "predictions_csv", "read_predictions"),
    "predictor": ("Predictor", "open_predictor"),
}

__all__ = [
    "Answer",
    "Calibration",
    "ChosenImages",
    "Classifier",
    "Picture",
    "Prediction",
    "Predictions",
    "Predictor",
    "Refusal",
    "SplitPart",
    "choose_images",
    "open_classifier",
    "open_picture",
    "open_predictor",
    "predictions_csv",
    "read_calibration",
    "read_predictions",
]


def __getattr__(name: str) -> Any:
    """Import a name from its file (PEP 562)."""
    for file, names in _HOMES.items():
        if name in names:
            value = getattr(importlib.import_module(f"{__name__}.{file}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
