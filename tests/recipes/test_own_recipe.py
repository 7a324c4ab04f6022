"""A recipe added from outside: one function, and nothing else is touched."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from pellucid import UserError
from pellucid.cli import pellucid
from pellucid.recipes import PRESETS, Recipe, preset, register_recipe


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("pellucid.recipes.presets.PRESETS", PRESETS)
    for name in list(PRESETS):  # what the test registers is gone afterwards
        monkeypatch.setitem(PRESETS, name, PRESETS[name])

    def very_patient() -> Recipe:
        """Forty epochs at a low rate."""
        return Recipe(name="very-patient", epochs=40, learning_rate=1e-4)

    register_recipe(very_patient)
    yield "very-patient"
    PRESETS.pop("very-patient")


def test_it_is_found_listed_and_offered(patient: str) -> None:
    assert preset(patient).epochs == 40
    listed = CliRunner().invoke(pellucid, ["recipes"])
    assert "very-patient: Forty epochs at a low rate." in listed.output
    assert "tutorial|standard|strong|photos|very-patient" in CliRunner().invoke(pellucid, ["train", "--help"]).output
    with pytest.raises(UserError, match=r"no recipe is called 'very-pashent'; did you mean 'very-patient'\?"):
        preset("very-pashent")


def test_a_name_that_is_taken(patient: str) -> None:
    def tutorial() -> Recipe:
        return Recipe()

    with pytest.raises(UserError, match="there is a recipe 'tutorial' already"):
        register_recipe(tutorial)
