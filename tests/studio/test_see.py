"""One image through a network in the studio: what the server says, and what a person sees and clicks."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from packed_numbers import unpacked
from PIL import Image

import pellucid


@pytest.fixture
def page(browser) -> Iterator[Any]:
    """A page in which nothing may go wrong unseen."""
    opened = browser.new_page(viewport={"width": 1440, "height": 1000})
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    # A page that is left ends what it still asked for.
    opened.on("requestfailed", lambda ended: ended.failure == "net::ERR_ABORTED" or errors.append(ended.url))
    opened.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    yield opened
    opened.close()
    assert not errors


def shown(studio, page, address: str) -> None:
    """Go to an address of this view, and wait until everything of the unit in it is shown."""
    page.goto(f"{studio.address}#/see?run=digits&{address}")
    unit = address.partition("unit=")[2].partition("&")[0]
    page.wait_for_selector(f'body[data-onward="{unit}"]' if unit else "body[data-looks]")


def test_every_term_of_a_unit_is_where_it_says(studio) -> None:
    """Terms, read again from the values that the page has, times the weights, are the value that the page shows."""
    status, said, _ = studio.call("/api/look?run=digits&image=test/1")
    assert status == 200
    names = {number: node["name"] for number, node in enumerate(said["plan"]["nodes"])}
    _, content, _ = studio.call(f"/api/values?run=digits&image=test/1&nodes={','.join(map(str, names))}")
    values = unpacked(content)[1]
    random = np.random.default_rng(0)
    tried = 0
    for number, node in enumerate(said["plan"]["nodes"]):
        if node["source"] or not node["operands"]:
            continue
        index = [int(random.integers(size)) for size in node["shape"]]
        unit = f"{node['name']}[{','.join(map(str, index[1:]))}]"
        status, content, _ = studio.call(f"/api/unit?run=digits&image=test/1&unit={quote(unit)}")
        assert status == 200, content
        head, arrays = unpacked(content)
        assert head["value"] == pytest.approx(float(values[str(number)][tuple(index)]), abs=1e-12)
        assert head["check"]["passed"]
        for operand, position, value in zip(arrays["operand"], arrays["position"], arrays["values"], strict=True):
            if operand >= 0:
                read = values[str(node["operands"][operand])].ravel()[position]
                assert read == pytest.approx(value, abs=1e-12)
        if head["combine"] == "sum" and "products" in arrays:
            assert head["value"] == pytest.approx(arrays["products"].sum() + (head["bias"] or 0), abs=1e-4)
        tried += 1
    assert tried >= 4


def test_a_person_clicks_from_a_map_to_a_pixel(studio, page) -> None:
    shown(studio, page, "image=test/1")
    assert "token" not in page.url
    page.locator(".layer").nth(1).locator(".map").first.click(position={"x": 20, "y": 20})
    page.wait_for_selector(".unit .verdict[data-agrees=true]")
    for _ in range(6):
        if page.locator(".unit .swatch").count():
            break
        before = page.evaluate("document.body.dataset.unit")
        page.locator(".terms .term").first.click()
        page.wait_for_selector(f'body:not([data-unit="{before}"])')
    assert page.locator(".unit .swatch").count(), "it ends at a pixel"
    page.keyboard.press("Escape")
    page.wait_for_selector(".unit .swatch", state="detached")


def test_from_a_unit_onward_to_what_it_feeds_and_along_the_strongest_path(studio, page) -> None:
    run = pellucid.open_run(studio.workplace.folder / "digits", trust=True)
    glass = pellucid.look(run, "test/1")
    layer = glass.output.name
    shown(studio, page, "image=test/1&unit=first[2,9,9]")
    fed = glass.feeds("first[2,9,9]")
    assert page.locator(".terms.onward tbody .term").all_inner_texts() == [feed.unit.name for feed in fed]
    page.locator(".terms.onward tbody .term").first.click()
    page.wait_for_selector(f'body[data-onward="{fed[0].unit.name}"]')
    assert "way=first[2,9,9]" in page.url, "the way back is kept"

    page.locator("#show-path").click()
    page.wait_for_selector(".chain li")
    path = glass.path(fed[0].unit)
    assert page.locator(".chain .term").all_inner_texts() == [link.unit.name for link in path]
    page.wait_for_selector(".layer .on-path")
    page.locator(".chain .term").first.click()
    page.wait_for_selector(f'body[data-onward="{path.links[0].unit.name}"]')
    assert page.locator(".unit .swatch").count() == 1
    assert page.locator(".chain .term").count() == len(path), "the path stays as it was asked for"

    box = page.get_by_role("combobox", name="Find a unit")
    box.fill("5")
    page.wait_for_selector(".offered [role=option]")
    box.press("Enter")
    page.wait_for_selector(f'body[data-unit="{layer}[5]"]')
    box.fill(f"{layer}[5")
    assert page.locator(".offered code").first.inner_text() == f"{layer}[5]"
    box.fill("first[2]")
    box.press("Enter")
    page.wait_for_selector('body[data-unit^="first[2,"]')
    strongest = glass["first"].value[2].abs().max().item()
    assert abs(float(page.locator(".unit .value").get_attribute("data-value"))) == pytest.approx(strongest)
    box.fill("nothing like it")
    box.press("Enter")
    assert "nothing like it" in page.locator("#trouble").inner_text()


def test_a_hovered_unit_lights_what_it_reads_and_a_hovered_pixel_who_sees_it(studio, page) -> None:
    shown(studio, page, "image=test/1")
    maps = page.locator('.layer[aria-label="first"] .map')
    maps.first.hover(position={"x": 34, "y": 34})
    page.wait_for_selector('.layer[aria-label="input"] .window-lit')
    assert page.locator("#seen .field").is_visible()
    assert page.locator(".tip").inner_text().startswith("first[")
    assert "sees rows" in page.locator(".tip").inner_text()
    page.locator("#seen canvas").hover(position={"x": 5, "y": 5})
    page.wait_for_selector('.layer[aria-label="first"] .window-lit')
    assert page.locator('.layer[aria-label="input"] .window-lit').count() == 0
    page.locator("h1, h2").first.hover()
    page.wait_for_selector(".window-lit", state="detached")
    assert page.locator(".tip").is_hidden()


def test_the_window_slides_by_keys_and_by_itself_and_says_what_the_network_says(studio, page) -> None:
    shown(studio, page, "image=test/1&unit=first[2,9,9]")
    glass = pellucid.look(pellucid.open_run(studio.workplace.folder / "digits", trust=True), "test/1")
    stage = page.locator(".stage-maps")
    stage.focus()
    stage.press("ArrowRight")
    line = page.locator(".sliding > .readout")
    page.wait_for_selector('.sliding > .readout:has-text("first[2,9,10]")')
    assert float(line.get_attribute("title").replace("−", "-")) == pytest.approx(glass["first"][2, 9, 10].value)
    page.get_by_role("button", name="play").click()
    page.wait_for_selector('.sliding > .readout:has-text("first[2,0,")')
    page.locator(".play").click()
    page.wait_for_selector('.play:has-text("play")')
    unit = line.inner_text().partition(":")[0]
    assert float(line.get_attribute("title").replace("−", "-")) == pytest.approx(glass.unit(unit).value)
    assert page.evaluate("document.body.dataset.unit") == "first[2,9,9]", "the chosen unit stays"
    page.emulate_media(reduced_motion="reduce")
    page.reload()
    page.wait_for_selector(".stage-maps")
    assert page.locator(".play").count() == 0


def test_the_epoch_moves_and_image_unit_and_way_stay(studio, page) -> None:
    run = pellucid.open_run(studio.workplace.folder / "digits", trust=True)
    shown(studio, page, "image=test/1&epoch=2&way=first[2,8,8]&unit=first[2,9,9]")
    page.wait_for_selector("#unit-over-epochs .point >> nth=1")
    for epoch, press in ((1, "ArrowLeft"), (2, "ArrowRight")):
        page.get_by_role("slider", name="Epoch").press(press)
        page.wait_for_selector(f'body[data-pass="digits {epoch} test/1"]')
        glass = pellucid.look(run, "test/1", epoch=epoch)
        value = float(page.locator(".unit .value").get_attribute("data-value"))
        assert value == pytest.approx(glass.unit("first[2,9,9]").value)
        assert all(part in page.url for part in ("image=test/1", "unit=first[2,9,9]", "way=first[2,8,8]"))
        _, said, _ = studio.call(f"/api/moment?run=digits&image=test/1&epoch={epoch}&unit=first%5B2,9,9%5D")
        assert said["value"] == glass.unit("first[2,9,9]").value
        assert said["probabilities"] == pytest.approx(glass.prediction.probabilities)
    page.locator('#unit-over-epochs .point[data-epoch="1"]').press("Enter")
    page.wait_for_selector('body[data-pass="digits 1 test/1"]')


def test_an_empty_pad_says_so_and_the_first_stroke_is_seen(studio, page) -> None:
    shown(studio, page, "from=draw")
    page.locator(".pad").hover()
    page.mouse.down()
    page.mouse.move(200, 400)
    page.mouse.up()
    page.wait_for_selector('#seen figcaption:has-text("your drawing")')
    page.wait_for_url("**image=given-*")
    page.get_by_role("slider", name="Epoch").press("ArrowLeft")
    page.wait_for_selector('#chosen-epoch output:has-text("1 of")')
    page.wait_for_selector('#seen figcaption:has-text("your drawing")')
    page.get_by_role("button", name="Clear").click()
    page.wait_for_selector('#answer:has-text("Nothing is drawn")')
    assert page.locator(".layer canvas").count() == 0, "no values are left"
    assert page.locator("#seen canvas").count() == 0


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_file_that_is_dropped_is_answered_as_in_python(studio, page, tmp_path, kind) -> None:
    file = tmp_path / f"photo.{kind.lower()}"
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (40, 30, 3), np.uint8)).save(file, kind)
    shown(studio, page, "from=open")
    page.locator("#file").set_input_files(file)
    page.wait_for_selector(f'#seen figcaption:has-text("{file.name}")')
    run = pellucid.open_run(studio.workplace.folder / "digits", trust=True)
    glass = pellucid.look(run, file)
    shares = [
        float(share)
        for share in page.locator("#answer .share").evaluate_all("all => all.map((share) => share.dataset.share)")
    ]
    assert shares == pytest.approx(glass.calibrated_probabilities or glass.prediction.probabilities)
    key = page.url.partition("image=")[2].partition("&")[0]
    _, content, headers = studio.call(f"/api/picture?run=digits&image={key}")
    assert content == file.read_bytes()
    assert headers["content-type"] == "application/octet-stream", "a browser must not show it as a page"


def test_a_drawing_can_be_saved_as_the_file_that_the_command_names(studio, tmp_path) -> None:
    pixels = np.random.default_rng(2).integers(0, 255, (28, 28), np.uint8)
    document = {"height": 28, "width": 28, "channels": 1, "bytes": base64.b64encode(pixels.tobytes()).decode()}
    _, given, _ = studio.call("/api/given/pixels", document)
    _, said, _ = studio.call(f"/api/look?run=digits&image={given['image']}")
    assert said["file"] == "your-drawing.png"
    assert "your-drawing.png" in said["command"]
    _, content, _ = studio.call(f"/api/picture?run=digits&image={given['image']}")
    assert (np.asarray(Image.open(io.BytesIO(content))) == pixels).all()


def test_the_field_is_that_of_the_trace(studio) -> None:
    glass = pellucid.look(pellucid.open_run(studio.workplace.folder / "digits", trust=True), "test/1")
    _, said, _ = studio.call("/api/field?run=digits&image=test/1&unit=first%5B2,9,9%5D")
    assert said["field"] == glass.trace("first[2,9,9]").receptive_field.to_dict()


def test_no_path_of_this_machine_can_be_read(studio, tmp_path) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "secret.png")
    status, answer, _ = studio.call(f"/api/look?run=digits&image={quote(str(tmp_path / 'secret.png'))}")
    assert status == 400
    assert "expected one of the run's own" in answer["error"]
    for name in ("..", "../digits", "digits/../digits", "/etc", "", "%2e%2e"):
        assert studio.call(f"/api/run?run={quote(name)}")[0] == 400
    for path in ("/page/../../../pyproject.toml", "/page/%2e%2e/__init__.py", "/modules/..%2f__init__.py"):
        assert studio.call(path)[0] == 404


def test_the_run_that_is_shown_is_that_of_the_command(studio) -> None:
    _, said, _ = studio.call("/api/look?run=digits&image=test/3")
    run = pellucid.open_run(studio.workplace.folder / "digits", trust=True)
    prediction = pellucid.look(run, "test/3").prediction
    assert said["answer"]["label"] == prediction.index
    assert sum(said["answer"]["probabilities"]) == pytest.approx(1)
