"""The run: a directory that training writes and everything else reads, and nothing else.

run.json          what was asked: network, data, recipe, seed; preprocessing, class names, versions
network.py        the file of a person's own network, as it was when training began
data.json         the image set: counts, classes, left-out images
splits.json       the images of each split, where a seed made the split
metrics.jsonl     a line for each logging event
weights/          the weights of every epoch that is kept: epoch-001.safetensors …
checkpoints/      what an exact resume needs: the newest two, each with its manifest
curves.png        loss and accuracy over the epochs
evaluation.json   what `pellucid evaluate` measured (its fields: pellucid/evaluation/result.py)
predictions.csv   the network's probabilities for each test image
calibration.json  the temperature of its probabilities, and the confidence to answer at
robustness.json   its accuracy on changed images
audit.json        what `pellucid audit` found in its images (its fields: pellucid/audit/result.py)
duplicates.csv    the pairs of images that show the same
report.html       everything above to look at
evaluations/      the same figures and tables for other images and splits
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid.ground.errors import UserError
from pellucid.ground.files import PARTIAL, write_bytes, write_json
from pellucid.ground.shown import Shown

if TYPE_CHECKING:
    from torch import Tensor, nn

    from pellucid.data import ImageSet
    from pellucid.data.preprocessing import Preprocessing

__all__ = ["DataRequest", "Run", "RunRecord", "find_runs", "open_run"]

FORMAT = 1
WRITTEN_BEFORE_THE_RECORD = {"network.py", "data.json", "splits.json"}


@dataclass(frozen=True, kw_only=True)
class DataRequest:
    """Which image set was asked for, with every option that changes its pixels or its splits."""

    source: str
    """A name such as `cifar10`, or the absolute path of a folder or an archive."""
    data_dir: str | None
    size: tuple[int, int] | None
    channels: int | None
    fit: str
    strict: bool
    split_seed: int
    fingerprint: str


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """What was asked of a training, as `run.json` holds it; written once, before the first step."""

    network: str
    """A network's name, or `file.py:ClassName`; the file itself is then kept in the run."""
    data: DataRequest
    recipe: dict[str, Any]
    seed: int
    device: str
    threads: int
    """Threads within an operation on the CPU. Another number may round sums differently, so a resume keeps it."""
    processes: int
    keep: int | None
    """How many epochs' weights are kept, the newest; None keeps all."""
    classes: tuple[str, ...]
    preprocessing: dict[str, Any]
    versions: dict[str, str]
    created: str


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
            write_bytes(directory / "network.py", own_file.read_bytes())
        write_json(directory / "data.json", data)
        if splits is not None:
            write_json(directory / "splits.json", splits)
        write_json(directory / "run.json", {"format": FORMAT, **asdict(record)})
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
        """The class names; output k of the network is the score of class k."""
        return self.record.classes

    @property
    def preprocessing(self) -> Preprocessing:
        """How pixels become the network's input."""
        from pellucid.data.preprocessing import Preprocessing

        return Preprocessing.from_dict(self.record.preprocessing)

    @property
    def data(self) -> dict[str, Any]:
        """What `data.json` says of the image set."""
        document: dict[str, Any] = json.loads((self.directory / "data.json").read_text(encoding="utf-8"))
        return document

    def metrics(self, event: str | None = None) -> list[dict[str, Any]]:
        """Read the lines of `metrics.jsonl`, all or those of one kind (`batch`, `epoch`, `end`).

        A last line that a kill cut short is passed over.
        """
        path = self.directory / "metrics.jsonl"
        if not path.exists():
            return []
        complete, _, _ = path.read_bytes().rpartition(b"\n")
        lines = [json.loads(line) for line in complete.splitlines()]
        return [line for line in lines if event is None or line["event"] == event]

    def epochs(self) -> list[int]:
        """List the epochs whose weights are kept, ascending; the first epoch is 1."""
        return sorted(
            int(path.stem.removeprefix("epoch-")) for path in self.directory.glob("weights/epoch-*.safetensors")
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

        path = self.directory / ".lock"
        if not path.exists():
            return False
        try:
            with FileLock(path, timeout=0):
                return False
        except (Timeout, PermissionError):
            return True

    def weights_path(self, epoch: int) -> Path:
        """Where the weights of an epoch are, or would be."""
        return self.directory / "weights" / f"epoch-{epoch:03d}.safetensors"

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
            raise UserError(f"{path} is damaged ({error}); pellucid resume {self.directory} writes it anew") from error

    def open_images(self) -> ImageSet:
        """Open the image set the run began with, from the cache or from where it came.

        Raises:
            UserError: it is gone, or its images or their splits are no longer the same.
        """
        from pellucid.data import open_image_set

        asked = self.record.data
        images = open_image_set(
            asked.source,
            data_dir=asked.data_dir,
            size=asked.size,
            channels=asked.channels,
            fit=asked.fit,
            strict=asked.strict,
            split_seed=asked.split_seed,
        )
        if images.fingerprint != asked.fingerprint:
            raise UserError(
                f"the images of {asked.source} are not those that {self.directory} began with (fingerprint "
                f"{images.fingerprint[:12]}, expected {asked.fingerprint[:12]}); put the old ones back, or begin anew"
            )
        return images

    def build_network(self) -> nn.Module:
        """Make the run's network with fresh weights; a person's own comes from the file kept in the run.

        Its weights and what it is given lie in memory as it computes fastest (`pellucid.networks.arrange`).
        """
        from pellucid.networks import arrange, build, is_own_file

        name = self.record.network
        if is_own_file(name):
            name = f"{self.directory / 'network.py'}:{name.rpartition(':')[2]}"
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
        UserError: there is no run, or one of a later pellucid, or its `run.json` is damaged.
    """
    directory = Path(path)
    file = directory / "run.json"
    if not file.is_file():
        near = find_runs(directory)
        hint = f"; it holds runs: {', '.join(run.directory.name for run in near[:5])}" if near else ""
        what = "has no run.json" if directory.is_dir() else "does not exist"
        raise UserError(f"{directory} is not a run: it {what}{hint}. `pellucid runs` lists runs")
    try:
        fields = json.loads(file.read_text(encoding="utf-8"))
        version = fields.pop("format")
        if version > FORMAT:
            raise UserError(f"{file} has format {version}, this pellucid reads up to {FORMAT}; update pellucid")
        data = fields.pop("data")
        data["size"] = tuple(data["size"]) if data["size"] else None
        fields["classes"] = tuple(fields["classes"])
        return Run(directory, RunRecord(data=DataRequest(**data), **fields))
    except (KeyError, TypeError, json.JSONDecodeError, AttributeError) as error:
        raise UserError(f"{file} is damaged: {type(error).__name__}: {error}") from error


def find_runs(directory: str | Path) -> list[Run]:
    """List the runs directly inside a directory, oldest first; a damaged one is passed over."""
    runs = []
    for file in Path(directory).glob("*/run.json"):
        try:
            runs.append(open_run(file.parent))
        except UserError:
            continue
    return sorted(runs, key=lambda run: (run.record.created, run.directory.name))
