"""What `--json` prints of a training."""

from __future__ import annotations

from typing import Any

__all__ = ["run_summary"]


def run_summary(run: Any) -> dict[str, Any]:
    """What `--json` prints of a finished training."""
    from pellucid.evaluation import own_evaluation

    evaluation = own_evaluation(run)
    return {
        "run": str(run.directory),
        "network": run.record.network,
        "data": run.record.data.source,
        "recipe": run.record.recipe,
        "seed": run.record.seed,
        "status": run.status,
        "epochs": run.metrics("epoch"),
        "evaluation": None if evaluation is None else evaluation.to_dict(),
    }
