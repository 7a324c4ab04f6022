"""Ordinary torch modules: the lesson's two networks, a residual one, and any from a person's own file."""

from pellucid.networks.layout import arrange
from pellucid.networks.registry import NETWORKS, Network, build, check_name, default_input, is_own_file, load_own_class
from pellucid.networks.residual import SmallResnet
from pellucid.networks.simple import SimpleCifar, SimpleMnist

__all__ = [
    "NETWORKS",
    "Network",
    "SimpleCifar",
    "SimpleMnist",
    "SmallResnet",
    "arrange",
    "build",
    "check_name",
    "default_input",
    "is_own_file",
    "load_own_class",
]
