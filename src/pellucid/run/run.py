"""The run: a directory that training writes and everything else reads; `files.py` lists what is in it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid.ground.errors import UserError
from pellucid.ground.files import PARTIAL, write_bytes, write_json
from pellucid.ground.shown import Shown
from pellucid.run.files import RunFile, weights_file
from pellucid.run.metrics import Computation, computations, read_metrics
from pellucid.run.record import RunRecord, read_record, write_record

if TYPE_CHECKING:
    from torch import Tensor, nn

    from pellucid.data import ImageSet
    from pellucid.data.preprocessing import Preprocessing
    from pellucid.networks import Head

__all__ = ["Run", "find_runs", "open_run"]

WRITTEN_BEFORE_THE_RECORD = {RunFile.LOCK, RunFile.NETWORK, RunFile.DATA, RunFile.SPLITS}


class Run(Shown):
    """A run's directory, opened for reading.

    `run.network()` gives the trained network, `run.preprocessing` turns pixels into its input, `run.classes` names
    its outputs, `run.metrics()` tells how training went.
    """

    def __init__(self, directory: Path, record: RunRecord) -> None:
        self.directory = directory
        self.record = record

    def __repr__(self) -> str:
        return f"Run({str(self.directory)!r}: {self.record.network} on {self.record.data.source}, {self.status})"

    @classmethod
    def create(
        cls,
        directory: Path,
        record: RunRecord,
        own_file: Path | None,
        data: dict[str, Any],
        splits: dict[str, list[str]] | None = None,
    ) -> Run:
        """Begin a run in an empty or absent directory; `run.json` is written last."""
        directory.mkdir(parents=True, exist_ok=True)
        if own_file is not None:
            write_bytes(directory / RunFile.NETWORK, own_file.read_bytes())
        write_json(directory / RunFile.DATA, data)
        if splits is not None:
            write_json(directory / RunFile.SPLITS, splits)
        write_record(directory, record)
        return cls(directory, record)

    @staticmethod
    def can_begin_in(directory: Path) -> bool:
        """Whether a directory is absent, empty, or holds no more than a beginning that was killed at once."""
        if not directory.exists():
            return True
        if not directory.is_dir():
            return False
        return all(
            path.name in WRITTEN_BEFORE_THE_RECORD or path.name.endswith(PARTIAL) for path in directory.iterdir()
        )

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names; output k of the network is the logit of class k."""
        return self.record.classes

    @property
    def head(self) -> Head:
        """What the network's outputs mean."""
        from pellucid.networks.head import Head

        return Head(self.record.head)

    @property
    def preprocessing(self) -> Preprocessing:
        """How pixels become the network's input."""
        from pellucid.data.preprocessing import Preprocessing

        return Preprocessing.from_dict(self.record.preprocessing)

    @property
    def data(self) -> dict[str, Any]:
        """What `data.json` says of the image set."""
        document: dict[str, Any] = json.loads((self.directory / RunFile.DATA).read_text(encoding="utf-8"))
        return document

    def metrics(self, event: str | None = None) -> list[dict[str, Any]]:
        """Read the lines of `metrics.jsonl`, all or those of one event (`device`, `batch`, `epoch`, `end`).

        A last line that a kill cut short is passed over.
        """
        return read_metrics(self.directory, event)

    @property
    def computations(self) -> list[Computation]:
        """On what its steps were computed, and how precisely; several where it was resumed on another device."""
        return computations(self.directory)

    def computation_of(self, step: int) -> Computation | None:
        """On what step `step`, counted from 1, was computed; None where the run has not come so far as its first."""
        return next((entry for entry in reversed(self.computations) if entry.step < step), None)

    def epochs(self) -> list[int]:
        """List the epochs whose weights are kept, ascending; the first epoch is 1."""
        return sorted(
            int(path.stem.removeprefix("epoch-"))
            for path in (self.directory / RunFile.WEIGHTS).glob("epoch-*.safetensors")
        )

    @property
    def status(self) -> str:
        """`finished`, `training` (some process is at it now) or `stopped`, with how far it came."""
        if self.metrics("end"):
            return "finished"
        done, asked = len(self.metrics("epoch")), self.record.recipe["epochs"]
        return f"{'training' if self.is_being_trained() else 'stopped'} ({done} of {asked} epochs)"

    def is_being_trained(self) -> bool:
        """Whether a process holds the run's lock at this moment."""
        from filelock import FileLock, Timeout

        path = self.directory / RunFile.LOCK
        if not path.exists():
            return False
        try:
            with FileLock(path, timeout=0):
                return False
        except (Timeout, PermissionError):
            return True

    def weights_path(self, epoch: int) -> Path:
        """Where the weights of an epoch are, or would be."""
        return weights_file(self.directory, epoch)

    def resolve_epoch(self, epoch: int | str = "last") -> int:
        """Turn `last`, `best` (highest validation accuracy) or a number into an epoch whose weights are kept.

        Raises:
            UserError: there are no weights yet, or none of that epoch, or `best` without a validation split.
        """
        kept = self.epochs()
        if not kept:
            raise UserError(
                f"{self.directory} has no weights yet; finish its first epoch: pellucid resume {self.directory}"
            )
        if epoch == "last":
            return kept[-1]
        if epoch == "best":
            scored = [line for line in self.metrics("epoch") if "val_accuracy" in line and line["epoch"] in kept]
            if not scored:
                raise UserError(
                    f"{self.directory} has no validation figures, so no epoch is the best one; "
                    "give a number or `last`, or train with a recipe that holds out images (standard)"
                )
            best: int = max(scored, key=lambda line: line["val_accuracy"])["epoch"]
            return best
        if not str(epoch).isdigit() or int(epoch) not in kept:
            listed = ", ".join(map(str, kept))
            raise UserError(
                f"{self.directory} keeps no weights of epoch {epoch!r}; expected last, best or one of: {listed}"
            )
        return int(epoch)

    def weights(self, epoch: int | str = "last") -> dict[str, Tensor]:
        """Read the weights of one epoch: each parameter's and buffer's name and tensor.

        Raises:
            UserError: that epoch is not kept, or its file is damaged.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        path = self.weights_path(self.resolve_epoch(epoch))
        try:
            return load_file(path)
        except SafetensorError as error:
            raise UserError(f"{path} is damaged ({error}); pellucid resume {self.directory} writes it again") from error

    def open_images(self) -> ImageSet:
        """Open the image set the run began with, from the cache or from where it came.

        Raises:
            UserError: it is gone, or its images or their splits are no longer the same.
        """
        from pellucid.data import open_requested

        images, expected = open_requested(self.record.data), self.record.fingerprint
        if images.fingerprint != expected:
            raise UserError(
                f"the images of {self.record.data.source} are not those that {self.directory} began with (fingerprint "
                f"{images.fingerprint[:12]}, expected {expected[:12]}); put the old ones back, or begin a new run"
            )
        return images

    def open_other_images(
        self, source: str | Path, *, data_dir: str | Path | None = None, strict: bool = False
    ) -> ImageSet:
        """Open other images than the run's own, brought to its network's input as its own were.

        Args:
            source: a named set, a folder or an archive.
            data_dir: where named sets lie; None is where the run found its own.
            strict: whether a broken image is an error.

        Raises:
            UserError: there is no such source.
        """
        from pellucid.data import open_requested

        asked, preprocessing = self.record.data, self.preprocessing
        return open_requested(
            replace(
                asked,
                source=source,
                data_dir=data_dir or asked.data_dir,
                size=(preprocessing.height, preprocessing.width),
                channels=preprocessing.channels,
                fit=preprocessing.fit,
                strict=strict,
            )
        )

    def build_network(self) -> nn.Module:
        """Make the run's network with fresh weights; a person's own comes from the file kept in the run.

        Its weights and what it is given lie in memory as it computes fastest (`pellucid.networks.arrange`).
        """
        from pellucid.networks import arrange, build, is_own_file

        name = self.record.network
        if is_own_file(name):
            name = f"{self.directory / RunFile.NETWORK}:{name.rpartition(':')[2]}"
        shape = self.preprocessing.input_shape
        return arrange(build(name, input_shape=shape, classes=len(self.classes)), shape)

    def network(self, epoch: int | str = "last") -> nn.Module:
        """Make the network with the weights of one epoch, in evaluation mode, on the CPU."""
        import torch

        with torch.random.fork_rng():  # the first weights are drawn only to be replaced
            network = self.build_network()
        network.load_state_dict(self.weights(epoch))
        return network.eval()


def open_run(path: str | Path) -> Run:
    """Open a run's directory.

    Raises:
        UserError: there is no run, or one of another pellucid, or its `run.json` is damaged.
    """
    directory = Path(path)
    if not (directory / RunFile.RECORD).is_file():
        near = find_runs(directory)
        hint = f"; it holds runs: {', '.join(run.directory.name for run in near[:5])}" if near else ""
        what = f"has no {RunFile.RECORD}" if directory.is_dir() else "does not exist"
        raise UserError(f"{directory} is not a run: it {what}{hint}. `pellucid runs` lists runs")
    return Run(directory, read_record(directory))


def find_runs(directory: str | Path) -> list[Run]:
    """List the runs directly inside a directory, oldest first; a damaged one is passed over."""
    runs = []
    for file in Path(directory).glob(f"*/{RunFile.RECORD}"):
        try:
            runs.append(open_run(file.parent))
        except UserError:
            continue
    return sorted(runs, key=lambda run: (run.record.created, run.directory.name))
