"""An image in, calibrated probabilities out: what evaluation, the glass box and the report share."""

from pellucid.prediction.calibration import Calibration, read_calibration
from pellucid.prediction.chosen_images import ChosenImages, SplitPart, choose_images
from pellucid.prediction.picture import Picture, open_picture
from pellucid.prediction.prediction import Prediction
from pellucid.prediction.predictions import Predictions, predictions_csv, read_predictions
from pellucid.prediction.predictor import Predictor, open_predictor

__all__ = [
    "Calibration",
    "ChosenImages",
    "Picture",
    "Prediction",
    "Predictions",
    "Predictor",
    "SplitPart",
    "choose_images",
    "open_picture",
    "open_predictor",
    "predictions_csv",
    "read_calibration",
    "read_predictions",
]
