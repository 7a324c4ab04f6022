"""Machines that are not this one, by emulation: GPUs, fewer cores, other words for memory that does not suffice."""

from __future__ import annotations

import copy
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import pellucid
from pellucid import UserError
from pellucid.data import DataRequest, open_requested
from pellucid.data.batches import DeviceImages
from pellucid.data.image_set import Split
from pellucid.data.preprocessing import Preprocessing
from pellucid.ground import devices
from pellucid.ground.devices import full_float32, generators_kept, pick_device, seed_device, usable_threads
from pellucid.ground.exhaustion import is_out_of_memory
from pellucid.ground.ranks import Ranks
from pellucid.networks import arrange, build, place
from pellucid.training import TrainingRequest, device_check, running
from pellucid.training.creation import create_run
from pellucid.training.device_check import check_gradients, gradient_differences

CPU = torch.device("cpu")


def test_that_very_gpu_is_seeded_and_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    generators = [torch.Generator(), torch.Generator()]
    monkeypatch.setattr(torch.cuda, "default_generators", generators)
    first = generators[0].initial_seed()
    with generators_kept(CPU):
        seed_device(torch.device("cuda:1"), 7)
    assert generators[1].initial_seed() == 7
    assert generators[0].initial_seed() == first


def test_a_run_on_the_cpu_wakes_no_gpu(tmp_path: Path, tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def touched(*arguments: object) -> None:
        raise AssertionError("a GPU was touched")

    monkeypatch.setattr(torch.cuda, "get_rng_state", touched)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    pellucid.train("mnist", network=tiny, epochs=1, device="cpu", out="run")


def test_automatic_is_never_an_apple_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert pick_device("auto") == CPU
    assert pick_device("mps") == torch.device("mps")


def test_float32_is_float32_while_training(tmp_path: Path, tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def look(*given: object) -> None:
        seen.append((torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32))

    monkeypatch.setattr(running, "train_to_end", look)
    monkeypatch.setattr("pellucid.api._conclude", lambda run, *given: run)
    before = torch.backends.cudnn.allow_tf32
    pellucid.train("mnist", network=tiny, epochs=1, out="run")
    assert seen == [(False, False)]
    assert torch.backends.cudnn.allow_tf32 == before
    with pytest.raises(KeyError), full_float32():
        raise KeyError
    assert torch.backends.cudnn.allow_tf32 == before


def test_threads_are_no_more_than_cores(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices.os, "sched_getaffinity", lambda process: {0, 1}, raising=False)
    assert [usable_threads(count) for count in (1, 2, 64, 1_000_000)] == [1, 2, 2, 2]
    log = io.StringIO()
    with monkeypatch.context() as patch:
        patch.setattr("pellucid.training.creation.torch.get_num_threads", lambda: 64)
        request = TrainingRequest(data=DataRequest(source="mnist"), network=tiny, settings={"epochs": 1}, out="run")
        images, device = open_requested(request.data), CPU
        run = create_run(request, images, Ranks(), device)
    assert run.record.threads == 64
    running.resume(run, stream=log)
    assert "Note: the run began with 64 threads, and there are cores for 2: sums may be" in log.getvalue()
    assert [entry.threads for entry in run.computations] == [2]


def test_images_held_out_lie_on_the_device_once() -> None:
    split = Split(np.zeros((6, 2, 2, 1), np.uint8), np.arange(6), tuple("abcdef"))
    train = DeviceImages(split, CPU, np.array([0, 2, 4]))
    val = train.with_subset(np.array([1, 3]))
    assert val._images is train._images
    assert val.cut(torch.arange(2))[1].tolist() == [1, 3]
    assert (len(train), len(val)) == (3, 2)


WORDS = [
    "MPS backend out of memory (MPS allocated: 17.9 GB, other allocations: 1.2 GB, max allowed: 18.1 GB)",
    "[enforce fail at alloc_cpu.cpp:115] data. DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes.",
    "[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes.",
    "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    "CUDA out of memory. Tried to allocate 20.00 MiB",
    "Unable to find a valid cuDNN algorithm to run convolution",
    "Invalid buffer size: 24.00 GB",
]


@pytest.mark.parametrize("words", WORDS)
def test_memory_that_does_not_suffice_is_recognised(words: str, tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*given: object) -> None:
        raise RuntimeError(words)

    monkeypatch.setattr(running, "train_to_end", exhausted)
    with pytest.raises(UserError, match=r"the memory of cpu .* does not suffice for batches of 128 images of 1×28×28"):
        pellucid.train("mnist", network=tiny, out="run")
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


def test_on_an_apple_gpu_numbers_lie_plane_after_plane(monkeypatch: pytest.MonkeyPatch) -> None:
    network = arrange(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)), (3, 8, 8))
    assert network[0].weight.is_contiguous(memory_format=torch.channels_last)
    monkeypatch.setattr(nn.Module, "to", lambda self, device: self)
    seen = []
    network[0].register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].is_contiguous()))
    placed = place(network, torch.device("mps"))
    placed(torch.zeros(2, 8, 8, 3).permute(0, 3, 1, 2))
    assert seen == [True]
    assert network[0].weight.is_contiguous()


NETWORKS = [("simple-mnist", (1, 28, 28)), ("simple-cifar", (3, 32, 32)), ("small-resnet", (3, 32, 32))]


@pytest.mark.parametrize(("name", "shape"), NETWORKS)
def test_two_ways_of_adding_up_in_float32_pass_the_check(
    name: str, shape: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planes after planes stand for another device: the same gradients, other kernels."""
    torch.manual_seed(0)
    network = arrange(build(name, input_shape=shape, classes=10), shape)
    inputs, labels = torch.randn(16, *shape), torch.arange(16) % 10
    other = torch.device("cpu", 0)

    def planar(module: nn.Module, where: torch.device) -> nn.Module:
        return module.to(memory_format=torch.contiguous_format) if where == other else module

    monkeypatch.setattr(device_check, "place", planar)
    differences = gradient_differences(network, inputs, labels, other)
    assert set(differences) == {key for key, _ in network.named_parameters()}
    assert max(differences.values()) < device_check.TOLERANCE / 5


@pytest.mark.parametrize("factor", [0.9, 1.1, -1.0, 0.0, float("nan")])
def test_a_device_whose_gradients_are_wrong_is_refused(factor: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU that multiplies one weight's gradient by something: emulated by a hook on its copy of the network."""
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10))
    other = torch.device("cpu", 0)

    def wrong(module: nn.Module, where: torch.device) -> nn.Module:
        if where == other:
            module[1].weight.register_hook(lambda gradient: gradient * factor)
        return module

    monkeypatch.setattr(device_check, "place", wrong)
    monkeypatch.setattr(device_check, "gradient_differences", lambda *given: gradient_differences(*given[:3], other))
    preprocessing = Preprocessing(8, 8, 1, "stretch", (0.5,), (0.5,))
    pixels = torch.randint(0, 256, (16, 8, 8, 1), dtype=torch.uint8)
    before = copy.deepcopy(network.state_dict())
    with pytest.raises(UserError, match=r"computes wrong gradients on mps: that of 1\.weight differs"):
        check_gradients(network, pixels, torch.arange(16) % 10, preprocessing, torch.device("mps"))
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    check_gradients(network, pixels, torch.arange(16) % 10, preprocessing, CPU)
