"""What `pellucid --version` prints: the versions, the processor and its fast kernels, a fact a line."""

from __future__ import annotations

import importlib.util
import platform
from collections.abc import Iterator

import click

from pellucid.ground.version import VERSION

__all__ = ["version_option"]


def facts() -> Iterator[str]:
    """Give pellucid's version, Python's, torch's, and what the processor and the GPU can do; torch may be missing."""
    yield f"pellucid {VERSION}"
    yield f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    if importlib.util.find_spec("torch") is None:
        yield "torch is not installed"
        return
    import torch

    from pellucid.ground.devices import computes_in_bfloat16, describe_device

    cpu = torch.device("cpu")
    yield f"torch {torch.__version__}"
    yield f"processor: {torch.backends.cpu.get_cpu_capability()}, {describe_device(cpu)}"
    kernels = {
        "oneDNN": torch.backends.mkldnn.is_available(),
        "MKL": torch.backends.mkl.is_available(),
        "bfloat16": computes_in_bfloat16(cpu),
    }
    yield f"fast kernels: {', '.join(f'{name} {_yes(there)}' for name, there in kernels.items())}"
    if torch.cuda.is_available():
        gpu = torch.device("cuda")
        yield f"GPU: {describe_device(gpu)}, bfloat16 {_yes(computes_in_bfloat16(gpu))}"
    else:
        yield f"GPU: {'mps' if torch.backends.mps.is_available() else 'none that torch can use'}"


def _yes(there: bool) -> str:
    return "yes" if there else "no"


def _print_facts(ctx: click.Context, parameter: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        for fact in facts():
            click.echo(fact)
        ctx.exit()


version_option = click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_facts,
    help="Show the versions, the processor and its fast kernels.",
)
