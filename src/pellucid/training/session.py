"""Everything that a training works with, as a run's record and its newest checkpoint give it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from pellucid.data import ImageSet
from pellucid.data.batches import DeviceImages, epoch_order
from pellucid.data.pixel_augmentation import mixed
from pellucid.ground.devices import describe_device, seed_device, uses_mixed_precision
from pellucid.ground.errors import UserError
from pellucid.ground.ranks import Ranks
from pellucid.ground.seeds import derive_seed
from pellucid.networks import Head, begin_with, last_layer, last_stages, place, starting_weights
from pellucid.recipes import Recipe, learning_rate
from pellucid.run import Computation, Run
from pellucid.training.checkpoint import load_checkpoint
from pellucid.training.device_check import IMAGES
from pellucid.training.optimizer import make_optimizer
from pellucid.training.position import Position
from pellucid.training.preparation import Preparation, prepare
from pellucid.training.quick_step import quick_step

__all__ = ["Session", "TrainingBatch", "open_session"]

SHARE_TUNED = 0.5
"""Of the weights of a frozen backbone, those of its last stages that a fine-tuning trains."""


class TrainingBatch(NamedTuple):
    """One process's part of a step's batch, augmented, on the device; B images, K classes."""

    pixels: Tensor
    """`[B, H, W, C]` uint8."""
    labels: Tensor
    """`[B]` int64; of a mixed image that of its larger part."""
    targets: Tensor
    """What the loss compares with: the labels, or of mixed images shares of the classes, `[B, K]` float32."""
    partners: Tensor | None = None
    """`[B]` int64: the images that were mixed in, if any were."""
    shares: Tensor | None = None
    """`[B]` float32: how much of each image itself is left."""


@dataclass(kw_only=True)
class Session:
    """A training under way: what stays the same, and with network, optimizer and position, what a step changes."""

    recipe: Recipe
    seed: int
    classes: int
    preparation: Preparation
    train: DeviceImages
    val: DeviceImages | None
    device: torch.device
    mixed: bool
    """Whether forward passes run in bfloat16."""
    ranks: Ranks
    network: nn.Module
    head: Head
    """What the network's outputs mean."""
    forward: nn.Module
    """The network, or around it what averages the gradients of several processes."""
    optimizer: torch.optim.Optimizer
    optimizer_step: Callable[[], None]
    position: Position
    class_weights: Tensor | None = None
    """`[K]` float32 on the device: what the loss of an image is multiplied by; None where all count the same."""

    @property
    def is_frozen(self) -> bool:
        """Whether the first epoch fits the last layer; the rest stays as it is, or its last stages are tuned then."""
        return self.recipe.backbone == "frozen"

    @property
    def steps_per_epoch(self) -> int:
        """How many steps an epoch has."""
        return math.ceil(len(self.train) / self.recipe.batch_size)

    @property
    def fits(self) -> int:
        """How many epochs at the start are a fit of the last layer, each counted as one step."""
        return 1 if self.is_frozen else 0

    @property
    def steps(self) -> int:
        """Steps in all."""
        return self.fits + self.steps_per_epoch * (self.recipe.epochs - self.fits)

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        return learning_rate(self.recipe, self.position.step - self.fits, self.steps - self.fits)

    def learn(self) -> None:
        """Put the network into training mode; batch normalisations of a frozen backbone keep their averages."""
        self.network.train()
        if self.is_frozen:
            for module in self.network.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()

    @property
    def computation(self) -> Computation:
        """On what the next steps are computed, for the record."""
        return Computation(
            step=self.position.step,
            device=self.device.type,
            name=describe_device(self.device),
            precision="bfloat16" if self.mixed else "float32",
            images_per_statistic=self.images_per_statistic,
            threads=torch.get_num_threads(),
        )

    @property
    def images_per_statistic(self) -> int | None:
        """Over how many images a batch normalisation takes mean and variance; None where the network has none.

        Each process takes those of its own share of a batch.
        """
        if self.is_frozen:  # it uses the averages that it was trained with
            return None
        has_one = any(isinstance(module, _BatchNorm) for module in self.network.modules())
        return math.ceil(min(self.recipe.batch_size, len(self.train)) / self.ranks.world) if has_one else None

    def some_images(self) -> tuple[Tensor, Tensor]:
        """Give the first training images as they are: `[B, H, W, C]` uint8 and labels `[B]` int64."""
        return self.train.cut(torch.arange(min(IMAGES, len(self.train))))

    def batches(self) -> tuple[Tensor, ...]:
        """Give the indices of every batch of the epoch under way: `[B]` int64 each, the last one perhaps shorter."""
        order = epoch_order(len(self.train), derive_seed(self.seed, "order", self.position.epoch))
        return tuple(order.split(self.recipe.batch_size))

    def cut(self, indices: Tensor) -> TrainingBatch:
        """Cut this process's part of the next step's batch, augmented.

        Everything random in a step, dropout included, comes from the seed set here, which is derived from the step's
        number: a run resumed at this step does what the run never interrupted does, to the last bit.
        """
        seed_device(self.device, derive_seed(self.seed, "step", self.position.step))
        augmentation = self.preparation.augmentation
        pixel_augmentation = self.preparation.pixel_augmentation
        size = self.train.image_size
        positions = augmentation.draw(len(indices), *size) if augmentation else None
        is_mixing = pixel_augmentation is not None and pixel_augmentation.mixup > 0
        other_positions = augmentation.draw(len(indices), *size) if augmentation and is_mixing else None
        if self.ranks.world > 1:  # from here on each process draws for itself: images do not share a dropout mask
            seed_device(self.device, derive_seed(self.seed, "step", self.position.step, "rank", self.ranks.rank))
        own = self.ranks.share(indices)
        pixels, labels = self.train.cut(own, positions and self.ranks.share_both(positions))
        if pixel_augmentation is None:
            return TrainingBatch(pixels, labels, labels)
        epoch = self.position.epoch
        pixels = pixel_augmentation.apply(pixels, own, epoch)
        if not is_mixing:
            return TrainingBatch(pixels, labels, labels)
        partners, shares = pixel_augmentation.partners(own, epoch)
        others, other_labels = self.train.cut(partners, other_positions and self.ranks.share_both(other_positions))
        others = pixel_augmentation.apply(others, partners, epoch)
        kept = shares.to(self.device)[:, None]
        targets = kept * F.one_hot(labels, self.classes) + (1 - kept) * F.one_hot(other_labels, self.classes)
        return TrainingBatch(mixed(pixels, others, shares), labels, targets, partners, shares)


