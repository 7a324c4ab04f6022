"""Do the tests notice a fault? Break a random sample of places, one at a time, and run the tests of the room.

    python benchmarks/mutation.py --sample 40 --tests tests/evaluation/test_evaluation_measures.py \
        -- src/pellucid/evaluation/measures.py

A place is broken in one of five ways: a comparison is turned round, a whole number is one larger, `and` becomes `or`,
an arithmetical sign is exchanged, a statement that only calls something is left out. Each broken file is read in a
process of its own, forked after the slow imports; the file on the disk is never changed.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib.machinery
import os
import random
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.dont_write_bytecode = True

TURNED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
EXCHANGED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Add,
}  # fmt: skip


def broken(node: ast.AST) -> ast.AST | None:
    """Return the node with its fault, or None where nothing of it can be broken."""
    fault = copy.deepcopy(node)
    if isinstance(fault, ast.Compare) and type(fault.ops[0]) in TURNED:
        fault.ops[0] = TURNED[type(fault.ops[0])]()
    elif isinstance(fault, ast.Constant) and type(fault.value) is int:
        fault.value += 1
    elif isinstance(fault, ast.BoolOp):
        fault.op = ast.Or() if isinstance(fault.op, ast.And) else ast.And()
    elif isinstance(fault, ast.BinOp) and type(fault.op) in EXCHANGED:
        fault.op = EXCHANGED[type(fault.op)]()
    elif isinstance(fault, ast.Expr) and isinstance(fault.value, ast.Call):
        fault = ast.copy_location(ast.Pass(), node)
    else:
        return None
    return fault


def in_functions(tree: ast.Module) -> dict[ast.AST, str]:
    """Give what runs inside functions, with the innermost one's name, but no annotations and no default values."""
    inside: dict[ast.AST, str] = {}
    for function in ast.walk(tree):  # outer ones first
        if isinstance(function, ast.FunctionDef):
            for statement in function.body:
                inside.update(dict.fromkeys(ast.walk(statement), function.name))
    return inside


class Swap(ast.NodeTransformer):
    """Put the broken node where the whole one is."""

    def __init__(self, whole: ast.AST, fault: ast.AST) -> None:
        self.whole, self.fault = whole, fault

    def visit(self, node: ast.AST) -> ast.AST:
        return self.fault if node is self.whole else self.generic_visit(node)


@dataclass(frozen=True)
class Fault:
    """One place of a file, the function it is in, and what becomes of it."""

    path: Path
    function: str
    whole: ast.AST
    fault: ast.AST

    def __str__(self) -> str:
        line, column = self.whole.lineno, self.whole.col_offset  # type: ignore[attr-defined]
        became = f"{ast.unparse(self.whole)}  became  {ast.unparse(self.fault)}"
        text = self.path.read_text().splitlines()[line - 1].strip()
        return f"{self.path.name}:{line}:{column + 1} in {self.function}: {became}\n    {text}"

    def tree(self) -> ast.Module:
        """Read the file once more, with the fault in it, since the swap changes the tree."""
        text = self.path.read_text()
        tree = ast.parse(text)
        twins = [node for node in ast.walk(tree) if ast.dump(node, include_attributes=True) == self._as_text]
        return Swap(twins[0], self.fault).visit(tree)  # type: ignore[no-any-return]

    @property
    def _as_text(self) -> str:
        return ast.dump(self.whole, include_attributes=True)


def begin(path: Path, tree: ast.Module, tests: list[str], seconds: int) -> int:
    """Run the tests in a fork that reads `tree` in place of the file; give its process number."""
    code = compile(ast.fix_missing_locations(tree), str(path), "exec")

    class Loader(importlib.machinery.SourceFileLoader):
        def get_code(self, fullname: str) -> object:
            return code if Path(self.path).resolve() == path else super().get_code(fullname)

    process = os.fork()
    if process == 0:
        compiled = (importlib.machinery.ExtensionFileLoader, importlib.machinery.EXTENSION_SUFFIXES)
        sys.path_hooks.insert(0, importlib.machinery.FileFinder.path_hook(compiled, (Loader, [".py"])))
        sys.path_importer_cache.clear()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        signal.alarm(seconds)
        os._exit(int(pytest.main([*tests, "-x", "-q", "-p", "no:cacheprovider"])))
    return process


def faults_of(path: Path) -> list[Fault]:
    """List every fault that one file can be given."""
    return [
        Fault(path, function, node, fault)
        for node, function in in_functions(ast.parse(path.read_text())).items()
        if (fault := broken(node)) is not None
    ]


def run_all(faults: list[Fault], tests: list[str], seconds: int, jobs: int, until: float) -> dict[Fault, bool]:
    """Try the faults, so many at a time, and say of each whether it was noticed."""
    waiting, running = list(reversed(faults)), {}
    noticed: dict[Fault, bool] = {}
    while running or (waiting and time.monotonic() < until):
        while waiting and len(running) < jobs and time.monotonic() < until:
            fault = waiting.pop()
            running[begin(fault.path, fault.tree(), tests, seconds)] = fault
        process, status = os.wait()
        fault = running.pop(process)
        noticed[fault] = os.waitstatus_to_exitcode(status) != 0
        if not noticed[fault]:
            print(f"{fault}", flush=True)
    return noticed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--tests", nargs="+", required=True, help="the most likely to notice first")
    parser.add_argument("--sample", type=int, default=40)
    parser.add_argument("--seed", type=int, default=9)
    parser.add_argument("--jobs", type=int, default=1, help="so many faults are tried at a time")
    parser.add_argument(
        "--seconds", type=int, default=120, help="limit of one run of the tests; over it counts as noticed"
    )
    parser.add_argument("--minutes", type=float, default=60, help="stop after so long, and say how many were tried")
    asked = parser.parse_args()
    # What is slow to load and never broken is loaded once, before the forks.
    import hypothesis  # noqa: F401
    import matplotlib.figure  # noqa: F401
    import torch

    torch.set_num_threads(1)
    paths = [path.resolve() for path in asked.files]
    begun = time.monotonic()
    whole = begin(paths[0], ast.parse(paths[0].read_text()), asked.tests, 10 * asked.seconds)
    if os.waitpid(whole, 0)[1]:
        sys.exit("the tests fail before anything is broken; expected them to pass")
    print(f"the tests take {time.monotonic() - begun:.0f} s; these faults went unnoticed:", flush=True)
    faults = [fault for path in paths for fault in faults_of(path)]
    random.seed(asked.seed)
    sample = random.sample(faults, min(asked.sample, len(faults)))
    noticed = run_all(sample, asked.tests, asked.seconds, asked.jobs, begun + 60 * asked.minutes)
    for path in paths:
        here = [was for fault, was in noticed.items() if fault.path == path]
        print(f"{path.name}: {sum(here)} of {len(here)} noticed, of {len(faults_of(path))} places")
    print(f"{sum(noticed.values())} of {len(noticed)} faults noticed, of {len(faults)} places", flush=True)


if __name__ == "__main__":
    main()
