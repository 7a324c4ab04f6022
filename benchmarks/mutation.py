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
from collections.abc import Iterator
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


def in_functions(tree: ast.Module) -> Iterator[ast.AST]:
    """Give what runs inside functions, but no annotations and no default values."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            for statement in function.body:
                yield from ast.walk(statement)


class Swap(ast.NodeTransformer):
    """Put the broken node where the whole one is."""

    def __init__(self, whole: ast.AST, fault: ast.AST) -> None:
        self.whole, self.fault = whole, fault

    def visit(self, node: ast.AST) -> ast.AST:
        return self.fault if node is self.whole else self.generic_visit(node)


def passes(path: Path, tree: ast.Module, tests: list[str], seconds: int) -> bool:
    """Run the tests in a fork that reads `tree` in place of the file."""
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
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--tests", nargs="+", required=True)
    parser.add_argument("--sample", type=int, default=40)
    parser.add_argument("--seed", type=int, default=9)
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
    trees = {path.resolve(): ast.parse(path.read_text()) for path in asked.files}
    places = [
        (path, node, fault)
        for path, tree in trees.items()
        for node in dict.fromkeys(in_functions(tree))
        if (fault := broken(node)) is not None
    ]
    path, tree = next(iter(trees.items()))
    begun = time.monotonic()
    if not passes(path, tree, asked.tests, 10 * asked.seconds):
        sys.exit("the tests fail before anything is broken; expected them to pass")
    random.seed(asked.seed)
    tried = noticed = 0
    for path, node, fault in random.sample(places, min(asked.sample, len(places))):
        if time.monotonic() - begun > 60 * asked.minutes:
            break
        # A second parse of the same text, since the swap changes the tree.
        text = path.read_text()
        tree = ast.parse(text)
        twins = dict(zip(ast.walk(trees[path]), ast.walk(tree), strict=True))
        alive = passes(path, Swap(twins[node], fault).visit(tree), asked.tests, asked.seconds)
        tried, noticed = tried + 1, noticed + (not alive)
        if alive:
            print(f"{path.name}:{node.lineno}: {ast.unparse(node)}  became  {ast.unparse(fault)}", flush=True)
    print(f"{noticed} of {tried} faults noticed, of {len(places)} places", flush=True)


if __name__ == "__main__":
    main()
