"""The page in which a run's network itself runs, in a browser without a network."""

from __future__ import annotations

import base64
import functools
import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from chromium import CHROMIUM, NO_CHROMIUM
from PIL import Image

import pellucid
from pellucid.data.decode import PixelFormat, decode_bytes, upright_bytes
from pellucid.deployment.pads import pad_of
from pellucid.prediction.calibration import read_calibration
from pellucid.prediction.predictor import Predictor, open_predictor

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM)

ASK = """async ([base64, type]) => {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    await pellucid.open(new File([bytes], "asked", { type }), "asked", null);
    const { probabilities, label, unsure } = pellucid.answer;
    const said = document.querySelector("#answer .unsure") !== null;
    const trouble = document.getElementById("trouble").innerText;
    return { probabilities: [...probabilities], label, unsure, said, trouble };
}"""
READ = """async ([base64, type]) => {
    const given = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const { bytes, height, width } = await pellucid.read(new File([given], "asked", { type }));
    let text = "";
    for (const byte of bytes) text += String.fromCharCode(byte);
    return { bytes: btoa(text), height, width };
}"""
UNIT = """([node, index]) => {
    pellucid.select(node, index);
    const panel = document.getElementById("unit");
    const verdict = panel.querySelector(".verdict");
    return {
        value: Number(panel.querySelector(".value").dataset.value),
        agrees: verdict ? verdict.dataset.agrees === "true" : null,
        text: panel.innerText,
    };
}"""


def visit(browser: Any, path: Path, **options: Any) -> tuple[Any, list[str]]:
    """Open a page with the network off; the list fills with every request elsewhere, every message and error."""
    page = browser.new_context(offline=True, **options).new_page()
    trouble: list[str] = []
    page.on("request", lambda sent: sent.url.startswith(("file:", "data:", "blob:")) or trouble.append(sent.url))
    page.on("console", lambda message: trouble.append(message.text))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("dialog", lambda dialog: trouble.append(f"dialog: {dialog.message}"))
    page.goto(path.absolute().as_uri())
    page.wait_for_selector("body[data-ready][data-runs]", timeout=60_000)
    return page, trouble


@pytest.fixture(scope="module")
def digits(browser, digit_page) -> Iterator[tuple[Any, list[str]]]:
    page, trouble = visit(browser, digit_page, viewport={"width": 1300, "height": 900})
    yield page, trouble
    page.context.close()


@pytest.fixture(scope="module")
def coloured(browser, colour_page) -> Iterator[tuple[Any, list[str]]]:
    page, trouble = visit(browser, colour_page, viewport={"width": 1300, "height": 900})
    yield page, trouble
    page.context.close()


def until(page: Any, condition: str) -> None:
    """Ask again and again; what Playwright has for this evaluates text in the page, which the page does not allow."""
    end = time.monotonic() + 30
    while not page.evaluate(condition):
        assert time.monotonic() < end, condition
        time.sleep(0.02)


@functools.cache
def opened(run: pellucid.Run) -> Predictor:
    return open_predictor(run)


def python_answer(run: pellucid.Run, content: bytes) -> np.ndarray:
    """The calibrated probabilities in Python, by the way that training takes: Pillow fits the picture."""
    predictor = opened(run)
    preprocessing = predictor.preprocessing
    form = PixelFormat(preprocessing.height, preprocessing.width, preprocessing.channels, preprocessing.fit)
    pixels = decode_bytes(content, form).pixels
    with torch.no_grad():
        logits = predictor.network(preprocessing(torch.from_numpy(pixels.copy())[None])).double()
    calibration = read_calibration(run, predictor.epoch)
    temperature = (calibration.temperature if calibration else None) or 1.0
    return (logits / temperature).softmax(1)[0].numpy()


def ask(page: Any, content: bytes, kind: str = "png") -> dict[str, Any]:
    return page.evaluate(ASK, [base64.b64encode(content).decode(), f"image/{kind}"])


def encoded(image: Image.Image, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, options.pop("format", "PNG"), **options)
    return file.getvalue()


