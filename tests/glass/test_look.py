"""Looking: names, values, every form of an image, and a module that is left as it was found."""

from __future__ import annotations

import copy
import json
import random

import numpy as np
import pytest
import torch
from example_networks import Branching, Deciding, Failing, Hiding, Sorting, make
from PIL import Image
from torch import nn

from pellucid import UserError
from pellucid.arithmetic import TraceMismatch
from pellucid.glass import look


def test_names_follow_modules_and_functions(tmp_path):
    network, shape = make("simple-cifar", tmp_path)
    glass = look(network, torch.randn(shape))
    names = ["input", "conv1", "pool", "relu", "conv2", "pool_2", "relu_2", "flatten", "fc1", "relu_3", "fc2"]
    assert list(glass.nodes) == names
    assert [node.name for node in glass["pool_2"].inputs] == ["conv2"]
    assert [node.name for node in glass["pool_2"].consumers] == ["relu_2"]


def test_values_are_those_of_hooks_and_lose_the_batch_axis(tmp_path):
    network, shape = make("small-resnet", tmp_path)
    x, seen = torch.randn(shape), {}
    hooks = [
        module.register_forward_hook(lambda _, __, result, name=name: seen.__setitem__(name, result.detach().clone()))
        for name, module in network.named_modules()
        if name
    ]
    with torch.no_grad():
        expected = network.eval()(x[None])
    for hook in hooks:
        hook.remove()
    glass = look(network, x)
    compared = 0
    for name, value in seen.items():
        if name in glass.nodes:
            assert torch.equal(glass[name].value, value[0])
            compared += 1
    assert compared > 15
    assert torch.equal(glass.output.value, expected[0])
    assert glass["stage1.1.first.0"][3, 4, 5].value == float(seen["stage1.1.first.0"][0, 3, 4, 5])


def test_the_prediction_is_the_softmax_of_the_logits():
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    with torch.no_grad():
        network[1].weight.zero_()
        network[1].bias.copy_(torch.log(torch.tensor([1.0, 2.0, 1.0])))
    prediction = look(network, torch.zeros(1, 2, 2), classes=("a", "b", "c")).prediction
    assert prediction.probabilities == pytest.approx((0.25, 0.5, 0.25), abs=1e-7)
    assert (prediction.name, prediction.index) == ("b", 1)
    assert prediction.top(1) == [("b", pytest.approx(0.5))]


def test_a_network_that_ends_in_a_softmax_is_not_softened_again():
    torch.manual_seed(0)
    logits = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    x = torch.randn(1, 2, 2)
    plain = look(logits, x).prediction.probabilities
    assert look(nn.Sequential(logits, nn.Softmax(1)), x).prediction.probabilities == pytest.approx(plain, abs=1e-6)
    assert look(nn.Sequential(logits, nn.LogSoftmax(1)), x).prediction.probabilities == pytest.approx(plain, abs=1e-6)


def state_of(network):
    return {
        "modes": [module.training for module in network.modules()],
        "hooks": [
            (len(m._forward_hooks), len(m._forward_pre_hooks), len(m._backward_hooks)) for m in network.modules()
        ],
        "tensors": {name: (value.clone(), value.data_ptr()) for name, value in network.state_dict().items()},
        "gradients": [None if p.grad is None else p.grad.clone() for p in network.parameters()],
        "needs": [p.requires_grad for p in network.parameters()],
        "generators": (torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()),
    }


def assert_same(before, after):
    assert before["modes"] == after["modes"]
    assert before["hooks"] == after["hooks"]
    assert before["needs"] == after["needs"]
    for name, (value, pointer) in before["tensors"].items():
        assert torch.equal(value, after["tensors"][name][0])
        assert pointer == after["tensors"][name][1]
    for old, new in zip(before["gradients"], after["gradients"], strict=True):
        assert old is new is None or torch.equal(old, new)
    assert torch.equal(before["generators"][0], after["generators"][0])
    assert (before["generators"][1] == after["generators"][1]).all()
    assert before["generators"][2] == after["generators"][2]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("network", [Branching(), Failing()], ids=["whole", "failing"])
def test_the_module_is_left_as_it_was_found(network, training):
    network.train()
    list(network.children())[1].eval()
    network.register_forward_hook(lambda *_: None)
    next(network.parameters()).grad = torch.ones_like(next(network.parameters()))
    before = state_of(network)
    x = torch.randn(3, 16, 16, generator=torch.Generator().manual_seed(0))
    if isinstance(network, Failing):
        with pytest.raises(
            UserError, match=r"Failing fails on an input of shape \[1, 3, 16, 16\]: RuntimeError: no more"
        ):
            look(network, x, training=training)
    else:
        glass = look(network, x, training=training)
        glass.path()
        glass.feeds(glass["stem"][0, 0, 0])
    assert_same(before, state_of(network))


