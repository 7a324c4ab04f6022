"""From an error to its cause: confusion, the unit that contributed most, what activates it, maps, history."""

from pellucid.causes import showing as _  # noqa: F401 -- registers the views
from pellucid.causes.carrier import Carrier, find_carrier
from pellucid.causes.chain import Why, why
from pellucid.causes.confused_pair import ConfusedImage, ConfusedPair, find_pair
from pellucid.causes.epochs import History, Moment, history
from pellucid.causes.excitation import Excitation, Exciter, excite
from pellucid.causes.feature_maps import FeatureMaps, Filters, feature_maps, filters

__all__ = [
    "Carrier",
    "ConfusedImage",
    "ConfusedPair",
    "Excitation",
    "Exciter",
    "FeatureMaps",
    "Filters",
    "History",
    "Moment",
    "Why",
    "excite",
    "feature_maps",
    "filters",
    "find_carrier",
    "find_pair",
    "history",
    "why",
]
