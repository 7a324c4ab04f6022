"""Training from the studio: what a form says, what is started, stopped and continued, and what a page sees of it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest

import pellucid
from pellucid.ground.errors import UserError
from pellucid.ground.locks import holder_of, only_one
from pellucid.recipes import Recipe, recipe_fields
from pellucid.run import RunFile
from pellucid.run.metrics import metrics_from, metrics_line, read_metrics
from pellucid.studio import one_step
from pellucid.studio.following import Follower, Progress, thinned
from pellucid.studio.training_form import TrainingForm, form_of
from pellucid.studio.trainings import Trainings, name_problem
from pellucid.studio.watching import Watch, Watched

POSTS = ("check", "start", "stop", "resume", "forget", "upload", "file", "step")


@pytest.fixture
def folder(studio_folder: Path, seen_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of runs of one's own, in which one finished run lies, on a machine that has small digits as `mnist`."""
    monkeypatch.setenv("PELLUCID_DATA", str(seen_data))
    monkeypatch.setenv("PELLUCID_CACHE", str(seen_data / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    runs = tmp_path / "runs"
    shutil.copytree(studio_folder / "digits", runs / "digits")
    yield runs
    trainings = Trainings(runs)
    for name in filter(trainings.is_alive, trainings.names()):
        with contextlib.suppress(UserError):
            trainings.stop(name)


@pytest.fixture
def own_studio(opening: Any, folder: Path) -> Iterator[Any]:
    with opening(folder) as opened:
        yield opened


def until(true: Callable[[], Any], seconds: float = 60) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = true()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError("it did not come about")


def events(port: int, run: str, enough: Callable[[str, Any], bool], seconds: float = 60) -> list[tuple[str, Any]]:
    """Read events of a run until one is enough."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    connection.request("GET", f"/api/events?run={quote(run)}")
    response = connection.getresponse()
    assert response.headers["content-type"].startswith("text/event-stream")
    seen, name = [], ""
    try:
        while True:
            line = response.readline().decode().rstrip("\n")
            if line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                seen.append((name, json.loads(line[6:])))
                if enough(*seen[-1]):
                    return seen
    finally:
        connection.close()


# The form


@pytest.mark.parametrize("item", recipe_fields(), ids=lambda item: item.name)
def test_a_mistake_stands_beside_its_field_in_the_recipes_own_words(item, tmp_path) -> None:
    wrong = {"int": "2.5", "float": "much", "str": "nothing such", "bool": "perhaps"}[type(item.default).__name__]
    said = TrainingForm.read({"data": "mnist", "recipe": "tutorial", "settings": {item.name: wrong}}, tmp_path).check()
    with pytest.raises(UserError) as expected:
        Recipe(**{item.name: wrong})
    assert set(expected.value.problems) <= set(said["problems"][item.name])
    assert set(said["problems"]) <= {item.name}


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("data", "mnst", "did you mean 'mnist'?"),
        ("data", "/no/such/folder", "does not exist; expected a folder of images"),
        ("network", "simple-cifa", "did you mean 'simple-cifar'?"),
        ("network", "my_nets.py:Tiny", "my_nets.py does not exist"),
        ("recipe", "strng", "did you mean 'strong'?"),
        ("seed", "-1", "expected a whole number"),
        ("seed", "99999999999999999999", "expected a whole number"),
        ("keep", "0", "expected best-and-last, all, or a number from 1"),
        ("size", "64x", "expected pixels like 64"),
        ("channels", "2", "expected 1 (grey) or 3"),
        ("fit", "strech", "did you mean 'stretch'?"),
        ("device", "tpu", "did you mean 'cpu'?"),
        ("name", "digits", "exists and is not empty"),
        ("name", "../digits", "expected that of a new folder"),
        ("name", ".hidden", "expected that of a new folder"),
    ],
)
def test_a_mistake_in_another_field_stands_beside_it(field, value, words, folder) -> None:
    form = {"data": "mnist", "network": "simple-mnist", "name": "new", field: value}
    problems = TrainingForm.read(form, folder).check()["problems"]
    assert list(problems) == [field]
    assert words in problems[field][0]


def test_what_does_not_go_together_stands_beside_what_was_changed(folder) -> None:
    form = {"data": "mnist", "network": "efficientnet-lite0", "weights": "random", "recipe": "photos"}
    problems = TrainingForm.read(form | {"settings": {"epochs": "3"}}, folder).check()["problems"]
    assert list(problems) == ["epochs"]
    problems = TrainingForm.read({"data": "mnist", "settings": {"fine_tune": "yes"}}, folder).check()["problems"]
    assert list(problems) == ["fine_tune"]


def test_the_command_of_a_form_is_what_the_command_line_understands(folder, monkeypatch) -> None:
    """Only what was changed stands in it, and the command line reads it back as the same call."""
    import shlex

    from pellucid.cli import main

    form = {
        "data": "mnist",
        "network": "simple-mnist",
        "recipe": "tutorial",
        "seed": "7",
        "keep": "all",
        "name": "a b",
        "settings": {"epochs": "3", "learning_rate": "0.0005", "flip": "no", "optimizer": "sgd", "batch_size": ""},
    }
    said = TrainingForm.read(form, folder).check()
    assert not said["problems"]
    called: dict[str, Any] = {}
    monkeypatch.setattr("pellucid.api.train", lambda data, **given: called.update(given, data=data))
    assert main(shlex.split(said["command"])[1:]) == 0
    changed = {"epochs": 3, "learning_rate": 0.0005, "flip": False, "optimizer": "sgd"}
    assert {name: called[name] for name in changed} == changed
    assert "batch_size" not in called
    assert (called["data"], called["seed"], called["keep"]) == ("mnist", 7, "all")
    assert Path(called["out"]) == folder / "a b"
    assert "learning_rate=0.0005" in said["python"]


def test_the_form_of_a_run_asks_for_the_same_training(folder) -> None:
    run = pellucid.open_run(folder / "digits", trust=True)
    form = TrainingForm.read(form_of(run) | {"name": "again"}, folder)
    assert form.settings == {"epochs": 2, "log_every": 4}
    assert form.texts["recipe"] == "tutorial"
    assert form.texts["keep"] == "all"


def test_a_form_that_is_none_is_refused(folder) -> None:
    for document in ({"data": 3}, {"settings": [1]}, {"data": "a" * 5000}):
        with pytest.raises(UserError, match="expected"):
            TrainingForm.read(document, folder)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "-x", " a", "a\n", "c:d", "x" * 101, "\u202ea"])
def test_names_that_are_no_plain_folder_are_refused(name) -> None:
    assert name_problem(name)


# Watching


def batch_line(step: int, loss: float) -> bytes:
    return metrics_line("batch", epoch=1, batch=step, step=step, loss=loss, learning_rate=0.1)


def test_lines_are_read_once_and_again_where_the_file_was_cut_off(tmp_path) -> None:
    path = tmp_path / RunFile.METRICS
    lines = [batch_line(step, 1 / step) for step in range(1, 9)]
    follower = Follower(tmp_path)
    assert follower.read() == (False, [])
    path.write_bytes(b"".join(lines[:5]) + lines[5][:20])
    assert [line["step"] for line in follower.read()[1]] == [1, 2, 3, 4, 5]
    with path.open("ab") as file:
        file.write(lines[5][20:])
    assert [line["step"] for line in follower.read()[1]] == [6]
    other = batch_line(4, 9.0)
    path.write_bytes(b"".join(lines[:3]) + other * 6)  # longer than before, and not the same
    restarted, again = follower.read()
    assert restarted
    assert len(again) == 9
    path.write_bytes(lines[0][:-5] + b"xxxx\n")
    with pytest.raises(UserError, match=r"damaged: the line at byte 0 is not as"):
        follower.read()


def test_a_long_log_is_read_in_parts_and_averaged(tmp_path) -> None:
    losses = np.random.default_rng(0).random(20_000)
    content = b"".join(batch_line(step, float(loss)) for step, loss in enumerate(losses, 1))
    (tmp_path / RunFile.METRICS).write_bytes(content)
    parts, at = [], 0
    while True:
        lines, at = metrics_from(tmp_path, at)
        if not lines:
            break
        parts.append(lines)
    assert len(parts) > 1
    assert [line for part in parts for line in part] == read_metrics(tmp_path)
    some, end = metrics_from(tmp_path, 0, without="batch")
    assert (some, end) == ([parts[0][-1]], metrics_from(tmp_path, 0)[1])
    points = list(thinned(parts[0], 7))
    weights = [point["lines"] for point in points]
    mean = np.average([point["loss"] for point in points], weights=weights)
    assert mean == pytest.approx(losses[: len(parts[0])].mean())


def test_progress_is_told_from_the_lines() -> None:
    progress = Progress()
    for line in (
        {"event": "batch", "step": 10, "loss": 1.0},
        {"event": "epoch", "epoch": 1, "step": 25, "val_accuracy": 0.5},
        {"event": "epoch", "epoch": 2, "step": 50, "val_accuracy": 0.4},
        {"event": "end"},
    ):
        progress.add(line)
    assert (progress.step, progress.epoch, progress.steps_per_epoch) == (50, 2, 25)
    assert progress.best_accuracy == 0.5
    assert progress.finished


def test_a_run_that_cannot_be_read_is_not_passed_over_in_silence(folder) -> None:
    shutil.copytree(folder / "digits", folder / "broken")
    (folder / "broken" / RunFile.RECORD).write_text("{")
    watched = Watched(folder, Trainings(folder))
    assert {run["name"]: run["state"] for run in watched.runs()} == {"digits": "finished", "broken": "damaged"}
    detail = watched.detail("broken")
    assert detail is not None
    assert "run.json" in detail["failure"]


def test_who_trains_a_run_stands_in_its_lock(folder) -> None:
    lock = folder / "digits" / RunFile.LOCK
    run = pellucid.open_run(folder / "digits", trust=True)
    assert run.trainer() is None
    with only_one(lock):
        assert run.trainer() == os.getpid()
        lock.write_text(f"{os.getpid()} another-machine\n")
        assert run.trainer() is None
    assert run.trainer() is None
    lock.write_text(f"{os.getpid()} x\n")  # nobody holds it
    assert holder_of(lock) is None


def test_a_training_of_another_machine_must_be_stopped_there(folder) -> None:
    lock = folder / "digits" / RunFile.LOCK
    with only_one(lock):
        lock.write_text("12345 another-machine\n")
        with pytest.raises(UserError, match="stop it where it was started"):
            Trainings(folder).stop("digits")


def test_only_who_holds_the_token_starts_and_stops(studio) -> None:
    for name in POSTS:
        status, said, _ = studio.call(f"/api/training/{name}", method="POST", body=b"{}")
        assert status == 403, name
        assert "may only look" in said["error"]


def unfinish(run: Path) -> list[bytes]:
    """Cut a finished run's log off within its second epoch; give the lines that are missing."""
    lines = (run / RunFile.METRICS).read_bytes().splitlines(keepends=True)
    first = next(at for at, line in enumerate(lines) if b'"event": "epoch"' in line)
    (run / RunFile.METRICS).write_bytes(b"".join(lines[: first + 1]))
    (run / RunFile.EVALUATION).unlink(missing_ok=True)
    return lines[first + 1 :]


def test_a_run_that_begins_grows_and_vanishes_is_seen(folder, monkeypatch) -> None:
    trainings = Trainings(folder)
    watch = Watch(Watched(folder, trainings), "begun")

    def news() -> dict[str, Any]:
        return dict(watch.news())

    monkeypatch.setattr("pellucid.studio.watching.SECONDS_KEPT", -1)

    assert "gone" in news()
    shutil.copytree(folder / "digits", folder / "begun")
    rest = unfinish(folder / "begun")
    with only_one(folder / "begun" / RunFile.LOCK):
        seen = news()
        assert seen["state"]["state"] == "training"
        assert seen["state"]["known"]
        assert {run["name"] for run in seen["runs"]["runs"]} == {"digits", "begun"}
        assert not news()
        with (folder / "begun" / RunFile.METRICS).open("ab") as file:
            file.write(rest[0])
        seen = news()
        assert [line["step"] for line in seen["lines"]["lines"]] == [json.loads(rest[0])["step"]]
        assert not seen["lines"]["restart"]
    assert news()["state"]["state"] == "stopped"
    shutil.rmtree(folder / "begun")
    seen = news()
    assert "gone" in seen
    assert [run["name"] for run in seen["runs"]["runs"]] == ["digits"]


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("$ pellucid train x\nError: the disk of runs/a is full; make room\n", "the disk of runs/a is full; make room"),
        ("$ pellucid train x\nError: two problems:\n  - one\n  - two\n", "two problems:\n  - one\n  - two"),
        (
            "$ c\nTraceback (most recent call last):\n  File\nZeroDivisionError: no\n",
            "ZeroDivisionError: no",
        ),
        ("$ c\n", "ended without saying why"),
        ("$ c\nStopped. Everything up to here is kept; go on with: pellucid resume runs/a\n", None),
    ],
)
def test_why_a_training_ended_is_told_in_words(log, words, tmp_path) -> None:
    (tmp_path / ".trainings").mkdir()
    (tmp_path / ".trainings" / "a.log").write_text(log)
    failure = Trainings(tmp_path).failure("a")
    assert failure is None if words is None else words in failure


