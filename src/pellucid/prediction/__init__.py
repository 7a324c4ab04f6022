"""A picture in, each class's probability out: what evaluation, the glass box and the report share."""

from pellucid.prediction.chosen_images import ChosenImages, choose_images
from pellucid.prediction.picture import Picture, open_picture
from pellucid.prediction.prediction import Prediction
from pellucid.prediction.predictions import Predictions, predictions_csv, read_predictions
from pellucid.prediction.predictor import Predictor, open_predictor

__all__ = [
    "ChosenImages",
    "Picture",
    "Prediction",
    "Predictions",
    "Predictor",
    "choose_images",
    "open_picture",
    "open_predictor",
    "predictions_csv",
    "read_predictions",
]
