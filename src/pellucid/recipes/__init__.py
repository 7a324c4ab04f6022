"""Recipes: every setting of a training, the named ones, and the learning rate at each step. Loads no torch."""

from pellucid.recipes.presets import PRESETS, fine_tuning, preset, register_recipe
from pellucid.recipes.recipe import Recipe, recipe_fields
from pellucid.recipes.schedule import learning_rate

__all__ = ["PRESETS", "Recipe", "fine_tuning", "learning_rate", "preset", "recipe_fields", "register_recipe"]
