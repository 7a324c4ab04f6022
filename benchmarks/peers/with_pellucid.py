"""Pellucid: `pellucid.train(..., recipe="tutorial")` as anyone calls it, timed by the lines of its log."""

import io
import tempfile
from pathlib import Path

from common import StopWatch, contest

import pellucid


class TimedLog(io.StringIO):
    """Takes the log; each line `[Epoch e, Batch b] Loss: …` says that another block of steps is done."""

    def __init__(self, watch: StopWatch) -> None:
        super().__init__()
        self.watch = watch

    def write(self, text: str) -> int:
        if text.startswith("[Epoch"):
            self.watch.tick(self.watch.block)
        return len(text)


def train(watch: StopWatch) -> None:
    with tempfile.TemporaryDirectory() as folder:
        pellucid.train(
            "cifar10",
            recipe="tutorial",
            epochs=99,
            log_every=watch.block,
            out=Path(folder, "run"),
            stream=TimedLog(watch),
        )


if __name__ == "__main__":
    contest(train)
