"""Lightning: a module and a trainer, fed by a DataLoader over tensors in memory."""

import logging
import sys
import warnings
from pathlib import Path

import pytorch_lightning
import torch
import torch.nn.functional as F
from common import StopWatch, contest, normalised
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

sys.path.append(str(Path(__file__).parents[1]))
from lesson_script import LessonNet


class LessonModule(pytorch_lightning.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.network = LessonNet()

    def training_step(self, batch: tuple[Tensor, Tensor], number: int) -> Tensor:
        images, labels = batch
        loss = F.cross_entropy(self.network(images), labels)
        self.log("train_loss", loss)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=1e-3)


class Ticks(pytorch_lightning.Callback):
    def __init__(self, watch: StopWatch) -> None:
        self.watch = watch

    def on_train_batch_end(self, trainer: object, module: object, outputs: object, batch: object, number: int) -> None:
        self.watch.tick()


def train(watch: StopWatch) -> None:
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    images, labels = normalised(channels="first")
    loader = DataLoader(TensorDataset(torch.from_numpy(images), torch.from_numpy(labels)), batch_size=32, shuffle=True)
    trainer = pytorch_lightning.Trainer(
        max_epochs=99,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[Ticks(watch)],
    )
    trainer.fit(LessonModule(), loader)


if __name__ == "__main__":
    contest(train)
