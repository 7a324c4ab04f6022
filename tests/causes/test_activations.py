"""What activates a unit, against every unit of every image; filters and feature maps; what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from pellucid.arithmetic import record
from pellucid.causes import activations, filters, maps
from pellucid.cli import main
from pellucid.glass import box_of, look
from pellucid.ground.errors import UserError
from pellucid.prediction import open_picture


def every_value(run, layer, split):
    images = run.open_images().splits[split].images
    return torch.stack([look(run, np.array(pixels))[layer].value for pixels in images]).double().numpy()


@pytest.mark.parametrize("layer", ["first", "leaky_relu", "again_2", "adaptive_avg_pool2d"])
def test_a_channel_is_activated_by_what_brute_force_finds(run, layer) -> None:
    values = every_value(run, layer, "test")[:, 2]
    strongest = activations(run, f"{layer}[2]", 5, split="test")
    largest = values.max((1, 2))
    order = np.argsort(-largest, kind="stable")[:5]
    assert [image.image for image in strongest] == [f"test/{row}" for row in order]
    for row, image in zip(order, strongest, strict=True):
        assert image.value == pytest.approx(largest[row], abs=1e-6)
        assert values[row][image.index[1:]] == pytest.approx(image.value, abs=1e-6)
        assert image.index[0] == 2
    assert strongest.searched == 40
    assert strongest.active == pytest.approx((largest > 0).mean())
    unit = strongest.look()
    assert unit.name == f"{layer}[{','.join(map(str, strongest[0].index))}]"
    assert unit.value == pytest.approx(strongest[0].value, abs=1e-6)
    assert box_of(unit) == strongest[0].box
    box = strongest[0].box
    np.testing.assert_array_equal(strongest[0].patch, strongest[0].pixels[box.top : box.bottom, box.left : box.right])


@pytest.mark.parametrize(("unit", "index"), [("first[3,0,27]", (3, 0, 27)), ("head[4]", (4,))])
def test_a_unit_is_activated_by_what_brute_force_finds(run, unit, index) -> None:
    values = every_value(run, unit.partition("[")[0], "test")[(slice(None), *index)]
    strongest = activations(run, unit, 40, split="test")
    assert [image.image for image in strongest] == [f"test/{row}" for row in np.argsort(-values, kind="stable")]
    assert all(image.index == index for image in strongest)


def test_images_are_those_that_trained_and_a_limit_spaces_them_evenly(make_run) -> None:
    run = make_run(validation=0.2)
    train, val = activations(run, "first[0]", 1000), activations(run, "first[0]", 1000, split="val")
    names = {image.image for image in train}, {image.image for image in val}
    assert (len(train), len(val)) == (160, 40)
    assert not names[0] & names[1]
    few = activations(run, "first[0]", 1000, limit=16)
    assert len(few) == few.searched == 16
    numbers = sorted(int(image.image.partition("/")[2]) for image in few)
    assert numbers[0] < 10
    assert numbers[-1] > 190


def test_the_network_runs_no_further_than_needed() -> None:
    ran = []

    class Watched(torch.nn.Linear):
        def forward(self, x):
            ran.append(self)
            return super().forward(x)

    network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Flatten(), Watched(8, 2))
    recording = record(network, torch.ones(5, 1, 4, 4), until="1")
    assert [step.name for step in recording.steps] == ["input", "0", "1"]
    assert recording.steps[recording.output].value.shape == (5, 8)
    assert not ran
    assert not network[0]._forward_hooks


def test_filters_and_feature_maps_are_the_networks_numbers(run) -> None:
    first = filters(run, epoch=1)
    np.testing.assert_array_equal(first.weights, run.weights(1)["first.weight"].double().numpy())
    assert first.title == "6 filters of first, 3×3, grey"
    channels = maps(run, "test/3", "again")
    x = open_picture("test/3", run.preprocessing, run).input
    network = run.network()
    with torch.no_grad():
        expected = network.again(torch.nn.functional.leaky_relu(network.first(x), 0.1))[0]
    np.testing.assert_allclose(channels.values, expected.numpy(), atol=1e-6)
    strongest = channels.to_dict()["channels"][1]
    assert strongest["max"] == pytest.approx(float(expected[1].max()))
    assert channels.glass.unit(strongest["unit"]).value == pytest.approx(strongest["max"])
    for result in (first, channels):
        assert "data:image/png;base64," in result._repr_html_()
    assert str(first).startswith(first.title)
    text = str(channels)
    assert text.startswith("again (Conv2d) makes 6 feature maps of 28×28 from test/3; the largest value is in channel ")
    assert f"channel {expected.amax((1, 2)).argmax()}." in text.splitlines()[0]
    order = [int(line.split()[0]) for line in text.splitlines()[2:-1]]
    assert order == channels.order()[:5] == expected.amax((1, 2)).argsort(descending=True)[:5].tolist()
    assert text.splitlines()[-1] == "... and 1 weaker channel"


def test_the_commands_write_sheets_and_json(run, capsys) -> None:
    folder = str(run.directory)
    assert main(["activations", folder, "--unit", "again[1]", "--top", "4", "--out", "sheet", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert len(document["images"]) == 4
    assert document["searched"] == 200
    assert json.loads(Path("sheet/activations.json").read_text()) == document
    assert Path("sheet/activations.png").read_bytes().startswith(b"\x89PNG")
    assert main(["activations", folder, "--filters", "--out", "filters"]) == 0
    assert "6 filters of first" in capsys.readouterr().out
    assert Path("filters/filters.png").exists()
    assert main(["maps", folder, "test/3", "--out", "maps"]) == 0
    assert {path.name for path in Path("maps").iterdir()} >= {"first.png", "again_2.png", "maps.json"}
    captured = capsys.readouterr()
    assert "Wrote maps/first.png, maps/" in captured.err
    assert captured.out.startswith("The network predicts ")
    assert "... and 1 weaker channel" in captured.out
    assert main(["maps", folder, "test/3", "--layer", "again", "--list"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in listed[-6:]] == ["0", "1", "2", "3", "4", "5"]
    assert "Images that activate first[0] most" in activations(run, "first[0]", 2)._repr_html_()


BAD = [
    (["--unit", "again[6]"], "so there is no channel 6; expected again[0] to again[5]"),
    (["--unit", "again"], "again has the shape 6×28×28; name one of its channels, like again[0]"),
    (["--unit", "agian[0]"], "no layer is called 'agian'; did you mean 'again'?"),
    (["--unit", "again[0,28,0]"], "the nearest unit is again[0,27,0]"),
    (["--unit", "scale[0]"], "scale is the same for every image"),
    (["--unit", "again[0]", "--split", "tets"], "Invalid value for '--split': 'tets'; did you mean 'test'?"),
    (["--unit", "again[0]", "--epoch", "9"], "keeps no weights of epoch '9'"),
    (["--unit", "again[0]", "--top", "0"], "0 images were asked for; expected 1 or more"),
    ([], "expected either --unit"),
    (["--unit", "again[0]", "--filters"], "expected either --unit"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD)
def test_mistakes_are_told(arguments, message, run, capsys) -> None:
    assert main(["activations", str(run.directory), "--out", "none", *arguments]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.out == ""
    assert not Path("none").exists()


def test_filters_that_are_no_pictures_are_refused(make_run, seen_data) -> None:
    (seen_data / "flat_net.py").write_text(
        "from torch import nn\n"
        "class Flat(nn.Sequential):\n"
        "    def __init__(self, in_channels, num_classes):\n"
        "        super().__init__(nn.Flatten(), nn.Linear(784, num_classes))\n"
    )
    run = make_run(network=f"{seen_data / 'flat_net.py'}:Flat", epochs=1)
    with pytest.raises(UserError, match="so its filters are no pictures"):
        filters(run)
    with pytest.raises(UserError, match="no layer of Flat has rows and columns"):
        maps(run, "test/0")
    assert len(activations(run, "1[3]", 2)) == 2
