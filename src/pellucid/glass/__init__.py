"""A network with every value of one forward pass, and the arithmetic of any unit, traced back to the pixels."""

from pellucid.glass import showing as _  # noqa: F401 -- registers the views
from pellucid.glass.glass import Glass, look
from pellucid.glass.gradients import Gradients, gradients
from pellucid.glass.nodes import ForwardPass, Node, Unit
from pellucid.glass.receptive_field import Box, box_of
from pellucid.glass.unit_trace import Pixel, Term, UnitTrace
from pellucid.glass.units import parse_unit
from pellucid.glass.walking import Feed, Feeds, Link, Path, class_index

__all__ = [
    "Box",
    "Feed",
    "Feeds",
    "ForwardPass",
    "Glass",
    "Gradients",
    "Link",
    "Node",
    "Path",
    "Pixel",
    "Term",
    "Unit",
    "UnitTrace",
    "box_of",
    "class_index",
    "gradients",
    "look",
    "parse_unit",
]
