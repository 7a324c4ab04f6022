"""The images that a run gets wrong: which, in which order, and as what."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pellucid.cli import main
from pellucid.evaluation import find_mistakes, table_of
from pellucid.ground.errors import UserError
from pellucid.prediction.chosen_images import choose_images
from pellucid.run import Run


def test_they_are_all_the_wrong_ones_the_surest_first(weak: Run) -> None:
    table, chosen, _ = table_of(weak)
    found = find_mistakes(table, chosen, most=1000)
    wrong = [index for index in range(100) if table.predicted[index] != table.labels[index]]
    assert sorted(one.index for one in found.shown) == wrong
    assert found.count == len(wrong) > 3
    sure = [one.confidence for one in found.shown]
    assert sure == sorted(sure, reverse=True)
    one = found.shown[0]
    assert one.image == table.sources[one.index]
    assert one.predicted == table.classes[table.probabilities[one.index].argmax()]
    assert one.confidence == pytest.approx(table.probabilities[one.index].max())
    assert one.true_probability == pytest.approx(np.exp(-table.losses[one.index]))
    assert find_mistakes(table, chosen, most=2).shown == found.shown[:2]
    assert find_mistakes(table, chosen, most=2).heading().endswith("; the 2 surest:")


def test_only_those_of_a_class_and_taken_for_a_class(weak: Run) -> None:
    table, chosen, _ = table_of(weak)
    every = find_mistakes(table, chosen, most=1000)
    true, predicted = every.shown[0].true, every.shown[0].predicted
    for found, wanted in (
        (find_mistakes(table, chosen, true=true), {"true": true}),
        (find_mistakes(table, chosen, predicted=predicted), {"predicted": predicted}),
        (find_mistakes(table, chosen, true=true, predicted=predicted), {"true": true, "predicted": predicted}),
    ):
        assert found.shown == tuple(
            one for one in every.shown if all(getattr(one, name) == value for name, value in wanted.items())
        )


def test_table_json_and_contact_sheet(weak: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["mistakes", str(weak.directory), "--top", "3", "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    document = json.loads((tmp_path / "out" / "mistakes.json").read_text())
    for one in document["shown"]:
        assert f"{one['image']}  {one['true']}  taken for {one['predicted']} ({one['confidence']:.1%}" in printed
    with Image.open(tmp_path / "out" / "mistakes.png") as picture:
        assert document["shown"][0]["image"] in picture.text["Description"]
        assert "the 3 surest" in picture.text["Description"]
    assert main(["mistakes", str(weak.directory), "--top", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == document


def test_no_mistake_of_a_kind(weak: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    table, _, _ = table_of(weak)
    right = next(name for index, name in enumerate(table.classes) if table.right[table.labels == index].all())
    assert main(["mistakes", str(weak.directory), "--true", right, "--out", str(tmp_path / "out")]) == 0
    assert f"0 mistakes of class {right} among 100 test images of mnist" in capsys.readouterr().out
    assert not (tmp_path / "out" / "mistakes.png").exists()


def test_what_cannot_be_listed_is_told_all_at_once(weak: Run) -> None:
    table, chosen, _ = table_of(weak)
    with pytest.raises(UserError) as caught:
        find_mistakes(table, chosen, true="10", most=0)
    assert "  - --true is '10'; " in str(caught.value)
    assert "  - --most is 0; expected at least 1" in str(caught.value)
    with pytest.raises(UserError, match=r"--true and --predicted are both '3': that is no mistake"):
        find_mistakes(table, chosen, true="3", predicted="3")


def test_the_pixels_of_a_row_are_those_of_the_image(weak: Run) -> None:
    chosen = choose_images(weak, None, "val")
    (part,) = chosen.parts
    assert part.subset is not None
    np.testing.assert_array_equal(chosen.pixels(5), part.split.images[part.subset[5]])
    assert chosen.path_of("train/5") is None
    with pytest.raises(IndexError):
        chosen.pixels(60)
