"""A network whose normalisation mixes the images of a batch is asked about one image at a time."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pellucid.attribution.captum_input import network_and_image
from pellucid.attribution.probability import mixes_images, probability_of
from pellucid.attribution.registry import attribute
from pellucid.glass import look


def network(running: bool) -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4, track_running_stats=running),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(4 * 36, 3),
    ).eval()


@pytest.mark.parametrize("running", [True, False])
def test_each_images_probability_is_its_own(running):
    net = network(running)
    images = torch.randn(5, 1, 8, 8)
    assert mixes_images(net, images[:1]) is not running
    shares = probability_of(look(net, images[0]), 1)(images)
    with torch.no_grad():
        alone = torch.cat([net(image[None]).double().softmax(1)[:, 1] for image in images])
    assert torch.allclose(shares, alone, atol=1e-6)


def test_integrated_gradients_add_up_without_running_statistics():
    pytest.importorskip("captum")
    glass = look(network(False), torch.randn(1, 8, 8))
    net, x = network_and_image(glass)
    mean = x.detach().mean(dim=(2, 3), keepdim=True).expand_as(x)
    points = (torch.arange(2000) + 0.5) / 2000
    total = torch.zeros_like(x)
    for point in points:
        at = (mean + point * (x.detach() - mean)).requires_grad_()
        total += torch.autograd.grad(net(at)[0, 1], at)[0]
    expected = float(((x.detach() - mean) * total / 2000).sum())
    values = attribute(glass, "integrated-gradients", 1).map
    assert abs(float(torch.as_tensor(values).sum()) - expected) < 0.05 * (1 + abs(expected))
