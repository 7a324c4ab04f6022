"""One image through a network in the studio: what the server says, and what a person sees and clicks."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import numpy as np
import pytest

import pellucid


def unpacked(content: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    import json

    size = int.from_bytes(content[:4], "little")
    head = json.loads(content[4 : 4 + size])
    start = 8 * -(-(4 + size) // 8)
    arrays = {}
    for name, place in head["arrays"].items():
        count = int(np.prod(place["shape"]))
        arrays[name] = np.frombuffer(content, place["type"], count, start + place["at"]).reshape(place["shape"])
    return head, arrays


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


def test_a_person_clicks_from_a_map_to_a_pixel(studio, browser) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("requestfailed", lambda request: errors.append(request.url))
    page.goto(f"{studio.address}#/see?run=digits&image=test/1")
    page.wait_for_selector(".layer .map")
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
    assert not errors
    page.close()


def test_no_path_of_this_machine_can_be_read(studio, tmp_path) -> None:
    from PIL import Image

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
