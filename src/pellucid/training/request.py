"""What is asked of a training, checked before anything is read or written: all mistakes together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pellucid.data import DataRequest
from pellucid.ground.devices import pick_device, uses_mixed_precision
from pellucid.ground.errors import UserError
from pellucid.networks import (
    RANDOM,
    begins_pretrained,
    brings_statistics,
    check_name,
    check_stands_alone,
    check_weights,
    is_own_file,
)
from pellucid.recipes import PRESETS, Recipe, fine_tuning, preset
from pellucid.run import Run, RunFile
from pellucid.run.epochs import BEST_AND_LAST, KEEP_EXPECTED, is_keep
from pellucid.run.resuming import resume_command

__all__ = ["STANDARD", "STEPLESS", "TrainingRequest"]

STANDARD = "standard"
STEPLESS = frozenset({"backbone", "class_weights", "fine_tune", "flip", "normalize", "validation"})
"""The settings that mean something where the backbone is frozen; all others are of a training by steps."""


@dataclass(frozen=True, kw_only=True)
class TrainingRequest:
    """A training that is asked for. Making one raises nothing; `check` reports every mistake at once."""

    data: DataRequest
    network: str | None = None
    """A network's name, `timm:NAME` or `file.py:ClassName`; None is the lesson's network for the images."""
    weights: str | None = None
    """What the network begins with: `pretrained`, `random`, or a .safetensors file; None is pretrained if it can be."""
    recipe: str | Recipe | None = None
    """None is `standard` (`pellucid.training.choosing` chooses among more)."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the recipe that are to be different, such as `{"epochs": 3}`."""
    seed: int = 0
    device: str = "auto"
    out: str | Path | None = None
    """The run's directory, absent or empty; None makes one below `runs/`."""
    keep: int | str = BEST_AND_LAST
    """Which epochs' weights to keep: `best-and-last`, `all`, or a number, so many of the newest and the best."""

    def changed_recipe(self) -> Recipe:
        """Give the recipe with the settings that were asked for.

        Raises:
            UserError: there is no such recipe or setting, or a value cannot be.
        """
        if isinstance(self.recipe, Recipe):
            return self.recipe.replace(**self.settings)
        recipe = preset(STANDARD if self.recipe is None else self.recipe)
        if self.settings.get("backbone", recipe.backbone) == "frozen":
            recipe = fine_tuning(recipe) if self.settings.get("fine_tune") is True else recipe.replace(epochs=1)
        recipe = recipe.replace(**self.settings)
        if "normalize" not in self.settings and self.network and brings_statistics(self.network, self.weights):
            recipe = recipe.replace(normalize="weights")
        return recipe

    def check(self) -> None:
        """Look for every mistake that can be seen without opening the images.

        Raises:
            UserError: the recipe, the seed, the device, the directory, the network's name or the request for images
                cannot be; the message lists all of them.

        >>> TrainingRequest(data=DataRequest(source="cifar10"), seed=-1, keep=0).check()
        Traceback (most recent call last):
            ...
        pellucid.ground.errors.UserError: this training cannot begin:
          - keep is 0; expected best-and-last, all, or a number from 1: so many of the newest, and the best
          - seed is -1; expected a whole number from 0 to 2^63 - 1
        """
        problems = [
            *self.data.problems(),
            *filter(None, [self.data.data_dir_problem(), self.data.source_problem()]),
            *self._recipe_problems(),
            *self._own_problems(),
            *self._network_problems(),
        ]
        if problems:
            raise UserError.all_of("this training cannot begin", problems)

    def _recipe_problems(self) -> tuple[str, ...]:
        """List what is wrong with the recipe and the device that is to compute it."""
        problems: tuple[str, ...] = ()
        recipe = None
        try:
            recipe = self.changed_recipe()
        except UserError as error:
            problems += error.problems
            if isinstance(self.recipe, str) and self.recipe not in PRESETS:
                problems += _setting_problems(self.settings)  # which no recipe would accept
        try:
            device = pick_device(self.device)
            if recipe is not None:
                uses_mixed_precision(recipe.precision, device)
        except UserError as error:
            problems += error.problems
        return problems

    def _own_problems(self) -> list[str]:
        problems = list(self._frozen_problems())
        if not is_keep(self.keep):
            problems.append(f"keep is {self.keep!r}; expected {KEEP_EXPECTED}")
        if not 0 <= self.seed < 2**63:
            problems.append(f"seed is {self.seed}; expected a whole number from 0 to 2^63 - 1")
        if not 0 <= self.data.split_seed < 2**63:
            problems.append(f"split_seed is {self.data.split_seed}; expected a whole number from 0 to 2^63 - 1")
        try:
            if self.out is not None and not Run.can_begin_in(Path(self.out)):
                is_run = (Path(self.out) / RunFile.RECORD).exists()
                remedy = f"resume it with: {resume_command(self.out)}" if is_run else "choose another --out"
                problems.append(f"{self.out} exists and is not empty; {remedy}")
        except OSError as error:
            problems.append(f"the run's directory {self.out} cannot be made: {error.strerror}; choose another --out")
        return problems

    def _frozen_problems(self) -> Iterator[str]:
        """List what does not go with a backbone that stays as it is."""
        try:
            recipe = self.changed_recipe()
        except UserError:
            return
        if recipe.backbone != "frozen":
            if recipe.fine_tune:
                yield (
                    f"--fine-tune goes on from a fitted last layer, and recipe {recipe.name} trains every weight "
                    "anyway; leave it out, or give --recipe photos"
                )
            return
        if recipe.fine_tune and recipe.epochs < 2:
            yield f"epochs is {recipe.epochs}; expected 2 or more with --fine-tune, as epoch 1 fits the last layer"
        unused = [f"--{name.replace('_', '-')}" for name in self.settings if name not in STEPLESS]
        if unused and not recipe.fine_tune:
            yield (
                f"{' and '.join(unused)} cannot be used: with a frozen backbone there are no epochs and no steps, the "
                f"last layer is fitted once; to train its last stages as well: --fine-tune; to train all of it step by "
                f"step: --recipe {STANDARD}"
            )
        if self.weights is None and self.network and not begins_pretrained(self.network, None):
            yield (
                f"a frozen backbone needs pretrained weights, and {self.network} has none: give a file of them "
                "(--weights FILE.safetensors), another --network, or say that random ones are meant (--weights random)"
            )

    def _network_problems(self) -> tuple[str, ...]:
        if self.network is None:
            if self.weights is None or self.weights == RANDOM:
                return ()
            return (f"--weights {self.weights} is for a network that is named; give --network too",)
        try:
            if is_own_file(self.network):
                check_stands_alone(self.network)
            check_name(self.network)
            check_weights(self.network, self.weights)
        except UserError as error:
            return error.problems
        return ()


def _setting_problems(settings: Mapping[str, Any]) -> tuple[str, ...]:
    try:
        Recipe().replace(**settings)
    except UserError as error:
        return error.problems
    return ()
