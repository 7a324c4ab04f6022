"""Film the walk from an image to a pixel's product in the studio: `python docs/make_walk.py RUN` writes docs/walk.gif.

It needs Chromium and Playwright; the run is any one whose images are there.
"""

from __future__ import annotations

import argparse
import io
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from PIL import Image

from pellucid.figures.tokens import FRAME, NEGATIVE, POSITIVE, tint

SIZE = (1280, 800)
SHOWN = (800, 500)
COLOURS_KEPT = [tint(step / 5) for step in range(-5, 6)] + [POSITIVE, NEGATIVE, FRAME, "#c81e1e"]
CURSOR = """
const dot = document.createElement("div");
dot.id = "film";
Object.assign(dot.style, {position: "fixed", zIndex: 99, width: "22px", height: "22px", margin: "-11px",
  borderRadius: "50%",
  background: "rgb(200 30 30 / 0.75)", border: "2px solid white", pointerEvents: "none", left: "640px", top: "700px"});
document.body.append(dot);
"""


class Film:
    """Pictures of a page, each with how long it is shown."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.pictures: list[Image.Image] = []
        self.times: list[int] = []

    def hold(self, milliseconds: int) -> None:
        """Take a picture."""
        whole = Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")
        self.pictures.append(whole.resize(SHOWN, Image.Resampling.LANCZOS))
        self.times.append(milliseconds)

    def click(self, selector: str, x: float = 0.5, y: float = 0.5) -> None:
        """Move the cursor to a place of an element in a few pictures, and click."""
        target = self.page.locator(selector).first
        target.scroll_into_view_if_needed()
        box = target.bounding_box()
        end = (box["x"] + x * box["width"], box["y"] + y * box["height"])
        start = self.page.evaluate(
            "['left', 'top'].map((side) => parseFloat(document.querySelector('#film').style[side]))"
        )
        for step in range(1, 5):
            share = step / 4
            place = [begin + share * (last - begin) for begin, last in zip(start, end, strict=True)]
            self.page.evaluate(
                "([x, y]) => Object.assign(document.querySelector('#film').style, {left: `${x}px`, top: `${y}px`})",
                place,
            )
            self.hold(90 if step < 4 else 350)
        self.page.mouse.click(*end)

    def write(self, path: Path) -> None:
        """Write all pictures with one palette; what stays the same from one to the next takes no bytes."""
        width, height = SHOWN
        chosen = self.pictures[:: max(1, len(self.pictures) // 6)]
        strip = Image.new("RGB", (width, height * len(chosen) + 200))
        for at, picture in enumerate(chosen):
            strip.paste(picture, (0, at * height))
        for at, colour in enumerate(COLOURS_KEPT):  # few pixels have them, and all of the meaning is in them
            strip.paste(colour, (at * 40, height * len(chosen), at * 40 + 40, height * len(chosen) + 200))
        palette = strip.quantize(256, dither=Image.Dither.NONE)
        frames = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in self.pictures]
        frames[0].save(path, save_all=True, append_images=frames[1:], duration=self.times, loop=0, optimize=True)


def film(address: str, image: str) -> Film:
    """Walk: the image, a unit of the second convolution, its strongest term, on to a pixel."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("google-chrome"),
            args=["--no-sandbox", "--disable-gpu"],
        )
        page = browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]})
        page.add_init_script("localStorage.setItem('pellucid-tour', 'seen')")
        base, _, fragment = address.partition("#")
        run = re.search(r"run=([^&]+)", fragment)
        page.goto(f"{base}#/see?image={image}" + (f"&run={run[1]}" if run else ""))
        page.wait_for_selector("#answer .bar")
        page.wait_for_selector(".layer .map")
        page.evaluate(CURSOR)
        made = Film(page)
        made.hold(1400)
        made.click('.layer:has(h3 code:text-is("conv2")) .map', 0.55, 0.45)
        page.wait_for_selector(".unit .verdict")
        page.wait_for_timeout(600)
        made.hold(2200)
        for _ in range(8):
            before = page.evaluate("document.body.dataset.unit")
            made.click("#unit .terms .term")
            page.wait_for_selector(f'body:not([data-unit="{before}"])')
            page.wait_for_timeout(500)
            made.hold(1800)
            if page.locator("#unit .swatch").count():
                break
        made.hold(2500)
        browser.close()
    return made


def main() -> None:
    """Start a studio on the run, film it, end it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--image", default="test/1")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "walk.gif")
    arguments = parser.parse_args()
    command = [sys.executable, "-m", "pellucid", "studio", str(arguments.run), "--no-browser", "--port", "0"]
    studio = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert studio.stderr is not None
        address = re.search(r"http://\S+", studio.stderr.readline())
        if address is None:
            raise SystemExit("the studio did not start")
        made = film(address[0], arguments.image)
    finally:
        studio.terminate()
        studio.wait()
    made.write(arguments.out)
    seconds = sum(made.times) / 1000
    print(
        f"{arguments.out}: {len(made.pictures)} pictures, {seconds:.0f} s, {arguments.out.stat().st_size / 1e6:.2f} MB"
    )


if __name__ == "__main__":
    main()
