"""How long a trace takes: one element of a 512-channel 3×3 convolution; the target is 5 ms."""

from __future__ import annotations

import statistics
import time

import torch
from torch import nn

from pellucid.arithmetic import record, trace, trace_gradient
from pellucid.networks import build


def milliseconds(function, repeats=30):
    function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def main() -> None:
    torch.manual_seed(0)
    layer, x = nn.Conv2d(512, 512, 3, padding=1), torch.randn(1, 512, 16, 16)
    with torch.no_grad():
        output = layer(x)
    upstream = torch.randn_like(output)
    gradient = torch.autograd.grad(layer(x), layer.weight, upstream)[0]
    forward = milliseconds(lambda: trace(layer, x, (0, 100, 8, 8), output=output))
    weight = (100, 5, 1, 1)
    backward = milliseconds(lambda: trace_gradient(layer, x, upstream, of="weight", index=weight, gradient=gradient))
    network, image = build("simple-cifar", input_shape=(3, 32, 32), classes=10), torch.randn(1, 3, 32, 32)
    recording = milliseconds(lambda: record(network, image, training=False))
    print(f"trace of one element, 512-channel 3×3 convolution   {forward:8.2f} ms   target 5 ms")
    print(f"trace of one weight's gradient in it                {backward:8.2f} ms")
    print(f"record simple-cifar on one image                    {recording:8.2f} ms   target 50 ms")


if __name__ == "__main__":
    main()
