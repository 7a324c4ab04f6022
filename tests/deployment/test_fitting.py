"""The same bytes as Pillow, in torch and in ONNX Runtime, at every size."""

from __future__ import annotations

from itertools import product

import numpy as np
import onnxruntime
import pytest
import torch
from torch.export import Dim

from pellucid.data.decode import FITS, PixelFormat, fit_pixels
from pellucid.deployment.fitting import Fitting
from pellucid.deployment.onnx_file import onnx_bytes

HEIGHT, WIDTH = 28, 20
SIDES = (1, 2, 13, 20, 28, 29, 57, 150)
EXTREME = ((1, 4000), (4000, 1), (999, 1001), (28, 20), (400, 200))


def exported(fit: str):
    open_sizes = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC, 2: Dim.DYNAMIC},)
    example = (torch.zeros(2, 50, 60, 3, dtype=torch.uint8),)
    program = torch.export.export(Fitting(HEIGHT, WIDTH, fit), example, dynamic_shapes=open_sizes, strict=False)
    session = onnxruntime.InferenceSession(onnx_bytes(program, "image", ["fitted"]))
    return program.module(), lambda images: session.run(None, {"image": images})[0]


@pytest.mark.parametrize("fit", [FITS[0], *(pytest.param(fit, marks=pytest.mark.slow) for fit in FITS[1:])])
def test_every_size_becomes_what_pillow_makes_of_it(fit: str) -> None:
    in_torch, in_onnx = exported(fit)
    random = np.random.default_rng(5)
    drawn = np.exp(random.uniform(0, np.log(300), (60, 2))).round().astype(int).tolist()
    different = []
    for rows, columns in (*product(SIDES, SIDES), *EXTREME, *drawn):
        images = random.integers(0, 256, (2, rows, columns, 3), dtype=np.uint8)
        wanted = np.stack([fit_pixels(image, PixelFormat(HEIGHT, WIDTH, 3, fit))[0] for image in images])
        here, there = in_torch(torch.from_numpy(images)).numpy(), in_onnx(images)
        if not (np.array_equal(here, wanted) and np.array_equal(there, wanted)):
            different.append((rows, columns))
    assert different == []


def test_what_stays_as_it_is_stays() -> None:
    images = torch.arange(2 * 28 * 20, dtype=torch.int32).remainder(256).to(torch.uint8).reshape(2, 28, 20, 1)
    for fit in FITS:
        assert torch.equal(Fitting(HEIGHT, WIDTH, fit)(images), images)
