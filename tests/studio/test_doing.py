"""What commands do, from the studio: as jobs that can be stopped, whose files alone can be opened, in a sandbox."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image
from studio_jobs import ended

import pellucid
from pellucid.ground.errors import UserError
from pellucid.studio.jobs import Jobs
from pellucid.studio.tools import TOOLS


def test_the_commands_that_are_shown_are_those_that_run(studio) -> None:
    """Each can be typed: click reads the words that the page shows and that a job is started with."""
    from pellucid.cli import load_command

    _, said, _ = studio.call("/api/tools?run=digits&epoch=1")
    assert [tool["name"] for tool in said["tools"]] == list(TOOLS)
    run = pellucid.open_run(studio.workplace.folder / "digits")
    for tool in TOOLS.values():
        words = [str(word) for word in tool.words_for(run, ["--epoch", "1"])]
        if tool.replaces_by:
            words.append(tool.replaces_by)
        load_command(words[0]).make_context(words[0], words[1:])
    there = {file["name"] for file in said["tools"][0]["there"]}
    assert {"evaluation.json", "predictions.csv"} <= there


def test_a_tool_runs_as_a_job_and_replaces_nothing_unasked(own_folder, open_studio) -> None:
    studio = open_studio(own_folder)
    status, said, _ = studio.call("/api/do", {"run": "digits", "tool": "evaluate"})
    assert status == 400
    assert "would be replaced" in said["error"]
    before = (own_folder / "digits" / "evaluation.json").read_bytes()
    status, job, _ = studio.call("/api/do", {"run": "digits", "tool": "evaluate", "epoch": "1", "replace": True})
    assert status == 200, job
    assert job["command"].startswith("pellucid evaluate")
    again = studio.call("/api/do", {"run": "digits", "tool": "evaluate", "replace": True})
    assert again[0] == 400
    assert "running already" in again[1]["error"]
    said = ended(studio, job["job"])
    assert said["state"] == "done", said["lines"]
    assert any("Accuracy" in line or "classifies" in line for line in said["lines"])
    after = json.loads((own_folder / "digits" / "evaluation.json").read_bytes())
    assert after["epoch"] == 1
    assert before != after
    assert studio.call("/api/do", {"run": "digits", "tool": "rm"})[0] == 400
    assert studio.call("/api/do", body=b'{"run": "digits", "tool": "report"}')[0] == 403


def test_a_job_is_stopped_and_says_so(monkeypatch, tmp_path) -> None:
    line = "one: 2 of 8 images, 4 s"
    (tmp_path / "endless.py").write_text(f"import sys, time; print({line!r}, file=sys.stderr); time.sleep(60)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    jobs = Jobs()
    job = jobs.start(["endless"], kind="endless", run="digits", command="")
    while not job.to_dict()["progress"]:
        assert job.state == "running", job.to_dict()
    assert job.to_dict()["progress"] == {"what": "one", "done": 2, "total": 8, "left": 12}
    assert job.to_dict()["lines"] == []
    jobs.stop(job.key)
    job.process.wait(10)
    assert job.state == "stopped"


def test_too_many_jobs_are_refused(monkeypatch, tmp_path) -> None:
    (tmp_path / "sleeping.py").write_text("import time; time.sleep(30)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    jobs = Jobs()
    started = [jobs.start(["sleeping"], kind=f"kind {number}", run="a", command="") for number in range(3)]
    with pytest.raises(UserError, match="3 jobs are running already"):
        jobs.start(["sleeping"], kind="one more", run="a", command="")
    for job in started:
        jobs.stop(job.key)
    for job in started:
        job.process.wait(10)


def test_a_failed_job_shows_what_was_said() -> None:
    jobs = Jobs()
    job = jobs.start(["pellucid", "report", "no-such-run"], kind="report", run="a", command="")
    job.process.wait(60)
    said = job.to_dict()
    assert said["state"] == "failed"
    assert any("no-such-run" in line for line in said["lines"])
    assert not any("Traceback" in line for line in said["lines"])


def test_results_and_nothing_else_are_handed_out_in_a_sandbox(own_folder, open_studio) -> None:
    studio = open_studio(own_folder)
    directory = own_folder / "digits"
    (directory / "report.html").write_text("<script>fetch('/api/runs')</script>")
    status, content, headers = studio.call("/api/result?run=digits&file=report.html")
    assert (status, content) == (200, b"<script>fetch('/api/runs')</script>")
    assert headers["content-security-policy"].startswith("sandbox allow-scripts")
    assert "allow-same-origin" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    status, content, headers = studio.call("/api/result?run=digits&file=evaluation.json")
    assert content == json.loads((directory / "evaluation.json").read_bytes())
    assert headers["content-disposition"].startswith("attachment")
    for name in ("run.json", "network.py", "../digits/report.html", "/etc/passwd", "weights", "", "predicted-/x.csv"):
        assert studio.call(f"/api/result?run=digits&file={quote(name)}")[0] == 400, name
    assert studio.call("/api/result?run=digits&file=page.html")[0] == 400
    secret = own_folder.parent / "secret"
    secret.write_text("secret")
    for name in ("confusion.png", "predicted-a.csv"):
        (directory / name).symlink_to(secret)
        status, answer, _ = studio.call(f"/api/result?run=digits&file={name}")
        assert (status, b"secret" in json.dumps(answer).encode()) == (400, False)


def test_given_images_are_predicted_as_by_the_predictor(studio) -> None:
    random = np.random.default_rng(0)
    contents = []
    for _ in range(3):
        file = io.BytesIO()
        Image.fromarray(random.integers(0, 255, (40, 30), dtype=np.uint8)).save(file, "PNG")
        contents.append(file.getvalue())
    contents.append(b"no image")
    given = []
    for number, content in enumerate(contents):
        path = f"/api/given/file?name={quote(f'<b>{number}.png')}"
        given.append(studio.call(path, body=content, X_Pellucid_Token=studio.token)[1]["image"])
    status, said, _ = studio.call("/api/predict", {"run": "digits", "images": given})
    assert status == 200, said
    expected = pellucid.predictor(studio.workplace.folder / "digits", trust=True)(contents)
    for document, prediction in zip(said["predictions"][:3], expected, strict=False):
        assert document["class"] == prediction.name
        assert document["probability"] == pytest.approx(prediction.probability)
    assert said["predictions"][0]["source"] == "<b>0.png"
    assert "image" in said["predictions"][3]["reason"]
    assert studio.call("/api/predict", {"run": "digits", "images": ["/etc/passwd"]})[0] == 400
    assert studio.call("/api/predict", {"run": "digits", "images": []})[0] == 400


def test_a_folder_is_predicted_into_a_table_of_the_run(own_folder, open_studio, tmp_path) -> None:
    studio = open_studio(own_folder)
    photos = tmp_path / "my photos; rm -rf"
    photos.mkdir()
    for number in range(3):
        Image.fromarray(np.full((28, 28), 80 * number, np.uint8)).save(photos / f"{number}.png")
    status, job, _ = studio.call("/api/do/folder", {"run": "digits", "folder": str(photos)})
    assert status == 200, job
    said = ended(studio, job["job"])
    assert said["state"] == "done", said["lines"]
    (name,) = said["files"]
    status, table, _ = studio.call(f"/api/result?run=digits&file={name}")
    assert status == 200
    assert len(table.splitlines()) == 4
    _, tools, _ = studio.call("/api/tools?run=digits")
    assert [file["name"] for file in tools["predicted"]] == [name]
    status, answer, _ = studio.call("/api/do/folder", {"run": "digits", "folder": str(tmp_path / "none")})
    assert status == 400
    assert "does not exist" in answer["error"]


@pytest.fixture
def strangers(own_folder: Path, open_studio: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A studio on a run that another installation made, whose network would leave a mark, were it run."""
    monkeypatch.setenv("PELLUCID_STATE", str(tmp_path / "another"))
    file = own_folder / "digits" / "network.py"
    mark = tmp_path / "mark"
    file.write_text(f"open({str(mark)!r}, 'a').close()\n" + file.read_text() + "# <script>alert(1)</script>\n")
    return open_studio(own_folder), mark, file


