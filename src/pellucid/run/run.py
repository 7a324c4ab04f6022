"""The run: a directory that training writes and everything else reads; `files.py` lists what is in it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid.ground.errors import UserError
from pellucid.ground.files import PARTIAL, read_whole, write_bytes, write_json
from pellucid.ground.locks import holder_of, is_locked
from pellucid.ground.notices import notice
from pellucid.ground.outside import visible
from pellucid.ground.shown import Shown
from pellucid.run.epochs import best_epoch, epoch_words
from pellucid.run.files import RunFile, refuse_links, weights_file
from pellucid.run.images import read_data, write_data
from pellucid.run.metrics import Computation, computations, read_metrics
from pellucid.run.record import RunRecord, read_record, write_record
from pellucid.run.resuming import resume_command
from pellucid.run.trust import UntrustedNetwork, is_trusting, sign, signed_here
from pellucid.run.weights import open_weights, seal_of

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

    def __init__(self, directory: Path, record: RunRecord, *, trust: bool = False) -> None:
        self.directory = directory
        self.record = record
        self.trust = trust
        """Whether the network's file in the run may be run, whoever made it."""

    def __repr__(self) -> str:
        return visible(
            f"Run({str(self.directory)!r}: {self.record.network} on {self.record.data.source}, {self.status})"
        )

    @classmethod
    def create(
        cls,
        directory: Path,
        record: RunRecord,
        own_file: Path | None,
        data: dict[str, Any],
        splits: dict[str, list[str]] | None = None,
    ) -> Run:
        """Begin a run in an empty or absent directory; `run.json` is written last.

        The record is given an identity of its own, and a person's own network is signed by this installation.
        """
        directory.mkdir(parents=True, exist_ok=True)
        record = replace(record, identity=secrets.token_hex(16))
        if own_file is not None:
            content = own_file.read_bytes()
            write_bytes(directory / RunFile.NETWORK, content)
            try:
                record = replace(record, signature=sign(content, record.network, record.identity))
            except UserError as error:  # the training itself needs no signature
                notice(f"the run is not signed as one of your own, so later commands will ask for --trust: {error}")
        write_data(directory, data)
        if splits is not None:
            write_json(directory / RunFile.SPLITS, splits)
        write_record(directory, record)
        return cls(directory, record, trust=True)

    @staticmethod
    def can_begin_in(directory: Path) -> bool:
        """Whether a directory is absent, empty, or holds no more than a beginning that was killed at once."""
        if not directory.exists():
            return True
        if not directory.is_dir():
            return False
        return all(
            (path.name in WRITTEN_BEFORE_THE_RECORD or path.name.endswith(PARTIAL)) and not path.is_symlink()
            for path in directory.iterdir()
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
        return read_data(self.directory)

    @property
    def measured_split(self) -> str | None:
        """The split that the run is measured on unless another is asked for: `test`, else `val`; None without both.

        Validation images are those of the set, or those that the recipe held out.
        """
        splits = self.data["images"]
        if "test" in splits:
            return "test"
        return "val" if "val" in splits or self.record.recipe["validation"] else None

    @property
    def example_image(self) -> str:
        """The first image of the run's own data that its network was not trained on, as commands name it: `test/0`."""
        splits = self.data["images"]
        return f"{next((name for name in ('test', 'val') if name in splits), next(iter(splits)))}/0"

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
        names = (
            path.stem.removeprefix("epoch-") for path in (self.directory / RunFile.WEIGHTS).glob("epoch-*.safetensors")
        )
        return sorted(int(name) for name in names if name.isascii() and name.isdigit() and len(name) < 10)

    @property
    def status(self) -> str:
        """`finished`, `training` (some process is at it now) or `stopped`, with how far it came."""
        if self.metrics("end"):
            return "finished"
        done, asked = len(self.metrics("epoch")), self.record.recipe["epochs"]
        return f"{'training' if self.is_being_trained() else 'stopped'} ({done} of {asked} epochs)"

    def is_being_trained(self) -> bool:
        """Whether a process holds the run's lock at this moment."""
        return is_locked(self.directory / RunFile.LOCK)

    def trainer(self) -> int | None:
        """Give the process that trains the run at this moment; None where none does, or not on this machine."""
        return holder_of(self.directory / RunFile.LOCK)

    def weights_path(self, epoch: int) -> Path:
        """Where the weights of an epoch are, or would be."""
        return weights_file(self.directory, epoch)

    def resolve_epoch(self, epoch: int | str | None = None) -> int:
        """Turn `last`, `best` (highest validation accuracy) or a number into an epoch whose weights are kept.

        None, which every command takes by default, is the best where epochs were validated, and the last elsewhere.

        Raises:
            UserError: there are no weights yet, or none of that epoch, or `best` without a validation split, or the
                weights of a finished run's last epoch are gone.
        """
        kept = self.epochs()
        if not kept:
            raise UserError(
                f"{self.directory} has no weights yet; finish its first epoch: "
                f"{resume_command(self.directory, self.record.processes)}"
            )
        if epoch == "last":
            self._check_there(kept, best=False)
            return kept[-1]
        if epoch is None or epoch == "best":
            best = best_epoch(self._epochs_scored(), kept)
            if best is None and epoch == "best":
                raise UserError(
                    f"{self.directory} has no validation figures, so no epoch is the best one; "
                    "give a number or `last`, or train with a recipe that holds out images (standard)"
                )
            self._check_there(kept, best=best is not None)
            return kept[-1] if best is None else best
        if not (str(epoch).isascii() and str(epoch).isdigit()) or int(epoch) not in kept:
            listed = ", ".join(map(str, kept))
            raise UserError(
                f"{self.directory} keeps no weights of epoch {epoch!r}; expected last, best or one of: {listed}"
            )
        return int(epoch)

    def _epochs_scored(self) -> list[dict[str, Any]]:
        try:
            return self.metrics("epoch")
        except UserError as error:
            raise UserError(f"which epoch is the best cannot be told; name one (--epoch last): {error}") from error

    def _check_there(self, kept: list[int], *, best: bool) -> None:
        """Refuse a finished run without its last weights, or without the best, as a copy that was cut short is.

        Raises:
            UserError: they are missing.
        """
        epochs = []
        with contextlib.suppress(UserError):  # whoever needs the metrics says that they are damaged
            lines = self.metrics()
            if any(line["event"] == "end" for line in lines):
                epochs = [line for line in lines if line["event"] == "epoch"]
        numbers = [line["epoch"] for line in epochs]
        wanted = best_epoch(epochs, numbers) if best else max(numbers, default=None)
        if wanted is not None and wanted not in kept:
            raise UserError(f"{self.weights_path(wanted)} is missing; {self._weights_remedy(wanted)}")

    def epoch_words(self, epoch: int) -> str:
        """Say which epoch that is, such as `epoch 9 of 20, the best on validation images`."""
        kept = self.epochs()
        try:
            best = best_epoch(self.metrics("epoch"), kept)
        except UserError:  # damaged; the epoch was named, and its weights have a seal of their own
            best = None
        recipe = self.record.recipe
        return epoch_words(epoch, recipe["epochs"], best, max(kept, default=epoch), is_tuned=recipe["fine_tune"])

    def weights(self, epoch: int | str | None = None) -> dict[str, Tensor]:
        """Read the weights of one epoch: each parameter's and buffer's name and tensor.

        Raises:
            UserError: that epoch is not kept, or its file is damaged.
        """
        resolved = self.resolve_epoch(epoch)
        content = self._weights_content(resolved)
        try:
            return open_weights(content, self.record.identity, resolved)
        except UserError as error:
            raise self._damaged_weights(resolved, error) from error

    def weights_digest(self, epoch: int) -> str:
        """Give the SHA-256 that an epoch's weights state, checked: results that are kept name it.

        Raises:
            UserError: that epoch is not kept, or its file is damaged.
        """
        try:
            return seal_of(self._weights_content(epoch), self.record.identity, epoch)
        except UserError as error:
            raise self._damaged_weights(epoch, error) from error

    def _weights_content(self, epoch: int) -> bytes:
        path = self.weights_path(epoch)
        try:
            return read_whole(path, self._weights_remedy(epoch))
        except FileNotFoundError as error:
            raise UserError(f"{path} is missing; {self._weights_remedy(epoch)}") from error

    def _weights_remedy(self, epoch: int) -> str:
        others = [other for other in self.epochs() if other != epoch]
        use = f"use another epoch (--epoch {others[-1]}), or " if others else ""
        return f"{use}put the file back from a copy, or train again: the same seed gives the same weights"

    def _damaged_weights(self, epoch: int, error: UserError) -> UserError:
        return UserError(f"{self.weights_path(epoch)} is damaged: {error}; {self._weights_remedy(epoch)}")

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
                pixel_range=preprocessing.pixel_range or asked.pixel_range,
                strict=strict,
            ),
            trainable=False,
        )

    def build_network(self) -> nn.Module:
        """Make the run's network with fresh weights; a person's own comes from the file kept in the run.

        Its weights and what it is given lie in memory as it computes fastest (`pellucid.networks.arrange`).

        Raises:
            UserError: the network's file comes from elsewhere, and nobody said that it is trusted.
        """
        from pellucid.networks import arrange, build, is_own_file

        name, source = self.record.network, None
        if is_own_file(name):
            name = f"{self.directory / RunFile.NETWORK}:{name.rpartition(':')[2]}"
            source = self._trusted_source()
        shape = self.preprocessing.input_shape
        return arrange(build(name, input_shape=shape, classes=len(self.classes), source=source), shape)

    def _trusted_source(self) -> bytes:
        """Read the file of the run's own network, once: what is checked is what is run."""
        path = self.directory / RunFile.NETWORK
        remedy = "put the file back from a copy, or train again"
        try:
            content = read_whole(path, remedy)
        except FileNotFoundError as error:
            raise UserError(f"{path} is missing, the file of the run's own network; {remedy}") from error
        record = self.record
        if self.trust or is_trusting() or signed_here(record.signature, content, record.network, record.identity):
            return content
        raise UntrustedNetwork(
            f"the network of {self.directory} is code in a file, and this installation did not make the run or the "
            f"file was changed since: {path}, SHA-256 {hashlib.sha256(content).hexdigest()}. Nothing of it was run. "
            "Read it; if you trust it, add --trust to the command (in Python: pellucid.open_run(directory, trust=True))"
        )

    def network(self, epoch: int | str | None = None) -> nn.Module:
        """Make the network with the weights of one epoch, in evaluation mode, on the CPU.

        Raises:
            UserError: the weights are damaged or are not this network's; and whatever `build_network` raises.
        """
        import torch

        with torch.random.fork_rng(devices=[]):  # the first weights are drawn only to be replaced
            network = self.build_network()
        resolved = self.resolve_epoch(epoch)
        weights = self.weights(resolved)
        expected = network.state_dict()
        for name in sorted(expected.keys() | weights.keys()):
            here, there = (
                f"{tensors[name].dtype} {list(tensors[name].shape)}" if name in tensors else "nothing"
                for tensors in (expected, weights)
            )
            if here != there:
                problem = UserError(f"{name} is {there}, where {self.record.network} has {here}")
                raise self._damaged_weights(resolved, problem)
            # A mask of -inf is a constant of the network's own; a training never writes other values of that kind.
            if bool((expected[name].isfinite() & ~weights[name].isfinite()).any()):
                raise self._damaged_weights(resolved, UserError(f"{name} has values that are not finite numbers"))
        network.load_state_dict(weights)
        return network.eval()


def open_run(path: str | Path, *, trust: bool = False) -> Run:
    """Open a run's directory. Nothing in it is run by this.

    Args:
        path: the directory.
        trust: whether the file of its own network may be run, if there is one, although this installation did not make
            the run.

    Raises:
        UserError: there is no run, or one of another pellucid, or its `run.json` is damaged; or one of its files is a
            link.
    """
    directory = Path(path)
    if not os.path.lexists(directory / RunFile.RECORD):
        near = find_runs(directory)
        hint = f"; it holds runs: {', '.join(run.directory.name for run in near[:5])}" if near else ""
        what = f"has no {RunFile.RECORD}" if directory.is_dir() else "does not exist"
        raise UserError(f"{directory} is not a run: it {what}{hint}. `pellucid runs` lists runs")
    refuse_links(directory)
    return Run(directory, read_record(directory), trust=trust)


def find_runs(directory: str | Path) -> list[Run]:
    """List the runs directly inside a directory, oldest first; a damaged one is passed over."""
    runs = []
    for file in Path(directory).glob(f"*/{RunFile.RECORD}"):
        try:
            runs.append(open_run(file.parent))
        except UserError:
            continue
    return sorted(runs, key=lambda run: (run.record.created, run.directory.name))