# A training of its own


QUICK = {"data": "mnist", "network": "simple-mnist", "recipe": "tutorial", "keep": "all"}


def start(studio, name: str, **settings: str) -> None:
    form = QUICK | {"name": name, "settings": {"batch_size": "8", "log_every": "1"} | settings}
    status, said, _ = studio.call("/api/training/start", form)
    assert status == 200, said
    assert said["name"] == name


def told(studio, name: str) -> dict[str, Any]:
    """Give what is said of a run when a page begins to watch it."""
    return dict(events(studio.port, name, lambda event, _: event in ("state", "gone"))).get("state", {})


def has_epoch(event: str, said: Any) -> bool:
    return any(line["event"] == "epoch" for line in said.get("lines", ()))


def test_a_training_is_started_watched_and_stopped(own_studio, folder) -> None:
    start(own_studio, "mine", epochs="30")
    assert own_studio.call("/api/training/start", QUICK | {"name": "mine"})[0] == 400, "there is one of that name"
    assert told(own_studio, "mine")["state"] == "starting"
    seen = events(own_studio.port, "mine", has_epoch)
    assert any(event == "state" and said["state"] == "training" for event, said in seen)
    another = Trainings(folder)  # as a studio that is started later has it
    assert another.is_alive("mine")
    another.stop("mine")
    until(lambda: told(own_studio, "mine")["state"] == "stopped")
    stopped = told(own_studio, "mine")
    assert stopped["failure"] is None
    assert stopped["way"]["command"].startswith("pellucid resume")
    done = pellucid.open_run(folder / "mine").metrics("epoch")
    assert 1 <= len(done) < 30


