"""Around the views: how the studio starts and ends, what it asks of whom, projector, tour, words, light and dark."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import StreamingResponse
from starlette.routing import Route

import pellucid
from pellucid.ground.listening import listening
from pellucid.run import RunFile
from pellucid.studio import serving


@contextlib.contextmanager
def started(*words: str, folder: Path) -> Iterator[tuple[subprocess.Popen[str], str, float]]:
    """Start the command in a folder; give the process, the address, and the seconds until it listened."""
    environment = os.environ | {"PYTHONPATH": str(Path(pellucid.__file__).parent.parent)}
    begun = time.monotonic()
    command = [sys.executable, "-m", "pellucid", "studio", "--no-browser", *words]
    process = subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        seconds = time.monotonic() - begun
        address = re.search(r"http://\S+", line)
        assert address, line + process.stderr.read()
        yield process, address[0], seconds
    finally:
        process.kill()
        process.wait()


def get(address: str, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
    connection.request("GET", path)
    response = connection.getresponse()
    try:
        return response.status, response.read()
    finally:
        connection.close()


def test_the_page_is_there_before_torch_is_and_ctrl_c_ends_it(tmp_path) -> None:
    """In a folder without runs too. The first page comes at once, what needs torch a little later."""
    with started(folder=tmp_path) as (process, address, seconds):
        assert seconds < 10  # 0.2 on a quiet machine; twenty tests may run beside
        begun = time.monotonic()
        status, page = get(address, "/")
        assert status == 200
        assert b"pellucid studio" in page
        for path in ("/page/main.js", "/colours.css", "/modules/dom.js"):
            assert get(address, path)[0] == 200
        assert time.monotonic() - begun < 5
        status, runs = get(address, "/api/runs")
        assert (status, b'"runs":[]' in runs) == (200, True)
        process.send_signal(signal.SIGINT)
        begun = time.monotonic()
        assert process.wait(10) == 0
        assert time.monotonic() - begun < 5
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()


def test_a_missing_folder_and_an_end_by_sigterm(tmp_path) -> None:
    with started("later", "--port", "0", folder=tmp_path) as (process, address, _):
        assert get(address, "/api/runs")[0] == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
    assert not (tmp_path / "later").exists()


def test_a_run_is_shown_in_its_folder(studio_folder) -> None:
    with started(str(studio_folder / "digits"), "--port", "0", folder=studio_folder) as (_, address, _):
        assert address.endswith("#/see?run=digits")
    with started(".", "--port", "0", folder=studio_folder / "digits") as (_, address, _):
        assert address.endswith("#/see?run=digits")


def test_a_file_and_other_machines_are_refused_in_words(tmp_path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(pellucid.UserError, match="is a file; expected a run, or a folder of runs"):
        serving.serve(tmp_path / "a")
    with pytest.raises(pellucid.UserError, match="answers this machine alone"):
        serving.serve(tmp_path, host="0.0.0.0")


def test_a_port_that_is_taken_is_an_error_where_it_was_asked_for_and_else_the_next_is_used(tmp_path) -> None:
    with listening("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(pellucid.UserError, match="cannot be listened on"):
            serving.serve(tmp_path, port=port, open_browser=False)
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(pellucid.UserError):  # another studio may listen there already
            stack.enter_context(listening("127.0.0.1", serving.PORT))
        assert serving.PORT < serving._free_port("127.0.0.1") < serving.PORT + serving.TRIES


def test_the_end_does_not_wait_for_open_streams_of_events() -> None:
    async def for_ever() -> Any:
        import asyncio

        while True:
            yield b"data: 1\n\n"
            await asyncio.sleep(0.05)

    def stream(request: Any) -> StreamingResponse:
        return StreamingResponse(for_ever(), media_type="text/event-stream")

    front = serving._Front(lambda: Starlette(routes=[Route("/events", stream)]))
    with listening("127.0.0.1", 0) as opened:
        config = uvicorn.Config(front, log_level="warning", lifespan="off", timeout_graceful_shutdown=30)
        server = serving._Studio(config, front)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [opened]}, daemon=True)
        thread.start()
        with socket.create_connection(opened.getsockname()[:2], timeout=10) as reader:
            reader.sendall(b"GET /events HTTP/1.1\r\nHost: here\r\n\r\n")
            assert b"data: 1" in reader.recv(4096) + reader.recv(4096)
            begun = time.monotonic()
            server.servers[0].get_loop().call_soon_threadsafe(server._end)
            thread.join(10)
            assert not thread.is_alive()
            assert time.monotonic() - begun < 2


def test_damaged_runs_are_named_beside_the_good_ones(studio_folder, open_studio, tmp_path, browser) -> None:
    shutil.copytree(studio_folder, tmp_path / "runs")
    for name, file, content in (
        ("broken<b>", RunFile.RECORD, "{"),
        ("measured", RunFile.EVALUATION, "[1]"),
        ("headless", RunFile.RECORD, None),
    ):
        shutil.copytree(studio_folder / "digits", tmp_path / "runs" / name)
        place = tmp_path / "runs" / name / file
        if content is None:
            place.unlink()
        else:
            place.write_text(content)
    studio = open_studio(tmp_path / "runs")
    _, answer, _ = studio.call("/api/runs")
    assert sorted(run["name"] for run in answer["runs"]) == ["digits", "measured"], "its evaluation alone is damaged"
    assert sorted(run["name"] for run in answer["damaged"]) == ["broken<b>", "headless", "measured"]
    assert all(len(run["reason"]) > 20 for run in answer["damaged"])
    page = browser.new_page()
    page.goto(studio.address)
    notes = page.wait_for_selector("#notes details")
    assert "3 runs of this folder are damaged" in notes.inner_text()
    notes.query_selector("summary").click()
    assert "broken<b>" in notes.inner_text()
    page.wait_for_selector("#answer .bar")
    page.close()


@pytest.fixture
def page(studio, browser) -> Iterator[Any]:
    opened = browser.new_page(viewport={"width": 1440, "height": 900})
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto(f"{studio.address}#/see?run=digits&image=test/1")
    opened.wait_for_selector("body[data-ready]")
    opened.wait_for_selector("#answer .bar")
    yield opened
    opened.close()
    assert not errors


def test_nothing_outside_is_ever_asked(studio, browser) -> None:
    """Over every view, with help, tour, projector and an own image, each request goes to the studio itself."""
    context = browser.new_context()
    page = context.new_page()
    asked: list[str] = []
    broken: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    page.on(
        "console", lambda message: broken.append(message.text) if "Content Security Policy" in message.text else None
    )
    page.goto(f"{studio.address}#/see?run=digits&image=test/1&unit=first[1,3,3]")
    page.wait_for_selector(".unit .verdict")
    for address in page.eval_on_selector_all("#tabs a", "links => links.map((link) => link.hash)"):
        page.evaluate("address => { location.hash = address; }", address)
        page.wait_for_timeout(400)
    page.get_by_role("button", name="Help").click()
    page.get_by_role("button", name="Take the tour").click()
    page.wait_for_selector(".tour-card")
    page.get_by_role("button", name="projector").click()
    page.wait_for_timeout(300)
    context.close()
    assert len(asked) > 20
    hosts = {urlsplit(url).netloc for url in asked if urlsplit(url).scheme not in ("data", "blob")}
    assert hosts == {f"127.0.0.1:{studio.port}"}
    assert broken == []


def test_the_token_leaves_the_address_and_is_in_no_link(studio, page) -> None:
    assert studio.token not in page.url
    assert studio.token not in page.content()


def test_the_skip_link_leaves_the_view_as_it_is(page) -> None:
    before = page.url
    page.locator(".skip").focus()
    page.keyboard.press("Enter")
    assert page.url == before
    assert page.evaluate("document.activeElement.id") == "view"


def test_light_and_dark_can_be_chosen_and_are_kept(page) -> None:
    def surface() -> str:
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    light = surface()
    switch = page.get_by_role("button", name="Colours")
    switch.click()
    assert surface() == light
    switch.click()
    dark = surface()
    assert dark != light
    page.reload()
    page.wait_for_selector("body[data-ready]")
    assert surface() == dark
    page.get_by_role("button", name="Colours").click()
    assert surface() == light


def test_the_projector_shows_one_thing_at_a_time_in_large_type_with_few_digits(page) -> None:
    page.wait_for_selector(".layer .map")
    page.get_by_role("button", name="projector").click()
    page.wait_for_selector(".stops:not([hidden])")
    shown = (
        "[...document.querySelectorAll('#view section:not(:has(section))')].filter((part) => part.checkVisibility())"
    )
    assert page.evaluate(f"{shown}.length") == 1
    assert page.evaluate("parseFloat(getComputedStyle(document.querySelector('#answer')).fontSize)") >= 20
    before = page.inner_text(".stops")
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(300)
    assert page.inner_text(".stops") != before
    assert page.evaluate(f"{shown}.length") == 1
    for _ in range(3):
        page.keyboard.press("PageDown")
    page.wait_for_selector(".layer.on-screen .map")
    page.locator(".layer.on-screen .map").first.click()
    page.wait_for_selector(".unit-column.on-screen .value")
    number = page.inner_text(".unit .value")
    assert len(re.sub(r"\D", "", number.split("·")[0]).lstrip("0")) <= 3
    address = page.url
    assert "projector=" in address
    page.reload()
    page.wait_for_selector(".unit-column.on-screen .value")
    page.get_by_role("button", name="projector").click()
    page.wait_for_selector(".stops", state="hidden")
    assert "projector" not in page.url
    page.wait_for_selector("#answer .bar")


def test_the_tour_is_offered_once_and_takes_four_clicks(page) -> None:
    page.get_by_role("button", name="Start the tour").click()
    page.wait_for_selector(".tour-card")
    clicks = (
        lambda: page.locator("#seen canvas").click(position={"x": 30, "y": 30}),
        lambda: page.locator(".layer[data-node='1'] .map").first.click(),
        lambda: page.locator(".logit").first.click(),
        lambda: page.locator("#answer .sentence").first.click(),
    )
    for number, click in enumerate(clicks, 1):
        page.wait_for_selector(f".tour-card :text('{number} of 4')")
        page.wait_for_selector(".tour-target")
        click()
        page.get_by_role("button", name="Done" if number == 4 else "Go on").click()
    page.wait_for_selector(".tour-card", state="detached")
    assert "tour=" not in page.url
    page.reload()
    page.wait_for_selector("body[data-ready]")
    assert not page.locator(".offer").count()


def test_the_tour_does_each_click_for_who_wants_and_can_be_left(page) -> None:
    page.get_by_role("button", name="Help").click()
    page.get_by_role("button", name="Take the tour").click()
    for _ in range(2):
        page.get_by_role("button", name="Do it for me").click()
        page.get_by_role("button", name="Go on").click()
    page.get_by_role("button", name="Do it for me").click()
    page.wait_for_selector("body[data-unit^='mul_2[']")
    page.get_by_role("button", name="Leave the tour").click()
    page.wait_for_selector(".tour-card", state="detached")


def test_every_word_of_the_order_has_its_text_and_its_picture(page) -> None:
    page.get_by_role("button", name="Help").click()
    cards = {card.get_attribute("aria-label"): card for card in page.locator(".help .card").element_handles()}
    wanted = (
        "unit channel kernel stride padding pooling activation logit softmax calibrated epoch weight bias loss gradient"
    )
    for word in [*wanted.split(), "receptive field", "feature map", "learning rate"]:
        card = cards[word]
        assert len(card.inner_text()) > 60
        assert card.query_selector("svg rect, svg polyline, svg path")


def test_a_word_is_explained_once_in_a_view_and_again_after_it_is_drawn_again(page) -> None:
    page.wait_for_selector(".word")
    words = page.eval_on_selector_all("#view .word", "words => words.map((word) => word.dataset.word)")
    assert len(words) == len(set(words)) >= 2
    page.evaluate("studio.go({image: 'test/2'})")
    page.wait_for_timeout(600)
    words = page.eval_on_selector_all("#view .word", "words => words.map((word) => word.dataset.word)")
    assert len(words) == len(set(words)) >= 2


def test_the_verb_is_the_room_and_can_be_called(tmp_path) -> None:
    assert isinstance(pellucid.studio, ModuleType)
    (tmp_path / "file").write_text("")
    with pytest.raises(pellucid.UserError, match="is a file"):
        pellucid.studio(tmp_path / "file")
    with pytest.raises(TypeError):
        pellucid.studio(prot=1)
    assert serving.RECORD == RunFile.RECORD


def test_the_room_is_light_to_import() -> None:
    code = "import sys, pellucid.studio.serving; print('torch' in sys.modules, 'matplotlib' in sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(Path(pellucid.__file__).parent.parent)}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert result.stdout.split() == ["False", "False"]
