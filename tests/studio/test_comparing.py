"""Two runs beside each other in the studio: what the server says is what `pellucid.compare` says."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from studio_jobs import ended

import pellucid
from pellucid.evaluation.showing_comparison import run_names, verdict


@pytest.fixture(scope="module")
def two(
    opening: Any, studio_folder: Path, make_run: Any, seen_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """A studio on two runs of one data set, of which one was trained for one epoch alone."""
    folder = Path(shutil.copytree(studio_folder, tmp_path_factory.mktemp("two") / "runs"))
    shutil.copytree(make_run(epochs=1, seed=1).directory, folder / "short")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PELLUCID_CACHE", str(seen_data / "cache"))
        with opening(folder) as studio:
            yield studio


def test_runs_that_were_not_evaluated_are_compared_by_a_job(two) -> None:
    short = two.workplace.folder / "short"
    for name in ("evaluation.json", "predictions.csv", "calibration.json"):
        (short / name).unlink(missing_ok=True)
    status, said, _ = two.call("/api/compare?run=digits&other=short")
    assert (status, said) == (200, {"unmeasured": ["short"]})
    status, job, _ = two.call("/api/compare/start", {"run": "digits", "other": "short"})
    assert status == 200, job
    answer = ended(two, job["job"])["answer"]
    pellucid.evaluate(pellucid.open_run(short, trust=True), calibrate=False)
    _, said, _ = two.call("/api/compare?run=digits&other=short")
    assert answer["pair"]["p_value"] == pytest.approx(said["pair"]["p_value"])


def test_the_comparison_is_that_of_the_room(two) -> None:
    first, second = (pellucid.open_run(two.workplace.folder / name, trust=True) for name in ("digits", "short"))
    pellucid.evaluate(second)
    status, said, _ = two.call("/api/compare?run=digits&other=short")
    assert status == 200, said
    comparison = pellucid.compare(first, second, top=48)
    (pair,) = comparison.pairs
    for name in ("both_right", "only_first", "only_second", "both_wrong", "p_value", "difference"):
        assert said["pair"][name] == pytest.approx(getattr(pair, name))
    assert said["pair"]["difference_interval"] == pytest.approx(pair.difference_interval)
    assert said["sentence"] == verdict(pair, run_names(comparison))
    assert [image["image"] for image in said["pair"]["disagreements"]] == [image.image for image in pair.disagreements]
    for image in said["pair"]["disagreements"][:3]:
        looks = [pellucid.look(run, image["reference"]) for run in (first, second)]
        assert np.array_equal(looks[0].picture.pixels, looks[1].picture.pixels)
        assert [look.prediction.name for look in looks] == [image["first"], image["second"]]


def test_what_cannot_be_compared_is_said(two) -> None:
    status, said, _ = two.call("/api/compare?run=digits&other=digits")
    assert status == 400
    assert "a run is given twice" in said["error"]
    assert two.call("/api/compare?run=digits&other=none")[0] == 400


def test_a_person_sees_two_runs_on_one_image(two, browser) -> None:
    second = pellucid.open_run(two.workplace.folder / "short", trust=True)
    pellucid.evaluate(second)
    page = browser.new_page(viewport={"width": 390, "height": 800})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{two.address}#/compare?run=digits&other=short")
    page.wait_for_selector("body[data-compared]")
    assert page.locator(".column").count() == 2
    names = page.locator(".column .sentence strong").all_inner_texts()
    image = page.locator(".whole [data-image][aria-pressed=true]").first.get_attribute("data-image")
    first = pellucid.open_run(two.workplace.folder / "digits", trust=True)
    assert names == [pellucid.look(run, image).prediction.name for run in (first, second)]
    assert page.locator(".column canvas[aria-label^=Channel]").count() > 1
    page.locator(".whole [data-image]").nth(1).click()
    chosen = page.evaluate("studio.get('image')")
    page.wait_for_selector(f'.whole [data-image="{chosen}"][aria-pressed=true]')
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert not errors
    page.close()