def nasty_pictures() -> Iterator[tuple[str, bytes]]:
    generator = np.random.default_rng(8)

    def noise(*shape: int) -> np.ndarray:
        return generator.integers(0, 256, shape, np.uint8)

    yield "one pixel", encoded(Image.fromarray(noise(1, 1, 3)))
    yield "very wide", encoded(Image.fromarray(noise(1, 900, 3)))
    yield "very high", encoded(Image.fromarray(noise(700, 2, 3)))
    yield "large", encoded(Image.fromarray(noise(300, 517, 3)))
    yield "grey", encoded(Image.fromarray(noise(40, 31)))
    yield "transparent", encoded(Image.fromarray(noise(33, 47, 4), "RGBA"))
    yield "grey and transparent", encoded(Image.fromarray(noise(33, 47, 2), "LA"))
    yield "palette", encoded(Image.fromarray(noise(50, 40, 3)).quantize(40))
    yield "palette with a clear colour", encoded(Image.fromarray(noise(50, 40, 3)).quantize(40), transparency=3)
    yield "one bit", encoded(Image.fromarray(noise(50, 40)).convert("1"))
    yield "with a gamma of its own", _with_gamma(encoded(Image.fromarray(noise(24, 24, 3))))
    yield "turned by EXIF", encoded(Image.fromarray(noise(20, 37, 3)), exif=_turned(6))
    yield "mirrored by EXIF", encoded(Image.fromarray(noise(20, 37, 3)), exif=_turned(5))


def _turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def _with_gamma(content: bytes) -> bytes:
    import struct
    import zlib

    chunk = b"gAMA" + struct.pack(">I", 100_000)
    return content[:33] + struct.pack(">I", 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) + content[33:]


@pytest.mark.parametrize("which", [pytest.param("digits", marks=pytest.mark.slow), "coloured"])
def test_fifty_images_get_the_answers_that_python_gives(which, request, digit_run, colour_run):
    page, trouble = request.getfixturevalue(which)
    run = {"digits": digit_run, "coloured": colour_run}[which]
    folder = Path(run.record.data.source) / "test"
    files = sorted(folder.rglob("*.png"))[:50]
    assert len(files) == 50
    worst = 0.0
    for file in files:
        content = file.read_bytes()
        answer, expected = ask(page, content), python_answer(run, content)
        assert answer["label"] == int(expected.argmax())
        worst = max(worst, float(np.abs(np.array(answer["probabilities"]) - expected).max()))
    assert worst < 1e-4
    assert trouble == []


@pytest.mark.parametrize("which", ["digits", "coloured"])
def test_pictures_of_every_kind_give_the_pixels_that_python_sees(which, request, digit_run, colour_run):
    page, trouble = request.getfixturevalue(which)
    run = {"digits": digit_run, "coloured": colour_run}[which]
    threshold = read_calibration(run, opened(run).epoch).threshold
    unsure = 0
    form = PixelFormat(1, 1, run.preprocessing.channels, "stretch")
    for name, content in nasty_pictures():
        seen = page.evaluate(READ, [base64.b64encode(content).decode(), "image/png"])
        pixels = upright_bytes(content, form)
        assert (seen["height"], seen["width"]) == pixels.shape[:2], name
        assert base64.b64decode(seen["bytes"]) == pixels.tobytes(), name
        answer, expected = ask(page, content), python_answer(run, content)
        difference = float(np.abs(np.array(answer["probabilities"]) - expected).max())
        assert difference < 1e-4, f"{name}: {difference}"
        assert answer["unsure"] == answer["said"] == bool(expected.max() < threshold), name
        unsure += answer["unsure"]
    assert which == "coloured" or unsure > 0
    assert trouble == []


def test_a_jpeg_is_close_and_says_so(coloured, colour_run):
    page, _ = coloured
    content = encoded(Image.fromarray(np.full((30, 40, 3), (200, 90, 60), np.uint8)), format="JPEG", quality=95)
    answer = ask(page, content, "jpeg")
    assert np.abs(np.array(answer["probabilities"]) - python_answer(colour_run, content)).max() < 0.02
    assert "slightly differently" in answer["trouble"]