def open_session(
    run: Run,
    images: ImageSet,
    device: torch.device,
    ranks: Ranks | None = None,
    *,
    mixed: bool | None = None,
    up_to: int | None = None,
) -> Session:
    """Set up a run's training where its newest complete checkpoint is, or at its seed. Seeds torch's generators.

    Args:
        run: whose training.
        images: what the run's request for images gives.
        device: where to compute.
        ranks: the processes that share each batch; None is this one alone.
        mixed: whether forward passes run in bfloat16; None is as the run was computed before, wherever that was, and
            for a run that begins what the recipe asks for on this device.
        up_to: the newest of those checkpoints that had done no more than so many steps.

    Raises:
        UserError: there are no training images; the device cannot do what the recipe asks for.
    """
    ranks = ranks or Ranks()
    recipe = Recipe.from_dict(run.record.recipe)
    preprocessing = run.preprocessing
    preparation = prepare(images, recipe, run.record.seed, (preprocessing.mean, preprocessing.std))
    torch.manual_seed(run.record.seed)
    network = place(run.build_network(), device)
    fitted = _freeze(network, run, recipe) if recipe.backbone == "frozen" else None
    optimizer = make_optimizer(network, recipe, device, fitted)
    position = load_checkpoint(run, network, optimizer, device, up_to=up_to)
    if position is None:
        _begin(network, run)
        position = Position()
    if mixed is None:
        before = run.computations
        mixed = before[-1].precision == "bfloat16" if before else uses_mixed_precision(recipe.precision, device)
    train, weights = preparation.train_on(device), preparation.class_weights
    return Session(
        recipe=recipe,
        seed=run.record.seed,
        classes=len(images.classes),
        preparation=preparation,
        train=train,
        val=preparation.val_on(device, train),
        device=device,
        mixed=mixed,
        ranks=ranks,
        network=network,
        head=run.head,
        forward=nn.parallel.DistributedDataParallel(network) if ranks.world > 1 else network,
        optimizer=optimizer,
        optimizer_step=quick_step(optimizer),
        position=position,
        class_weights=None if weights is None else torch.tensor(weights, device=device),
    )


def _begin(network: nn.Module, run: Run) -> None:
    """Put into a network the weights that the run began with, if they were no random ones.

    Raises:
        UserError: they are gone, or are not those that the run began with.
    """
    origin = run.record.weights
    if origin is None:
        return
    shape, classes = run.preprocessing.input_shape, len(run.classes)
    starting = starting_weights(run.record.network, origin.asked, shape, classes)
    if starting is None or starting.sha256 != origin.sha256:
        raise UserError(
            f"the weights that {run.directory} began with have changed: {origin.source} has SHA-256 "
            f"{starting and starting.sha256}, expected {origin.sha256}; put the old ones back, or begin a new run"
        )
    begin_with(network, starting, shape)


def _freeze(network: nn.Module, run: Run, recipe: Recipe) -> nn.Module:
    """Let nothing learn but the last layer, which is given, and the last stages where they are fine-tuned."""
    shape = run.preprocessing.input_shape
    path = last_layer(network, shape)
    assert path is not None
    stages = last_stages(network, shape, SHARE_TUNED) if recipe.fine_tune else ()
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name in stages or name.rpartition(".")[0] == path)
    return network.get_submodule(path)
