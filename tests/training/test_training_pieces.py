"""The small parts of a training, against values worked by hand."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from pellucid.data import Split, batches, stratified_split
from pellucid.data.augmentation import Augmentation
from pellucid.data.batches import DeviceImages, epoch_order
from pellucid.data.preprocessing import Preprocessing, channel_statistics
from pellucid.networks import SimpleCifar, arrange
from pellucid.recipes import PRESETS, Recipe, learning_rate, preset
from pellucid.training.optimizer import make_optimizer
from pellucid.training.quick_step import quick_step


def some_split(count: int = 6, height: int = 5, width: int = 4, channels: int = 3) -> Split:
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (count, height, width, channels), np.uint8)
    return Split(images, np.arange(count, dtype=np.int64) % 3, [f"test/{index}" for index in range(count)])


def test_one_cycle_rises_and_falls_linearly() -> None:
    recipe = Recipe(schedule="one-cycle", warmup=0.25, learning_rate=8.0)
    rates = [learning_rate(recipe, step, 8) for step in range(8)]
    # Middles of the steps at 1/16, 3/16, …: up to 1/4 the rate is 8·4x, then 8·(1 - x)·4/3.
    assert rates == pytest.approx([2.0, 6.0, 22 / 3, 6.0, 14 / 3, 10 / 3, 2.0, 2 / 3])


def test_cosine_and_constant() -> None:
    cosine = Recipe(schedule="cosine", learning_rate=2.0)
    assert learning_rate(cosine, 0, 2) == pytest.approx(1 + math.cos(math.pi / 4))
    assert learning_rate(cosine, 1, 2) == pytest.approx(1 - math.cos(math.pi / 4))
    assert {learning_rate(Recipe(), step, 10) for step in range(10)} == {1e-3}


@given(st.sampled_from(["cosine", "one-cycle"]), st.floats(0, 0.9), st.integers(1, 50))
def test_a_rate_is_above_zero_and_at_most_the_recipes(schedule: str, warmup: float, steps: int) -> None:
    recipe = Recipe(schedule=schedule, warmup=warmup, learning_rate=0.3)
    for step in range(steps):
        assert 0 < learning_rate(recipe, step, steps) <= 0.3


def test_every_preset_is_named_as_it_is_called_and_survives_json() -> None:
    for name in PRESETS:
        recipe = preset(name)
        assert recipe.name == name
        assert Recipe.from_dict(recipe.to_dict()) == recipe


def test_the_tutorial_is_what_the_lesson_does() -> None:
    recipe = preset("tutorial")
    assert (recipe.epochs, recipe.batch_size, recipe.optimizer, recipe.learning_rate) == (5, 32, "adam", 1e-3)
    assert (recipe.schedule, recipe.weight_decay, recipe.label_smoothing, recipe.validation) == ("constant", 0, 0, 0)
    assert (recipe.flip, recipe.shift, recipe.normalize, recipe.log_every) == (False, 0, "half", 100)


def test_weight_decay_leaves_biases_alone() -> None:
    optimizer = make_optimizer(torch.nn.Linear(3, 2), Recipe(optimizer="adamw", weight_decay=0.1), torch.device("cpu"))
    decayed, spared = optimizer.param_groups
    assert (decayed["weight_decay"], [tuple(one.shape) for one in decayed["params"]]) == (0.1, [(2, 3)])
    assert (spared["weight_decay"], [tuple(one.shape) for one in spared["params"]]) == (0.0, [(2,)])


def test_preprocessing_is_the_lessons_formula_and_channels_last() -> None:
    images = torch.from_numpy(some_split().images)
    mean, std = (0.5, 0.4, 0.3), (0.5, 0.25, 0.2)
    values = Preprocessing(5, 4, 3, "none", mean, std)(images)
    expected = (images.double() / 255 - torch.tensor(mean)) / torch.tensor(std)
    torch.testing.assert_close(values.double(), expected.permute(0, 3, 1, 2), rtol=0, atol=2e-6)
    assert values.is_contiguous(memory_format=torch.channels_last)


def test_channel_statistics_are_numpys() -> None:
    images = some_split(50).images
    mean, std = channel_statistics(images)
    assert mean == pytest.approx((images / 255).mean((0, 1, 2)).tolist())
    assert std == pytest.approx((images / 255).std((0, 1, 2)).tolist())
    assert channel_statistics(np.full((2, 3, 3, 1), 51, np.uint8)) == ((pytest.approx(0.2),), (1.0,))


def test_a_batch_is_the_asked_images_in_the_asked_order() -> None:
    split = some_split()
    images, labels = DeviceImages(split, torch.device("cpu")).cut(torch.tensor([4, 1]))
    assert np.array_equal(images.numpy(), split.images[[4, 1]])
    assert labels.tolist() == [1, 1]
    subset = DeviceImages(split, torch.device("cpu"), np.array([5, 3]))
    assert len(subset) == 2
    assert np.array_equal(subset.cut(torch.tensor([1]))[0].numpy(), split.images[[3]])


class Transfers(TorchDispatchMode):
    """Counts copies from one device to another, on `meta` too, which stands for a GPU here."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
        result = operator(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor):
            given = [value.device for value in args if isinstance(value, torch.Tensor)]
            self.count += (bool(given) and result.device not in given) or operator is torch.ops.aten.lift_fresh.default
        return result