def test_what_a_start_failed_with_is_shown_in_words(own_studio, folder, tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    form = {"data": str(tmp_path / "empty"), "recipe": "tutorial", "name": "nothing"}
    assert own_studio.call("/api/training/start", form)[0] == 200
    until(lambda: told(own_studio, "nothing").get("failure"))
    failed = told(own_studio, "nothing")
    assert failed["state"] == "failed"
    assert "empty" in failed["failure"]
    assert "Traceback" not in failed["log"]
    assert own_studio.call("/api/training/forget", {"run": "nothing"})[0] == 200
    assert Trainings(folder).names() == []


def test_a_look_is_what_the_commands_say(own_studio, folder) -> None:
    from test_see import unpacked

    run = pellucid.open_run(folder / "digits", trust=True)
    _, content, _ = own_studio.call("/api/training/look?run=digits&epoch=1")
    head, arrays = unpacked(content)
    assert head["split"] == "test"
    assert head["images"] == head["of"] == 40
    weights = run.weights(1)
    assert np.array_equal(arrays["filters"], weights[head["filters"]].numpy())
    for example in head["examples"]:
        prediction = pellucid.look(run, example["image"], epoch=1).prediction
        assert example["predicted"] == prediction.index
        assert example["share"] == pytest.approx(max(prediction.probabilities), abs=1e-5)
    evaluation = pellucid.evaluate(run, epoch=1, unknown=())
    assert head["right"] == round(evaluation.accuracy * 40)
    assert head["confusion"] == np.asarray(evaluation.confusion).tolist()


def test_a_look_waits_where_it_would_cost_the_training_too_much(folder) -> None:
    from pellucid.studio.training_looks import Looks

    run = pellucid.open_run(folder / "digits", trust=True)
    looks = Looks()
    head = looks.at(run, 1, seconds=1e-6).head
    assert "costs" in head["skipped"] or "cost the training" in head["skipped"]
    assert "confusion" not in head
    assert "confusion" in looks.at(run, 1, seconds=1e-6, whole=True).head
    assert looks.at(run, 2, seconds=1e-6).head["later"] > 0, "not at once again"
    assert "examples" in looks.at(run, 2, seconds=None).head, "nothing is being trained"


def test_more_epochs_says_honestly_what_they_are(own_studio) -> None:
    status, said, _ = own_studio.call("/api/training/again?run=digits")
    assert status == 200
    assert "repeats its 2 epochs exactly" in said["words"]


def test_a_step_by_hand_is_that_of_the_command(folder) -> None:
    run = str(folder / "digits")
    step = pellucid.step(run, "head.bias[3]", step=3)
    said = one_step.main([run, "head.bias[3]", "3"])
    assert (said["before"], said["after"], said["text"]) == (step.before, step.after, str(step))
    assert said["confirmed"]
    assert "no weight is called" in str(one_step.main([run, "nothing[0]", "3"])["error"])


@pytest.mark.slow
def test_a_step_by_hand_runs_beside_the_studio_and_ends_with_who_asked(own_studio, folder) -> None:
    _, said, _ = own_studio.call("/api/training/weights?run=digits")
    asked = {"run": "digits", "weight": said["weights"][0]["name"], "step": 3}
    status, said, _ = own_studio.call("/api/training/step", asked)
    assert (status, said["step"]) == (200, 3)
    assert own_studio.call("/api/training/step", asked | {"step": "soon"})[0] == 400
    connection = http.client.HTTPConnection("127.0.0.1", own_studio.port)
    connection.request("POST", "/api/training/step", json.dumps(asked).encode(), {"X-Pellucid-Token": own_studio.token})
    time.sleep(1)
    connection.close()
    until(lambda: "one_step" not in subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout, 20)


def test_a_page_shows_a_training_as_it_goes_and_says_when_it_is_gone(own_studio, folder, browser) -> None:
    shutil.copytree(folder / "digits", folder / "begun")
    rest = unfinish(folder / "begun")
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if "Content Security" in message.text else None)
    with only_one(folder / "begun" / RunFile.LOCK):
        page.goto(f"{own_studio.address}#/train?run=begun")
        page.wait_for_selector('body[data-state="training"][data-points]')
        before = int(page.evaluate("document.body.dataset.points"))
        assert "begun is training: epoch 2 of 2" in page.inner_text(".doing .sentence")
        page.wait_for_selector(".curve canvas")
        with (folder / "begun" / RunFile.METRICS).open("ab") as file:
            file.write(rest[0])
        page.wait_for_selector(f'body[data-points="{before + 1}"]')
        assert page.get_by_role("button", name="Pause: stop and keep everything").is_enabled()
    page.wait_for_selector('body[data-state="stopped"]')
    page.get_by_role("button", name="Continue").wait_for()
    page.wait_for_selector(".example img")
    shutil.rmtree(folder / "begun")
    page.wait_for_selector('body[data-state="gone"]')
    assert "it was removed, moved or renamed" in page.inner_text("#trouble")
    assert not errors
    page.close()