def test_a_strangers_network_is_run_only_after_a_person_agreed_to_what_they_read(strangers) -> None:
    studio, mark, file = strangers
    status, answer, _ = studio.call("/api/look?run=digits&image=test/1")
    assert (status, answer["untrusted"]) == (400, True)
    _, read, _ = studio.call("/api/network-file?run=digits")
    assert read["text"] == file.read_text()
    assert studio.call("/api/trust", {"run": "digits", "sha256": "0" * 64})[0] == 400
    assert studio.call("/api/trust", method="POST", body=b"{}")[0] == 403
    assert not mark.exists()
    assert studio.call("/api/trust", {"run": "digits", "sha256": read["sha256"]})[0] == 200
    assert studio.call("/api/look?run=digits&image=test/1")[0] == 200
    assert mark.exists()
    mark.unlink()
    file.write_text(file.read_text() + "# changed since\n")
    status, answer, _ = studio.call("/api/look?run=digits&image=test/2")
    assert (status, answer["untrusted"]) == (400, True)
    assert not mark.exists()


def test_a_person_reads_a_strangers_network_and_runs_it(strangers, browser) -> None:
    studio, mark, _ = strangers
    page = browser.new_page(viewport={"width": 1200, "height": 800})
    page.goto(f"{studio.address}#/see?run=digits&image=test/1")
    page.locator(".read-file").click()
    page.wait_for_selector(".trust")
    assert "<script>alert(1)</script>" in page.locator(".source").inner_text()
    assert not mark.exists()
    page.locator(".trust").click()
    page.wait_for_selector(".layer .map")
    assert mark.exists()
    page.close()


