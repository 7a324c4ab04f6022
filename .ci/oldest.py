"""The oldest versions that `pyproject.toml` allows: `pins` lists them, `smoke` uses the command line with them.

torch is left out: it stays as in `constraints.txt`.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import tomllib
from importlib.metadata import version
from pathlib import Path

DEPENDENCY = re.compile(r"(?P<name>[\w-]+)>=(?P<oldest>[\d.]+)")


def pins() -> dict[str, str]:
    """Give the lower bound of each direct dependency."""
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))["project"]
    bounds = [DEPENDENCY.match(text) for text in project["dependencies"]]
    assert all(bounds), "every dependency needs a lower bound"
    return {bound["name"]: bound["oldest"] for bound in bounds if bound and bound["name"] != "torch"}


def smoke() -> None:
    """Check that these versions are used; ask every command for its help; train, measure and look on a tiny folder."""
    import numpy as np
    from PIL import Image

    from pellucid.cli import command_names, main

    for name, oldest in pins().items():
        assert f"{version(name)}.0".startswith(f"{oldest}."), f"{name} is {version(name)}, expected {oldest}"
    for name in command_names():
        assert main([name, "--help"]) == 0, name
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        os.environ.update(PELLUCID_CACHE=f"{place}/cache", PELLUCID_STATE=f"{place}/state")
        for label, name in enumerate(("cat", "dog")):
            Path("pets", name).mkdir(parents=True)
            for number in range(6):
                picture = np.full((8, 8, 3), 40 * number + label, np.uint8)
                Image.fromarray(picture).save(f"pets/{name}/{number}.png")
        train = "train pets --size 32 --epochs 1 --out run"
        for line in (train, "evaluate run", "trace run test/0 --out unit.png", "layers run", "report run"):
            assert main(line.split()) == 0, line
        os.chdir("/")


if __name__ == "__main__":
    if sys.argv[1] == "pins":
        print("\n".join(f"{name}=={oldest}" for name, oldest in pins().items()))
    else:
        smoke()
