"""The unit that contributed most, confused pairs, the chain from an error to its cause, and the history."""

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
from pellucid.attribution import attribute, best_explanation, explain
from pellucid.causes import filters, find_contributor, find_pair, history, maps, why
from pellucid.causes.showing import share_sentence
from pellucid.cli import main
from pellucid.figures.history import epoch_ticks
from pellucid.glass import look
from pellucid.ground.errors import UserError
from pellucid.networks import build
from pellucid.prediction import open_picture
from pellucid.run import open_run


def test_the_contributor_has_the_largest_value_times_gradient() -> None:
    torch.manual_seed(1)
    network = build("simple-cifar", input_shape=(3, 12, 12), classes=4).eval()
    image = torch.rand(3, 12, 12)
    glass = look(network, image)
    contributor = find_contributor(glass, 2, 1)
    first = torch.relu(network.pool(network.conv1(image[None])))
    values = network.conv2(first).detach().requires_grad_()
    logits = network.fc2(torch.relu(network.fc1(torch.relu(network.pool(values)).flatten(1))))[0]
    gradient = torch.autograd.grad(logits[2] - logits[1], values)[0]
    contributions = (values * gradient)[0].detach()
    position = np.unravel_index(int(contributions.argmax()), contributions.shape)
    assert contributor.unit.name == f"conv2[{','.join(map(str, position))}]"
    assert contributor.contribution == pytest.approx(float(contributions.max()), rel=1e-5)
    assert contributor.share == pytest.approx(float(contributions.max() / contributions.clamp(min=0).sum()), rel=1e-5)
    assert contributor.channel == f"conv2[{position[0]}]"
    text = " ".join(str(contributor).split())
    assert "to the logit of 2 minus that of 1." in text
    assert contributor.units == contributions.numel()
    assert f"{contributor.share:.1%} of all positive contributions of the {contributor.units:,} units of conv2" in text
    with pytest.raises(UserError, match="the class and its rival are the same"):
        find_contributor(glass, 2, 2)
    with pytest.raises(UserError, match="no layer is called 'conv3'; did you mean"):
        find_contributor(glass, layer="conv3")


def test_all_contributions_and_the_biases_add_up_to_the_logit() -> None:
    """The network is linear after the layer, so value times gradient is exact."""
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 2, bias=False))
    glass = look(network, torch.rand(1, 4, 4))
    contributor = find_contributor(glass, 0)
    weights = network[2].weight[0].reshape(2, 2, 2)
    products = glass["0"].value * weights
    assert float(products.detach().sum()) == pytest.approx(glass.output[0].value, abs=1e-6)
    assert contributor.contribution == pytest.approx(float(products.detach().max()), abs=1e-6)


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ([1.0] * 20, "5.0% of all positive contributions of the 20 units of 0: the largest, but one of many"),
        ([2.0, *[1.0] * 7], "22.2% of all positive contributions of the 8 units of 0: a considerable part"),
        ([9.0, 1.0], "90.0% of all positive contributions of the 2 units of 0: as much as all others together"),
        ([-1.0, -2.0], "No unit of 0 is evidence for it: every contribution is zero or negative."),
    ],
)
def test_a_share_is_said_honestly(weights, words) -> None:
    network = nn.Sequential(nn.Linear(len(weights), len(weights), bias=False), nn.Linear(len(weights), 2, bias=False))
    nn.init.eye_(network[0].weight)
    with torch.no_grad():
        network[1].weight.copy_(torch.tensor([weights, [0.0] * len(weights)]))
    contributor = find_contributor(look(network, torch.ones(1, len(weights))), 0, layer="0")
    assert words in share_sentence(contributor)


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
    pair = find_pair(look(evaluated, f"test/{wrong}"), top=100)
    same = [
        (row, other.probability)
        for row, (other, true) in enumerate(table)
        if true == label and other.index == prediction.index
    ]
    assert pair.wrong is True
    assert f"which is wrong: its true label is {pair.other}." in str(pair)
    assert (pair.other, pair.predicted) == (evaluated.classes[label], prediction.name)
    assert pair.count == len(same)
    assert pair.total == sum(true == label for _, true in table)
    assert pair.back == sum(other.index == label and true == prediction.index for other, true in table)
    assert {image.image for image in pair} == {f"test/{row}" for row, _ in same if row != wrong}
    for image in pair:
        share = dict(same)[int(image.image.partition("/")[2])]
        assert image.confidence == pytest.approx(share, abs=0.05)  # the table's may be calibrated
        np.testing.assert_array_equal(
            image.pixels, open_picture(image.image, evaluated.preprocessing, evaluated).pixels
        )


