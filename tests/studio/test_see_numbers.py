"""Every number of the studio's first view against a computation of its own; drawn digits against the test accuracy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image

import pellucid
from pellucid.data import is_here
from pellucid.run import Run

pytestmark = pytest.mark.slow

UNITS = 200
DRAWN = 200
NAMES = (
    *("conv1", "batch1", "max1", "relu", "conv2", "batch2", "max2", "relu_2"),
    *("flatten", "dropout1", "fc1", "relu_3", "dropout2", "fc2"),
)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Run:
    if not is_here("mnist"):
        pytest.skip("MNIST is not on this machine; `pellucid train mnist` fetches it")
    folder = tmp_path_factory.mktemp("numbers") / "runs"
    run = pellucid.train("mnist", network="simple-mnist", epochs=1, recipe="tutorial", out=folder / "digits")
    pellucid.evaluate(run)
    return run


@pytest.fixture(scope="module")
def opened(digits: Run, opening: Any) -> Iterator[Any]:
    with opening(digits.directory.parent) as studio:
        yield studio


class Independent:
    """The network of the run once more, from its weights and its bytes, in double precision."""

    def __init__(self, run: Run, image: str) -> None:
        network = run.network(run.resolve_epoch())
        self.weights = {name: tensor.double() for name, tensor in network.state_dict().items()}
        split, number = image.split("/")
        pixels = run.open_images().splits[split].images[int(number)]
        mean, std = (torch.tensor(run.preprocessing.to_dict()[name], dtype=torch.float64) for name in ("mean", "std"))
        x = (torch.from_numpy(pixels.copy()).double() / 255 - mean) / std
        self.values = {"input": x.permute(2, 0, 1)[None]}
        self.operand = dict(zip(NAMES, ("input", *NAMES), strict=False))
        for name in NAMES:
            self.values[name] = self._compute(name, self.values[self.operand[name]])

    def _compute(self, name: str, x: torch.Tensor) -> torch.Tensor:
        own = {key.partition(".")[2]: value for key, value in self.weights.items() if key.startswith(f"{name}.")}
        if name.startswith("conv"):
            return F.conv2d(x, own["weight"], own["bias"])
        if name.startswith("batch"):
            return F.batch_norm(x, own["running_mean"], own["running_var"], own["weight"], own["bias"], eps=1e-5)
        if name.startswith("max"):
            return F.max_pool2d(x, 2)
        if name.startswith("relu"):
            return F.relu(x)
        if name.startswith("dropout"):
            return x
        return x.flatten(1) if name == "flatten" else F.linear(x, own["weight"], own["bias"])

    def value(self, unit: str) -> float:
        name, index = parsed(unit)
        return float(self.values[name][(0, *index)])

    def weight(self, unit: str, source: str) -> float:
        """What a term of a unit is multiplied by: the entry of the weights that lies over it."""
        (name, index), (_, at) = parsed(unit), parsed(source)
        if f"{name}.weight" not in self.weights:
            return 1.0  # a copy
        if name.startswith("batch"):
            scale, variance = (self.weights[f"{name}.{part}"][index[0]] for part in ("weight", "running_var"))
            return float(scale / (variance + 1e-5) ** 0.5)
        weight = self.weights[f"{name}.weight"]
        if name.startswith("fc"):
            return float(weight[index[0], at[0]])
        return float(weight[index[0], at[0], at[1] - index[1], at[2] - index[2]])


def parsed(unit: str) -> tuple[str, tuple[int, ...]]:
    name, _, index = unit.partition("[")
    return name, tuple(int(part) for part in index.rstrip("]").split(","))


def number(text: str) -> float:
    return float(text.replace("−", "-"))


READ = """() => ({
  unit: document.body.dataset.unit,
  value: Number(document.querySelector(".unit .value").dataset.value),
  head: document.querySelector(".unit > .terms thead")?.innerText ?? "",
  rows: [...document.querySelectorAll(".unit > .terms tbody tr")].map((row) => ({
    source: row.querySelector("code").textContent,
    numbers: [...row.querySelectorAll(".figure")].map((cell) => cell.title),
    shown: [...row.querySelectorAll(".figure")].map((cell) => cell.textContent),
  })),
  cells: [...document.querySelectorAll(".unit .window")].map((window) =>
    [...window.querySelectorAll(".grid")].map((grid) => [...grid.children].map((cell) => cell.title))),
  sum: document.querySelector(".unit .sum")?.innerText ?? "",
  verdict: document.querySelector(".unit .verdict")?.title ?? "",
  agrees: document.querySelector(".unit .verdict")?.dataset.agrees ?? "",
  feeds: [...document.querySelectorAll(".onward.terms tbody tr")].map((row) => ({
    unit: row.querySelector("code").textContent,
    numbers: [...row.querySelectorAll(".figure")].map((cell) => cell.title),
  })),
})"""


def check_page(said: dict[str, Any], own: Independent) -> int:
    """Compare every number that stands in the page; give how many there were."""
    unit, near = said["unit"], {"rel": 2e-5, "abs": 2e-5}
    checked = 1
    assert said["value"] == pytest.approx(own.value(unit), **near)
    assert said["agrees"] == "true"
    for text in re.findall(r"(?:by hand|the network) (−?[\d.e+-]+)", said["verdict"]):
        assert number(text.rstrip(";")) == pytest.approx(own.value(unit), **near)
        checked += 1
    weighted = "weight" in said["head"]
    for row in said["rows"]:
        value = own.value(row["source"])
        expected = [value]
        if weighted:
            factor = own.weight(unit, row["source"])
            expected += [factor, value * factor]
        given = [number(text) for text in row["numbers"]]
        assert given == pytest.approx(expected, **near), (unit, row)
        for text, exact in zip(row["shown"], given, strict=True):
            assert shown_number(text) == pytest.approx(exact, rel=6e-4)
        checked += 2 * len(given)
    for grids in said["cells"]:
        sources = [title.partition(" = ") for title in grids[0]]
        for at, (source, _, text) in enumerate(sources):
            if source == "padding":
                continue
            assert number(text) == pytest.approx(own.value(source), **near)
            checked += 1
            if len(grids) == 3:
                factor = own.weight(unit, source)
                assert number(grids[1][at]) == pytest.approx(factor, **near)
                assert number(grids[2][at]) == pytest.approx(own.value(source) * factor, **near)
                checked += 2
    for feed in said["feeds"]:
        assert number(feed["numbers"][0]) == pytest.approx(own.value(feed["unit"]), **near)
        checked += 1
    last = said["sum"].strip().splitlines()[-1]
    assert shown_number(last.removeprefix("= ")) == pytest.approx(own.value(unit), rel=6e-4, abs=1e-4)
    return checked + 1


def shown_number(text: str) -> float:
    """Read four digits as they are shown: 1.984·10⁻⁷."""
    digits, _, power = text.partition("·10")
    return number(digits) * 10 ** int(power.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")) or 0)


def test_units_are_clicked_through_to_pixels_and_every_number_is_right(opened, digits, browser) -> None:
    random = np.random.default_rng(0)
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    page.goto(f"{opened.address}#/see?run=digits&image=test/0")
    own, checked, steps = {}, 0, 0
    for attempt in range(UNITS):
        image = f"test/{attempt // 20}"
        own = own if own and attempt % 20 else {image: Independent(digits, image)}
        truth = own[image]
        name = NAMES[int(random.integers(len(NAMES)))]
        index = [int(random.integers(size)) for size in truth.values[name].shape[1:]]
        unit = f"{name}[{','.join(map(str, index))}]"
        page.evaluate("address => { location.hash = address; }", f"#/see?run=digits&image={image}&unit={unit}")
        while True:
            page.wait_for_selector(f'body[data-onward="{unit}"][data-pass="digits 1 {image}"]')
            said = page.evaluate(READ)
            assert said["unit"] == unit
            checked += check_page(said, truth)
            steps += 1
            if unit.startswith("input"):
                break
            unit = said["rows"][0]["source"]
            page.locator(".unit > .terms tbody .term").first.click()
    print(f"{UNITS} units, {steps} steps, {checked} numbers")
    assert steps > 4 * UNITS
    page.close()


def thinned(ink: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Make lines one pixel thin (Zhang and Suen 1984)."""
    image = np.pad(ink, 1).astype(int)
    while True:
        removed = 0
        for first in (True, False):
            around = [np.roll(image, shift, (0, 1)) for shift in ((1, 0), (1, -1), (0, -1), (-1, -1))]
            around += [np.roll(image, shift, (0, 1)) for shift in ((-1, 0), (-1, 1), (0, 1), (1, 1))]
            north, _, east, _, south, _, west, _ = around
            count = sum(around)
            steps = sum((one == 0) & (other == 1) for one, other in zip(around, [*around[1:], around[0]], strict=True))
            sides = (
                (north * east * south == 0) & (east * south * west == 0)
                if first
                else (north * east * west == 0) & (north * south * west == 0)
            )
            gone = (image == 1) & (count >= 2) & (count <= 6) & (steps == 1) & sides
            image[gone] = 0
            removed += int(gone.sum())
        if not removed:
            return image[1:-1, 1:-1].astype(bool)