def test_what_is_no_image_is_refused_in_words(digits):
    page, _ = digits
    page.evaluate("pellucid.open(new File(['nothing'], 'broken.png', { type: 'image/png' }), 'broken.png', null)")
    until(page, "document.getElementById('trouble').innerText.includes('cannot read broken.png')")


@pytest.mark.parametrize("which", ["digits", "coloured"])
def test_units_of_every_layer_agree_with_the_runtime_and_with_python(which, request, digit_run, colour_run):
    page, trouble = request.getfixturevalue(which)
    run = {"digits": digit_run, "coloured": colour_run}[which]
    file = sorted((Path(run.record.data.source) / "test").rglob("*.png"))[3]
    ask(page, file.read_bytes())
    glass = pellucid.look(run, str(file))
    generator = np.random.default_rng(1)
    checked = set()
    for number, node in enumerate(glass):
        for _ in range(6):
            index = tuple(int(generator.integers(size)) for size in node.shape)
            shown = page.evaluate(UNIT, [number, [0, *index]])
            expected = node[index].value
            limit = 2e-5 * max(1.0, float(node.value.abs().max()))
            assert abs(shown["value"] - expected) < limit, node.name
            assert shown["agrees"] is True, f"{node.name}{list(index)}: {shown['text']}"
            checked.add(node.step.operation.kind if node.step.operation else "pixel")
    known = {"conv2d", "batch_norm", "linear", "pixel"}
    assert checked >= (known | {"max_pool2d", "relu", "flatten"} if which == "digits" else known | {
        "hardtanh", "leaky_relu", "silu", "sigmoid", "add", "multiply", "mean", "concatenate", "avg_pool2d",
        "adaptive_avg_pool2d", "pad", "dropout"})  # fmt: skip
    assert trouble == []


def test_a_mismatch_is_shown_as_a_mismatch(browser, digit_page):
    page, _ = visit(browser, digit_page)
    page.evaluate("pellucid.values.get('4').data[7] += 0.01")
    index = page.evaluate("(() => { const s = pellucid.network.nodes[5].shape; return [0, 0, 0, 7]; })()")
    shown = page.evaluate(UNIT, [5, index])
    assert shown["agrees"] is False
    assert "Mismatch" in shown["text"]
    page.context.close()


def test_terms_lead_back_to_the_pixels(digits):
    page, trouble = digits
    page.locator(".sample").first.click()
    page.locator(".logit").first.click()
    steps = 0
    while page.locator("#unit .terms .term").count():
        page.locator("#unit .terms .term").first.click()
        assert page.locator("#unit .verdict").get_attribute("data-agrees") == "true"
        steps += 1
        assert steps < 20
    assert "This is a pixel" in page.locator("#unit").inner_text()
    assert page.locator("#unit .crumbs li").count() == steps + 1 == 9
    page.keyboard.press("Escape")
    assert page.locator("#unit .crumbs li").count() == steps
    assert trouble == []


def test_an_empty_pad_has_no_prediction_and_a_drawn_sign_is_recognised(digits, digit_run):
    page, trouble = digits
    page.get_by_role("button", name="Clear").click()
    assert page.locator("#answer").inner_text() == "Nothing is drawn, so there is no prediction."
    right = 0
    runs = int(page.evaluate("document.body.dataset.runs"))
    for name, stroke in (("upright", [(60, 40), (62, 240)]), ("slanted", [(60, 60), (140, 200)])):
        page.get_by_role("button", name="Clear").click()
        draw(page, stroke)
        until(page, f"document.body.dataset.runs > {runs} && !pellucid.running")
        runs = int(page.evaluate("document.body.dataset.runs"))
        right += page.locator(".bar.top .name").inner_text() == name
    assert right == 2
    assert trouble == []


def draw(page: Any, points: list[tuple[int, int]]) -> None:
    box = page.locator(".pad").bounding_box()
    page.mouse.move(box["x"] + points[0][0], box["y"] + points[0][1])
    page.mouse.down()
    for x, y in points[1:]:
        page.mouse.move(box["x"] + x, box["y"] + y, steps=8)
    page.mouse.up()