def test_a_person_begins_a_training_in_the_page(own_studio, folder, browser) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(f"{own_studio.address}#/train?run=digits")
    page.get_by_role("button", name="New training").click()
    page.get_by_label("Images", exact=True).select_option("mnist")
    page.get_by_label("epochs", exact=True).fill("0")
    page.wait_for_selector('[data-field="epochs"] .wrong span')
    assert "epochs is 0; expected a whole number of at least 1" in page.inner_text('[data-field="epochs"] .wrong')
    assert page.get_by_role("button", name="Start training").is_disabled()
    page.get_by_label("epochs", exact=True).fill("2")
    page.get_by_label("Name of the run").fill("mine")
    page.wait_for_selector(".command code:text('--epochs 2 --out')")
    assert "ask=" in page.url
    page.reload()
    page.wait_for_selector(".command code:text('--epochs 2 --out')")
    page.get_by_role("button", name="Start training").click()
    page.wait_for_selector('body[data-state="starting"]')
    page.reload()
    page.wait_for_selector('.run-button[data-run="mine"][aria-current="true"]')
    page.wait_for_selector('body[data-state="starting"], body[data-state="training"]')
    assert page.inner_text(".doing .sentence").startswith("mine is ")
    page.close()


def test_a_person_gives_a_folder_of_images(own_studio, folder, browser, tmp_path) -> None:
    from PIL import Image

    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "pets" / name / "1.png")
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(f"{own_studio.address}#/train?run=digits&ask={quote('{}')}")
    page.get_by_label("Images", exact=True).select_option("your own")
    page.locator("input[webkitdirectory]").set_input_files(tmp_path / "pets")
    page.wait_for_selector(".command code:text('uploads/pets')")
    assert (folder / "uploads" / "pets" / "dog" / "1.png").read_bytes() == (
        tmp_path / "pets" / "dog" / "1.png"
    ).read_bytes()
    page.wait_for_selector("button:text('Start training'):enabled")
    page.close()


