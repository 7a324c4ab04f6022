"""Zoom, rotation, colour, blur, erasing and mixup: against other libraries, in a step, and over a kill."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance
from scipy import ndimage

import pellucid
from pellucid.data import pixel_augmentation
from pellucid.data.pixel_augmentation import PixelAugmentation
from pellucid.run import Run
from pellucid.stepping import take_step
from pellucid.training import loop, recorder

SETTINGS = {
    "zoom": {"zoom": 0.4},
    "rotation": {"rotation": 30.0},
    "colour": {"colour": 0.5},
    "blur": {"blur": 1.5},
    "erase": {"erase": 0.7},
    "mixup": {"mixup": 0.4},
    "all": {"zoom": 0.4, "rotation": 30.0, "colour": 0.5, "blur": 1.5, "erase": 0.7, "mixup": 0.4, "flip": True},
}


def pictures(count: int = 3, height: int = 16, width: int = 12, channels: int = 3) -> torch.Tensor:
    generator = np.random.default_rng(5)
    smooth = ndimage.gaussian_filter(generator.normal(128, 300, (count, height, width, channels)), (0, 2, 2, 0))
    return torch.from_numpy(smooth.clip(0, 255).astype(np.uint8))


def planar(images: torch.Tensor) -> torch.Tensor:
    return images.permute(0, 3, 1, 2).float()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("deviation", [0.3, 1.0, 2.5])
def test_blur_is_scipys_gaussian(deviation: float, channels: int) -> None:
    images = planar(pictures(channels=channels))
    blurred = pixel_augmentation._blurred(images, 2.5, torch.full((3, 1), deviation / 2.5))
    radius = [0, 0, 8, 8]
    expected = ndimage.gaussian_filter(images.numpy(), (0, 0, deviation, deviation), mode="mirror", radius=radius)
    np.testing.assert_allclose(blurred.numpy(), expected, atol=0.02)


def test_colour_is_pillows() -> None:
    images = pictures()
    factors = torch.tensor([1.3, 0.7, 1.4])
    changed = pixel_augmentation._recoloured(planar(images), 0.5, ((factors - 1) / 0.5 / 2 + 0.5).expand(3, 3))
    for image, here in zip(images, changed, strict=True):
        picture = Image.fromarray(image.numpy())
        for kind, factor in zip(
            (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color), factors, strict=True
        ):
            picture = kind(picture).enhance(float(factor))
        # Pillow rounds after each of the three.
        np.testing.assert_allclose(here.permute(1, 2, 0).numpy(), np.asarray(picture), atol=3)


@pytest.mark.parametrize(("angle", "turns"), [(90, -1), (180, 2), (-90, 1), (0, 0)])
def test_rotation_by_right_angles_moves_pixels_alone(angle: int, turns: int) -> None:
    images = planar(pictures(height=14, width=14))
    moved = pixel_augmentation._moved(images, 0.0, 180.0, torch.tensor([[0.0, 0.5 + angle / 360, 0.0, 0.0]] * 3))
    expected = torch.rot90(images, -turns, dims=(2, 3))
    np.testing.assert_allclose(moved.numpy(), expected.numpy(), atol=0.05)


@pytest.mark.parametrize(("down", "right"), [(0.0, 0.0), (1.0, 1.0), (0.5, 0.5)])
def test_zoom_is_a_crop_enlarged(down: float, right: float) -> None:
    images = planar(pictures(height=16, width=12))
    zoomed = pixel_augmentation._moved(images, 0.5, 0.0, torch.tensor([[1.0, 0.5, right, down]] * 3))
    top, left = int(8 * down), int(6 * right)
    crop = images[:, :, top : top + 8, left : left + 6]
    expected = torch.nn.functional.interpolate(crop, scale_factor=2, mode="bilinear", align_corners=False)
    inner = (slice(None), slice(None), slice(1, -1), slice(1, -1))  # at the edges a crop knows no pixels beyond it
    np.testing.assert_allclose(zoomed[inner].numpy(), expected[inner].numpy(), atol=0.01)


def test_a_rectangle_is_erased_as_often_as_asked_and_nothing_else_changes() -> None:
    augmentation = PixelAugmentation(erase=0.6, fill=(1.0, 2.0, 3.0), seed=3, count=2000)
    images = torch.full((2000, 20, 30, 3), 200, dtype=torch.uint8)
    erased = augmentation.apply(images, torch.arange(2000), 1)
    inside = (erased == torch.tensor([1, 2, 3], dtype=torch.uint8)).all(dim=3)
    assert torch.equal(inside, ~(erased == 200).all(dim=3))
    assert abs(inside.flatten(1).any(1).float().mean() - 0.6) < 0.04
    for mask in inside[inside.flatten(1).any(1)]:
        rows, columns = mask.any(1).nonzero().flatten(), mask.any(0).nonzero().flatten()
        assert mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        assert 0.01 < mask.float().mean() < 0.4


@pytest.mark.parametrize("name", SETTINGS)
def test_what_is_done_follows_from_seed_epoch_and_index_alone(name: str) -> None:
    settings = {key: value for key, value in SETTINGS[name].items() if key != "flip"}
    images, at = pictures(8), torch.arange(8)
    first, second = (PixelAugmentation(**settings, fill=(9.0,) * 3, seed=4, count=8) for _ in range(2))
    second.apply(images, at, 5)
    whole = first.apply(images, at, 2)
    backwards = second.apply(images.flip(0), at.flip(0), 2).flip(0)
    assert torch.equal(whole, backwards)
    for index in range(8):
        assert torch.equal(second.apply(images[index : index + 1], at[index : index + 1], 2)[0], whole[index])
    other_epoch, other_seed = (
        first.apply(images, at, 3),
        PixelAugmentation(**settings, fill=(9.0,) * 3, seed=5, count=8),
    )
    if name != "mixup":
        assert not torch.equal(other_epoch, whole)
        assert not torch.equal(other_seed.apply(images, at, 2), whole)
    else:
        partners, shares = first.partners(at, 2)
        assert torch.equal(partners.flip(0), second.partners(at.flip(0), 2)[0])
        assert not torch.equal(shares, first.partners(at, 3)[1])
        assert 0.5 <= float(shares.min()) <= float(shares.max()) <= 1


def train(name: str, tiny: str, out: str) -> Run:
    return pellucid.train(
        "mnist", network=tiny, epochs=2, batch_size=100, log_every=1, out=out, **SETTINGS[name] | {"flip": False}
    )


@pytest.mark.parametrize("name", SETTINGS)
def test_a_step_is_repeated_and_a_killed_run_goes_on_to_the_last_bit(
    name: str, tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train(name, tiny, "whole")
    for step in (1, 8):
        taken = take_step(whole, "6.bias[1]", step=step)
        assert taken.confirmed
        assert all(check.passed for check in taken.checks.values())
    assert set(taken.images.augmented) >= {"mixed"} if name in ("mixup", "all") else "mixed" not in str(taken)

    monkeypatch.setattr(recorder, "SECONDS_BETWEEN_CHECKPOINTS", -1.0)
    original, calls = loop.update, []

    def dying(session: object) -> None:
        calls.append(session)
        if len(calls) == 9:  # within the second epoch
            raise MemoryError("killed")
        original(session)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "update", dying)
    with pytest.raises(Exception, match=r"killed|memory"):
        train(name, tiny, "killed")
    resumed = pellucid.resume("killed")
    assert [line["loss"] for line in resumed.metrics("batch")] == [line["loss"] for line in whole.metrics("batch")]
    for key, value in whole.weights("last").items():
        assert torch.equal(value, resumed.weights("last")[key])


def test_mixup_mixes_pixels_and_targets_alike(tiny: str) -> None:
    run = pellucid.train("mnist", network=tiny, epochs=1, batch_size=100, mixup=0.4, shift=0, out="mixed")
    step = take_step(run, "6.bias[1]")
    targets = step.images.targets
    assert targets.shape == (100, 10)
    np.testing.assert_allclose(targets.sum(1).numpy(), 1, atol=1e-6)
    assert "+" in step.images.sources[0]
    split = run.open_images().splits["train"]
    places = {source: row for row, source in enumerate(split.sources)}
    for source, pixels, target in zip(step.images.sources, step.images.pixels, targets, strict=True):
        (share, first), (_, second) = (part.split(" ", 1) for part in source.split(" + "))
        rows = places[first], places[second]
        kept = float(target[split.labels[rows[0]]]) if split.labels[rows[0]] != split.labels[rows[1]] else None
        if kept is None:
            continue
        assert kept == pytest.approx(int(share[:-1]) / 100, abs=0.006)
        expected = kept * split.images[rows[0]].astype(float) + (1 - kept) * split.images[rows[1]]
        np.testing.assert_allclose(pixels.numpy(), expected, atol=0.51)


def test_images_of_one_row_or_column_are_augmented(tmp_path: Path) -> None:
    augmentation = PixelAugmentation(zoom=0.5, rotation=90, colour=0.9, blur=3, erase=1.0, fill=(0.0,), seed=0, count=4)
    for shape in ((4, 1, 9, 1), (4, 9, 1, 1), (4, 1, 1, 1), (4, 2, 2, 1)):
        images = torch.randint(0, 256, shape, dtype=torch.uint8)
        assert augmentation.apply(images, torch.arange(4), 1).shape == shape