def test_a_batch_needs_one_transfer_to_a_gpu_whatever_is_drawn() -> None:
    split, device = some_split(), torch.device("meta")
    images = DeviceImages(split, device, np.array([5, 3, 1]))
    preprocessing = Preprocessing(5, 4, 3, "none", (0.5, 0.4, 0.3), (0.5, 0.25, 0.2))
    preprocessing(torch.zeros((1, 5, 4, 3), dtype=torch.uint8, device=device))  # the constants go there once
    indices = torch.tensor([2, 0])
    for positions in (None, Augmentation(True, 1).draw(2, 5, 4)):
        with Transfers() as transfers:
            pixels, labels = images.cut(indices, positions)
            values = preprocessing(pixels)
        assert transfers.count == 1
        assert (pixels.shape, labels.shape, values.shape) == ((2, 5, 4, 3), (2,), (2, 3, 5, 4))


def test_indices_rows_and_columns_survive_the_common_transfer(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is moved together is told apart again: on a CPU whose tensors claim to lie elsewhere, to the last index."""
    rows, columns = Augmentation(True, 1).draw(3, 5, 4, torch.Generator().manual_seed(1))
    monkeypatch.setattr(batches, "_moved", lambda tensor, device: tensor)
    moved = batches._all_moved(torch.tensor([7, 8, 9]), (rows, columns), torch.device("meta"))
    assert all(torch.equal(*pair) for pair in zip(moved, (torch.tensor([7, 8, 9]), rows, columns), strict=True))


def test_mirroring_and_shifting_by_hand() -> None:
    split = Split(np.arange(4, dtype=np.uint8).reshape(1, 1, 4, 1), np.zeros(1, np.int64), ["a"])
    images = DeviceImages(split, torch.device("cpu"))
    rows = torch.tensor([[0]])

    def cut(columns: list[int]) -> list[int]:
        return images.cut(torch.tensor([0]), (rows, torch.tensor([columns])))[0].flatten().tolist()

    assert cut([3, 2, 1, 0]) == [3, 2, 1, 0]
    assert cut([1, 2, 3, 2]) == [1, 2, 3, 2]  # one to the left: what comes into view mirrors the edge


@given(st.integers(1, 7), st.integers(1, 7), st.booleans(), st.integers(0, 9), st.integers(0, 1000))
def test_drawn_places_are_a_shift_of_the_image_or_of_its_mirror(
    height: int, width: int, mirror: bool, shift: int, seed: int
) -> None:
    """NumPy's `pad(mode="reflect")` says where each pixel of a shifted image comes from."""
    generator = torch.Generator().manual_seed(seed)
    rows, columns = Augmentation(mirror, shift).draw(4, height, width, generator)

    def allowed(size: int, may_mirror: bool) -> list[list[int]]:
        line = np.pad(np.arange(size), shift, mode="reflect") if size > 1 else np.zeros(2 * shift + 1, int)
        shifted = [line[start : start + size].tolist() for start in range(2 * shift + 1)]
        lines = shifted
        if may_mirror:
            lines = shifted + [one[::-1] for one in shifted]
        return lines

    assert all(one in allowed(height, False) for one in rows.tolist())
    assert all(one in allowed(width, mirror) for one in columns.tolist())


def test_both_mirror_images_and_all_shifts_occur() -> None:
    rows, columns = Augmentation(flip=True, shift=1).draw(500, 8, 8, torch.Generator().manual_seed(0))
    assert len({tuple(one) for one in rows.tolist()}) == 3
    assert len({tuple(one) for one in columns.tolist()}) == 6


def test_an_epochs_order_is_a_permutation_that_its_seed_decides() -> None:
    assert sorted(epoch_order(100, 1).tolist()) == list(range(100))
    assert torch.equal(epoch_order(100, 1), epoch_order(100, 1))
    assert not torch.equal(epoch_order(100, 1), epoch_order(100, 2))


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.floats(0, 0.99), st.integers(0, 99))
def test_a_stratified_split_takes_its_share_of_every_class(labels: list[int], fraction: float, seed: int) -> None:
    given_labels = np.array(labels, np.int64)
    kept, held = stratified_split(given_labels, fraction, seed)
    assert sorted([*kept, *held]) == list(range(len(labels)))
    for label in set(labels):
        count, taken = labels.count(label), int((given_labels[held] == label).sum())
        assert count - taken >= 1
        if fraction > 0 and count > 1:
            assert taken >= 1
        assert abs(taken - fraction * count) <= 1


