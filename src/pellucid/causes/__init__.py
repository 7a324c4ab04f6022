"""From an error to its cause: confusion, the unit that contributed most, what activates it, feature maps, history."""

from pellucid.causes import showing as _  # noqa: F401 -- registers the views
from pellucid.causes.activating_images import ActivatingImage, Activations, activations
from pellucid.causes.chain import Why, why
from pellucid.causes.confused_pair import ConfusedImage, ConfusedPair, find_pair
from pellucid.causes.contributor import Contributor, find_contributor
from pellucid.causes.epochs import History, Moment, history
from pellucid.causes.feature_maps import FeatureMaps, Filters, filters, maps

__all__ = [
    "ActivatingImage",
    "Activations",
    "ConfusedImage",
    "ConfusedPair",
    "Contributor",
    "FeatureMaps",
    "Filters",
    "History",
    "Moment",
    "Why",
    "activations",
    "filters",
    "find_contributor",
    "find_pair",
    "history",
    "maps",
    "why",
]
