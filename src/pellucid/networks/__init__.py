"""Ordinary torch modules: the lesson's two networks, a residual one, a pretrained one, timm's, a person's own file.

A network is added by a file beside this one, whose class is decorated with `@register_network`; every file here is
imported, so that nothing else has to name it.
"""

from importlib import import_module
from pkgutil import iter_modules

from pellucid.networks.building import build, check_name
from pellucid.networks.fitting import check_trains_on
from pellucid.networks.head import Head, as_logits, head_of
from pellucid.networks.last_layer import features_of, last_layer, last_stages
from pellucid.networks.layout import arrange, place
from pellucid.networks.neighbours import check_stands_alone
from pellucid.networks.own_file import is_own_file, load_own_class
from pellucid.networks.registry import NETWORKS, Network, default_input, register_network
from pellucid.networks.residual import SmallResnet
from pellucid.networks.simple import SimpleCifar, SimpleMnist
from pellucid.networks.starting import (
    RANDOM,
    StartingWeights,
    begin_with,
    begins_pretrained,
    brings_statistics,
    check_weights,
    starting_weights,
)

for file in iter_modules(__path__):
    import_module(f"{__name__}.{file.name}")

__all__ = [
    "NETWORKS",
    "RANDOM",
    "Head",
    "Network",
    "SimpleCifar",
    "SimpleMnist",
    "SmallResnet",
    "StartingWeights",
    "arrange",
    "as_logits",
    "begin_with",
    "begins_pretrained",
    "brings_statistics",
    "build",
    "check_name",
    "check_stands_alone",
    "check_trains_on",
    "check_weights",
    "default_input",
    "features_of",
    "head_of",
    "is_own_file",
    "last_layer",
    "last_stages",
    "load_own_class",
    "place",
    "register_network",
    "starting_weights",
]