def opened_report(page: Any) -> Any:
    with page.context.expect_page() as opened:
        page.locator("[data-tool=report] a", has_text="open").click()
    report = opened.value
    report.wait_for_load_state()
    return report


def test_a_person_predicts_images_and_opens_a_report_that_can_do_no_harm(
    own_folder, open_studio, browser, tmp_path
) -> None:
    studio = open_studio(own_folder)
    Image.fromarray(np.zeros((28, 28), np.uint8)).save(tmp_path / "<i>zero.png")
    harmful = "<h1>a report</h1><script>fetch('/api/runs').then(() => document.title = 'harmed')</script>"
    (own_folder / "digits" / "report.html").write_text(harmful)
    page = browser.new_page(viewport={"width": 390, "height": 800})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{studio.address}#/do?run=digits")
    page.wait_for_selector("body[data-tools=digits]")
    page.set_input_files(".predicting input[type=file]", str(tmp_path / "<i>zero.png"))
    page.wait_for_selector("body[data-predicted='1']")
    assert "<i>zero.png" in page.locator(".predicted-image").inner_text()
    report = opened_report(page)
    assert report.evaluate("self.origin") == "null"
    assert report.evaluate("fetch('/api/runs').catch(() => 'refused')") == "refused"
    assert report.title() != "harmed"
    report.close()
    start = page.locator("[data-tool=report] .start")
    start.click()
    assert start.inner_text() == "Replace report.html?"
    assert not page.locator("[data-tool=report] .job").count()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert not errors
    page.close()


@pytest.mark.slow
def test_a_person_writes_a_report_and_opens_it(own_folder, open_studio, browser) -> None:
    studio = open_studio(own_folder)
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.goto(f"{studio.address}#/do?run=digits")
    page.locator("[data-tool=report] .start").click()
    page.wait_for_selector("[data-tool=report] .job[data-state=done]", timeout=60_000)
    page.wait_for_selector("[data-tool=report] .files-there a")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    report = opened_report(page)
    assert report.locator("h1").count() == 1
    report.close()
    page.close()