def test_the_keyboard_suffices(digits):
    page, trouble = digits
    page.locator(".pad").focus()
    for key in (" ", "ArrowDown", "ArrowDown", "ArrowRight", " "):
        page.keyboard.press(key)
    until(page, "!pellucid.running && pellucid.values.size > 0")
    page.keyboard.press("Delete")
    assert "Nothing is drawn" in page.locator("#answer").inner_text()
    page.locator(".sample").nth(1).focus()
    page.keyboard.press("Enter")
    until(page, "!pellucid.running && pellucid.values.size > 0")
    page.locator(".layer .map").nth(2).focus()
    page.keyboard.press("Enter")
    first = page.locator("#unit h2").inner_text()
    page.locator("#unit .whole-map").focus()
    page.keyboard.press("ArrowRight" if not first.endswith("25]") else "ArrowLeft")
    assert page.locator("#unit h2").inner_text() != first
    assert page.evaluate("document.activeElement.className") == "whole-map"
    assert trouble == []


def test_an_address_leads_to_the_same_unit(browser, digit_page):
    page, _ = visit(browser, digit_page)
    page.evaluate("pellucid.select(3, [0, 2, 4, 5])")
    fragment = page.evaluate("location.hash")
    other = browser.new_context(offline=True).new_page()
    other.goto(digit_page.absolute().as_uri() + fragment)
    other.wait_for_selector("body[data-ready][data-runs]", timeout=60_000)
    assert other.locator("#unit h2").inner_text() == page.locator("#unit h2").inner_text() != ""
    for opened in (page, other):
        opened.context.close()


def test_names_are_text(coloured):
    page, trouble = coloured
    assert page.locator("text=<img src=x onerror=alert(1)>").count() > 0
    assert page.locator("img[src='x']").count() == 0
    assert trouble == []


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (390, "dark"), (1440, "light"), (1440, "dark")])
def test_nothing_is_wider_than_the_screen_and_text_can_be_read(browser, colour_page, width, scheme):
    page, trouble = visit(browser, colour_page, viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.evaluate("pellucid.select(2, [0, 1, 1, 1])")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CONTRASTS) == []
    assert trouble == []
    page.context.close()


CONTRASTS = """() => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const rgb = (colour) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const light = (colour) => {
        const part = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
        return 0.2126 * part(colour[0]) + 0.7152 * part(colour[1]) + 0.0722 * part(colour[2]);
    };
    const behind = (element) => {
        for (let at = element; at; at = at.parentElement) {
            const colour = rgb(getComputedStyle(at).backgroundColor);
            if (colour[3] === 255) return colour;
        }
        return [255, 255, 255, 255];
    };
    const poor = [];
    for (const element of document.querySelectorAll("body *")) {
        const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
        if (!own || !element.checkVisibility() || element.closest("script")) continue;
        const [text, back] = [light(rgb(getComputedStyle(element).color)), light(behind(element))];
        const contrast = (Math.max(text, back) + 0.05) / (Math.min(text, back) + 0.05);
        const what = `${element.tagName} ${element.className} ${element.textContent.slice(0, 30)}`;
        if (contrast < 4.5) poor.push(`${what}: ${contrast.toFixed(2)}`);
    }
    return poor;
}"""


def test_the_pad_is_chosen_by_what_the_images_are(digit_run, colour_run):
    pad = pad_of(digit_run.open_images().splits["train"].images, 1)
    assert (pad["kind"], pad["size"], pad["box"]) == ("digit", 28, 20)
    assert 36 / 320 * 20 / 0.8 * 0.8 < pad["pen"] < 36 / 320 * 20 / 0.8 * 1.3
    assert pad_of(colour_run.open_images().splits["train"].images, 3) == {"kind": "colour"}
    noise = np.random.default_rng(0).integers(0, 256, (100, 28, 28, 1), np.uint8)
    assert pad_of(noise, 1)["kind"] == "grey"
    white = 255 - digit_run.open_images().splits["train"].images
    assert pad_of(white, 1) == {"kind": "grey", "background": 255, "measured": 180}
