"""A data set larger than the memory a process may have trains all the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

PROGRAM = """
import resource, sys
from pathlib import Path
import numpy as np
import pellucid

photos, network, warm_up = sys.argv[1:]
images = pellucid.open_image_set(photos, size=(384, 384))
size = images.splits["train"].images.nbytes
pellucid.train("mnist", network=network, recipe="tutorial", epochs=1, out=warm_up)  # every library is loaded by now

used = next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmData"))
allowed = used + size * 3 // 4
resource.setrlimit(resource.RLIMIT_DATA, (allowed, allowed))
try:
    np.array(images.splits["train"].images)
except MemoryError:
    print("the images do not fit into memory")
run = pellucid.train(
    photos, network=network, recipe="standard", size=(384, 384), batch_size=4, epochs=1, out="large", keep=1
)
print("trained:", run.status, run.metrics("epoch")[0]["train_accuracy"])
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the memory limit is Linux's")
def test_a_set_that_does_not_fit_into_memory_trains(tmp_path: Path, tiny: str) -> None:
    generator = np.random.default_rng(0)
    for value, name in ((40, "dark"), (200, "light")):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for image in range(400):
            shade = value + int(generator.integers(-30, 30))
            Image.new("RGB", (384, 384), (shade, shade, 100)).save(tmp_path / "photos" / name / f"{image}.png")
    arguments = [str(tmp_path / "photos"), tiny, str(tmp_path / "warm-up")]
    # Threads that wait for each other on a busy machine get a heap each, whose gaps would count against the limit.
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        capture_output=True,
        text=True,
        timeout=1200,
        env={**os.environ, "MALLOC_ARENA_MAX": "2"},
    )
    assert result.returncode == 0, result.stderr[-3000:]
    assert "the images do not fit into memory\ntrained: finished" in result.stdout
