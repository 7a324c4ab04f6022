"""Networks from a person's own file, given as `path/to/file.py:ClassName`."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType

from torch import nn

from pellucid.ground.errors import UserError, did_you_mean
from pellucid.networks.timm_models import is_timm

__all__ = ["is_own_file", "load_own_class", "make_own"]


def is_own_file(name: str) -> bool:
    """Whether a network's name means a class in a person's own file (`my_nets.py:TinyNet`)."""
    return (".py" in name or ":" in name) and not is_timm(name)


def load_own_class(name: str, source: bytes | None = None) -> type[nn.Module]:
    """Import `file.py:ClassName` and return the class. The file is run, as Python runs any file.

    Args:
        name: the file and the class.
        source: the file's content, where it was read and checked before; the file is not read again then.

    Raises:
        UserError: the form is another, the file or the class is not there, or the file fails on import.
    """
    file, _, class_name = name.rpartition(":")
    path = Path(file)
    if not file or not class_name or path.suffix != ".py":
        raise UserError(f"the network is given as {name!r}; expected file.py:ClassName, like my_nets.py:TinyNet")
    if source is None:
        if not path.is_file():
            raise UserError(f"the network's file {file} does not exist (looked in {Path.cwd()})")
        source = path.read_bytes()
    module = _run(path, source)
    network_class = getattr(module, class_name, None)
    if not (inspect.isclass(network_class) and issubclass(network_class, nn.Module)):
        tree = ast.parse(source)
        names = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
        hint = did_you_mean(class_name, names) if names else "the file defines no class"
        what = "is not a torch.nn.Module" if network_class is not None else f"is not in {file}"
        raise UserError(f"the class {class_name} {what}; {hint}")
    return network_class


def _run(path: Path, source: bytes) -> ModuleType:
    """Run a file's content as a module. What Python compiled earlier and left beside the file is not looked at."""
    specification = importlib.util.spec_from_loader(f"pellucid_own_{path.stem}", loader=None, origin=str(path))
    assert specification is not None
    module = importlib.util.module_from_spec(specification)
    module.__file__ = str(path)
    sys.modules[specification.name] = module  # dataclasses and pickling look a class's module up there
    try:
        exec(compile(source, str(path), "exec"), module.__dict__)
    except Exception as error:
        raise UserError(f"{path} fails on import: {type(error).__name__}: {error}") from error
    return module


def make_own(name: str, input_shape: tuple[int, int, int], classes: int, source: bytes | None = None) -> nn.Module:
    """Make a network of a person's own class, called with those of our keywords that it takes.

    With `source`, the file's content, the file is not read again (see `load_own_class`).

    Raises:
        UserError: the class cannot be loaded, needs more than these keywords, or fails.
    """
    own_class = load_own_class(name, source)
    offered = {
        "input_shape": input_shape,
        "in_channels": input_shape[0],
        "classes": classes,
        "num_classes": classes,
    }
    parameters = inspect.signature(own_class).parameters
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
        return own_class(**given)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{name} cannot be made with {given}: {type(error).__name__}: {error}") from error
