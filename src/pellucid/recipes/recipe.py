"""The recipe: every setting of a training, each with what it does and what it may be.

The command line's options are made from these fields; there is no second place to configure a training.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from pellucid.ground.errors import UserError, did_you_mean

__all__ = ["Recipe", "recipe_fields"]

Check = tuple[Callable[[Any], bool], str]
"""A test of a value, and what was expected in words."""

LARGEST = 10**6
"""Of whole numbers: nobody trains for more epochs or on larger batches, and sums of it stay far from any overflow."""
LARGEST_SHIFT = 10**4

AT_LEAST_ONE: Check = (lambda value: 1 <= value <= LARGEST, "a whole number of at least 1 and at most 1,000,000")
SHIFT: Check = (lambda value: 0 <= value <= LARGEST_SHIFT, "a whole number from 0 to 10,000")
AT_LEAST_ZERO: Check = (lambda value: 0 <= value <= sys.float_info.max, "a finite number of 0 or more")
ABOVE_ZERO: Check = (lambda value: 0 < value <= sys.float_info.max, "a finite number above 0")
YES_OR_NO: Check = (lambda value: isinstance(value, bool), "yes or no")
DEGREES: Check = (lambda value: 0 <= value <= 180, "a number from 0 to 180")
PIXELS: Check = (lambda value: 0 <= value <= 50, "a number from 0 to 50")
CHANCE: Check = (lambda value: 0 <= value <= 1, "a number from 0 to 1")
MIXUP: Check = (lambda value: value == 0 or 0.01 <= value <= 100, "0, or a number from 0.01 to 100")
SHARE: Check = (lambda value: 0 <= value < 1, "a number from 0 to below 1")


def one_of(*names: str) -> Check:
    """Expect one of these names."""
    return (lambda value: value in names, " or ".join(names))


def setting(default: Any, help: str, check: Check) -> Any:
    """Declare a field of the recipe: default, one line of help, and what is accepted."""
    return field(default=default, metadata={"help": help, "check": check})


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a network is trained. Frozen: a change makes a new one with `replace`.

    Raises:
        UserError: every setting that cannot be, all together.

    >>> Recipe(name="mine", epochs=0, optimizer="adan")
    Traceback (most recent call last):
        ...
    pellucid.ground.errors.UserError: the recipe 'mine' cannot be used:
      - epochs is 0; expected a whole number of at least 1 and at most 1,000,000
      - optimizer is 'adan'; expected adam or adamw or sgd; did you mean 'adam'? (one of: adam, adamw, sgd)
    """

    name: str = "custom"
    epochs: int = setting(5, "Passes over the training images.", AT_LEAST_ONE)
    batch_size: int = setting(32, "Images in a step.", AT_LEAST_ONE)
    optimizer: str = setting("adam", "adam, adamw or sgd (Nesterov momentum).", one_of("adam", "adamw", "sgd"))
    learning_rate: float = setting(1e-3, "The rate; the highest one where a schedule varies it.", ABOVE_ZERO)
    schedule: str = setting(
        "constant",
        "constant, cosine (after a warm-up), or one-cycle (up, then down to zero, both linear).",
        one_of("constant", "cosine", "one-cycle"),
    )
    warmup: float = setting(0.0, "Share of all steps in which the rate rises from zero.", SHARE)
    momentum: float = setting(0.9, "Momentum of sgd; adam and adamw have their usual 0.9 and 0.999.", SHARE)
    weight_decay: float = setting(0.0, "Weight decay, on weights of two or more dimensions only.", AT_LEAST_ZERO)
    label_smoothing: float = setting(0.0, "Share of the target spread evenly over all classes.", SHARE)
    class_weights: str = setting(
        "none",
        "Weight of a class in the loss: none, balanced (1 / its images), or sqrt (1 / their square root).",
        one_of("none", "balanced", "sqrt"),
    )
    validation: float = setting(0.0, "Share of each class's training images held out, if the set has none.", SHARE)
    flip: bool = setting(False, "Flip images left to right at random, where the data set allows it.", YES_OR_NO)
    shift: int = setting(0, "Shift images at random by up to this many pixels.", SHIFT)
    zoom: float = setting(0.0, "Zoom in at random, to sides up to this share shorter.", SHARE)
    rotation: float = setting(0.0, "Rotate images at random by up to so many degrees.", DEGREES)
    colour: float = setting(0.0, "Change brightness, contrast and saturation by up to this share.", SHARE)
    blur: float = setting(0.0, "Blur images at random by up to so many pixels.", PIXELS)
    erase: float = setting(0.0, "Chance that a rectangle of an image is erased.", CHANCE)
    mixup: float = setting(0.0, "Mix pairs of images and their labels; 0.2 mixes little, 1 all ways alike.", MIXUP)
    normalize: str = setting(
        "half",
        "half (pixels to -1 … 1), dataset (its own mean and standard deviation), or weights (those that pretrained "
        "weights expect).",
        one_of("half", "dataset", "weights"),
    )
    precision: str = setting(
        "auto",
        "float32, mixed (bfloat16 where the device has it), or auto (mixed on a GPU, float32 on a CPU).",
        one_of("auto", "float32", "mixed"),
    )
    log_every: int = setting(100, "Steps between two lines of the log.", AT_LEAST_ONE)
    backbone: str = setting(
        "trained",
        "trained (every weight, step by step), or frozen (it stays as it is: the features of each image are computed "
        "once, and the last layer is fitted to them).",
        one_of("trained", "frozen"),
    )
    fine_tune: bool = setting(
        False,
        "With a frozen backbone: train its last stages too, once the last layer is fitted (epoch 1); used only where "
        "validation images say that it is better.",
        YES_OR_NO,
    )

    def __post_init__(self) -> None:
        problems = [] if isinstance(self.name, str) else [f"name is {self.name!r}; expected a text"]
        for item in recipe_fields():
            value = getattr(self, item.name)
            accepts, expected = item.metadata["check"]
            kind = type(item.default)
            of_kind = isinstance(value, kind) or (kind is float and isinstance(value, int))
            if not of_kind or (kind is not bool and isinstance(value, bool)):
                problems.append(f"{item.name} is {value!r}; expected {expected}")
            elif not accepts(value):
                hint = f"; {did_you_mean(value, expected.split(' or '))}" if kind is str else ""
                problems.append(f"{item.name} is {value!r}; expected {expected}{hint}")
        if problems:
            raise UserError.all_of(f"the recipe {self.name!r} cannot be used", problems)

    def replace(self, **changes: Any) -> Recipe:
        """Make a recipe with some settings changed.

        Raises:
            UserError: names that are no settings (with the nearest that are) and values that cannot be, all together.
        """
        names = [item.name for item in fields(self)]
        problems = [
            f"no setting of a recipe is called {name!r}; {did_you_mean(name, names)}"
            for name in changes
            if name not in names
        ]
        if not problems:
            return dataclasses.replace(self, **changes)
        try:
            dataclasses.replace(self, **{name: value for name, value in changes.items() if name in names})
        except UserError as error:
            problems += error.problems
        raise UserError.all_of(f"the recipe {self.name!r} cannot be changed so", problems)

    def to_dict(self) -> dict[str, Any]:
        """Give the settings as JSON holds them."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> Recipe:
        """Read what `to_dict` gave."""
        return cls(**settings)


def recipe_fields() -> list[dataclasses.Field[Any]]:
    """List the settings a person may change: every field but the name."""
    return [item for item in fields(Recipe) if item.name != "name"]
