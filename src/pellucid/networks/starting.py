"""The weights that a training begins with: pretrained ones, those of a person's file, or random ones when asked for."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from pellucid.ground.errors import UserError, did_you_mean, system_error
from pellucid.networks.last_layer import last_layer
from pellucid.networks.pretrained import Pretrained
from pellucid.networks.registry import NETWORKS
from pellucid.networks.timm_models import TIMM, is_timm, timm_pretrained

__all__ = [
    "RANDOM",
    "StartingWeights",
    "begin_with",
    "begins_pretrained",
    "brings_statistics",
    "check_weights",
    "starting_weights",
]

RANDOM, OWN = "random", "pretrained"
SUFFIX = ".safetensors"
COUNTER = "num_batches_tracked"


@dataclass(frozen=True, kw_only=True)
class StartingWeights:
    """Tensors to begin with, and where they are from."""

    tensors: dict[str, Tensor]
    asked: str
    """`pretrained`, or the absolute path of a file."""
    source: str
    licence: str
    sha256: str
    """Of the file; of the tensors as one safetensors file where timm brought them."""
    mean: tuple[float, ...] | None
    """Of the pixels that they expect, one value a channel; None where that is not known."""
    std: tuple[float, ...] | None
    stem: str | None = None
    """The weight of the first convolution, which is summed over its channels for grey images."""

    @property
    def statistics(self) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
        """Mean and standard deviation of each channel of the pixels that they expect; None where that is not known."""
        return (self.mean, self.std) if self.mean and self.std else None

    @property
    def origin(self) -> dict[str, str]:
        """Where they are from, for a run's record."""
        return {"asked": self.asked, "source": self.source, "licence": self.licence, "sha256": self.sha256}


def begins_pretrained(network: str, weights: str | None) -> bool:
    """Whether a network of this name begins with weights that were trained before, if `weights` are asked for."""
    return weights != RANDOM if weights is not None else is_timm(network) or _pretrained(network) is not None


def brings_statistics(network: str, weights: str | None) -> bool:
    """Whether it is known which pixels the weights that are asked for expect, so that images are scaled to that."""
    return begins_pretrained(network, weights) and (is_timm(network) or _pretrained(network) is not None)


def check_weights(network: str, weights: str | None) -> None:
    """Check what is asked for, as far as that can be seen without reading it.

    Raises:
        UserError: the network has no pretrained weights, they are not installed, or the file is not there.
    """
    pretrained = _pretrained(network)
    if weights == RANDOM or (weights is None and pretrained is None):
        return
    if weights in (None, OWN):
        if pretrained is None and not is_timm(network):
            having = ", ".join(name for name, entry in NETWORKS.items() if entry.pretrained)
            raise UserError(f"there are no pretrained weights of {network}; there are of: {having}, and of {TIMM}NAME")
        if pretrained is not None and pretrained.path is None:
            pretrained.tensors()  # which says what to install
    elif not str(weights).endswith(SUFFIX):
        raise UserError(
            f"weights are {weights!r}; {did_you_mean(str(weights), [OWN, RANDOM])}, or a file of the form {SUFFIX}"
        )
    elif not Path(str(weights)).expanduser().is_file():
        raise UserError(f"the file of weights {weights} does not exist (looked in {Path.cwd()})")


def starting_weights(
    network: str, weights: str | None, input_shape: tuple[int, int, int], classes: int
) -> StartingWeights | None:
    """Read the weights that a training begins with; None where they are to be random.

    Args:
        network: a network's name or `file.py:ClassName`.
        weights: `pretrained`, `random`, the path of a .safetensors file, or None: pretrained where the network has
            such weights. Where they cannot be had, that is an error; nothing is begun with random ones instead.
        input_shape: `(C, H, W)`.
        classes: K.

    Raises:
        UserError: they cannot be read, or are not those that are known.
    """
    check_weights(network, weights)
    pretrained = _pretrained(network)
    if not begins_pretrained(network, weights):
        return None
    if weights not in (None, OWN):
        return _of_file(Path(str(weights)).expanduser().absolute(), pretrained, input_shape[0])
    if pretrained is None:
        return _of_timm(network, input_shape, classes)
    return StartingWeights(
        tensors=pretrained.tensors(),
        asked=OWN,
        source=pretrained.source,
        licence=pretrained.licence,
        sha256=pretrained.sha256,
        mean=_for_channels(pretrained.mean, input_shape[0]),
        std=_for_channels(pretrained.std, input_shape[0]),
        stem=pretrained.stem,
    )


