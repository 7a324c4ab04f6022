"""The device a training runs on: picked, checked and named."""

from __future__ import annotations

import os

import torch

from pellucid.ground.errors import UserError, did_you_mean

__all__ = ["computes_in_bfloat16", "describe_device", "pick_device", "seed_device", "uses_mixed_precision"]


def pick_device(name: str = "auto") -> torch.device:
    """Turn `auto`, `cpu`, `mps`, `cuda` or `cuda:1` into a device; `auto` takes the first of cuda, mps, cpu there is.

    Under `torchrun`, `cuda` is the GPU of the process's own number.

    Raises:
        UserError: the name is unknown, or the machine has no such device.

    >>> pick_device("cpu")
    device(type='cpu')
    """
    kind, _, number = name.partition(":")
    if kind not in ("auto", "cpu", "cuda", "mps") or (number and not (kind == "cuda" and number.isdigit())):
        raise UserError(f"the device is {name!r}; {did_you_mean(name, ['auto', 'cpu', 'cuda', 'cuda:1', 'mps'])}")
    if kind == "auto":
        kind = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if kind == "cuda" and not torch.cuda.is_available():
        raise UserError("the device is cuda, but torch sees no CUDA GPU here; use --device cpu")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise UserError("the device is mps, but this machine has no Apple GPU that torch can use; use --device cpu")
    if number and int(number) >= torch.cuda.device_count():
        raise UserError(f"the device is {name}, but there are {torch.cuda.device_count()} GPUs, counted from cuda:0")
    if kind == "cuda" and not number and "LOCAL_RANK" in os.environ:  # torchrun: to each process its own GPU
        number = str(int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
    return torch.device(kind, int(number)) if number else torch.device(kind)


def describe_device(device: torch.device) -> str:
    """Name a device for a person: `cpu (2 threads)`, `cuda (NVIDIA H200)`."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    if device.type == "cpu":
        count = torch.get_num_threads()
        return f"cpu ({count} thread{'s' if count > 1 else ''})"
    return str(device)


def seed_device(device: torch.device, seed: int) -> None:
    """Seed the CPU's generator, and the GPU's where the device is one.

    `torch.manual_seed` visits every kind of device there is, which costs more than a small layer does.
    """
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


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
