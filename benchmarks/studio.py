"""The studio in Chromium: server up, first page, a click to its arithmetic, a drawn stroke to all feature maps.

    python benchmarks/studio.py [--units 500] [--strokes 100] [--only simple-mnist ...]

The networks are trained for an epoch on a few pictures of noise, which is enough: the time does not depend on what the
weights are. A click begins when a unit is chosen, and ends in the first frame in which the page shows its terms, their
sum and the check against the network; values of the map that are not yet in the page are part of it. Units are drawn at
random: a step of the network, then a place in it. A stroke begins when the pad changes, and ends when all maps that are
on the screen are painted. Each figure is the median and the 95th percentile. `load` is how busy the machine was.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

NETWORKS = {"simple-mnist": (28, 1), "simple-cifar": (32, 3), "small-resnet": (32, 3), "efficientnet-lite0": (224, 3)}
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

CLICK = """async ([share, places]) => {
  const view = globalThis.studio.opened;
  const { network } = view.glass;
  const steps = view.glass.steps.filter((number) => number);
  const number = steps[Math.floor(share * steps.length)];
  const index = network.nodes[number].shape.map((size, axis) => Math.floor(size * places[axis]));
  const name = network.unitName(number, index);
  if (document.body.dataset.unit === name) return null;
  const begun = performance.now();
  view.select(number, index);
  while (document.body.dataset.unit !== name) await new Promise(requestAnimationFrame);
  const taken = performance.now() - begun;
  if (!document.querySelector(".unit .value")) throw new Error(name);
  while (document.body.dataset.onward !== name) await new Promise(requestAnimationFrame);
  return taken;
}"""

STROKE = """async (points) => {
  const view = globalThis.studio.opened;
  view.sources.pad.draw([points]);
  await view.drawing;
  await new Promise(requestAnimationFrame);
  return performance.getEntriesByName("stroke to maps").at(-1).duration;
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, default=500)
    parser.add_argument("--strokes", type=int, default=100)
    parser.add_argument("--only", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name in asked.only:
            train(Path(folder), name)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
            measure(Path(folder), browser, asked)
            browser.close()


def train(folder: Path, name: str) -> None:
    """Make a run of a network, on a few pictures of its size."""
    side, channels = NETWORKS[name]
    pictures, random = folder / f"pictures-{side}-{channels}", np.random.default_rng(0)
    for split in ("train", "test"):
        for label in ("cat", "dog"):
            place = pictures / split / label
            place.mkdir(parents=True, exist_ok=True)
            for number in range(6):
                pixels = random.integers(0, 255, (side, side, channels), np.uint8)
                Image.fromarray(pixels.squeeze()).save(place / f"{number}.png")
    settings = f"--network {name} --weights random --size {side} --channels {channels} --epochs 1 --recipe standard"
    command = [sys.executable, "-m", "pellucid", "train", str(pictures), *settings.split(), "--batch-size", "4"]
    subprocess.run([*command, "--out", str(folder / "runs" / name)], check=True, capture_output=True)


def measure(folder: Path, browser: Browser, asked: argparse.Namespace) -> None:
    begun = time.perf_counter()
    command = [sys.executable, "-m", "pellucid", "studio", str(folder / "runs"), "--no-browser", "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert server.stdout is not None
        address = next(word for word in server.stdout.readline().split() if word.startswith("http"))
        print(f"server up after {time.perf_counter() - begun:.2f} s, load {os.getloadavg()[0]:.1f}", flush=True)
        for name in asked.only:
            page = browser.new_page(viewport={"width": 1440, "height": 1000})
            begun = time.perf_counter()
            page.goto(f"{address}#/see?run={name}")
            page.wait_for_selector(".layer canvas")
            first = time.perf_counter() - begun
            clicks = [taken for taken in clicked(page, asked.units) if taken is not None]
            print(
                f"{name}: first page {first:.2f} s; a click {told(clicks)}, load {os.getloadavg()[0]:.1f}", flush=True
            )
            if name == "simple-mnist":
                strokes = [page.evaluate(STROKE, points) for points in drawn(asked.strokes)]
                print(f"{name}: a stroke {told(strokes)}, load {os.getloadavg()[0]:.1f}", flush=True)
            page.close()
    finally:
        server.terminate()
        server.wait()


def clicked(page: Any, count: int) -> list[float | None]:
    random = np.random.default_rng(0)
    return [page.evaluate(CLICK, [random.random(), random.random(6).tolist()]) for _ in range(count)]


def drawn(count: int) -> list[list[dict[str, float]]]:
    random = np.random.default_rng(0)
    return [[{"x": x, "y": y} for x, y in random.uniform(0.1, 0.9, (20, 2)).tolist()] for _ in range(count)]


def told(milliseconds: list[float]) -> str:
    middle, high = np.percentile(milliseconds, [50, 95])
    return f"{middle:.0f} ms, at most {high:.0f} ms in 95 of 100 ({len(milliseconds)} tried)"


if __name__ == "__main__":
    main()
