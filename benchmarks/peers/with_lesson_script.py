"""The lesson's script, `benchmarks/lesson_script.py`."""

import sys
from pathlib import Path

from common import StopWatch, contest, data_folder

sys.path.append(str(Path(__file__).parents[1]))
import lesson_script


def train(watch: StopWatch) -> None:
    lesson_script.train(lesson_script.Cifar10(data_folder()), epochs=99, after_step=watch.tick)


if __name__ == "__main__":
    contest(train)