def test_a_right_answer_is_paired_with_the_second_most_probable(evaluated) -> None:
    table = answers(evaluated)
    right = next(row for row, (prediction, label) in enumerate(table) if prediction.index == label)
    pair = find_pair(look(evaluated, f"test/{right}"))
    assert pair.wrong is False
    assert pair.other == table[right][0].top(2)[1][0]
    assert f"predicted as {pair.predicted}, which is right; {pair.other} is next." in str(pair)
    assert "mistake" not in str(pair)
    assert f"Images of {pair.other} that are predicted as {pair.predicted}:" in str(pair) or not pair.images
    assert find_pair(look(evaluated, np.zeros((28, 28), np.uint8))).wrong is None


def test_a_photo_without_a_label_is_neither_right_nor_wrong(evaluated, capsys) -> None:
    Image.fromarray(np.random.default_rng(2).integers(0, 255, (40, 30, 3), np.uint8)).save("photo.png")
    causes = why(evaluated, "photo.png", top=2, limit=20)
    assert causes.pair.wrong is None
    text = str(causes)
    assert "Its true label is not known." in " ".join(text.split())
    for words in ("right", "wrong", "mistake", "other image of"):
        assert words not in text
    description = causes.figure().get_label()
    assert "mistake" not in description
    assert "not known" in description


def test_without_an_evaluation_the_pair_says_how_to_get_one(evaluated, tmp_path) -> None:
    bare = open_run(shutil.copytree(evaluated.directory, tmp_path / "bare"))
    (bare.directory / "predictions.csv").unlink()
    pair = find_pair(look(bare, "test/0", epoch=1))
    assert pair.count is not None
    assert pair.images == ()
    assert "the counts are those of epoch 2, not of epoch 1" in str(pair)
    assert "which images they are is not recorded: pellucid evaluate" in str(pair)
    (bare.directory / "evaluation.json").unlink()
    pair = find_pair(look(bare, "test/0"))
    assert pair.count is None
    assert "how often they are confused is not measured: pellucid evaluate" in str(pair)
    (bare.directory / "evaluation.json").write_text("{}")
    with pytest.raises(UserError, match=r"evaluation.json is damaged"):
        find_pair(look(bare, "test/0"))