def test_a_form_is_read_and_written_by_keyboard_at_390_pixels(own_studio, browser) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(f"{own_studio.address}#/train?run=digits&ask={quote(json.dumps({'data': 'mnist'}))}")
    page.wait_for_selector("body[data-checked]")
    page.focus("#field-epochs")
    page.keyboard.type("7")
    page.wait_for_selector(".command code:text('--epochs 7')")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()


# Longer ones


@pytest.mark.slow
def test_two_at_once_survive_the_studio_and_end_as_if_never_stopped(folder, tmp_path) -> None:
    """A studio is killed in the middle and another one started; one of two trainings is stopped and continued there."""

    def open_studio() -> tuple[subprocess.Popen[str], int, str]:
        words = [sys.executable, "-m", "pellucid", "studio", str(folder), "--port", "0", "--no-browser"]
        process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
        line = process.stderr.readline()
        port = int(line.partition("127.0.0.1:")[2].partition("/")[0])
        return process, port, line.partition("token=")[2].partition(" ")[0].strip()

    def call(port: int, token: str, path: str, document: Any) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("POST", path, json.dumps(document).encode(), {"X-Pellucid-Token": token})
        response = connection.getresponse()
        assert response.status == 200, response.read()
        return json.loads(response.read())

    settings = {"batch_size": "8", "log_every": "1", "epochs": "40"}
    process, port, token = open_studio()
    for name in ("one", "two"):
        call(port, token, "/api/training/start", QUICK | {"name": name, "settings": settings})
    for name in ("one", "two"):
        events(port, name, lambda event, said: event == "state" and said["state"] == "training")
    process.send_signal(signal.SIGKILL)
    process.wait()
    process, port, token = open_studio()
    try:
        seen = events(port, "one", lambda event, said: event == "state")
        assert seen[-1][1]["state"] == "training"
        call(port, token, "/api/training/stop", {"run": "one"})
        events(port, "one", lambda event, said: event == "state" and said["state"] == "stopped")
        call(port, token, "/api/training/resume", {"run": "one"})
        with pytest.raises(AssertionError, match="is being trained already"):
            call(port, token, "/api/training/resume", {"run": "one"})
        for name in ("one", "two"):
            events(port, name, lambda event, said: event == "state" and said["state"] == "finished", 200)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) in (0, 130)
        assert "Traceback" not in process.stderr.read()
    finally:
        process.kill()
    one, two = (pellucid.open_run(folder / name).weights("last") for name in ("one", "two"))
    assert all((one[name] == two[name]).all() for name in one)


