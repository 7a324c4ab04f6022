"""Networks by name, or from a person's own file as `path/to/file.py:ClassName`."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from pellucid.ground.errors import UserError, did_you_mean
from pellucid.networks.fitting import check_fits
from pellucid.networks.residual import SmallResnet
from pellucid.networks.simple import SimpleCifar, SimpleMnist

__all__ = ["NETWORKS", "Network", "build", "default_input", "is_own_file", "load_own_class"]


@dataclass(frozen=True)
class Network:
    """A network that has a name."""

    make: Callable[..., nn.Module]
    """Called with `input_shape=(C, H, W)` and `classes=K`."""

    default_input: tuple[int, int, int]
    """The `(C, H, W)` it was made for; others work too."""

    summary: str


NETWORKS = {
    "simple-cifar": Network(SimpleCifar, (3, 32, 32), "the lesson's CIFAR-10 network: 2 convolutions, 2 linear"),
    "simple-mnist": Network(SimpleMnist, (1, 28, 28), "the lesson's MNIST network: with batch norm and dropout"),
    "small-resnet": Network(SmallResnet, (3, 32, 32), "a small residual network for scores above 90 % on CIFAR-10"),
}


def is_own_file(name: str) -> bool:
    """Whether a network's name means a class in a person's own file (`my_nets.py:TinyNet`)."""
    return ".py" in name or ":" in name


def default_input(name: str) -> tuple[int, int, int]:
    """Give the `(C, H, W)` that a named network was made for; 3×32×32 for a person's own.

    >>> default_input("simple-mnist")
    (1, 28, 28)
    """
    return NETWORKS[name].default_input if name in NETWORKS else (3, 32, 32)


def build(name: str, *, input_shape: tuple[int, int, int], classes: int) -> nn.Module:
    """Make a network with fresh weights and check, by running it once, that it takes the input and the classes.

    Args:
        name: one of `NETWORKS`, or `file.py:ClassName`. A class of one's own is called with those of the
            keywords `input_shape`, `in_channels`, `classes`, `num_classes` that its `__init__` takes.
        input_shape: `(C, H, W)`.
        classes: K, 2 or more.

    Raises:
        UserError: no such network, file or class; or it cannot take this input: which layer, and why.

    >>> sum(p.numel() for p in build("simple-cifar", input_shape=(3, 32, 32), classes=10).parameters())
    268650
    """
    if is_own_file(name):
        network = _make_own(load_own_class(name), name, input_shape, classes)
    else:
        check_name(name)
        network = NETWORKS[name].make(input_shape=input_shape, classes=classes)
    check_fits(network, name, input_shape, classes)
    return network


def check_name(name: str) -> None:
    """Check that a network has this name, without making it.

    Raises:
        UserError: no such network, file or class; the message has the nearest name.
    """
    if is_own_file(name):
        load_own_class(name)
    elif name not in NETWORKS:
        raise UserError(
            f"no network is called {name!r}; {did_you_mean(name, NETWORKS)}; "
            "for a network of your own give its file and class, like my_nets.py:TinyNet"
        )


def load_own_class(name: str) -> type[nn.Module]:
    """Import `file.py:ClassName` and return the class. The file is run, as Python runs any file.

    Raises:
        UserError: the form is another, the file or the class is not there, or the file fails on import.
    """
    file, _, class_name = name.rpartition(":")
    path = Path(file)
    if not file or not class_name or path.suffix != ".py":
        raise UserError(f"the network is given as {name!r}; expected file.py:ClassName, like my_nets.py:TinyNet")
    if not path.is_file():
        raise UserError(f"the network's file {file} does not exist (looked in {Path.cwd()})")
    specification = importlib.util.spec_from_file_location(f"pellucid_own_{path.stem}", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module  # dataclasses and pickling look a class's module up there
    try:
        specification.loader.exec_module(module)
    except Exception as error:
        raise UserError(f"{file} fails on import: {type(error).__name__}: {error}") from error
    found = getattr(module, class_name, None)
    if not (inspect.isclass(found) and issubclass(found, nn.Module)):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
        hint = did_you_mean(class_name, names) if names else "the file defines no class"
        what = "is not a torch.nn.Module" if found is not None else f"is not in {file}"
        raise UserError(f"the class {class_name} {what}; {hint}")
    return found


def _make_own(cls: type[nn.Module], name: str, input_shape: tuple[int, int, int], classes: int) -> nn.Module:
    offered = {
        "input_shape": input_shape,
        "in_channels": input_shape[0],
        "classes": classes,
        "num_classes": classes,
    }
    parameters = inspect.signature(cls).parameters
    takes_any = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values())
    given = {key: value for key, value in offered.items() if key in parameters}
    missing = [
        key
        for key, parameter in parameters.items()
        if parameter.default is inspect.Parameter.empty
        and parameter.kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        and key not in given
    ]
    if missing and not takes_any:
        raise UserError(
            f"{name} needs {', '.join(missing)}, which pellucid cannot give; "
            f"its __init__ may take {', '.join(offered)}, and defaults for the rest"
        )
    try:
        return cls(**given)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{name} cannot be made with {given}: {type(error).__name__}: {error}") from error
