"""What the studio works on: a folder of runs, images that were given to it, and the passes that it holds."""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.glass import Glass, look
from pellucid.ground.errors import UserError, did_you_mean, system_error
from pellucid.prediction.picture import REFERENCE
from pellucid.run import Run, RunFile, find_runs, open_run
from pellucid.studio.jobs import Jobs

__all__ = ["GIVEN", "GivenImages", "Workplace", "network_file"]

MOST_PASSES = 6
"""Passes that are held: a step back, another epoch, two runs beside each other are shown at once."""

MOST_GIVEN_BYTES = 256_000_000
GIVEN = "given-"


class GivenImages:
    """Images that a person dropped, photographed or drew, by a name made of their content; the oldest go first."""

    def __init__(self) -> None:
        self._images: OrderedDict[str, tuple[str, bytes | NDArray[np.uint8], int]] = OrderedDict()
        self._lock = threading.Lock()

    def add_file(self, content: bytes, name: str) -> str:
        """Keep the bytes of an image file; give the name by which it is asked for."""
        return self._add(content, name, content, len(content))

    def add_pixels(self, pixels: NDArray[np.uint8], name: str) -> str:
        """Keep pixels `[H, W, C]` uint8; give the name by which they are asked for."""
        return self._add(pixels, name, pixels.tobytes() + repr(pixels.shape).encode(), pixels.nbytes)

    def _add(self, image: bytes | NDArray[np.uint8], name: str, content: bytes, size: int) -> str:
        key = GIVEN + hashlib.sha256(content).hexdigest()[:16]
        with self._lock:
            self._images[key] = (name, image, size)
            self._images.move_to_end(key)
            while sum(held for _, _, held in self._images.values()) > MOST_GIVEN_BYTES and len(self._images) > 1:
                self._images.popitem(last=False)
        return key

    def get(self, key: str) -> tuple[str, bytes | NDArray[np.uint8]]:
        """Give what an image was called, and the file's bytes or the pixels.

        Raises:
            UserError: it is no longer held.
        """
        with self._lock:
            if key not in self._images:
                raise UserError("this image is no longer held by the studio; give it again")
            name, image, _ = self._images[key]
            return name, image


class Workplace:
    """A folder of runs and what is being looked at."""

    def __init__(self, folder: Path, *, trust: bool = False) -> None:
        """Open a folder.

        Args:
            folder: its runs are what the studio shows, also those that come later.
            trust: whether networks from files inside runs that this installation did not make may be run.
        """
        self.folder = folder
        self.given = GivenImages()
        self.jobs = Jobs()
        self.computing = threading.RLock()
        """Held while something is computed here: two passes at once would only share the cores."""
        self.is_closing: Callable[[], bool] = lambda: False
        """Whether the server is about to end, so that answers that go on for ever must."""
        self._trusted: dict[str, str] = {}
        self._trust = trust
        self._passes: OrderedDict[tuple[object, ...], Glass] = OrderedDict()

    def runs(self) -> list[Run]:
        """List the runs, oldest first."""
        return find_runs(self.folder)

    def run(self, name: str) -> Run:
        """Open a run by the name of its directory.

        Raises:
            UserError: there is no such run in the folder, or it is damaged.
        """
        if not self._holds(name):
            names = [run.directory.name for run in self.runs()]
            raise UserError(f"no run is called {name!r}; {did_you_mean(name, names) if names else 'there is none yet'}")
        run = open_run(self.folder / name, trust=self._trust)
        if name in self._trusted and self._trusted[name] == hashlib.sha256(network_file(run)).hexdigest():
            return open_run(self.folder / name, trust=True)
        return run

    def damaged(self) -> list[tuple[str, str]]:
        """Name each directory that is a run and cannot be opened, and why."""
        damaged = []
        marks = (RunFile.RECORD, RunFile.METRICS, RunFile.WEIGHTS)
        for name in sorted({path.parent.name for mark in marks for path in self.folder.glob(f"*/{mark}")}):
            try:
                open_run(self.folder / name)
            except (UserError, OSError) as error:
                damaged.append((name, system_error(error) if isinstance(error, OSError) else str(error)))
        return damaged

    def _holds(self, name: str) -> bool:
        """Whether a run is called so: the folder's names are compared, and no odd name becomes a path."""
        try:
            return name in os.listdir(self.folder) and (self.folder / name / RunFile.RECORD).exists()
        except OSError:
            return False

    def trust(self, name: str, sha256: str) -> None:
        """Let the network from a run's file be run, as the person agreed to who read it; a changed file asks again.

        Raises:
            UserError: there is no such run, or its file is not the one that was read.
        """
        if hashlib.sha256(network_file(self.run(name))).hexdigest() != sha256:
            raise UserError(f"the network's file of {name} was changed since you read it; read it again")
        self._trusted[name] = sha256

    def image(self, reference: str) -> Any:
        """Give an image as `pellucid.look` takes it: a reference to the run's own data as it is, or one given here.

        Raises:
            UserError: it is neither, or no longer held.
        """
        if reference.startswith(GIVEN):
            return self.given.get(reference)[1]
        if not REFERENCE.fullmatch(reference):  # a path would let any page read any picture of this machine
            raise UserError(
                f"the image is {reference!r}; expected one of the run's own, like test/17, or one given here"
            )
        return reference

    def glass(self, name: str, epoch: str | None, image: str, *, hold: bool = True) -> Glass:
        """Look at an image through a run's network, or take the pass that is held.

        Args:
            name: the run's.
            epoch: as it stands in an address; None for the run's own choice.
            image: as `image` takes it.
            hold: whether a new pass is held; one that is only glanced at must not push out what is being looked at.

        Raises:
            UserError: whatever `pellucid.look` raises.
        """
        run = self.run(name)
        resolved = run.resolve_epoch(_epoch(epoch))
        key = (name, run.record.identity, resolved, image)
        try:
            return self.kept(key, lambda: look(run, self.image(image), epoch=resolved), hold=hold)
        except UserError as error:
            if not image.startswith(GIVEN) or not str(error).startswith("the image: "):
                raise
            named = str(error).replace("the image: ", f"{self.given.get(image)[0]}: ", 1)
            raise UserError(named) from error

    def kept(self, key: tuple[object, ...], make: Callable[[], Glass], *, hold: bool = True) -> Glass:
        """Take a pass that is held, or make it."""
        with self.computing:
            if key in self._passes:
                self._passes.move_to_end(key)
                return self._passes[key]
            glass = make()
            if hold:
                self._passes[key] = glass
            while len(self._passes) > MOST_PASSES:
                self._passes.popitem(last=False)
            return glass


def network_file(run: Run) -> bytes:
    """Read the file of a run's own network; nothing of it is run.

    Raises:
        UserError: the run has none.
    """
    try:
        return (run.directory / RunFile.NETWORK).read_bytes()
    except FileNotFoundError as error:
        raise UserError(f"{run.directory} has no {RunFile.NETWORK}: its network is not from a file") from error


def _epoch(text: str | None) -> int | str | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 9 else text
