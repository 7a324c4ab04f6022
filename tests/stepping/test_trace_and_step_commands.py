"""`pellucid trace` and `pellucid step`."""

from __future__ import annotations

import json
import shlex

import numpy as np
import pytest
from PIL import Image

from pellucid.cli import main


def said(capsys, *arguments):
    status = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_without_a_unit_it_begins_at_the_predicted_class(run, capsys):
    status, out, _ = said(capsys, "trace", run.directory, "test/3")
    assert status == 0
    assert "the predicted class" in out
    assert "mul_2[" in out
    assert "recomputed" in out
    commands = [line.strip() for line in out.splitlines() if line.strip().startswith("pellucid trace")]
    assert len(commands) >= 3
    for command in commands:  # each is ready to be typed
        status, out, err = said(capsys, *shlex.split(command)[1:])
        assert status == 0, err


def test_walking_by_term_numbers(run, capsys):
    arguments = ("trace", run.directory, "test/3", "--unit", "first[2,4,5]", "--json")
    first = json.loads(said(capsys, *arguments)[1])
    term = first["trace"]["terms"][4]
    assert term["unit"] == "input[0,4,5]"
    pixel = json.loads(said(capsys, *arguments, "--back", "4")[1])
    assert pixel["trace"]["unit"] == "input[0,4,5]"
    assert pixel["trace"]["kind"] == "pixel"
    assert pixel["trace"]["value"] == term["value"]


def test_forward_path_and_epoch(run, capsys):
    arguments = ("trace", run.directory, "test/3", "--unit", "first[2,4,5]")
    status, out, _ = said(capsys, *arguments, "--forward", "--path", "--class", run.classes[4], "--epoch", "1")
    assert status == 0
    assert "first[2,4,5]" in out
    assert "feeds 1 unit" in out
    assert f"the logit of {run.classes[4]}" in " ".join(out.split())
    document = json.loads(said(capsys, *arguments, "--forward", "--path", "--json")[1])
    assert set(document) == {"prediction", "trace", "forward", "path", "next"}


def test_the_picture_is_written_and_not_overwritten(run, capsys):
    arguments = ("trace", run.directory, "test/3", "--unit", "first[2,4,5]", "--out", "unit.png")
    assert said(capsys, *arguments)[0] == 0
    with Image.open("unit.png") as picture:
        assert np.asarray(picture.convert("L")).std() > 10
        assert "first[2,4,5]" in picture.text["Description"]
    status, _, err = said(capsys, *arguments)
    assert status == 2
    assert "exists already" in err
    assert said(capsys, *arguments, "--force")[0] == 0


def test_a_step_in_text_and_json(run, capsys):
    arguments = ("step", run.directory, "--weight", "first.weight[0,0,1,1]")
    status, out, _ = said(capsys, *arguments)
    assert status == 0
    assert "in the run itself first.weight[0,0,1,1] went from" in " ".join(out.split())
    document = json.loads(said(capsys, *arguments, "--step", "9", "--no-verify", "--json")[1])
    assert (document["step"], document["epoch"], document["batch"]) == (9, 2, 2)
    assert document["record"]["confirmed"] is False


MISTAKES = [
    (("trace", "RUN", "test/3", "--unit", "frist[0,0,0]"), "did you mean 'first'?"),
    (("trace", "RUN", "test/99"), "test/99 is beyond the end"),
    (("trace", "RUN", "test/3", "--epoch", "9"), "keeps no weights of epoch '9'"),
    (("trace", "RUN", "test/3", "--class", "ten"), "no class is called 'ten'"),
    (("trace", "RUN", "test/3", "--out", "unit.gif"), "does not end in .png or .svg"),
    (("trace", "nowhere", "test/3"), "nowhere is not a run"),
    (("step", "RUN", "--weight", "first.wieght[0,0,1,1]"), "did you mean 'first.weight'?"),
    (("step", "RUN", "--weight", "first.weight[0,0,1,1]", "--step", "99"), "there is no step 99"),
]


@pytest.mark.parametrize(("arguments", "message"), MISTAKES)
def test_mistakes_are_two_lines_at_most(run, capsys, arguments, message):
    status, out, err = said(capsys, *(run.directory if word == "RUN" else word for word in arguments))
    assert (status, out) == (2, "")
    assert err.startswith("Error: ")
    assert message in err
    assert "Traceback" not in err
