"""From an error to its cause in the studio: every answer is that of the room below, and a person clicks all the way."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import numpy as np
import pytest
from PIL import Image
from studio_jobs import ended

import pellucid
from pellucid.attribution import explain_glass, quick_explanation
from pellucid.causes import activations, find_contributor, find_pair, history
from pellucid.evaluation import mistakes, own_evaluation, predictions_of
from pellucid.run import Run
from pellucid.studio.views import mistakes as part

HOSTILE = "<img src=x onerror=alert(1)>"
SCRIPT = "<script>alert(1)</script>"


def ask(studio: Any, path: str, **asked: Any) -> dict[str, Any]:
    status, answer, _ = studio.call(f"{path}?{urlencode({'run': 'digits', **asked}, quote_via=quote)}")
    assert status == 200, answer
    return dict(answer)


@pytest.fixture
def digits(studio: Any) -> Run:
    return pellucid.open_run(studio.workplace.folder / "digits", trust=True)


def worst(run: Run) -> tuple[str, str]:
    """Name the classes of the most frequent mistake."""
    evaluation = own_evaluation(run)
    assert evaluation is not None
    wrong = np.array(evaluation.confusion) * (1 - np.eye(len(evaluation.classes), dtype=int))
    true, predicted = np.unravel_index(wrong.argmax(), wrong.shape)
    return evaluation.classes[true].name, evaluation.classes[predicted].name


def test_the_matrix_is_that_of_the_evaluation(studio, digits) -> None:
    said, evaluation = ask(studio, "/api/mistakes"), own_evaluation(digits)
    assert said["confusion"] == [list(row) for row in evaluation.confusion]
    assert said["classes"] == [figures.name for figures in evaluation.classes]
    assert said["epoch"] == evaluation.epoch
    true, predicted, count = said["pairs"][0]
    assert count == evaluation.confusion[true][predicted]
    assert (said["classes"][true], said["classes"][predicted]) == worst(digits)
    assert "correctly" in said["sentence"]


def test_the_images_of_a_cell_are_those_of_the_table_and_their_references_lead_to_their_pixels(studio, digits) -> None:
    true, predicted = worst(digits)
    said = ask(studio, "/api/mistakes/images", true=true, predicted=predicted)
    expected = mistakes(digits, true=true, predicted=predicted)
    assert said["count"] == expected.count > 0
    assert [image["source"] for image in said["images"]] == [mistake.image for mistake in expected.shown]
    table, chosen, _ = predictions_of(digits)
    for image in said["images"]:
        row = list(table.sources).index(image["source"])
        assert image["confidence"] == pytest.approx(float(table.confidence[row]))
        assert table.classes[table.predicted[row]] == predicted
        look = pellucid.look(digits, image["reference"])
        assert np.array_equal(look.picture.pixels, chosen.pixels(row))


def test_pair_unit_and_maps_are_those_of_the_rooms(studio, digits) -> None:
    glass = pellucid.look(digits, "test/1")
    pair = find_pair(glass)
    said = ask(studio, "/api/mistakes/image", image="test/1")
    assert (said["predicted"], said["other"], said["wrong"]) == (pair.predicted, pair.other, pair.wrong)
    assert pair.predicted in said["sentences"][0]
    contributor = find_contributor(glass, pair.predicted, pair.other)
    unit = ask(studio, "/api/mistakes/unit", image="test/1")
    assert unit["unit"] == contributor.unit.name
    assert unit["contribution"] == pytest.approx(contributor.contribution)
    assert unit["check"]["passed"]
    assert unit["path"][0].startswith("input[")
    assert contributor.unit.name in unit["path"]
    quick = ask(studio, "/api/mistakes/map", image="test/1", target=pair.predicted)
    assert quick["quick"]
    assert np.allclose(quick["map"], quick_explanation(glass, pair.predicted).map)
    for method in ask(studio, "/api/mistakes")["methods"]:
        answer = ask(studio, "/api/mistakes/map", image="test/1", target=pair.other, method=method)
        expected = explain_glass(glass, method, pair.other).best
        assert answer["class"] == pair.other
        assert np.allclose(answer["map"], expected.map, atol=1e-6)
        assert answer["scores"]["deletion"] == pytest.approx(expected.scores.deletion)
        assert method in answer["sentence"]


def test_what_activates_a_unit_and_its_history_are_those_of_the_rooms(studio, digits) -> None:
    contributor = find_contributor(pellucid.look(digits, "test/1"))
    said = ask(studio, "/api/mistakes/activations", image="test/1", unit=contributor.channel, limit=50)
    expected = activations(digits, contributor.channel, limit=50)
    assert [image["image"] for image in said["images"]] == [image.image for image in expected]
    for document, image in zip(said["images"], expected, strict=True):
        assert document["value"] == image.value
        assert np.array_equal(pellucid.look(digits, document["reference"]).picture.pixels, image.pixels)
    told = ask(studio, "/api/mistakes/history", image="test/1", unit=contributor.channel)
    moments = history(digits, "test/1", contributor.channel)
    assert [moment["epoch"] for moment in told["moments"]] == [moment.epoch for moment in moments]
    assert [moment["value"] for moment in told["moments"]] == [moment.value for moment in moments]


def test_an_image_that_was_given_here_is_followed_too(studio, digits, monkeypatch) -> None:
    pixels = pellucid.look(digits, "test/5").picture.pixels
    document = {"height": 28, "width": 28, "channels": 1, "bytes": base64.b64encode(pixels.tobytes()).decode()}
    image = studio.call("/api/given/pixels", {**document, "name": "<i>mine</i>"})[1]["image"]
    unit = ask(studio, "/api/mistakes/unit", image=image)
    pair = find_pair(pellucid.look(digits, pixels))
    assert (unit["class"], unit["rival"]) == (pair.predicted, pair.other)
    told = ask(studio, "/api/mistakes/history", image=image, unit=unit["channel"])
    assert len(told["moments"]) == len(digits.epochs())
    assert "<i>mine</i>" in told["command"]
    monkeypatch.setattr(part, "AT_ONCE", 0)
    status, answer, _ = studio.call("/api/mistakes/start", {"run": "digits", "question": "map", "image": image})
    assert status == 400
    assert "save it as a file" in answer["error"]


def test_a_damaged_evaluation_is_said_and_can_be_made_again(own_folder, open_studio) -> None:
    (own_folder / "digits" / "evaluation.json").write_text("{")
    said = ask(open_studio(own_folder), "/api/mistakes")
    assert not said["evaluated"]
    assert "evaluation.json" in said["problem"]


def test_what_takes_long_is_offered_as_a_job_that_answers_the_same(studio, monkeypatch) -> None:
    asked = {"image": "test/2", "target": "3", "method": "occlusion"}
    expected = ask(studio, "/api/mistakes/map", **asked, epoch=2)
    monkeypatch.setattr(part, "AT_ONCE", 0)
    assert ask(studio, "/api/mistakes/map", **asked).keys() == {"slow"}
    status, job, _ = studio.call("/api/mistakes/start", {"run": "digits", "question": "map", "epoch": 2, **asked})
    assert status == 200, job
    said = ended(studio, job["job"])
    assert said["state"] == "done", said
    assert np.allclose(said["answer"].pop("map"), expected.pop("map"))
    assert said["answer"]["sentence"] == expected["sentence"]
    assert studio.call("/api/mistakes/start", {"run": "digits", "question": "os"})[0] == 400
    assert studio.call("/api/mistakes/start", body=b"{}")[0] == 403


@pytest.mark.slow
def test_every_mistake_leads_to_the_same_links_as_why(studio, digits) -> None:
    """Every cell of the matrix, every image in it, and for each the whole chain that `pellucid.why` follows."""
    said = ask(studio, "/api/mistakes")
    followed = 0
    for true, predicted, count in said["pairs"]:
        cell = {"true": said["classes"][true], "predicted": said["classes"][predicted]}
        images = ask(studio, "/api/mistakes/images", **cell, top=60)["images"]
        assert len(images) == count
        for image in images:
            why = pellucid.why(digits, image["reference"], method="saliency", limit=40, top=3)
            unit = ask(studio, "/api/mistakes/unit", image=image["reference"])
            assert (unit["class"], unit["rival"]) == (cell["predicted"], cell["true"])
            assert unit["unit"] == why.contributor.unit.name
            assert unit["value"] == pytest.approx(why.trace.value)
            assert unit["path"] == [link.unit.name for link in why.path.links]
            answer = ask(
                studio, "/api/mistakes/map", image=image["reference"], target=cell["predicted"], method="saliency"
            )
            assert np.allclose(answer["map"], why.explanation.map, atol=1e-6)
            found = ask(studio, "/api/mistakes/activations", image=image["reference"], unit=unit["channel"], limit=40)
            assert [entry["value"] for entry in found["images"][:3]] == [entry.value for entry in why.activations]
            followed += 1
    assert followed == said["images"] - said["correct"] >= 20


def test_mistakes_of_a_person_are_said_in_words(studio) -> None:
    for path, words in (
        ("/api/mistakes/images?run=digits&true=3&predicted=3", "not a mistake"),
        ("/api/mistakes/images?run=digits&true=x&predicted=3", "--true is 'x'"),
        ("/api/mistakes/map?run=digits&image=test/1&target=3&method=grad", "no attribution method"),
        ("/api/mistakes/activations?run=digits&image=test/1&unit=nothing[3]&limit=9", "nothing"),
        ("/api/mistakes/activations?run=digits&image=test/1&unit=conv1[3]&limit=many", "whole number"),
        ("/api/mistakes/image?run=digits&image=/etc/passwd", "expected one of the run's own"),
    ):
        status, answer, _ = studio.call(quote(path, safe="/?=&[]"))
        assert status == 400
        assert words in answer["error"]


def walked(page: Any, true: str, predicted: str) -> None:
    """Click from the confusion cell to what activates the unit."""
    page.locator(f'.mistake[data-true="{true}"][data-predicted="{predicted}"]').click()
    page.locator(".cell-step .sample").first.click()
    page.wait_for_selector(".evidence .overlay")
    page.locator(".image-step .go-on").click()
    page.wait_for_selector(".unit-step .sum")


@pytest.mark.parametrize("width", [1440, 390])
def test_a_person_walks_from_a_confusion_cell_to_the_arithmetic_and_to_what_activates_the_unit(
    studio, digits, browser, width
) -> None:
    true, predicted = worst(digits)
    page = browser.new_page(viewport={"width": width, "height": 800})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.goto(f"{studio.address}#/mistakes?run=digits")
    page.wait_for_selector(".mistake")
    walked(page, true, predicted)
    image, unit = page.evaluate("[studio.get('image'), studio.get('unit')]")
    glass = pellucid.look(digits, image)
    pair = find_pair(glass)
    assert (pair.predicted, pair.other) == (predicted, true)
    assert unit == find_contributor(glass, predicted, true).unit.name
    page.locator(".add-map[data-method=occlusion]").click()
    page.wait_for_selector(".evidence[data-method=occlusion]")
    page.locator(".activating").click()
    page.wait_for_selector(".activating-image")
    page.locator(".over-epochs").click()
    page.wait_for_selector(".history")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    address = page.url
    page.reload()  # the address holds all of it
    page.wait_for_selector(".history")
    assert page.url == address
    assert page.locator(".evidence").count() == 2
    page.keyboard.press("Escape")
    page.wait_for_selector(".activates-step", state="hidden")
    page.locator(".see-arithmetic").click()
    page.wait_for_selector(".unit .verdict[data-agrees=true]")
    assert page.evaluate("studio.get('unit')") == unit
    page.go_back()
    page.wait_for_selector(".unit-step .sum")
    assert not errors
    page.close()


def test_cells_are_reached_by_keyboard_and_marked_by_more_than_colour(studio, browser) -> None:
    page = browser.new_page(viewport={"width": 1200, "height": 800})
    page.goto(f"{studio.address}#/mistakes?run=digits")
    page.wait_for_selector(".mistake")
    page.locator(".mistake[tabindex='0']").focus()
    first = page.evaluate("document.activeElement.getAttribute('aria-label')")
    page.keyboard.press("ArrowDown")
    second = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert first != second
    assert "predicted as" in second
    page.keyboard.press("Enter")
    page.wait_for_selector(".cell-step .sample")
    assert page.locator(".mistake[aria-pressed=true]").count() == 1
    page.close()


@pytest.mark.slow
def test_a_run_that_was_not_evaluated_is_evaluated_by_a_click(own_folder, open_studio, browser) -> None:
    for name in ("evaluation.json", "predictions.csv", "calibration.json"):
        (own_folder / "digits" / name).unlink()
    studio = open_studio(own_folder)
    page = browser.new_page(viewport={"width": 1200, "height": 800})
    page.goto(f"{studio.address}#/mistakes?run=digits")
    page.locator(".evaluate").click()
    page.wait_for_selector(".mistake", timeout=60_000)
    assert (own_folder / "digits" / "evaluation.json").exists()
    page.close()


@pytest.fixture(scope="session")
def hostile_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on photos whose classes and files are named to become HTML, were they not text."""
    folder = tmp_path_factory.mktemp("hostile")
    random = np.random.default_rng(0)
    lines = ["file,label"]
    (folder / "photos").mkdir()
    for number in range(40):
        name = f"<b onclick=alert(2)>{number}.png"
        Image.fromarray(random.integers(0, 255, (16, 16, 3), dtype=np.uint8)).save(folder / "photos" / name)
        lines.append(f"{name},{(HOSTILE, SCRIPT)[number % 2]}")
    (folder / "photos" / "labels.csv").write_text("\n".join(lines) + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PELLUCID_CACHE", str(folder / "cache"))
        pellucid.train(
            folder / "photos",
            network="simple-cifar",
            recipe="tutorial",
            epochs=1,
            size=(32, 32),
            device="cpu",
            out=folder / "runs" / "hostile",
        )
    return folder


def test_names_of_classes_and_files_are_text(hostile_run, open_studio, browser, monkeypatch) -> None:
    studio = open_studio(hostile_run / "runs")
    monkeypatch.setenv("PELLUCID_CACHE", str(hostile_run / "cache"))
    said = ask(studio, "/api/mistakes", run="hostile")
    true, predicted, _ = said["pairs"][0]
    true, predicted = said["classes"][true], said["classes"][predicted]
    page = browser.new_page(viewport={"width": 1200, "height": 800})
    alerts: list[str] = []
    page.on("dialog", lambda dialog: (alerts.append(dialog.message), dialog.dismiss()))
    page.on("console", lambda message: alerts.append(message.text) if message.type == "error" else None)
    page.goto(f"{studio.address}#/mistakes?run=hostile")
    page.wait_for_selector(".mistake")
    page.locator(".mistake").first.click()
    page.locator(".cell-step .sample").first.click()
    page.wait_for_selector(".evidence .overlay")
    page.locator(".image-step .go-on").click()
    page.locator(".activating").click()
    page.wait_for_selector(".activating-image")
    assert f"{true} predicted as {predicted}" in page.locator(".path").inner_text()
    assert page.locator("main b, main script, main img[onerror]").count() == 0
    assert SCRIPT in page.locator("main").inner_text()
    page.locator("#tabs a", has_text="Do").click()
    page.wait_for_selector("body[data-tools]")
    assert not alerts
    page.close()
