"""The house: a room imports only from rooms below it, no file is part of a circle, and every import is declared."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parent.parent / "src"
ROOMS = (
    "__main__",
    "cli",
    "studio",
    "api",
    "deployment",
    "reporting",
    "web",
    "figures",
    "causes",
    "attribution",
    "stepping",
    "glass",
    "auditing",
    "evaluation",
    "prediction",
    "training",
    "run",
    "arithmetic",
    "convolution",
    "data",
    "networks",
    "recipes",
    "ground",
)
"""From the top down. What a person imports, `pellucid` itself, stands beside them: it names things and runs nothing."""


def module_of(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in sorted((SOURCE / "pellucid").rglob("*.py"))}


def imports_of(module: str, source: str) -> Iterator[str]:
    """Name every module of pellucid that a file imports, wherever the import stands: functions and types included."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "pellucid")
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module} imports relatively"
            if node.module and node.module.split(".")[0] == "pellucid":
                for alias in node.names:
                    full = f"{node.module}.{alias.name}"
                    yield full if full in MODULES else node.module


def arrows(sources: dict[str, str]) -> dict[str, set[str]]:
    """Draw an arrow from every file to those it imports.

    A room's face (its `__init__`) hands names on: who imports it from outside arrives at the face, and the face at its
    files; inside a room files name each other, never their own face.
    """
    return {module: set(imports_of(module, source)) - {module} for module, source in sources.items()}


def room_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def upward(graph: dict[str, set[str]]) -> list[str]:
    floor = {room: height for height, room in enumerate(reversed(ROOMS))}
    found = []
    for module, targets in graph.items():
        if not room_of(module):
            continue
        for target in targets:
            if room_of(target) and floor[room_of(target)] > floor[room_of(module)]:
                found.append(f"{module} -> {target}")
    return sorted(found)


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """List the strongly connected components of more than one file (Tarjan 1972)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        order[module] = low[module] = len(order)
        stack.append(module)
        for target in graph.get(module, ()):
            if target not in order:
                visit(target)
                low[module] = min(low[module], low[target])
            elif target in stack:
                low[module] = min(low[module], order[target])
        if low[module] == order[module]:
            component = [stack.pop()]
            while component[-1] != module:
                component.append(stack.pop())
            if len(component) > 1:
                found.append(sorted(component))

    for module in graph:
        if module not in order:
            visit(module)
    return found


GRAPH = arrows({module: path.read_text(encoding="utf-8") for module, path in MODULES.items()})


def test_every_file_stands_in_a_room() -> None:
    assert {room_of(module) for module in MODULES} - {""} == set(ROOMS)


def test_imports_go_downwards_only() -> None:
    assert upward(GRAPH) == []


def test_no_file_is_part_of_a_circle() -> None:
    assert circles(GRAPH) == []


def test_an_upward_import_and_a_circle_would_be_seen() -> None:
    """Also where the import is hidden in a function, or behind TYPE_CHECKING."""
    sources = {
        "pellucid.ground.errors": "def f():\n    from pellucid.cli import main",
        "pellucid.cli": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pellucid.ground import errors",
    }
    graph = arrows(sources)
    assert upward(graph) == ["pellucid.ground.errors -> pellucid.cli"]
    assert circles(graph) == [["pellucid.cli", "pellucid.ground.errors"]]


def test_no_file_grows_beyond_one_subject() -> None:
    assert [module for module, path in MODULES.items() if len(path.read_text().splitlines()) > 500] == []


@pytest.mark.parametrize("kind", ["run", "optional"])
def test_every_library_that_is_imported_is_declared(kind: str) -> None:
    """At the top of a file only what is always installed; inside a function also what an extra brings."""
    project = tomllib.loads((SOURCE.parent / "pyproject.toml").read_text())["project"]
    always = {_import_name(line) for line in project["dependencies"]}
    extras = {_import_name(line) for lines in project["optional-dependencies"].values() for line in lines}
    allowed = always if kind == "run" else always | extras
    found = {}
    for module, path in MODULES.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        nodes = tree.body if kind == "run" else ast.walk(tree)
        for node in nodes:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            for name in names:
                top = name.split(".")[0]
                if top not in sys.stdlib_module_names and top != "pellucid" and top not in allowed:
                    found[top] = module
    assert found == {}


def _import_name(requirement: str) -> str:
    name = requirement.split(">")[0].split("=")[0].split("<")[0].split("[")[0].strip().lower()
    return {"pillow": "PIL", "scikit-learn": "sklearn", "pytorch-lightning": "lightning"}.get(
        name, name.replace("-", "_")
    )


def test_one_name_means_one_thing() -> None:
    """No two classes have one name, and no two rooms offer one."""
    classes: dict[str, list[str]] = {}
    offered: dict[str, list[str]] = {}
    for module, path in MODULES.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        is_face = path.name == "__init__.py" and module.count(".") == 1
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                classes.setdefault(node.name, []).append(module)
            if is_face and isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                for name in ast.literal_eval(node.value):
                    offered.setdefault(name, []).append(module)
    assert {name: homes for name, homes in (classes | offered).items() if len(homes) > 1} == {}
    assert {name: homes for name, homes in classes.items() if len(homes) > 1} == {}
