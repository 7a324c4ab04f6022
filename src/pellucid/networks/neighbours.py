"""Files beside a person's own network that it imports: a run keeps one file, so they are refused before it begins."""

from __future__ import annotations

import ast
import sys
from importlib.machinery import PathFinder
from pathlib import Path

from pellucid.ground.errors import UserError

__all__ = ["check_stands_alone"]


def check_stands_alone(name: str) -> None:
    """Check that the file of `file.py:ClassName` imports none of the files beside it; the file is read, not run.

    What is installed, or found through PYTHONPATH, may be imported.

    Raises:
        UserError: it imports a neighbour; the message names the files.
    """
    path = Path(name.rpartition(":")[0])
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return  # told where the file is imported
    neighbours = {}
    for module in _imported(tree):
        for folder in dict.fromkeys((path.resolve().parent, Path.cwd())):
            candidates = [folder / f"{module}.py", folder / module / "__init__.py"]
            file = next((candidate for candidate in candidates if candidate.is_file()), None)
            if file is not None and not _is_found_elsewhere(module, {path.resolve().parent, Path.cwd()}):
                neighbours[module] = file
    if neighbours:
        listed = ", ".join(str(file) for file in neighbours.values())
        raise UserError(
            f"{path} imports {' and '.join(neighbours)} from {listed}; a run keeps one file, so that it can be resumed "
            f"and evaluated from anywhere: put that code into {path.name}, or install it as a package"
        )


def _imported(tree: ast.Module) -> list[str]:
    """List the top-level modules that are imported anywhere in a file; relative imports are of neighbours."""
    names: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= dict.fromkeys(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            given = [node.module] if node.module else [alias.name for alias in node.names]
            names |= dict.fromkeys(module.partition(".")[0] for module in given)
    return list(names)


def _is_found_elsewhere(module: str, folders: set[Path]) -> bool:
    if module in sys.stdlib_module_names:
        return True
    elsewhere = [entry for entry in sys.path if Path(entry or ".").resolve() not in folders]
    return PathFinder.find_spec(module, elsewhere) is not None
