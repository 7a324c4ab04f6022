"""What a run becomes to be used elsewhere: one file with everything from the picture's bytes to the answer inside."""

from pellucid.deployment.answering import graph_of
from pellucid.deployment.export import KINDS, Exported, export
from pellucid.deployment.gate import GateFigures

__all__ = ["KINDS", "Exported", "GateFigures", "export", "graph_of"]
