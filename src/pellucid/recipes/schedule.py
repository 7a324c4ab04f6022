"""The learning rate at each step: a pure function of the position, so that a resumed run needs no state for it."""

from __future__ import annotations

import math

from pellucid.recipes.recipe import Recipe

__all__ = ["learning_rate"]


def learning_rate(recipe: Recipe, step: int, steps: int) -> float:
    """Give the rate of step `step`, counted from 0, of `steps` in all.

    A step is looked at in its middle, at `x = (step + 1/2) / steps` of the way. Up to `x = warmup` the rate rises
    linearly from 0 to `r`, the recipe's rate; from there, with `p` the share of the remaining way, it is `r`
    (constant), `r · (1 + cos πp) / 2` (cosine: Loshchilov & Hutter 2016, arXiv:1608.03983) or `r · (1 - p)`
    (one-cycle, after Smith & Topin 2017, arXiv:1708.07120).

    >>> recipe = Recipe(schedule="one-cycle", warmup=0.5, learning_rate=1.0)
    >>> [learning_rate(recipe, step, 4) for step in range(4)]
    [0.25, 0.75, 0.75, 0.25]
    """
    way = (step + 0.5) / steps
    if way < recipe.warmup:
        return recipe.learning_rate * way / recipe.warmup
    if recipe.schedule == "constant":
        return recipe.learning_rate
    share = (way - recipe.warmup) / (1 - recipe.warmup)
    if recipe.schedule == "cosine":
        return recipe.learning_rate * (1 + math.cos(math.pi * share)) / 2
    return recipe.learning_rate * (1 - share)