def strokes_of(pixels: NDArray[np.uint8]) -> list[list[dict[str, float]]]:
    """Trace a digit's middle line, enlarged so that it is smooth: a short stroke between each two dots that touch."""
    side = 4 * 28
    middle = thinned(np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC)) > 100)
    place = lambda row, column: {"x": (column + 0.5) / side, "y": (row + 0.5) / side}  # noqa: E731
    strokes = []
    for row, column in np.argwhere(middle):
        near = [
            (row + down, column + right)
            for down, right in ((0, 1), (1, 0), (1, 1), (1, -1))
            if row + down < side and 0 <= column + right < side and middle[row + down, column + right]
        ]
        strokes += [[place(row, column), place(*other)] for other in near] or [[place(row, column)]]
    return strokes


DRAW = """async (strokes) => {
  const view = globalThis.studio.opened;
  view.sources.pad.draw(strokes);
  await view.drawing;
  return { label: view.glass.said.answer.label, source: view.glass.said.source, pixels: [...view.glass.pixels.data] };
}"""


def test_drawn_digits_are_recognised_as_the_test_images_are(opened, digits, browser) -> None:
    split = digits.open_images().splits["test"]
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    page.goto(f"{opened.address}#/see?run=digits&from=draw")
    page.wait_for_selector("body[data-looks]")
    right = 0
    for index in range(DRAWN):
        said = page.evaluate(DRAW, strokes_of(split.images[index][:, :, 0]))
        assert said["source"] == "your drawing"
        right += said["label"] == split.labels[index]
    accuracy = pellucid.evaluate(digits).accuracy
    print(f"{right} of {DRAWN} drawn digits; {accuracy:.2%} of the test images")
    assert right / DRAWN > accuracy - 0.02
    times = page.evaluate("performance.getEntriesByName('stroke to maps').map((entry) => entry.duration)")
    print(f"stroke to maps: median {np.median(times):.0f} ms, 95 % {np.percentile(times, 95):.0f} ms")
    page.close()


def test_test_images_that_are_given_as_files_are_answered_as_they_are_in_the_run(
    opened, digits, tmp_path: Path
) -> None:
    split = digits.open_images().splits["test"]
    for index in range(0, 400, 2):
        file = tmp_path / f"{index}.png"
        Image.fromarray(split.images[index][:, :, 0]).save(file)
        path = f"/api/given/file?name={file.name}"
        _, given, _ = opened.call(path, method="POST", body=file.read_bytes(), X_Pellucid_Token=opened.token)
        _, said, _ = opened.call(f"/api/look?run=digits&image={given['image']}")
        _, same, _ = opened.call(f"/api/look?run=digits&image=test/{index}")
        assert said["answer"] == same["answer"]
