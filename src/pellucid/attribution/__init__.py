"""Maps of the pixels that are evidence for a class, and how faithful each map is."""

from pellucid.attribution.explanation import (
    Comparison,
    Explanation,
    best_explanation,
    compare,
    explain,
    explain_glass,
)
from pellucid.attribution.faithfulness import Faithfulness, measure_map
from pellucid.attribution.methods import METHODS, Attribution, attribute

__all__ = [
    "METHODS",
    "Attribution",
    "Comparison",
    "Explanation",
    "Faithfulness",
    "attribute",
    "best_explanation",
    "compare",
    "explain",
    "explain_glass",
    "measure_map",
]
