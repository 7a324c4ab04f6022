"""One optimizer step, without what `Optimizer.step` does around its kernel."""

from __future__ import annotations

from collections.abc import Callable

import torch

__all__ = ["quick_step"]

STATE = ("step", "exp_avg", "exp_avg_sq")


def quick_step(optimizer: torch.optim.Optimizer) -> Callable[[], None]:
    """Give a function that does what `optimizer.step()` does, bit for bit, and for fused Adam and AdamW faster.

    The step of a small network spends longer in Python around the kernel that updates all parameters than in the kernel
    itself (`benchmarks/LOG.md`). The first step is the optimizer's own, which makes its state, and so is every step in
    which a parameter has no gradient yet or no longer. Where this torch has no such kernel, all steps are.
    """
    names = {torch.optim.Adam: "_fused_adam_", torch.optim.AdamW: "_fused_adamw_"}
    kernel = getattr(torch, names.get(type(optimizer), ""), None)
    defaults = optimizer.defaults
    if kernel is None or not defaults.get("fused") or defaults.get("amsgrad") or defaults.get("maximize"):
        return lambda: optimizer.step()
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]

    def step() -> None:
        if any(parameter.grad is None or parameter not in optimizer.state for parameter in parameters):
            optimizer.step()
            return
        with torch.no_grad():
            for group in optimizer.param_groups:
                states = [optimizer.state[parameter] for parameter in group["params"]]
                steps, means, squares = ([state[key] for state in states] for key in STATE)
                torch._foreach_add_(steps, 1)
                kernel(
                    group["params"],
                    [parameter.grad for parameter in group["params"]],
                    means,
                    squares,
                    [],
                    steps,
                    lr=group["lr"],
                    beta1=group["betas"][0],
                    beta2=group["betas"][1],
                    weight_decay=group["weight_decay"],
                    eps=group["eps"],
                    amsgrad=False,
                    maximize=False,
                )

    return step
