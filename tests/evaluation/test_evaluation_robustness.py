"""Changed images: each change against another library or against values computed by hand, and the figures of a run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage
import torch
from PIL import Image
from run_files import read_plainly

from pellucid.cli import main
from pellucid.evaluation import read_robustness, robustness
from pellucid.evaluation.corruptions import CORRUPTIONS, corrupt
from pellucid.evaluation.robustness import _sample
from pellucid.ground.errors import UserError
from pellucid.run import Run


def batch(count: int = 6, height: int = 9, width: int = 12, channels: int = 3) -> torch.Tensor:
    generator = np.random.default_rng(3)
    return torch.from_numpy(generator.integers(0, 256, (count, height, width, channels), np.uint8))


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("channels", [1, 3])
def test_the_neutral_strength_changes_nothing_and_every_other_something(name: str, channels: int) -> None:
    images, kind = batch(channels=channels), CORRUPTIONS[name]
    assert torch.equal(corrupt(images, kind, kind.neutral, 0), images)
    for strength in kind.strengths:
        changed = corrupt(images, kind, strength, 0)
        assert (changed.shape, changed.dtype) == (images.shape, torch.uint8)
        assert not torch.equal(changed, images)
        assert torch.equal(changed, corrupt(images, kind, strength, 0))
    assert kind.neutral not in kind.strengths


@pytest.mark.parametrize("strength", CORRUPTIONS["blur"].strengths)
def test_blur_is_scipys(strength: float) -> None:
    images = batch()
    radius = int(np.ceil(4 * strength))
    expected = scipy.ndimage.gaussian_filter(
        images.numpy().astype(np.float64), (0, strength, strength, 0), mode="nearest", radius=(0, radius, radius, 0)
    )
    changed = corrupt(images, CORRUPTIONS["blur"], strength, 0).numpy()
    assert np.abs(changed - expected).max() <= 0.5 + 1e-3


def test_noise_has_its_standard_deviation_and_each_value_its_own() -> None:
    images = torch.full((50, 20, 20, 3), 128, dtype=torch.uint8)
    changed = corrupt(images, CORRUPTIONS["noise"], 0.1, 0).double() - 128
    assert changed.mean().item() == pytest.approx(0, abs=0.4)
    assert changed.std().item() == pytest.approx(25.5, rel=0.02)
    assert abs(np.corrcoef(changed[..., 0].ravel(), changed[..., 1].ravel())[0, 1]) < 0.02


@pytest.mark.parametrize("name", ["noise", "shift", "rotation"])
def test_what_is_random_does_not_depend_on_how_images_are_cut_into_batches(name: str) -> None:
    images, kind = batch(9), CORRUPTIONS[name]
    whole = corrupt(images, kind, kind.strengths[-1], 0)
    parts = [
        corrupt(images[start:end], kind, kind.strengths[-1], 0, range(start, end)) for start, end in ((0, 4), (4, 9))
    ]
    assert torch.equal(whole, torch.cat(parts))


def test_contrast_and_brightness_by_hand() -> None:
    image = torch.tensor([[[[0]], [[100]], [[200]]]], dtype=torch.uint8)
    assert corrupt(image, CORRUPTIONS["contrast"], 0.5, 0).flatten().tolist() == [50, 100, 150]
    assert corrupt(image, CORRUPTIONS["contrast"], 0.0, 0).flatten().tolist() == [100, 100, 100]
    assert corrupt(image, CORRUPTIONS["brightness"], 0.4, 0).flatten().tolist() == [102, 202, 255]
    assert corrupt(image, CORRUPTIONS["brightness"], -0.4, 0).flatten().tolist() == [0, 0, 98]


def test_shift_moves_each_image_in_one_of_four_directions() -> None:
    images = batch(40)
    changed = corrupt(images, CORRUPTIONS["shift"], 2, 0).numpy()
    seen = set()
    for before, after in zip(images.numpy(), changed, strict=True):
        padded = np.pad(before, ((2, 2), (2, 2), (0, 0)), mode="edge")
        height, width, _ = before.shape
        windows = {"down": (0, 2), "up": (4, 2), "right": (2, 0), "left": (2, 4)}
        directions = [
            name
            for name, (row, column) in windows.items()
            if np.array_equal(after, padded[row : row + height, column : column + width])
        ]
        assert len(directions) == 1
        seen.add(directions[0])
    assert seen == {"down", "up", "left", "right"}


def test_a_shift_beyond_the_image_leaves_its_edge() -> None:
    changed = corrupt(batch(1, 4, 4, 1), CORRUPTIONS["shift"], 8, 0)
    assert len(changed.flatten().unique()) <= 4


def test_a_quarter_turn_is_numpys_in_both_directions() -> None:
    images = batch(30, 8, 8)
    changed = corrupt(images, CORRUPTIONS["rotation"], 90, 0).numpy()
    turns = set()
    for before, after in zip(images.numpy(), changed, strict=True):
        matching = [turn for turn in (1, 3) if np.abs(np.rot90(before, turn).astype(int) - after).max() <= 1]
        assert len(matching) == 1
        turns.add(matching[0])
    assert turns == {1, 3}


def test_rotation_keeps_angles_in_an_oblong_image() -> None:
    """A straight line at 30° in 40 × 80 pixels lies level after 30°, in one of the two directions."""
    rows, columns = np.mgrid[:40, :80]
    distance = (rows - 19.5) * np.cos(np.pi / 6) - (columns - 39.5) * np.sin(np.pi / 6)
    image = np.where(abs(distance) < 2, 255, 0).astype(np.uint8)[None, :, :, None].repeat(8, 0)
    changed = corrupt(torch.from_numpy(image), CORRUPTIONS["rotation"], 30, 1).numpy()[..., 0]
    level = [image[17:23, 20:60].mean() for image in changed]
    assert max(level) > 140  # four of six rows
    assert min(level) < 80


def test_the_figures_of_a_run(weak: Run) -> None:
    measured = robustness(weak, images=1000)
    assert (measured.images, measured.of) == (100, 100)
    assert measured.accuracy == json.loads((weak.directory / "evaluation.json").read_text())["accuracy"]
    test = weak.open_images().splits["test"]
    network = weak.network()
    for figures in measured.corruptions:
        assert [point.strength for point in figures.points] == list(CORRUPTIONS[figures.name].strengths)
    point = measured.corruptions[0].points[3]
    changed = corrupt(torch.from_numpy(np.array(test.images)), CORRUPTIONS["noise"], 0.2, 0)
    with torch.no_grad():
        predicted = network(weak.preprocessing(changed)).argmax(1).numpy()
    assert point.correct == int((predicted == test.labels).sum())
    low, high = point.accuracy_interval
    assert low <= point.accuracy == point.correct / 100 <= high
    assert read_plainly(weak.directory / "robustness.json") == json.loads(json.dumps(measured.to_dict()))
    assert robustness(weak, images=1000) == measured == read_robustness(weak.directory)


def test_a_sample_is_drawn_evenly_and_always_the_same() -> None:
    drawn = _sample(1000, 100)
    assert len(set(drawn.tolist())) == 100
    assert drawn.tolist() == sorted(drawn.tolist()) == _sample(1000, 100).tolist()
    assert 350 < drawn.mean() < 650
    assert _sample(5, 100).tolist() == [0, 1, 2, 3, 4]


def test_the_command_prints_a_table_and_draws_the_curves(weak: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["robustness", str(weak.directory), "--images", "40"]) == 0
    printed = capsys.readouterr().out
    assert "of 40 test images of mnist (drawn from 100)" in " ".join(printed.split())
    assert max(map(len, printed.splitlines())) <= 100
    assert all(f"{kind.name} ({kind.unit})" in printed for kind in CORRUPTIONS.values())
    with Image.open(Path(weak.directory) / "robustness.png") as picture:
        assert "Accuracy under 6 kinds of change, unchanged " in picture.text["Description"]
    assert main(["robustness", str(weak.directory), "--images", "40", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document == read_plainly(weak.directory / "robustness.json")
    with pytest.raises(UserError, match="--images is 0; expected at least 1"):
        robustness(weak, images=0)
