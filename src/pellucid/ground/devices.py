"""The device a training runs on: picked, checked and named."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import torch

from pellucid.ground.cores import usable_cores
from pellucid.ground.errors import UserError, did_you_mean

__all__ = [
    "computes_in_bfloat16",
    "describe_device",
    "full_float32",
    "generators_kept",
    "pick_device",
    "seed_device",
    "usable_threads",
    "uses_mixed_precision",
]


def pick_device(name: str = "auto") -> torch.device:
    """Turn `auto`, `cpu`, `mps`, `cuda` or `cuda:1` into a device; `auto` is cuda where there is a GPU, otherwise cpu.

    An Apple GPU (mps) is used where it is asked for: some releases of torch compute gradients wrongly on it (pytorch
    issue 175189), so it is not chosen unasked. Under `torchrun`, `cuda` is the GPU of the process's own number.

    Raises:
        UserError: the name is unknown, or the machine has no such device.

    >>> pick_device("cpu")
    device(type='cpu')
    """
    kind, _, number = name.partition(":")
    if kind not in ("auto", "cpu", "cuda", "mps") or (number and not (kind == "cuda" and _is_number(number))):
        raise UserError(f"the device is {name!r}; {did_you_mean(name, ['auto', 'cpu', 'cuda', 'cuda:1', 'mps'])}")
    if kind == "auto":
        kind = "cuda" if torch.cuda.is_available() else "cpu"
    if kind == "cuda" and not torch.cuda.is_available():
        raise UserError("the device is cuda, but torch sees no CUDA GPU here; use --device cpu")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise UserError("the device is mps, but this machine has no Apple GPU that torch can use; use --device cpu")
    if number and int(number) >= torch.cuda.device_count():
        raise UserError(f"the device is {name}, but there are {torch.cuda.device_count()} GPUs, counted from cuda:0")
    if kind == "cuda" and not number and "LOCAL_RANK" in os.environ:  # torchrun: to each process its own GPU
        number = str(int(os.environ["LOCAL_RANK"]) % max(torch.cuda.device_count(), 1))
    return torch.device(kind, int(number)) if number else torch.device(kind)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 4


def describe_device(device: torch.device) -> str:
    """Name a device for a person: `cpu (2 threads)`, `cuda (NVIDIA H200)`."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    if device.type == "cpu":
        count = torch.get_num_threads()
        return f"cpu ({count} thread{'s' if count > 1 else ''})"
    return str(device)


def seed_device(device: torch.device, seed: int) -> None:
    """Seed the CPU's generator, and the GPU's where the device is one: that very GPU, which need not be the first.

    `torch.manual_seed` visits every kind of device there is, which costs more than a small layer does.
    """
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.default_generators[_index(device)].manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


def _index(device: torch.device) -> int:
    return torch.cuda.current_device() if device.index is None else device.index


@contextlib.contextmanager
def generators_kept(device: torch.device) -> Iterator[None]:
    """Restore torch's generators afterwards: the CPU's, and the device's own. No other GPU is touched."""
    with torch.random.fork_rng(devices=[_index(device)] if device.type == "cuda" else []):
        state = torch.mps.get_rng_state() if device.type == "mps" else None
        try:
            yield
        finally:
            if state is not None:
                torch.mps.set_rng_state(state)


@contextlib.contextmanager
def full_float32() -> Iterator[None]:
    """Let a GPU multiply float32 numbers as such, not as TF32, which keeps 10 of their 23 binary digits.

    torch allows TF32 in convolutions unless it is told otherwise. The caller's settings are put back afterwards.

    >>> with full_float32():
    ...     torch.backends.cudnn.allow_tf32
    False
    """
    products, convolutions = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = products, convolutions


def usable_threads(asked: int) -> int:
    """Give as many threads as were asked for, and no more than there are cores for this process.

    More threads than cores wait for each other: 64 of them on 2 cores take three times as long as 2.

    >>> usable_threads(1)
    1
    """
    return max(1, min(asked, usable_cores()))


def uses_mixed_precision(precision: str, device: torch.device) -> bool:
    """Whether forward passes run in bfloat16: `auto` on a GPU that has it, `mixed` on a CPU that has it too.

    bfloat16 has float32's range, so losses need no scaling. On a CPU with instructions for it a step takes about half
    the time; `auto` stays with float32 there, so that a run is the same on every kind of CPU.

    Raises:
        UserError: `mixed` was asked for, and the device has no such instructions.

    >>> uses_mixed_precision("auto", torch.device("cpu"))
    False
    """
    able = computes_in_bfloat16(device)
    if precision == "mixed" and not able:
        raise UserError(f"precision is mixed, but {describe_device(device)} does not compute in bfloat16; use float32")
    return able and (precision == "mixed" or (precision == "auto" and device.type == "cuda"))


def computes_in_bfloat16(device: torch.device) -> bool:
    """Whether a device multiplies in bfloat16 by itself, rather than by imitation, which is slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu" or not hasattr(torch.cpu, "get_capabilities"):  # older torch cannot say
        return False
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16"))
