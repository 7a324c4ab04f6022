"""Training: from what was asked to the run, and the checkpoints that make a killed run end as if it had not been.

From the top: `request` (what is asked, checked), `running` (lock, log and messages around it), `creation` (the run's
directory and record), `session` (everything the loop works with), `loop`, `step`; beside them `recorder`, which writes
with `checkpoint`, `metrics_log` and `display`.
"""

from pellucid.training.interruption import Interrupted
from pellucid.training.request import TrainingRequest
from pellucid.training.running import resume, start

__all__ = ["Interrupted", "TrainingRequest", "resume", "start"]
