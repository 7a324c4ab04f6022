"""Hypothesis profiles, quick and nightly, and one small run, trained once, that the tests of seeing read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from example_networks import OWN_FILE
from hypothesis import HealthCheck, settings
from learnable_sets import write_learnable_mnist

import pellucid
from pellucid.run import Run

settings.register_profile("quick", max_examples=50, deadline=None)
settings.register_profile("nightly", max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.fixture(scope="session", autouse=True)
def _own_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the key that signs runs out of the home directory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PELLUCID_STATE", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session")
def seen_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("seen-data")
    write_learnable_mnist(folder / "MNIST" / "raw", train=200, test=40)
    (folder / "own_net.py").write_text(OWN_FILE)
    return folder


@pytest.fixture(scope="session")
def make_run(seen_data: Path):
    """Train `own_net.py:Functional` with some settings of the tutorial recipe changed; each setting once."""
    kept: dict[str, Run] = {}

    def make(**settings) -> Run:
        name = "-".join(f"{key}={value}" for key, value in settings.items()) or "plain"
        if name not in kept:
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("PELLUCID_CACHE", str(seen_data / "cache"))
                asked = {"epochs": 2, "batch_size": 32, "log_every": 4, "recipe": "tutorial", "keep": "all"} | settings
                kept[name] = pellucid.train(
                    "mnist",
                    network=asked.pop("network", f"{seen_data / 'own_net.py'}:Functional"),
                    data_dir=seen_data,
                    device="cpu",
                    out=seen_data / "runs" / name,
                    **asked,
                )
        return kept[name]

    return make


@pytest.fixture(scope="session")
def run(make_run) -> Run:
    return make_run()
