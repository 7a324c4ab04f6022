"""Well-known networks from end to end: table, training, values, gradients and paths, checked by PyTorch alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import networks
import pellucid
from pellucid.arithmetic import summarise, trace_gradient
from pellucid.glass import gradients, look

FAST = "MobileNetV2"
NAMES = [name if name == FAST else pytest.param(name, marks=pytest.mark.slow) for name in networks.NETWORKS]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Ten classes of six images of 32×32 pixels."""
    folder = tmp_path_factory.mktemp("images")
    generator = np.random.default_rng(5)
    for label in range(10):
        (folder / f"class{label}").mkdir()
        for number in range(6):
            pixels = generator.integers(0, 120, (32, 32, 3), np.uint8)
            pixels[3 * label : 3 * label + 4] += 100
            Image.fromarray(pixels).save(folder / f"class{label}" / f"{number}.png")
    return folder


def write_network(folder: Path, name: str) -> Path:
    """Write a file of the network's own, as a user would."""
    source = Path(networks.__file__).read_text(encoding="utf-8")
    file = folder / "own.py"
    file.write_text(
        f"{source}\n\nclass Own(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        f"        self.net = NETWORKS[{name!r}]()\n\n    def forward(self, x):\n        return self.net(x)\n",
        encoding="utf-8",
    )
    return file


def by_pytorch(name, run, x):
    """Build the network apart from pellucid, with the run's weights; return what every module gave, and the logits."""
    network = networks.NETWORKS[name]()
    state = {name.removeprefix("net."): value for name, value in run.weights().items()}
    network.load_state_dict(state)
    network.eval()
    seen: dict[str, list[torch.Tensor]] = {}

    def keep(path):
        def hook(_, __, result):
            if isinstance(result, torch.Tensor):
                seen.setdefault(path, []).append(result.detach().clone())

        return hook

    for path, module in network.named_modules():
        module.register_forward_hook(keep(path))
    leaf = x.clone().requires_grad_()
    return leaf, network(leaf), seen


@pytest.mark.parametrize("name", NAMES)
def test_a_network_from_end_to_end(name, images, tmp_path):
    torch.manual_seed(0)
    table = summarise(networks.NETWORKS[name](), (3, 32, 32))
    assert [note for note in table.notes if "no arithmetic" in note] == []

    file = write_network(tmp_path, name)
    run = pellucid.train(
        images, network=f"{file}:Own", epochs=1, batch_size=8, size=(32, 32), out=tmp_path / "run", recipe="tutorial"
    )
    glass = look(run, "test/0")
    x = glass.recording.steps[0].value
    leaf, logits, seen = by_pytorch(name, run, x)
    assert torch.allclose(glass.recording.steps[glass.recording.output].value, logits.detach(), rtol=1e-4, atol=1e-5)
    assert not glass.hidden

    # The values of modules, and units traced in every layer.
    generator = torch.Generator().manual_seed(2)
    compared = 0
    for node in glass.nodes.values():
        if node.step.is_source:
            continue
        assert node.step.operation is not None, f"{node.name}: {node.reason}"
        value = node.step.value
        own = seen.get(node.name.removeprefix("net."), [])
        index = tuple(int(torch.randint(size, (1,), generator=generator)) for size in value.shape)
        if len(own) == 1 and own[0].shape == value.shape:
            compared += 1
            assert torch.allclose(value, own[0], rtol=1e-4, atol=1e-5)
        if value.dim() > 1 and node.step.number in glass.from_image:
            traced = glass.trace(node.at(index))
            assert traced.value == pytest.approx(float(value[index]), rel=1e-4, abs=1e-5)
    assert compared >= 3

    # The gradient of the top logit at every step's value, against autograd.
    target = glass.top_output()
    upstream = torch.zeros_like(logits)
    upstream[0, target.index[0]] = 1.0
    (expected,) = torch.autograd.grad(logits, leaf, upstream, retain_graph=True)
    followed = gradients(glass.recording, glass.recording.output, upstream)
    assert not followed.without_arithmetic
    scale = float(expected.abs().max())
    assert torch.allclose(followed.at[0], expected, rtol=1e-3, atol=1e-4 * scale)
    for step in glass.recording.steps:
        if step.operation is not None and 0 in step.operands:
            index = tuple(int(torch.randint(size, (1,), generator=generator)) for size in x.shape)
            traced = trace_gradient(
                step.operation, step.inputs, followed.at[step.number], operand=step.operands.index(0), index=index
            )
            assert traced.value == pytest.approx(float(expected[index]), rel=1e-3, abs=1e-4 * scale)

    # The chain from a pixel to the logit.
    path = glass.path()
    assert path.complete, path.remarks
    assert path.links[0].unit.node.name == "input"
    assert path.target.name == target.name
