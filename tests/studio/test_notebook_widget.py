"""The widget of a notebook: what the kernel answers to its messages, and what a person clicks in a page that has it."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from packed_numbers import unpacked
from torch import nn

import pellucid
from pellucid.studio import opening
from pellucid.studio.notebook import answer_to, widget

anywidget = pytest.importorskip("anywidget")


@pytest.fixture(scope="module")
def glass(studio_folder, seen_data) -> pellucid.glass.Glass:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PELLUCID_CACHE", str(seen_data / "cache"))
        return pellucid.look(pellucid.open_run(studio_folder / "digits", trust=True), "test/1")


class Sent:
    """A widget whose answers are kept; questions come in as anywidget hands them on."""

    def __init__(self, shown: Any) -> None:
        self.shown = shown
        self.answers: list[tuple[Any, list[bytes]]] = []
        shown.send = lambda content, buffers=None: self.answers.append((content, buffers or []))

    def ask(self, question: Any) -> tuple[Any, list[bytes]]:
        self.shown._handle_custom_msg(question, [])
        return self.answers[-1]


def test_the_kernel_answers_with_what_the_glass_says(glass) -> None:
    sent = Sent(widget(glass))
    content, buffers = sent.ask({"id": "a", "ask": "unit", "unit": "first[1,3,3]"})
    assert content == {"id": "a"}
    head, arrays = unpacked(buffers[0])
    trace = glass.trace("first[1,3,3]")
    assert head["value"] == trace.value
    np.testing.assert_array_equal(arrays["values"], trace.trace.terms.values)
    said = sent.shown.said
    content, buffers = sent.ask({"id": "b", "ask": "values", "nodes": said["first"]})
    arrays = unpacked(buffers[0])[1]
    for number in said["first"]:
        np.testing.assert_array_equal(arrays[str(number)], glass.recording.steps[number].value.float().numpy())
    np.testing.assert_array_equal(arrays["pixels"], glass.picture.pixels)
    assert said["answer"]["label"] == glass.prediction.index


@pytest.mark.parametrize(
    "question",
    [
        None, 3, "unit", [], {}, {"ask": "unit"}, {"ask": "unit", "unit": 3}, {"ask": "unit", "unit": "none[0]"},
        {"ask": "values"}, {"ask": "values", "nodes": [-1]}, {"ask": "values", "nodes": [999]},
        {"ask": "values", "nodes": [True]},
        {"ask": "values", "nodes": "0"}, {"ask": "run", "nodes": []}, {"ask": "unit", "unit": "first[1,3,99]"},
    ],
)  # fmt: skip
def test_odd_messages_are_answered_in_words(glass, question) -> None:
    content, buffers = Sent(widget(glass)).ask(question)
    assert len(content["error"]) > 20
    assert not buffers
    with pytest.raises(pellucid.UserError):
        answer_to(glass, question)


def test_a_network_without_a_run_can_be_shown_too() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3))
    shown = Sent(widget(pellucid.look(network, torch.ones(1, 4, 4))))
    head, arrays = unpacked(shown.ask({"id": 1, "ask": "unit", "unit": "3[2]"})[1][0])
    assert head["value"] == pytest.approx(arrays["products"].sum() + head["bias"], abs=1e-5)
    assert shown.shown.said["answer"] is None


def test_the_verb_shows_the_widget_in_a_notebook_alone(glass, monkeypatch) -> None:
    monkeypatch.setattr(opening, "in_notebook", lambda: True)
    shown = pellucid.studio(glass)
    assert isinstance(shown, anywidget.AnyWidget)
    assert "application/vnd.jupyter.widget-view+json" in shown._repr_mimebundle_()[0]
    monkeypatch.undo()
    assert not opening.in_notebook()
    called: dict[str, Any] = {}
    monkeypatch.setattr(opening, "serve", lambda place, **options: called.update(options, place=place))
    assert pellucid.studio(glass) is None
    assert called["place"] == glass.run.directory
    assert called["shown"] == {"epoch": str(glass.epoch), "image": "test/1"}
    with pytest.raises(pellucid.UserError, match="without a run"):
        pellucid.studio(pellucid.look(nn.Sequential(nn.Flatten()), torch.ones(1, 4, 4)))


def test_anywidget_is_imported_only_when_asked_for() -> None:
    code = "import sys, pellucid.studio.notebook; print('anywidget' in sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(Path(pellucid.__file__).parent.parent)}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert result.stdout.strip() == "False"


def test_without_anywidget_it_says_what_to_install(glass, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(pellucid.UserError, match=r"pip install 'pellucid\[notebook\]'"):
        widget(glass)


MOUNT = """
const model = {
  listeners: new Set(),
  get: (name) => globalThis.state[name],
  on(name, listener) { this.listeners.add(listener); },
  off(name, listener) { this.listeners.delete(listener); },
  async send(question) {
    const answer = await globalThis.kernel(JSON.stringify(question));
    const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const buffers = answer.bytes === null ? [] : [new DataView(bytes(answer.bytes).buffer)];
    for (const listener of this.listeners) listener(answer.content, buffers);
  },
};
globalThis.cleanup = showGlass({ model, el: document.getElementById("cell") });
"""


def test_a_person_clicks_in_the_notebook_from_a_map_to_a_pixel(glass, browser) -> None:
    shown = widget(glass)
    sent = Sent(shown)

    def kernel(question: str) -> dict[str, Any]:
        content, buffers = sent.ask(json.loads(question))
        return {"content": content, "bytes": base64.b64encode(buffers[0]).decode() if buffers else None}

    page = browser.new_page(viewport={"width": 1200, "height": 900})
    errors: list[str] = []
    asked: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.set_content("<!doctype html><button>notebook</button><div id=cell></div>")
    before = page.evaluate("getComputedStyle(document.querySelector('button')).padding")
    page.expose_function("kernel", kernel)
    page.evaluate("state => { globalThis.state = state; }", {"said": shown.said, "style": shown.style})
    script = str(shown._esm).replace("export default", "globalThis.widget =")
    page.add_script_tag(content=script + MOUNT, type="module")
    page.wait_for_selector("#cell .layer .map")
    page.locator("#cell .layer").nth(1).locator(".map").first.click(position={"x": 20, "y": 20})
    page.wait_for_selector("#cell .unit .verdict[data-agrees=true]")
    for _ in range(8):
        if page.locator("#cell .unit .swatch").count():
            break
        unit = page.locator("#cell .unit-place").get_attribute("data-unit")
        page.locator("#cell .terms .term").first.click()
        page.wait_for_selector(f'#cell .unit-place:not([data-unit="{unit}"])')
    assert page.locator("#cell .unit .swatch").count(), "it ends at a pixel"
    page.locator("#cell .close").focus()
    page.keyboard.press("Escape")
    page.wait_for_selector("#cell .unit .swatch", state="detached")
    colour = page.evaluate(
        "getComputedStyle(document.querySelector('#cell > div').shadowRoot.querySelector('.cell, .map')).borderColor"
    )
    assert "rgb" in colour
    assert page.evaluate("getComputedStyle(document.querySelector('button')).padding") == before, (
        "the notebook's own look stays"
    )
    page.evaluate("cleanup()")
    assert not page.locator("#cell .layer").count()
    assert not errors
    assert not asked
    page.close()
