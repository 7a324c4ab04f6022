"""`pellucid trace`: a sentence that is true of the image, then tables that fit a terminal; digits and files."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch
from torch import nn

from pellucid.cli import main
from pellucid.glass import look
from pellucid.glass.letters import letters_of
from pellucid.glass.showing import feeds_text, path_text, sentence_of, trace_text


def printed(capsys, *arguments: str) -> str:
    assert main(["trace", *arguments]) == 0
    return capsys.readouterr().out


def too_wide(text: str) -> list[str]:
    """List the lines beyond 100 columns; those with a path or a command to be typed stay whole."""
    return [line for line in text.splitlines() if len(line) > 100 and "/" not in line]


def biased(label):
    """A network that gives the first of three classes e^1/(e^1 + e^0 + e^−1) = 66.5%, the second 24.5%."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    with torch.no_grad():
        network[1].weight.zero_()
        network[1].bias.copy_(torch.tensor([1.0, 0.0, -1.0]))
    glass = look(network, torch.zeros(1, 2, 2), classes=("frog", "deer", "airplane"))
    object.__setattr__(glass.picture, "label", label)
    return glass


@pytest.mark.parametrize(
    ("label", "verdict"),
    [(None, ""), (0, ", which is right"), (2, ", which is wrong: it is an airplane")],
)
def test_the_first_sentence_is_true_of_the_image(label, verdict):
    expected = f"Sequential is 66.5% sure that the input is a frog{verdict}; next comes deer with 24.5%."
    glass = biased(label)
    assert sentence_of(glass) == expected
    assert " ".join(str(glass).split()).startswith(expected)


def test_classes_without_names_and_outputs_without_classes_have_a_sentence_too():
    numbered = look(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), torch.zeros(1, 2, 2))
    assert re.fullmatch(
        r"Sequential gives the input class [01] with .*; next comes class [01] with .*", sentence_of(numbered)
    )
    maps = look(nn.Conv2d(1, 2, 1), torch.ones(1, 2, 2))
    assert sentence_of(maps).startswith("Conv2d returns 2×2×2 numbers for the input; the largest is ")


def test_trace_begins_with_the_sentence_then_layers_then_the_logit(run, capsys):
    text = printed(capsys, str(run.directory), "test/3")
    glass = look(run, "test/3")
    top = glass.top_output()
    assert " ".join(text.split()).startswith(sentence_of(glass))
    assert "true" not in text.split("layer  ")[0]
    table, _, trace = text.partition(f"{top.name} = {top.value:.4g}, the logit of the predicted class")
    assert table.index("layer ") < table.index("first ")
    assert "recomputed" in trace


def test_everything_fits_a_hundred_columns(make_run, capsys):
    residual = make_run(network="small-resnet", recipe="strong", epochs=1, log_every=2)
    text = printed(capsys, str(residual.directory), "test/0", "--forward", "--path")
    text += printed(capsys, str(residual.directory), "test/0", "--unit", "stage1.1.first.0[3,4,5]", "--digits", "all")
    assert too_wide(text) == []
    assert len(text.splitlines()) > 60


@pytest.mark.slow
def test_every_unit_of_every_layer_fits_too(make_run):
    glass = look(make_run(network="small-resnet", recipe="strong", epochs=1, log_every=2), "test/0")
    for node in glass:
        trace = glass.trace(node[tuple(size // 2 for size in node.shape)])
        texts = [trace_text(trace), feeds_text(glass.feeds(trace))]
        texts += [path_text(glass.path(trace))] if node.step.number in glass.from_image else []
        for text in texts:
            assert too_wide(text) == []


def test_numbers_have_four_digits_or_as_many_as_asked_for(run, capsys):
    value = look(run, "test/3").top_output().value
    for digits, count in (((), 4), (("--digits", "7"), 7), (("--digits", "all"), 9)):
        assert f" = {value:.{count}g}, the logit" in printed(capsys, str(run.directory), "test/3", *digits)
    assert main(["trace", str(run.directory), "test/3", "--digits", "many"]) == 2
    assert "many" in capsys.readouterr().err


def test_what_is_cut_off_can_be_had(run, capsys):
    arguments = (str(run.directory), "test/3", "--unit", "head[5]")
    assert "--top N for more rows" in printed(capsys, *arguments)
    shown = printed(capsys, *arguments, "--top", "20")
    rows = [line for line in shown.partition("which weight")[2].splitlines() if "weight[" in line]
    assert len(rows) == 20


def test_a_picture_is_announced_and_not_replaced_unasked(run, capsys, tmp_path):
    arguments = ["trace", str(run.directory), "test/3", "--out", str(tmp_path / "unit.png")]
    assert main(arguments) == 0
    assert capsys.readouterr().err == f"Wrote {tmp_path / 'unit.png'}\n"
    before = (tmp_path / "unit.png").stat().st_mtime_ns
    assert main(arguments) == 2
    assert "--force" in capsys.readouterr().err
    assert (tmp_path / "unit.png").stat().st_mtime_ns == before
    assert main([*arguments, "--force"]) == 0


def test_json_has_all_digits_and_all_terms(run, capsys):
    document = json.loads(printed(capsys, str(run.directory), "test/3", "--json"))
    trace = look(run, "test/3").trace()
    assert document["trace"]["value"] == trace.value
    assert len(document["trace"]["terms"]) == len(trace.trace.terms)
    assert document["prediction"]["true_label"] == run.classes[run.open_images().splits["test"].labels[3]]
    assert np.isclose(document["trace"]["check"]["recomputed"], trace.value, atol=1e-4)


def test_the_letters_of_a_formula_are_explained_once():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten())
    glass = look(network, torch.ones(1, 4, 4))
    text = " ".join(str(glass.trace("0[0,0,0]")).split())
    assert text.count("o output channel, c input channel, i j position in the output, k l position in the kernel") == 1
    assert letters_of("relu", "y = max(0, x)") == ""
