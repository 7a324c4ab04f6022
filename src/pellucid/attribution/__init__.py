"""Maps of the pixels that are evidence for a class, and how faithful each map is.

Every method is a class in a file of `methods/`; `METHODS` lists them by name.
"""

import pellucid.attribution.methods  # noqa: F401 -- each file adds its method to the table
from pellucid.attribution import showing as _  # noqa: F401 -- registers the views
from pellucid.attribution.explaining import (
    best_explanation,
    explain,
    explain_glass,
    quick_explanation,
    suitable_explanation,
)
from pellucid.attribution.explanation import Explanation, Explanations
from pellucid.attribution.faithfulness import Faithfulness, measure_map
from pellucid.attribution.registry import METHODS, Attribution, AttributionMethod, attribute, method, register_method

__all__ = [
    "METHODS",
    "Attribution",
    "AttributionMethod",
    "Explanation",
    "Explanations",
    "Faithfulness",
    "attribute",
    "best_explanation",
    "explain",
    "explain_glass",
    "measure_map",
    "method",
    "quick_explanation",
    "register_method",
    "suitable_explanation",
]
