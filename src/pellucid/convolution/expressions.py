"""Expressions in x, read by a parser that knows arithmetic and a list of functions, and nothing else."""

from __future__ import annotations

import ast
import operator
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.ground.errors import UserError, did_you_mean
from pellucid.ground.parsing import one_parser

__all__ = ["CONSTANTS", "FUNCTIONS", "Expression", "parse_expression"]

Values = NDArray[np.float64]
LONGEST = 300
"""Characters of an expression, at most; keeps its nesting within what Python's own parser takes."""

CONSTANTS = {"pi": float(np.pi), "e": float(np.e)}


def _rect(x: Values) -> Values:
    return np.where(np.abs(x) < 0.5, 1.0, np.where(np.abs(x) == 0.5, 0.5, 0.0))


def _tri(x: Values) -> Values:
    return np.maximum(0.0, 1.0 - np.abs(x))


def _step(x: Values) -> Values:
    return np.asarray(np.heaviside(x, 0.5), np.float64)


def _gauss(x: Values) -> Values:
    return np.asarray(np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi), np.float64)


FUNCTIONS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "sin": (np.sin, "sine"),
    "cos": (np.cos, "cosine"),
    "tan": (np.tan, "tangent"),
    "exp": (np.exp, "e to the power of x"),
    "log": (np.log, "natural logarithm"),
    "sqrt": (np.sqrt, "square root"),
    "abs": (np.abs, "absolute value"),
    "sign": (np.sign, "-1, 0 or 1"),
    "sinh": (np.sinh, "hyperbolic sine"),
    "cosh": (np.cosh, "hyperbolic cosine"),
    "tanh": (np.tanh, "hyperbolic tangent"),
    "atan": (np.arctan, "arc tangent"),
    "rect": (_rect, "box: 1 where |x| < 1/2, 1/2 where |x| = 1/2, else 0"),
    "tri": (_tri, "triangle: 1 - |x| where |x| < 1, else 0"),
    "step": (_step, "unit step: 0 below 0, 1/2 at 0, 1 above"),
    "sinc": (np.sinc, "sin(pi x) / (pi x)"),
    "gauss": (_gauss, "normal density: exp(-x^2 / 2) / sqrt(2 pi)"),
}
"""Each function an expression may call, with what it is."""

BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


@dataclass(frozen=True)
class Expression:
    """A function of x; called with numbers it gives float64 of the same shape."""

    text: str
    tree: ast.expr

    def __call__(self, x: ArrayLike) -> Values:
        """Evaluate in float64; what is undefined gives NaN or infinity, without a warning."""
        numbers = np.asarray(x, np.float64)
        with np.errstate(all="ignore"):
            return np.array(np.broadcast_to(_evaluate(self.tree, numbers), numbers.shape))

    def __str__(self) -> str:
        return self.text


def parse_expression(text: str) -> Expression:
    """Read an expression in x made of numbers, `+ - * / **`, brackets, `pi`, `e` and the listed functions.

    Nothing else is understood: no attributes, no other names, no strings, no comparisons. Everything is computed in
    float64, so that a tower of powers gives infinity at once.

    Raises:
        UserError: anything else; the message shows the part that was not understood.

    >>> parse_expression("exp(-x**2) + 1")([0.0, 1.0]).round(3).tolist()
    [2.0, 1.368]
    """
    if len(text) > LONGEST:
        raise UserError(f"the expression has {len(text)} characters; expected at most {LONGEST}")
    try:
        with one_parser, warnings.catch_warnings():  # the filters too are one for all threads
            warnings.simplefilter("ignore")  # Python's remarks on style, such as a digit next to a name
            tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise UserError(
            f"the expression {text!r} cannot be read; expected arithmetic in x, such as sin(x) or exp(-x**2)"
        ) from None
    _check(tree, text)
    return Expression(text.strip(), tree)


def _check(node: ast.expr, text: str) -> None:
    """Walk the tree and refuse whatever is not on the list."""
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
        try:
            float(node.value)
        except OverflowError:
            raise UserError(f"the expression {text!r} holds a number too large for float64") from None
    elif isinstance(node, ast.Name):
        if node.id in FUNCTIONS:
            raise UserError(f"{node.id!r} in {text!r} is a function; expected {node.id}(...)")
        if node.id != "x" and node.id not in CONSTANTS:
            names = ["x", *CONSTANTS, *FUNCTIONS]
            raise UserError(f"{node.id!r} in {text!r} is no known name; {did_you_mean(node.id, names)}")
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.UAdd, ast.USub)):
        _check(node.operand, text)
    elif isinstance(node, ast.BinOp) and type(node.op) in BINARY:
        _check(node.left, text)
        _check(node.right, text)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitXor):
        raise UserError(f"'^' in {text!r} is not a power here; write x**2")
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        _check_call(node, node.func.id, text)
    else:
        raise UserError(
            f"{ast.get_source_segment(text.strip(), node)!r} in {text!r} is not arithmetic; expected numbers, x, "
            f"+ - * / **, brackets, and the functions {', '.join(FUNCTIONS)}"
        )


def _check_call(node: ast.Call, name: str, text: str) -> None:
    if name not in FUNCTIONS:
        raise UserError(f"{name!r} in {text!r} is no known function; {did_you_mean(name, FUNCTIONS)}")
    if len(node.args) != 1 or node.keywords or isinstance(node.args[0], ast.Starred):
        given = len(node.args) + len(node.keywords)
        raise UserError(f"{name} in {text!r} is given {given} arguments; expected one, as in {name}(x)")
    _check(node.args[0], text)


def _evaluate(node: ast.expr, x: Values) -> Any:
    if isinstance(node, ast.Constant):
        return np.float64(node.value)  # type: ignore[arg-type]  # _check let only numbers through
    if isinstance(node, ast.Name):
        return x if node.id == "x" else np.float64(CONSTANTS[node.id])
    if isinstance(node, ast.UnaryOp):
        value = _evaluate(node.operand, x)
        return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.BinOp):
        return BINARY[type(node.op)](_evaluate(node.left, x), _evaluate(node.right, x))
    assert isinstance(node, ast.Call)
    assert isinstance(node.func, ast.Name)
    return FUNCTIONS[node.func.id][0](_evaluate(node.args[0], x))
