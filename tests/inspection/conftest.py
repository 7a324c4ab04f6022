"""One small run, trained once, that the tests of looking, tracing and stepping read."""

from __future__ import annotations

from pathlib import Path

import pytest
from inspection_networks import OWN_FILE
from learnable_sets import write_learnable_mnist

import pellucid
from pellucid.run import Run


@pytest.fixture(scope="session")
def inspection_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inspection-data")
    write_learnable_mnist(folder / "MNIST" / "raw", train=200, test=40)
    (folder / "own_net.py").write_text(OWN_FILE)
    return folder


@pytest.fixture(autouse=True)
def _inspection_surroundings(inspection_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PELLUCID_DATA", str(inspection_data))
    monkeypatch.setenv("PELLUCID_CACHE", str(inspection_data / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def make_run(inspection_data: Path):
    """Train `own_net.py:Functional` with some settings of the tutorial recipe changed; each setting once."""
    kept: dict[str, Run] = {}

    def make(**settings) -> Run:
        name = "-".join(f"{key}={value}" for key, value in settings.items()) or "plain"
        if name not in kept:
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("PELLUCID_CACHE", str(inspection_data / "cache"))
                asked = {"epochs": 2, "batch_size": 32, "log_every": 4, "recipe": "tutorial"} | settings
                kept[name] = pellucid.train(
                    "mnist",
                    network=asked.pop("network", f"{inspection_data / 'own_net.py'}:Functional"),
                    data_dir=inspection_data,
                    device="cpu",
                    out=inspection_data / "runs" / name,
                    **asked,
                )
        return kept[name]

    return make


@pytest.fixture(scope="session")
def run(make_run) -> Run:
    return make_run()
