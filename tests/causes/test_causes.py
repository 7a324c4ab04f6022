"""The unit that carried a decision, confused pairs, the chain from an error to its cause, and the time machine."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import pellucid
from pellucid.attribution import attribute, best_explanation, compare
from pellucid.causes import feature_maps, filters, find_carrier, find_pair, history, why
from pellucid.cli import main
from pellucid.glass import look
from pellucid.ground.errors import UserError
from pellucid.networks import build
from pellucid.prediction import open_picture
from pellucid.run import open_run


def test_the_carrier_has_the_largest_value_times_gradient() -> None:
    torch.manual_seed(1)
    network = build("simple-cifar", input_shape=(3, 12, 12), classes=4).eval()
    image = torch.rand(3, 12, 12)
    glass = look(network, image)
    found = find_carrier(glass, 2, 1)
    first = torch.relu(network.pool(network.conv1(image[None])))
    values = network.conv2(first).detach().requires_grad_()
    scores = network.fc2(torch.relu(network.fc1(torch.relu(network.pool(values)).flatten(1))))[0]
    gradient = torch.autograd.grad(scores[2] - scores[1], values)[0]
    brought = (values * gradient)[0].detach()
    place = np.unravel_index(int(brought.argmax()), brought.shape)
    assert found.unit.name == f"conv2[{','.join(map(str, place))}]"
    assert found.contribution == pytest.approx(float(brought.max()), rel=1e-5)
    assert found.share == pytest.approx(float(brought.max() / brought.clamp(min=0).sum()), rel=1e-5)
    assert found.channel == f"conv2[{place[0]}]"
    assert "the score of 2 less that of 1" in str(found)
    with pytest.raises(UserError, match="the class and its rival are the same"):
        find_carrier(glass, 2, 2)
    with pytest.raises(UserError, match="no layer is called 'conv3'; did you mean"):
        find_carrier(glass, layer="conv3")


def test_all_contributions_and_the_biases_add_up_to_the_score() -> None:
    """A straight line after the layer: value times gradient is then exact."""
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 2, bias=False))
    glass = look(network, torch.rand(1, 4, 4))
    found = find_carrier(glass, 0)
    weights = network[2].weight[0].reshape(2, 2, 2)
    products = glass["0"].value * weights
    assert float(products.detach().sum()) == pytest.approx(glass.output[0].value, abs=1e-6)
    assert found.contribution == pytest.approx(float(products.detach().max()), abs=1e-6)


@pytest.fixture(scope="module")
def evaluated(make_run, tmp_path_factory, seen_data):
    run = open_run(shutil.copytree(make_run().directory, tmp_path_factory.mktemp("evaluated") / "run"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PELLUCID_CACHE", str(seen_data / "cache"))
        pellucid.evaluate(run)
    return run


def answers(run):
    images = run.open_images().splits["test"]
    return [(look(run, f"test/{row}").prediction, int(images.labels[row])) for row in range(len(images))]


def test_the_pair_and_its_images_are_those_of_every_prediction(evaluated) -> None:
    table = answers(evaluated)
    wrong = next(row for row, (prediction, label) in enumerate(table) if prediction.index != label)
    prediction, label = table[wrong]
    pair = find_pair(look(evaluated, f"test/{wrong}"), most=100)
    same = [
        (row, other.probability)
        for row, (other, true) in enumerate(table)
        if true == label and other.index == prediction.index
    ]
    assert pair.wrong is True
    assert (pair.true, pair.predicted) == (evaluated.classes[label], prediction.name)
    assert pair.count == len(same)
    assert pair.total == sum(true == label for _, true in table)
    assert pair.back == sum(other.index == label and true == prediction.index for other, true in table)
    assert {each.image for each in pair} == {f"test/{row}" for row, _ in same if row != wrong}
    for each in pair:
        share = dict(same)[int(each.image.partition("/")[2])]
        assert each.confidence == pytest.approx(share, abs=0.05)  # the table's may be calibrated
        np.testing.assert_array_equal(each.pixels, open_picture(each.image, evaluated.preprocessing, evaluated).pixels)


def test_a_right_answer_is_paired_with_the_second_likeliest(evaluated) -> None:
    table = answers(evaluated)
    right = next(row for row, (prediction, label) in enumerate(table) if prediction.index == label)
    pair = find_pair(look(evaluated, f"test/{right}"))
    assert pair.wrong is False
    assert pair.true == table[right][0].top(2)[1][0]
    assert "with" in pair.title
    numbers = find_pair(look(evaluated, np.zeros((28, 28), np.uint8)))
    assert numbers.wrong is None


def test_without_an_evaluation_the_pair_says_how_to_get_one(evaluated, tmp_path) -> None:
    bare = open_run(shutil.copytree(evaluated.directory, tmp_path / "bare"))
    (bare.directory / "predictions.csv").unlink()
    pair = find_pair(look(bare, "test/0", epoch=1))
    assert pair.count is not None
    assert "the counts are those of epoch 2, not of epoch 1" in str(pair)
    assert "which images they were is not written down: pellucid evaluate" in str(pair)
    (bare.directory / "evaluation.json").unlink()
    pair = find_pair(look(bare, "test/0"))
    assert pair.count is None
    assert "how often they are confused is not measured: pellucid evaluate" in str(pair)
    (bare.directory / "evaluation.json").write_text("{}")
    with pytest.raises(UserError, match=r"is damaged .*write it anew with pellucid evaluate"):
        find_pair(look(bare, "test/0"))


def test_the_chain_is_the_same_as_its_links_one_by_one(evaluated, capsys) -> None:
    found = why(evaluated, "test/5", most=3, limit=50)
    glass = look(evaluated, "test/5")
    assert found.glass.prediction == glass.prediction
    assert found.pair == find_pair(glass)
    carrier = find_carrier(glass, found.pair.predicted, found.pair.true)
    assert carrier.unit.name == found.carrier.unit.name == found.trace.unit.name
    assert found.trace.check.passed
    assert found.path.target.name == glass.top_output().name
    assert found.carrier.unit in [link.unit for link in found.path]
    assert found.excitation.unit == carrier.channel
    assert found.excitation.images == 50
    text = str(found)
    assert text.count("recomputed") == 1
    for place, heading in enumerate(["The prediction", "The pair of classes", "The map that explains it"], start=1):
        assert f"\n{place}. {heading}\n" in text
    html = found._repr_html_()
    assert html.count("<h4>") == 7
    json.dumps(found.to_dict(), allow_nan=False)
    folder = str(evaluated.directory)
    assert main(["why", folder, "test/5", "--limit", "50", "--out", "why", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["carrier"]["unit"] == carrier.unit.name
    names = {"why.png", "why.json", "explanation.png", "unit.png", "excitation.png"}
    assert {path.name for path in Path("why").iterdir()} == names
    assert main(["why", folder, "test/5", "--method", "saliency", "--limit", "0"]) == 0
    assert "the strongest 6 of 200 train images" in capsys.readouterr().out


def test_the_best_map_is_the_one_whose_insertion_exceeds_its_deletion_most(run) -> None:
    made = compare(run, "test/7")
    best = best_explanation(look(run, "test/7"))
    assert best.method == made.best.method
    gains = {each.method: each.scores.insertion - each.scores.deletion for each in made}
    assert gains[best.method] == max(gains.values())


@pytest.mark.parametrize("unit", ["again[2]", "again[2,3,4]", "head[1]"])
def test_the_time_machine_shows_each_epochs_own_numbers(run, unit) -> None:
    found = history(run, "test/3", unit, target=4)
    assert [moment.epoch for moment in found] == run.epochs() == [1, 2]
    for moment in found:
        glass = look(run, "test/3", epoch=moment.epoch)
        assert moment.prediction == glass.prediction
        np.testing.assert_array_equal(moment.map, attribute(glass, "grad-cam", 4).map)
        if unit == "again[2]":
            channel = glass["again"].value[2]
            np.testing.assert_allclose(moment.feature_map, channel.numpy())
            assert moment.value == float(channel.max()) == glass.unit(moment.unit).value
        else:
            assert moment.value == glass.unit(unit).value
    assert not np.array_equal(found[0].map, found[1].map)
    assert found.at(2) is found[1]
    with pytest.raises(UserError, match="keeps no weights of epoch 3; expected one of: 1, 2"):
        found.at(3)


def test_the_history_command_writes_a_strip_an_animation_and_json(run, capsys) -> None:
    assert main(["history", str(run.directory), "test/3", "--method", "saliency", "--out", "old", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [each["epoch"] for each in document["moments"]] == [1, 2]
    assert document["method"] == "saliency"
    assert json.loads(Path("old/history.json").read_text()) == document
    with Image.open("old/history.gif") as animation:
        assert animation.n_frames == 2
    with Image.open("old/history.png") as strip:
        assert "epoch 1 to 2" in strip.text["Description"]
    made = history(run, "test/3")
    assert "data:image/png;base64," in made._repr_html_()
    assert made.unit.startswith("again_2[")


BAD = [
    (["history", "--unit", "again[6]"], "so there is no channel 6; expected again[0] to again[5]"),
    (["history", "--class", "x"], "no class is called 'x'"),
    (["history", "--method", "lime"], "no method is called 'lime'"),
    (["history", "--layer", "head"], "head has the shape 10, without rows and columns"),
    (["why", "--epoch", "3"], "keeps no weights of epoch '3'"),
    (["why", "--method", "cam"], "no method is called 'cam'; did you mean 'grad-cam'?"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD)
def test_mistakes_are_told(arguments, message, run, capsys) -> None:
    command, *more = arguments
    assert main([command, str(run.directory), "test/3", "--out", "none", *more]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.out == ""
    assert not Path("none").exists()


def test_each_object_is_short_where_it_is_only_named(evaluated) -> None:
    found = why(evaluated, "test/5", most=2, limit=20)
    past = history(evaluated, "test/5")
    made = compare(evaluated, "test/5", ("grad-cam", "saliency"))
    named = [found, *vars(found).values(), past, past[0], past[0].scores, made, made["saliency"].attribution]
    named += [found.excitation[0], feature_maps(evaluated, "test/5"), filters(evaluated)]
    assert "again_2" in repr(named[4])
    assert all(len(repr(each)) < 1000 for each in named), max((repr(each) for each in named), key=len)