def test_a_changed_value_is_an_error_and_no_rounding_note():
    glass = look(nn.Sequential(nn.Conv2d(1, 1, 3)), torch.randn(1, 4, 4))
    glass["0"].step.value[0, 0, 1, 1] += 1e-3
    with pytest.raises(TraceMismatch, match="rounding does not explain"):
        glass.trace(glass["0"][0, 1, 1])


def test_every_form_of_an_image_gives_the_same_input(run, tmp_path):
    images = run.open_images().splits["test"].images
    pixels = np.asarray(images[7])
    Image.fromarray(pixels[..., 0]).save(tmp_path / "seven.png")
    expected = run.preprocessing(torch.from_numpy(pixels[None].copy()))
    forms = ["test/7", "seven.png", tmp_path / "seven.png", Image.open("seven.png"), pixels, pixels[..., 0]]
    forms += [torch.from_numpy(pixels.copy()), expected, expected[0], expected[0].numpy()]
    for form in forms:
        assert torch.equal(look(run, form)["input"].step.value, expected)
    glass = look(run, "test/7")
    assert glass.picture.label == run.open_images().splits["test"].labels[7]
    assert glass.prediction.true_label == run.classes[glass.picture.label]
    assert look(run, "seven.png").picture.label is None


def test_an_image_of_another_size_is_fitted_as_the_run_does_and_says_so(run, tmp_path):
    Image.new("RGB", (40, 60), "white").save("large.png")
    glass = look(run, "large.png")
    assert glass["input"].shape == (1, 28, 28)
    assert glass.picture.fitted == "60×40 stretched to 28×28, the run's fit 'stretch'"
    assert "60×40 stretched to 28×28" in str(glass)
    for form in (Image.open("large.png"), np.zeros((60, 40, 3), np.uint8)):
        assert look(run, form).picture.fitted == glass.picture.fitted


def test_epochs_are_those_of_the_run(run):
    first, last = look(run, "test/0", epoch=1), look(run.directory, "test/0")
    assert (first.epoch, last.epoch) == (1, 2)
    assert torch.equal(last["head"].value, look(run, "test/0", epoch=2)["head"].value)
    assert not torch.equal(first["head"].value, last["head"].value)
    with torch.no_grad():
        expected = run.network(1)(first.picture.input)
    assert torch.equal(first.output.step.value, expected)


def test_an_operation_without_arithmetic_shows_its_value_and_inputs():
    network = Sorting()
    glass = look(network, torch.randn(1, 4, 4))
    trace = glass.trace(glass["logcumsumexp"][3])
    assert trace.kind == "no arithmetic"
    assert trace.check is None
    assert "no arithmetic for this operation: logcumsumexp" in str(trace)
    assert "flatten (8)" in str(trace)
    assert trace.value == float(torch.logcumsumexp(glass["flatten"].value, 0)[3])
    assert trace.to_dict()["note"] == "no arithmetic for this operation: logcumsumexp"
    assert not trace.receptive_field.exact
    with pytest.raises(UserError, match=r"there is nothing to trace behind logcumsumexp\[3\]: no arithmetic"):
        trace.back()
    chain = glass.path("conv[0,1,1]")
    assert chain.remarks == ("the chain ends at conv[0,1,1]: no arithmetic for an operation on the way (logcumsumexp)",)
    assert not chain.complete


def test_a_forward_that_decides_shows_the_branch_it_took():
    network = Deciding()
    bright, dark = look(network, torch.ones(1, 2, 2)), look(network, -torch.ones(1, 2, 2))
    assert "bright" in bright.nodes
    assert "dark" not in bright.nodes
    assert "dark" in dark.nodes
    assert "looks at values to decide" in str(bright)


def test_a_network_that_leaves_torch_cannot_be_followed():
    with pytest.raises(
        UserError, match=r"the operations of Hiding cannot be followed.*write it with torch's functions"
    ):
        look(Hiding(), torch.randn(1, 2, 2))


def test_a_scripted_network_cannot_be_followed():
    with pytest.warns(DeprecationWarning, match="torch.jit.script"):
        scripted = torch.jit.script(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)))
    with pytest.raises(UserError, match="cannot be followed"):
        look(scripted, torch.randn(1, 2, 2))


def test_text_html_and_json_say_the_same(run):
    glass = look(run, "test/3")
    text, page, document = str(glass), glass._repr_html_(), json.loads(json.dumps(glass.to_dict(), allow_nan=False))
    for node in glass:
        assert node.name in text
        assert node.name in page
    assert [node["name"] for node in document["nodes"]] == list(glass.nodes)
    assert document["nodes"][1]["max"] == pytest.approx(float(glass["first"].value.max()))
    assert document["prediction"]["class"] == glass.prediction.name
    assert glass.to_dict(values=True)["nodes"][0]["values"] == glass["input"].value.double().tolist()


def test_a_copy_of_the_network_gives_the_same_numbers(tmp_path):
    network, shape = make("simple-mnist", tmp_path)
    x = torch.randn(shape)
    original, copied = look(network, x), look(copy.deepcopy(network), x)
    assert all(torch.equal(node.value, copied[node.name].value) for node in original)
