"""A killed run resumes and ends as if nothing had happened, to the last bit."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from training_lives import SETTINGS, begin, shared_counter

from pellucid.run import Run, open_run
from pellucid.run.epochs import kept_epochs


def weights_of_every_epoch(run: Run) -> dict[int, dict[str, torch.Tensor]]:
    return {epoch: load_file(run.weights_path(epoch)) for epoch in run.epochs()}


def figures(run: Run) -> list[dict[str, object]]:
    """The metrics without the clock's figures, which no two runs share."""
    return [
        {key: value for key, value in line.items() if key not in ("seconds", "images_per_second")}
        for line in run.metrics()
    ]


def assert_same_run(run: Run, reference: Run) -> None:
    weights, expected = weights_of_every_epoch(run), weights_of_every_epoch(reference)
    assert expected.keys() == set(range(1, SETTINGS["epochs"] + 1))
    assert weights.keys() == kept_epochs("best-and-last", sorted(expected), reference.metrics("epoch"))
    for epoch in weights:
        tensors = expected[epoch]
        assert weights[epoch].keys() == tensors.keys()
        for name, tensor in tensors.items():
            assert torch.equal(weights[epoch][name], tensor), f"epoch {epoch}, {name}"
    assert figures(run) == figures(reference)
    leftovers = [path for path in run.directory.rglob("*") if path.name.endswith(".partial")]
    assert not leftovers


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory, learnable: Path, cache: Path) -> Run:
    """A run never interrupted, with the weights of every epoch."""
    folder = tmp_path_factory.mktemp("reference")
    from learnable_sets import TINY_NETWORK

    (folder / "tiny_net.py").write_text(TINY_NETWORK)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PELLUCID_DATA", str(learnable))
        patch.setenv("PELLUCID_CACHE", str(cache))
        process = begin(folder / "run", f"{folder / 'tiny_net.py'}:TinyNet", checkpoint_every=1e9, keep="all")
        process.join(120)
    assert process.exitcode == 0
    return open_run(folder / "run")


def test_the_reference_learns(reference: Run) -> None:
    epochs = reference.metrics("epoch")
    assert len(epochs) == SETTINGS["epochs"]
    assert epochs[-1]["val_accuracy"] > 0.9 > epochs[0]["train_accuracy"]


def test_twenty_kills_at_random_moments_change_no_bit(tmp_path: Path, tiny: str, reference: Run) -> None:
    """Every step writes a checkpoint, so most of these kills hit the writing of one.

    A life ends once it has come a random number of steps further and then a random few milliseconds, so that the
    moments do not depend on how fast the machine is.
    """
    moments = random.Random(20)
    directory = tmp_path / "run"
    for kill in range(20):
        begun_at = newest_step(directory)
        steps = moments.randrange(0, 9)
        process = begin(directory, tiny)
        while process.is_alive() and newest_step(directory) < begun_at + steps:
            time.sleep(0.001)
        time.sleep(moments.uniform(0, 0.02))
        assert process.exitcode is None, f"the run ended by itself after {kill} kills"
        process.kill()
        process.join()
    assert newest_step(directory) > 20
    assert not open_run(directory).metrics("end")
    process = begin(directory, tiny, checkpoint_every=1e9)
    process.join(120)
    assert process.exitcode == 0
    assert_same_run(open_run(directory), reference)


def newest_step(directory: Path) -> int:
    """The step of the newest manifest, 0 without one."""
    return max((int(path.stem.removeprefix("step-")) for path in directory.glob("checkpoints/*.json")), default=0)


def sweep(tmp_path: Path, network: str, reference: Run, points: int | None) -> None:
    """Die before one call that touches the disk, at so many points of a run (None: all), then resume to the end."""
    counter = shared_counter()
    process = begin(tmp_path / "counted", network, checkpoint_every=0.2, counter=counter)
    process.join(120)
    assert process.exitcode == 0
    assert counter.value > 50
    calls = range(1, counter.value)
    for call in calls if points is None else random.Random(6).sample(calls, points):
        directory = tmp_path / f"killed-{call}"
        process = begin(directory, network, checkpoint_every=0.2, die_at_call=call, counter=counter)
        process.join(120)
        if process.exitcode == 0:  # fewer checkpoints fell due this time, so there was no such call
            continue
        assert process.exitcode == -signal.SIGKILL
        process = begin(directory, network, checkpoint_every=1e9)
        process.join(120)
        assert process.exitcode == 0
        assert_same_run(open_run(directory), reference)


def test_dying_at_chosen_points_of_writing_changes_no_bit(tmp_path: Path, tiny: str, reference: Run) -> None:
    sweep(tmp_path, tiny, reference, points=4)


@pytest.mark.slow
def test_dying_at_every_point_of_writing_changes_no_bit(tmp_path: Path, tiny: str, reference: Run) -> None:
    sweep(tmp_path, tiny, reference, points=None)


def test_a_damaged_newest_checkpoint_is_passed_over(tmp_path: Path, tiny: str, reference: Run) -> None:
    directory = tmp_path / "run"
    process = begin(directory, tiny)
    while len(list(directory.glob("checkpoints/*.json"))) < 2:
        time.sleep(0.01)
    process.kill()
    process.join()
    newest = max(directory.glob("checkpoints/*.safetensors"))
    content = bytearray(newest.read_bytes())
    content[-1] ^= 1
    newest.write_bytes(content)
    process = begin(directory, tiny, checkpoint_every=1e9)
    process.join(120)
    assert process.exitcode == 0
    assert_same_run(open_run(directory), reference)
