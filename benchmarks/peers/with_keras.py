"""Keras: its `fit` on NumPy arrays in memory. `KERAS_BACKEND` says which framework computes."""

from collections.abc import Mapping

import keras
from common import StopWatch, contest, normalised
from keras import layers


class Ticks(keras.callbacks.Callback):
    def __init__(self, watch: StopWatch) -> None:
        super().__init__()
        self.watch = watch

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        # Reading the loss waits for the step on backends that compute ahead.
        self.watch.tick(finish=lambda: float((logs or {})["loss"]))


def train(watch: StopWatch) -> None:
    images, labels = normalised(channels="last")
    model = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(10),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(1e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(images, labels, batch_size=32, epochs=99, verbose=0, callbacks=[Ticks(watch)])


if __name__ == "__main__":
    contest(train)
