"""skorch: its classifier fitted to NumPy arrays in memory."""

import sys
from pathlib import Path

import torch
from common import StopWatch, contest, normalised
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback
from torch import nn

sys.path.append(str(Path(__file__).parents[1]))
from lesson_script import LessonNet


class Ticks(Callback):
    def __init__(self, watch: StopWatch) -> None:
        self.watch = watch

    def on_batch_end(self, net: NeuralNetClassifier, **others: object) -> None:
        self.watch.tick()


def train(watch: StopWatch) -> None:
    images, labels = normalised(channels="first")
    net = NeuralNetClassifier(
        LessonNet,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=1e-3,
        batch_size=32,
        max_epochs=99,
        iterator_train__shuffle=True,
        train_split=None,
        callbacks=[Ticks(watch)],
    )
    net.fit(images, labels)


if __name__ == "__main__":
    contest(train)
