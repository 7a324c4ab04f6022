"""The report in a real browser, from the disk: its cells open, its numbers are there, the keyboard suffices."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import pellucid
from pellucid.reporting import report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (Debian: apt-get install chromium)")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield opened
        opened.close()


def visit(browser: Any, path: Path, **options: Any) -> tuple[Any, list[str]]:
    """Open a file; give the page and a list that fills with every request elsewhere and every error."""
    page = browser.new_context(**options).new_page()
    trouble: list[str] = []
    page.on("request", lambda request: request.url.startswith(("file:", "data:")) or trouble.append(request.url))
    page.on("console", lambda message: trouble.append(message.text))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.goto(path.absolute().as_uri())
    return page, trouble


@pytest.fixture
def measured(digits) -> tuple[Path, dict[str, Any]]:
    path = report(digits)
    return path, json.loads((digits.directory / "evaluation.json").read_text())


def largest_mistake(document: dict[str, Any]) -> tuple[int, int, int]:
    confusion = document["confusion"]
    count, true, predicted = max(
        (confusion[row][column], row, column) for row in range(10) for column in range(10) if row != column
    )
    return true, predicted, count


def test_a_cell_opens_its_images_and_the_numbers_are_the_measured_ones(browser, measured):
    path, document = measured
    page, trouble = visit(browser, path)
    assert page.locator("#accuracy").inner_text() == f"{document['accuracy']:.2%}"
    true, predicted, count = largest_mistake(document)
    cell = page.locator(f"#matrix [data-cell='{true}-{predicted}']")
    assert cell.inner_text() == str(count)
    cell.click()
    names = [one["name"] for one in document["classes"]]
    assert page.locator("#cell-title").inner_text() == f"{count} {names[true]} predicted as {names[predicted]}"
    thumbs = page.locator("#cell-images button")
    assert thumbs.count() == count
    picture = thumbs.first.evaluate("element => getComputedStyle(element).backgroundImage")
    assert picture.startswith('url("data:image/webp')
    thumbs.last.click()
    source = thumbs.last.get_attribute("aria-label").split(":")[0]
    assert page.locator("#cell-detail code").inner_text() == f"pellucid trace . {source}"
    assert trouble == []


def test_the_keyboard_suffices(browser, measured):
    path, document = measured
    page, trouble = visit(browser, path)
    page.locator("#matrix [data-cell='0-0']").focus()
    for key in ("ArrowDown", "ArrowRight", "ArrowRight", "ArrowLeft"):
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.dataset.cell") == "1-1"
    assert page.locator("#matrix [tabindex='0']").count() == 1
    page.keyboard.press("Enter")
    assert page.locator("#cell").evaluate("dialog => dialog.open")
    assert page.locator("#cell-title").inner_text() == f"{document['confusion'][1][1]} 1, classified correctly"
    page.keyboard.press("Escape")
    assert not page.locator("#cell").evaluate("dialog => dialog.open")
    assert page.evaluate("document.activeElement.dataset.cell") == "1-1"
    assert trouble == []


@pytest.mark.parametrize(
    ("width", "scheme"), [(340, "light"), (390, "light"), (390, "dark"), (1280, "light"), (1280, "dark")]
)
@pytest.mark.parametrize("long_path", [False, True])
def test_nothing_is_wider_than_the_screen(browser, digits, tmp_path, width, scheme, long_path):
    run = digits
    if long_path:
        run = pellucid.open_run(shutil.copytree(digits.directory, tmp_path / ("a" * 90) / ("b" * 120)))
    page, trouble = visit(browser, report(run), viewport={"width": width, "height": 700}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    colours = page.evaluate("[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]")
    brightness = [sum(map(int, colour[4:-1].split(","))) for colour in colours]
    assert (brightness[0] > brightness[1]) == (scheme == "dark")
    assert trouble == []


def test_all_pictures_can_be_read(browser, measured):
    page, _ = visit(browser, measured[0])
    page.evaluate("document.querySelectorAll('img').forEach(image => image.loading = 'eager')")
    page.wait_for_function("[...document.images].every(image => image.complete)")
    assert page.evaluate("[...document.images].every(image => image.naturalWidth > 0)")
    assert page.evaluate("document.images.length") > 5


def test_a_folder_with_quotes_in_its_name_gives_commands_that_can_be_pasted(browser, photos):
    page, trouble = visit(browser, report(photos))
    page.locator("#matrix button").first.click()
    words = shlex.split(page.locator("#cell-detail code").inner_text())
    assert words[:3] == ["pellucid", "trace", "."]
    assert (Path(photos.record.data.source) / words[3]).is_file()  # the name that the image has in the run's data
    assert trouble == []


def test_a_photo_opens_larger_and_closes_with_escape(browser, measured):
    page, trouble = visit(browser, measured[0], viewport={"width": 1280, "height": 900})
    photo = page.locator(".photo").first
    photo.focus()
    page.keyboard.press("Enter")
    large = page.locator("#photo-image img")
    assert page.locator("#photo").evaluate("dialog => dialog.open")
    assert large.get_attribute("src") == photo.locator("img").get_attribute("src")
    assert page.locator("#photo-words").inner_text() == photo.locator("img").get_attribute("alt")
    assert large.bounding_box()["width"] > 2 * photo.bounding_box()["width"]
    assert large.evaluate("image => image.getBoundingClientRect().width % image.naturalWidth") == 0  # whole pixels
    page.keyboard.press("Escape")
    assert not page.locator("#photo").evaluate("dialog => dialog.open")
    assert page.evaluate("document.activeElement.className") == "photo"
    photo.click()
    page.locator("#photo button").click()
    assert not page.locator("#photo").evaluate("dialog => dialog.open")
    assert trouble == []


@pytest.mark.parametrize("width", [390, 1280])
def test_a_photo_fits_the_screen_and_the_arithmetic_is_not_clipped(browser, measured, width):
    page, _ = visit(browser, measured[0], viewport={"width": width, "height": 800})
    page.locator(".arithmetic summary").first.click()
    lines = page.locator(".arithmetic pre").first
    assert lines.evaluate("pre => pre.scrollWidth <= pre.clientWidth")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator(".photo").first.click()
    box = page.locator("#photo").bounding_box()
    assert 0 <= box["x"] <= box["x"] + box["width"] <= width


def test_no_path_of_the_machine_is_on_the_page(browser, measured):
    page, _ = visit(browser, measured[0])
    assert str(measured[0].parent.absolute().parent) not in page.content()