@pytest.mark.slow
def test_a_full_disk_is_told_in_words(own_studio, folder) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, hard))  # what the process inherits: weights do not fit
    try:
        start(own_studio, "full", epochs="2", batch_size="32")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    seen = events(own_studio.port, "full", lambda event, said: event == "state" and bool(said["failure"]), 60)
    assert "is full" in seen[-1][1]["failure"]
    assert "Make room" in seen[-1][1]["failure"]


@pytest.mark.slow
def test_an_hour_of_watching_costs_no_memory(folder) -> None:
    """A log of 50 MB is replayed, and goes on growing, while a page watches: what the server holds does not grow."""
    import tracemalloc

    shutil.copytree(folder / "digits", folder / "long")
    path = folder / "long" / RunFile.METRICS
    device = path.read_bytes().splitlines(keepends=True)[0]
    lines = [batch_line(step, 1.0 + step % 7) for step in range(1, 2001)]
    part = b"".join(lines)
    path.write_bytes(device + part * (50_000_000 // len(part)))
    watch = Watch(Watched(folder, Trainings(folder)), "long")
    sent = 0
    while True:
        news = watch.news()
        sent += sum(len(said.get("lines", ())) for _, said in news)
        if not watch.has_more:
            break
    assert 2000 < sent < 10_000, "it is averaged to what a page can draw"
    tracemalloc.start()
    watch.news()
    before = tracemalloc.get_traced_memory()[0]
    with path.open("ab") as file:
        for _ in range(100):
            file.write(b"".join(lines[:100]))
            file.flush()
            while watch.news() and watch.has_more:
                pass
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 500_000, f"{grown:,} bytes after 10,000 lines more"


def test_the_studio_ends_although_a_page_is_watching(opening, folder) -> None:
    context = opening(folder)
    opened = context.__enter__()
    connection = http.client.HTTPConnection("127.0.0.1", opened.port, timeout=20)
    connection.request("GET", "/api/events?run=digits")
    response = connection.getresponse()
    assert response.readline()
    started = time.monotonic()
    context.__exit__(None, None, None)
    assert time.monotonic() - started < 5
    assert b"event: state" in response.read(), "the answer is whole"
    connection.close()


@pytest.mark.slow
def test_watchers_who_leave_are_forgotten(own_studio) -> None:
    before = threading.active_count()
    for _ in range(50):
        events(own_studio.port, "digits", lambda event, _: event == "state")
    time.sleep(2)
    assert threading.active_count() < before + 50
