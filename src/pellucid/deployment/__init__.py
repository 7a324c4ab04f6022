"""What a run becomes to be used elsewhere: one file with everything from the picture's bytes to the answer inside."""

from pellucid.deployment.answering import graph_of

__all__ = ["graph_of"]