@pytest.mark.parametrize("unused", [False, True], ids=["every parameter used", "some unused"])
@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_a_quick_step_is_the_optimizers_own_bit_for_bit(name: str, unused: bool) -> None:
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
    whole = torch.nn.ModuleList([network, torch.nn.Linear(2, 2)] if unused else [network])
    twins = [whole, copy.deepcopy(whole)]
    recipe = Recipe(optimizer=name, weight_decay=0.01, learning_rate=0.1)
    optimizers = [make_optimizer(twin, recipe, torch.device("cpu")) for twin in twins]
    steps = [quick_step(optimizers[0]), optimizers[1].step]
    for number in range(6):
        inputs = torch.randn(3, 5)
        for twin, optimizer, step in zip(twins, optimizers, steps, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = 0.1 / (number + 1)
            optimizer.zero_grad()
            twin[0](inputs).square().sum().backward()
            step()
    for one, other in zip(twins[0].parameters(), twins[1].parameters(), strict=True):
        assert torch.equal(one, other)
    states = [optimizer.state_dict()["state"] for optimizer in optimizers]
    for index, state in states[1].items():
        for key, value in state.items():
            assert value is None or torch.equal(states[0][index][key], value)


def test_a_network_that_takes_channels_last_gets_them_and_one_that_flattens_by_view_does_not() -> None:
    class Viewing(torch.nn.Module):
        """Flattens as the lesson's network does."""

        def __init__(self) -> None:
            super().__init__()
            self.conv = torch.nn.Conv2d(3, 4, 3)
            self.linear = torch.nn.Linear(4 * 4 * 4, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.linear(self.conv(x).view(-1, 64))

    def is_last(weight: torch.Tensor) -> bool:
        return weight.is_contiguous(memory_format=torch.channels_last)

    images = torch.randn(2, 3, 6, 6).to(memory_format=torch.channels_last)
    viewing = Viewing().eval()
    expected = viewing(images.contiguous())
    torch.manual_seed(5)
    arranged = arrange(viewing, (3, 6, 6))
    drawn = torch.rand(1)
    assert not is_last(viewing.conv.weight)
    assert torch.equal(arranged(images), expected)
    assert not viewing.training
    torch.manual_seed(5)
    assert torch.equal(drawn, torch.rand(1))
    assert is_last(arrange(SimpleCifar(), (3, 32, 32)).conv1.weight)
