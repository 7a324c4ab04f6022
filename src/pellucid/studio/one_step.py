"""One training step by hand, in a process of its own: `python -m pellucid.studio.one_step RUN WEIGHT STEP`.

Repeating steps seeds generators and takes cores for a while, which would change and hold up the studio; a process can
be ended when nobody waits for it any more. It prints one JSON object.
"""

from __future__ import annotations

import json
import sys

from pellucid.ground.errors import UserError, system_error
from pellucid.ground.plain import plain

__all__ = ["main"]


def main(words: list[str]) -> dict[str, object]:
    """Take a step again; give its sentence, text, HTML and numbers, or why it cannot be."""
    from pellucid.arithmetic import TraceMismatch
    from pellucid.run import open_run
    from pellucid.stepping import take_step

    place, weight, number = words[:3]
    try:
        step = take_step(open_run(place, trust="--trust" in words[3:]), weight, step=int(number))
    except (UserError, TraceMismatch) as error:
        return {"error": str(error)}
    except OSError as error:
        return {"error": system_error(error)}
    return {
        "text": str(step),
        "html": step._repr_html_(),
        "before": step.before,
        "after": step.after,
        "gradient": step.gradient.check.recomputed,
        "rate": step.rate,
        "loss": step.loss.value,
        "epoch": step.epoch,
        "batch": step.batch,
        "step": step.step,
        "weight": step.weight,
        "confirmed": step.confirmed,
        "remarks": list(step.remarks),
        "images": len(step.images.sources),
    }


if __name__ == "__main__":
    print(json.dumps(plain(main(sys.argv[1:]))))