def begin_with(network: nn.Module, starting: StartingWeights, input_shape: tuple[int, int, int]) -> None:
    """Put weights into a network; its last layer stays as it is where theirs is for other classes.

    Raises:
        UserError: they are not this network's.
    """
    expected = network.state_dict()
    last = last_layer(network, input_shape)
    is_of_last = (f"{last}.weight", f"{last}.bias") if last else ()
    given = dict(starting.tensors)
    if starting.stem in expected and starting.stem in given and expected[starting.stem].shape[1] == 1:
        given[starting.stem] = given[starting.stem].sum(1, keepdim=True)  # as if the grey image had three channels
    fitting = {name: tensor for name, tensor in given.items() if _form(tensor) == _form(expected.get(name))}
    wrong = [
        name
        for name in sorted(given.keys() | expected.keys())
        if name not in fitting and name not in is_of_last and not (name.endswith(COUNTER) and name not in given)
    ]
    if wrong:
        name = wrong[0]
        raise UserError(
            f"the weights of {starting.source} are not this network's: {len(wrong):,} tensors differ; {name} is "
            f"{_form(given.get(name)) or 'nothing'}, expected {_form(expected.get(name)) or 'nothing'}"
        )
    network.load_state_dict(fitting, strict=False)


def _of_file(path: Path, pretrained: Pretrained | None, channels: int) -> StartingWeights:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        content = path.read_bytes()
        tensors = load(content)
    except OSError as error:
        raise UserError(f"the weights cannot be read: {system_error(error)}") from error
    except SafetensorError as error:
        raise UserError(f"{path} is no file of weights that can be read ({error}); expected {SUFFIX}") from error
    return StartingWeights(
        tensors=pretrained.translated(tensors) if pretrained else tensors,
        asked=str(path),
        source=str(path),
        licence="unknown",
        sha256=hashlib.sha256(content).hexdigest(),
        mean=_for_channels(pretrained.mean, channels) if pretrained else None,
        std=_for_channels(pretrained.std, channels) if pretrained else None,
        stem=pretrained.stem if pretrained else None,
    )


def _of_timm(network: str, input_shape: tuple[int, int, int], classes: int) -> StartingWeights:
    from safetensors.torch import save

    made, said = timm_pretrained(network, input_shape, classes)
    last = last_layer(made, input_shape)
    tensors = {
        name: tensor.detach().clone().contiguous()
        for name, tensor in made.state_dict().items()
        if not last or name not in (f"{last}.weight", f"{last}.bias")  # random, for other classes than its own
    }
    mean, std = said.get("mean"), said.get("std")
    return StartingWeights(
        tensors=tensors,
        asked=OWN,
        source=str(said.get("hf_hub_id") or said.get("url") or network),
        licence=str(said.get("license") or "unknown"),
        sha256=hashlib.sha256(save(tensors)).hexdigest(),
        mean=_for_channels(tuple(map(float, mean)), input_shape[0]) if mean else None,
        std=_for_channels(tuple(map(float, std)), input_shape[0]) if std else None,
    )


def _pretrained(network: str) -> Pretrained | None:
    return NETWORKS[network].pretrained if network in NETWORKS else None


def _for_channels(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    return values if len(values) == channels else (sum(values) / len(values),) * channels


def _form(tensor: Tensor | None) -> str:
    return "" if tensor is None else f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
