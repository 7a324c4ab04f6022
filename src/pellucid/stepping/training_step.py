"""One training step of a run, recomputed and as PyTorch took it: plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pellucid.arithmetic import Check, Trace
from pellucid.arithmetic.arrays import Floats
from pellucid.ground.shown import Shown
from pellucid.run import Run
from pellucid.stepping.backpropagation import ChainLink, WeightGradient
from pellucid.stepping.repetition import Batch, RecordCheck
from pellucid.stepping.update import Update

__all__ = ["TrainingStep"]

IN_JSON = 20
"""So many of the strongest terms of a gradient go into JSON."""


@dataclass(frozen=True, eq=False)
class TrainingStep(Shown):
    """One training step of a run: every number recomputed and checked against PyTorch's.

    Shape letters: B images in the batch, K classes.

    Attributes:
        run: whose step.
        step: its number, counted from 1, of `steps` in all; `epoch` and `batch` say the same.
        weight: the weight's name, like `conv1.weight[0,0,1,1]`.
        rate: the learning rate of this step.
        images: the batch, with names and labels.
        loss: the mean cross-entropy, decomposed; `loss_check` checks it against the training loop's.
        probabilities, targets, logit_gradient: `[B, K]` float64; the last is (softmax − target) / B, recomputed. With
            class weights the targets are weighted, and it is (softmax · Σ target − target) / B.
        logit_check: the element of `logit_gradient` that is furthest from autograd's.
        chain: from the unit that contributes most to the weight's gradient, up to the logit.
        gradient: the weight's gradient as its sum.
        update: the optimizer's arithmetic; `update_check` checks the new weight against torch.optim's.
        record_checks: what the run recorded before, at and after this step, checked against the repetition.
        started_at: how many steps had been done where the repetition began: 0 from the seed, else a checkpoint's.
        remarks: why the repetition may differ from the run's own step, where it may.
    """

    run: Run
    step: int
    steps: int
    epoch: int
    batch: int
    weight: str
    rate: float
    images: Batch
    loss: Trace
    loss_check: Check
    probabilities: Floats
    targets: Floats
    logit_gradient: Floats
    logit_check: Check
    chain: tuple[ChainLink, ...]
    gradient: WeightGradient
    update: Update
    update_check: Check
    record_checks: tuple[RecordCheck, ...]
    started_at: int
    remarks: tuple[str, ...]

    @property
    def before(self) -> float:
        """The weight before the step."""
        return self.update.before

    @property
    def after(self) -> float:
        """The weight after the step, as torch.optim computed it."""
        return self.update_check.pytorch

    @property
    def confirmed(self) -> bool:
        """Whether the run's records prove that this is its own step: all agree, and one was made at or after it."""
        later = any(check.step >= self.step for check in self.record_checks)
        return later and all(check.equal for check in self.record_checks)

    @property
    def checks(self) -> dict[str, Check]:
        """Every recomputed number beside PyTorch's."""
        return {
            "loss": self.loss_check,
            "gradient at the logits": self.logit_check,
            "gradient of the weight": self.gradient.check,
            "weight after the step": self.update_check,
        }

    def to_dict(self) -> dict[str, Any]:
        """Everything as numbers, words and lists; of the gradient's terms the strongest twenty."""
        traces = [
            {
                "operation": step.name,
                "formula": trace.formula.text,
                "terms": len(trace.terms),
                "value": trace.value,
                "strongest": [
                    {
                        "image": int(trace.terms.index[row][0]) if trace.terms.index.shape[1] else None,
                        "index": trace.terms.index[row].tolist(),
                        "upstream": float(trace.terms.values[row]),
                        "multiplied_by": None if trace.terms.weights is None else float(trace.terms.weights[row]),
                        "product": 0.0 if trace.terms.products is None else float(trace.terms.products[row]),
                    }
                    for row in trace.terms.strongest(IN_JSON)
                ],
            }
            for step, trace in zip(self.gradient.steps, self.gradient.traces, strict=True)
        ]
        classes = self.run.classes
        return {
            "run": str(self.run.directory),
            "step": self.step,
            "steps": self.steps,
            "epoch": self.epoch,
            "batch": self.batch,
            "weight": self.weight,
            "learning_rate": self.rate,
            "images": [
                {"source": source, "true_label": classes[label], "logit_gradient": gradient, "probabilities": shares}
                for source, label, gradient, shares in zip(
                    self.images.sources,
                    self.images.labels.tolist(),
                    self.logit_gradient.tolist(),
                    self.probabilities.tolist(),
                    strict=True,
                )
            ],
            "augmented": list(self.images.augmented),
            "class_weights": self.run.record.recipe["class_weights"],
            "loss": self.loss.value,
            "chain": [link.to_dict() for link in self.chain],
            "gradient": {
                "value": self.gradient.check.recomputed,
                "by_image": self.gradient.images.tolist(),
                "sums": traces,
            },
            "update": self.update.to_dict(),
            "before": self.before,
            "after": self.after,
            "checks": {name: check.to_dict() for name, check in self.checks.items()},
            "record": {
                "confirmed": self.confirmed,
                "repeated_from_step": self.started_at,
                "checks": [vars(check) for check in self.record_checks],
                "remarks": list(self.remarks),
            },
        }
