"""Looking into a trained network: every operation on one image, the arithmetic of any unit, one training step."""

from pellucid.inspection.attribution import METHODS, Attribution, attribute
from pellucid.inspection.carrier import Carrier, find_carrier
from pellucid.inspection.chain import Why, why
from pellucid.inspection.confusion import ConfusedImage, ConfusedPair, find_pair
from pellucid.inspection.excitation import Excitation, Exciter, excite
from pellucid.inspection.explanation import Comparison, Explanation, best_explanation, compare, explain, explain_glass
from pellucid.inspection.faithfulness import Faithfulness, measure_map
from pellucid.inspection.feature_maps import FeatureMaps, Filters, feature_maps, filters
from pellucid.inspection.glass import Glass, Node, Unit, look
from pellucid.inspection.gradients import Gradients, gradients
from pellucid.inspection.picture import Picture, open_picture
from pellucid.inspection.prediction import Prediction
from pellucid.inspection.receptive_field import Box, box_of
from pellucid.inspection.time_machine import History, Moment, history
from pellucid.inspection.training_step import TrainingStep, take_step
from pellucid.inspection.unit_trace import Pixel, Term, UnitTrace
from pellucid.inspection.units import parse_unit
from pellucid.inspection.update import Quantity, Update, update_by_hand
from pellucid.inspection.walking import Feed, Feeds, Link, Path, class_number

__all__ = [
    "METHODS",
    "Attribution",
    "Box",
    "Carrier",
    "Comparison",
    "ConfusedImage",
    "ConfusedPair",
    "Excitation",
    "Exciter",
    "Explanation",
    "Faithfulness",
    "FeatureMaps",
    "Feed",
    "Feeds",
    "Filters",
    "Glass",
    "Gradients",
    "History",
    "Link",
    "Moment",
    "Node",
    "Path",
    "Picture",
    "Pixel",
    "Prediction",
    "Quantity",
    "Term",
    "TrainingStep",
    "Unit",
    "UnitTrace",
    "Update",
    "Why",
    "attribute",
    "best_explanation",
    "box_of",
    "class_number",
    "compare",
    "excite",
    "explain",
    "explain_glass",
    "feature_maps",
    "filters",
    "find_carrier",
    "find_pair",
    "gradients",
    "history",
    "look",
    "measure_map",
    "open_picture",
    "parse_unit",
    "take_step",
    "update_by_hand",
    "why",
]
