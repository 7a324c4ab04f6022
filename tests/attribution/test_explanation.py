"""Attribution maps and their scores, recomputed independently; that the network is left as it was; what is refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from example_networks import Sorting
from torch import nn

from pellucid.attribution import METHODS, attribute, explain
from pellucid.attribution.faithfulness import against_moved, measure_map
from pellucid.attribution.images import blurred, mean_colour
from pellucid.attribution.layers import gradient_at, last_spatial_layer
from pellucid.attribution.probability import probability_of
from pellucid.cli import main
from pellucid.glass import look
from pellucid.ground.errors import UserError
from pellucid.networks import build

SHAPE = (3, 12, 12)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(3)
    return build("simple-cifar", input_shape=SHAPE, classes=4).eval()


@pytest.fixture(scope="module")
def image():
    return torch.rand(SHAPE, generator=torch.Generator().manual_seed(5)) * 2 - 1


def gradient_of(network, x, target):
    x = x.clone().requires_grad_()
    return torch.autograd.grad(network(x)[0, target], x)[0]


def test_saliency_is_the_size_of_the_gradient(network, image) -> None:
    explanation = explain(network, image, "saliency", 2).best
    expected = gradient_of(network, image[None], 2)[0].abs().amax(0)
    np.testing.assert_allclose(explanation.map, expected.numpy(), rtol=1e-5)


def test_integrated_gradients_add_up_to_the_rise_of_the_logit(network, image) -> None:
    explanation = explain(network, image, "integrated-gradients", 1).best
    x = image[None]
    start = x.mean((2, 3), keepdim=True).expand_as(x)
    with torch.no_grad():
        rise = float(network(x)[0, 1] - network(start)[0, 1])
    assert explanation.map.sum() == pytest.approx(rise, rel=0.03)
    # The integral itself, as a mean over 2,000 mixtures.
    total = torch.zeros_like(x)
    for share in (np.arange(2000) + 0.5) / 2000:
        total += gradient_of(network, start + float(share) * (x - start), 1)
    expected = ((x - start) * total / 2000)[0].sum(0).numpy()
    np.testing.assert_allclose(explanation.map, expected, atol=0.03 * np.abs(expected).max())


def test_occlusion_is_the_fall_of_the_logit_under_each_square(network, image) -> None:
    explanation = explain(network, image, "occlusion", 0).best
    total, count = np.zeros(SHAPE[1:]), np.zeros(SHAPE[1:])
    with torch.no_grad():
        whole = float(network(image[None])[0, 0])
        for row in range(0, 11):
            for column in range(0, 11):
                covered = image.clone()
                for channel in range(3):
                    covered[channel, row : row + 2, column : column + 2] = image[channel].mean()
                total[row : row + 2, column : column + 2] += whole - float(network(covered[None])[0, 0])
                count[row : row + 2, column : column + 2] += 1
    np.testing.assert_allclose(explanation.map, total / count, atol=1e-5)


def test_grad_cam_is_captums_where_captum_can_hook_the_layer(network, image) -> None:
    from captum.attr import LayerAttribution, LayerGradCam

    explanation = explain(network, image, "grad-cam", 3, layer="conv2").best
    expected = LayerGradCam(network, network.conv2).attribute(image[None], target=3, relu_attributions=True)
    expected = LayerAttribution.interpolate(expected, SHAPE[1:], "bilinear")
    np.testing.assert_allclose(explanation.map, expected[0, 0].detach().numpy(), atol=1e-7)
    assert explanation.map.max() > 0


def test_grad_cam_takes_the_last_layer_with_rows_and_columns(network, image) -> None:
    assert (
        explain(network, image, "grad-cam").best.attribution.layer == "relu_2"
    )  # a function, after a module that is used twice
    values, gradient = [], []

    def forward(x):
        x = F.relu(network.pool(network.conv1(x)))
        values.append(F.relu(network.pool(network.conv2(x))))
        return network.fc2(F.relu(network.fc1(values[0].flatten(1))))

    logits = forward(image[None])
    chosen = int(logits.argmax())
    gradient.append(torch.autograd.grad(logits[0, chosen], values[0])[0])
    coarse = (gradient[0].mean((2, 3))[0, :, None, None] * values[0][0]).sum(0).clamp(min=0)
    fine = F.interpolate(coarse[None, None], SHAPE[1:], mode="bilinear")[0, 0]
    np.testing.assert_allclose(explain(network, image, "grad-cam").best.map, fine.detach().numpy(), atol=1e-7)


def test_the_gradient_goes_through_operations_without_arithmetic() -> None:
    network = Sorting().eval()
    x = torch.rand(1, 4, 4)
    glass = look(network, x)
    upstream = torch.tensor([[0.0, 1.0, 0.0]])
    gradient = gradient_at(glass, last_spatial_layer(glass), upstream)
    value = network.conv(x[None])
    logit = network.head(torch.logcumsumexp(value.flatten(1), 1))[0, 1]
    torch.testing.assert_close(gradient, torch.autograd.grad(logit, value)[0])


def test_deletion_and_insertion_are_those_of_a_plain_loop(network, image) -> None:
    glass = look(network, image)
    values = np.round(np.random.default_rng(0).normal(size=SHAPE[1:]), 1)  # with equal ones among them
    faithfulness = measure_map(probability_of(glass, 2), image[None], values)
    order = sorted(range(144), key=lambda position: (-values.flat[position], position))
    soft, mean = blurred(image[None])[0], image.mean((1, 2))
    gone, come = image.clone(), soft.clone()
    deletion, insertion = [], []
    cuts = sorted({round(144 * step / 64) for step in range(65)})
    done = 0
    for cut in cuts:
        for position in order[done:cut]:
            row, column = divmod(position, 12)
            gone[:, row, column] = mean
            come[:, row, column] = image[:, row, column]
        done = cut
        with torch.no_grad():
            deletion.append(float(network(gone[None]).double().softmax(1)[0, 2]))
            insertion.append(float(network(come[None]).double().softmax(1)[0, 2]))
    np.testing.assert_allclose(faithfulness.deletion_curve, deletion, atol=1e-6)
    np.testing.assert_allclose(faithfulness.insertion_curve, insertion, atol=1e-6)
    area = sum((cuts[i + 1] - cuts[i]) / 144 * (deletion[i] + deletion[i + 1]) / 2 for i in range(len(cuts) - 1))
    assert faithfulness.deletion == pytest.approx(area, abs=1e-6)
    assert faithfulness.insertion_curve[-1] == pytest.approx(faithfulness.deletion_curve[0])


def test_blurring_keeps_flat_images_and_evens_others_out(image) -> None:
    flat = torch.full((1, 3, 9, 5), 0.25)
    torch.testing.assert_close(blurred(flat), flat)
    assert blurred(image[None]).var() < 0.2 * image.var()
    torch.testing.assert_close(mean_colour(image[None])[0, 1, 3, 4], image[1].mean())


def test_a_faithful_map_is_told_from_one_that_is_not() -> None:
    """A network that looks at one corner: the map of that corner is faithful, one of another corner is not."""

    class Corner(nn.Module):
        def forward(self, x):
            bright = x[:, :, :4, :4].mean((1, 2, 3))
            return torch.stack([4 * bright, -4 * bright], 1)

    x = -torch.ones(1, 1, 16, 16)
    x[..., :4, :4] = torch.rand(4, 4) + 1
    glass = look(Corner(), x[0])
    probability = probability_of(glass, 0)
    right, wrong = np.zeros((16, 16)), np.zeros((16, 16))
    right[:4, :4], wrong[8:12, 8:12] = 1, 1
    good, bad = measure_map(probability, x, right), measure_map(probability, x, wrong)
    assert good.deletion < bad.deletion
    assert good.insertion > bad.insertion
    assert against_moved(probability, x, right, tries=4).passes_deletion
    assert not against_moved(probability, x, wrong).passes_deletion
    assert explain(Corner(), x[0], "occlusion").best.verdict == "passes both tests"


def test_the_test_passes_no_more_often_than_it_may() -> None:
    """Maps of noise, of which the best of four is kept: without the correction far more than 5% would pass."""
    generator = np.random.default_rng(0)
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 2)).eval()
    passed = {1: 0, 4: 0}
    count = 60
    for _ in range(count):
        x = torch.from_numpy(generator.normal(size=(1, 1, 8, 8))).float()
        probability = probability_of(look(network, x[0]), 0)
        maps = [generator.normal(size=(8, 8)) for _ in range(4)]
        best = min(maps, key=lambda values: measure_map(probability, x, values).deletion)
        for tries in passed:
            passed[tries] += against_moved(probability, x, best, tries).passes_deletion
    assert passed[4] <= 0.15 * count  # three standard deviations above 5%
    assert passed[1] > passed[4]


@pytest.mark.parametrize("tries", [1, 4])
def test_a_map_at_a_random_place_passes_no_more_often_than_it_may(tries: int) -> None:
    """Evidence in one patch, and a map of a patch of that size: near positions are nearly as good, and must count."""
    side, count = 12, 144
    evidence = torch.zeros(side, side)
    evidence[4:8, 4:8] = 1
    x = torch.ones(1, 1, side, side) + evidence

    def probability(images):
        intact = (images == x)[:, 0].float()
        return (evidence * intact).sum((1, 2)).double() / evidence.sum()

    patch = np.zeros((side, side))
    patch[4:8, 4:8] = 1
    passed = sum(
        against_moved(probability, x, np.roll(patch, divmod(place, side), axis=(0, 1)), tries).passes_deletion
        for place in range(count)
    )
    assert 0 < passed <= 0.05 / tries * count + 1


def state_of(network):
    return (
        {name: value.clone() for name, value in network.state_dict().items()},
        [module.training for module in network.modules()],
        [
            (len(module._forward_hooks), len(module._forward_pre_hooks), len(module._backward_hooks))
            for module in network.modules()
        ],
        [(parameter.grad, parameter.requires_grad) for parameter in network.parameters()],
    )


@pytest.mark.parametrize("method", METHODS)
def test_the_network_is_left_as_it_was(method, image, monkeypatch) -> None:
    network = build("small-resnet", input_shape=SHAPE, classes=4).train()
    next(network.parameters()).requires_grad_(False)
    network.register_forward_hook(lambda *_: None)
    before, random = state_of(network), torch.get_rng_state()
    explain(network, image, method)
    after = state_of(network)
    assert before[1:] == after[1:]
    assert all(torch.equal(before[0][name], after[0][name]) for name in before[0])
    assert torch.equal(random, torch.get_rng_state())

    def broken(*_, **__):
        raise RuntimeError("broken on the way")

    glass = look(network, image)
    monkeypatch.setattr("pellucid.attribution.registry.AttributionMethod.result", broken)
    with pytest.raises(RuntimeError, match="broken on the way"):
        attribute(glass, method, 0)
    after = state_of(network)
    assert before[1:] == after[1:]
    assert all(torch.equal(before[0][name], after[0][name]) for name in before[0])


def test_a_run_is_explained_in_words_html_and_json(run) -> None:
    explanations = explain(run, "test/3", target="4")
    assert [explanation.method for explanation in explanations] == list(METHODS)
    assert len(explanations) == len(METHODS)
    assert explanations["occlusion"].class_name == run.classes[4]
    assert explanations[0] is explanations[next(iter(METHODS))]
    with pytest.raises(UserError, match=r"there is no map by 'salliency'; did you mean 'saliency'?"):
        explanations["salliency"]
    text = str(explanations)
    prediction = explanations.best.prediction
    assert text.startswith(f"The network predicts {prediction.name} with {prediction.probability:.1%} confidence")
    assert f"why {run.classes[4]}" in text.partition("epoch")[0].replace("\n", " ")
    assert f"{explanations['saliency'].scores.deletion:.3f}" in text
    assert "\ndeletion: " in text
    assert max(map(len, text.replace(str(run.directory), "RUN").splitlines())) <= 100
    assert '<img alt="grad-cam of ' in explanations._repr_html_()
    assert "data:image/png;base64," in explanations.best._repr_html_()
    assert explanations.best.verdict in str(explanations.best)
    document = json.loads(json.dumps(explanations.to_dict(), allow_nan=False))
    assert np.array(document["explanations"][2]["map"]).shape == (28, 28)
    assert document["epoch"] == 2


def test_several_methods_and_their_layer(network, image) -> None:
    explanations = explain(network, image, ["saliency", "grad-cam", "saliency"], layer="conv1")
    assert [(explanation.method, explanation.attribution.layer) for explanation in explanations] == [
        ("saliency", None),
        ("grad-cam", "conv1"),
    ]
    with pytest.raises(UserError, match="no attribution method was chosen; expected all, or some of: grad-cam"):
        explain(network, image, [])


def test_the_command_writes_pictures_and_json(run, tmp_path: Path, capsys) -> None:
    folder = str(run.directory)
    assert main(["explain", folder, "test/3", "--out", "maps", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    names = {path.name for path in Path("maps").iterdir()}
    assert names == {"explanation.png", "explanation.json", *(f"{method}.png" for method in METHODS)}
    assert json.loads(Path("maps/explanation.json").read_text()) == document
    assert main(["explain", folder, "test/3", "--out", "maps"]) == 2
    assert "maps has files in it; give another folder, or --force" in capsys.readouterr().err
    assert main(["explain", folder, "test/3", "--method", "grad-cam", "--layer", "again"]) == 0
    assert "grad-cam: values of again, 6×28×28 (as asked for)" in capsys.readouterr().out


BAD = [
    (["--class", "tenn"], "no class is called 'tenn'; expected one of: 0, 1"),
    (["--method", "gradcam"], "no attribution method is called 'gradcam'; did you mean 'grad-cam'?"),
    (["--method", "grad-cam", "--layer", "head"], "head has the shape 10, without rows and columns to make a map of"),
    (["--method", "grad-cam", "--layer", "frist"], "no layer is called 'frist'; did you mean 'first'?"),
    (
        ["--method", "saliency", "--layer", "first"],
        "saliency looks at the pixels and takes no layer ('first' was given); with a layer: grad-cam",
    ),
    (["--epoch", "7"], "keeps no weights of epoch '7'; expected last, best or one of: 1, 2"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD)
def test_mistakes_are_told(arguments, message, run, capsys) -> None:
    assert main(["explain", str(run.directory), "test/3", "--out", "none", *arguments]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.out == ""
    assert not Path("none").exists()


def test_without_captum_the_error_says_what_to_install(network, image, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(UserError, match=r"not installed; install it with pip install 'pellucid\[explain\]'"):
        explain(network, image, "saliency")
    with pytest.raises(UserError, match="or choose a method that needs no captum: grad-cam"):
        explain(network, image)
    assert explain(network, image, "grad-cam").best.map.shape == (12, 12)


def test_networks_that_cannot_be_mapped_are_refused(image) -> None:
    flat = nn.Sequential(nn.Flatten(), nn.Linear(432, 3))
    with pytest.raises(UserError, match="no layer of Sequential has rows and columns"):
        explain(flat, image, "grad-cam")
    with pytest.raises(UserError, match=r"the input has the shape \[6\]; a map of pixels needs an image"):
        explain(nn.Linear(6, 2), torch.rand(1, 6))
    with pytest.raises(UserError, match="so it has no classes to choose"):
        explain(nn.Conv2d(3, 2, 3), image)