def test_the_chain_is_the_same_as_its_links_one_by_one(evaluated, capsys) -> None:
    causes = why(evaluated, "test/5", top=3, limit=50)
    glass = look(evaluated, "test/5")
    assert causes.glass.prediction == glass.prediction
    assert causes.pair == find_pair(glass)
    contributor = find_contributor(glass, causes.pair.predicted, causes.pair.other)
    assert contributor.unit.name == causes.contributor.unit.name == causes.trace.unit.name
    assert causes.trace.check.passed
    assert causes.path.target.name == glass.top_output().name
    assert causes.contributor.unit in [link.unit for link in causes.path]
    assert causes.activations.unit == contributor.channel
    assert causes.activations.searched == 50
    text = str(causes)
    assert text.count("the network says") == 1
    for position, heading in enumerate(["The prediction", "The pair of classes", "The map of the evidence"], start=1):
        assert f"\n{position}. {heading}\n" in text
    html = causes._repr_html_()
    assert html.count("<h4>") == 7
    json.dumps(causes.to_dict(), allow_nan=False)
    folder = str(evaluated.directory)
    assert main(["why", folder, "test/5", "--limit", "50", "--out", "why", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["contributor"]["unit"] == contributor.unit.name
    names = {"why.png", "why.json", "explanation.png", "unit.png", "activations.png"}
    assert {path.name for path in Path("why").iterdir()} == names
    assert main(["why", folder, "test/5", "--method", "saliency", "--limit", "0"]) == 0
    assert "The 6 images that activate " in capsys.readouterr().out


def test_the_best_map_is_the_one_whose_insertion_exceeds_its_deletion_most(run) -> None:
    explanations = explain(run, "test/7")
    best = best_explanation(look(run, "test/7"))
    assert best.method == explanations.best.method
    gains = {
        explanation.method: explanation.scores.insertion - explanation.scores.deletion for explanation in explanations
    }
    assert gains[best.method] == max(gains.values())


@pytest.mark.parametrize("unit", ["again[2]", "again[2,3,4]", "head[1]"])
def test_the_history_shows_each_epochs_own_numbers(run, unit) -> None:
    past = history(run, "test/3", unit, target=4)
    assert [moment.epoch for moment in past] == run.epochs() == [1, 2]
    for moment in past:
        glass = look(run, "test/3", epoch=moment.epoch)
        assert moment.prediction == glass.prediction
        np.testing.assert_array_equal(moment.map, attribute(glass, "grad-cam", 4).map)
        if unit == "again[2]":
            channel = glass["again"].value[2]
            np.testing.assert_allclose(moment.feature_map, channel.numpy())
            assert moment.value == float(channel.max()) == glass.unit(moment.unit).value
        else:
            assert moment.value == glass.unit(unit).value
    assert not np.array_equal(past[0].map, past[1].map)
    assert past.at(2) is past[1]
    with pytest.raises(UserError, match="keeps no weights of epoch 3; expected one of: 1, 2"):
        past.at(3)


def test_the_history_command_writes_a_strip_an_animation_and_json(run, capsys) -> None:
    assert main(["history", str(run.directory), "test/3", "--method", "saliency", "--out", "old", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [moment["epoch"] for moment in document["moments"]] == [1, 2]
    assert document["method"] == "saliency"
    assert json.loads(Path("old/history.json").read_text()) == document
    with Image.open("old/history.gif") as animation:
        assert animation.n_frames == 2
    with Image.open("old/history.png") as strip:
        assert "Predictions: epoch 1: " in strip.text["Description"]
    past = history(run, "test/3")
    assert "data:image/png;base64," in past._repr_html_()
    assert past.unit.startswith("again_2[")
    first, last = (f"{moment.prediction.name} ({moment.prediction.probability:.1%})" for moment in past)
    sentence = f"After epoch 1 the network predicts {first}, after epoch 2 {last}. The true label is "
    assert " ".join(str(past).split()).startswith(sentence)


@pytest.mark.parametrize(("first", "last"), [(1, 1), (1, 2), (1, 5), (3, 40), (1, 40), (7, 350)])
def test_epochs_are_named_whole_and_not_crowded(first, last) -> None:
    ticks = epoch_ticks(first, last)
    assert 1 <= len(ticks) <= 9
    assert all(isinstance(tick, int) and first <= tick <= last for tick in ticks)
    assert len(set(np.diff(ticks))) <= 1


BAD = [
    (["history", "--unit", "again[6]"], "so there is no channel 6; expected again[0] to again[5]"),
    (["history", "--class", "x"], "no class is called 'x'"),
    (["history", "--method", "lime"], "no attribution method is called 'lime'"),
    (["history", "--layer", "head"], "head has the shape 10, without rows and columns"),
    (["why", "--epoch", "3"], "keeps no weights of epoch '3'"),
    (["why", "--method", "cam"], "no attribution method is called 'cam'; did you mean 'grad-cam'?"),
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
    causes = why(evaluated, "test/5", top=2, limit=20)
    past = history(evaluated, "test/5")
    explanations = explain(evaluated, "test/5", ("grad-cam", "saliency"))
    named = [causes, *vars(causes).values(), past, past[0], past[0].scores, explanations]
    named += [
        explanations["saliency"].attribution,
        causes.activations[0],
        maps(evaluated, "test/5"),
        filters(evaluated),
    ]
    assert "again_2" in repr(causes.contributor)
    assert all(len(repr(result)) < 1000 for result in named), max((repr(result) for result in named), key=len)
