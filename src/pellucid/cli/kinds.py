"""Kinds of values on the command line: each reads a text, says what it expected, and completes it in the shell."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from pellucid.cli.completing import run_names, run_path
from pellucid.ground.errors import UserError, did_you_mean
from pellucid.ground.writing import ALL_DIGITS

__all__ = [
    "LARGEST_SIDE",
    "Choice",
    "Device",
    "Digits",
    "Epoch",
    "NameOf",
    "OfRun",
    "Place",
    "Range",
    "RunOrModel",
    "RunPath",
    "Size",
    "is_whole",
]

LARGEST_SIDE = 8192
"""Pixels in a row or column of an input, at most."""


def is_whole(text: str) -> bool:
    """Whether a text is a whole number of 0 or more in plain digits, not so long that nobody can mean it."""
    return text.isascii() and text.isdigit() and len(text) < 19


class Choice(click.Choice[str]):
    """One of a few words; a wrong one is told the nearest."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """Say what was given and what was expected."""
        return f"{str(value)!r}; {did_you_mean(str(value), self.choices)}"


class Place(click.Path):
    """A file or a folder; a blank name is refused, for it is an empty variable of a shell rather than a wish."""

    def __init__(self, *, file_okay: bool = True, dir_okay: bool = True, must_exist: bool = False) -> None:
        """`must_exist`: one that the command line names; a default and a variable may name a folder to come."""
        super().__init__(file_okay=file_okay, dir_okay=dir_okay, path_type=Path)
        self.must_exist = must_exist

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Check the name, and what lies there."""
        if not str(value).strip():
            self.fail(f"{str(value)!r} is blank; expected the name of a file or folder", param, ctx)
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if self.must_exist and ctx is not None and param is not None and param.name is not None:
            named = ctx.get_parameter_source(param.name) is ParameterSource.COMMANDLINE
            if named and not path.is_dir():
                self.fail(f"there is no folder {str(value)!r}", param, ctx)
        return path


class RunPath(click.ParamType[str]):
    """A run's directory, or the name of a run below `runs/`; gives the directory."""

    name = "run"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Find the run and read its record, so that a wrong name is told together with other mistakes."""
        from pellucid.run import open_run

        path = run_path(str(value))
        try:
            open_run(path)
        except UserError as error:
            self.fail(str(error), param, ctx)
        return path

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer the runs below `runs/` by name, and folders."""
        names = [CompletionItem(name) for name in run_names(incomplete)]
        return names or [CompletionItem(incomplete, type="dir")]


class RunOrModel(RunPath):
    """A run, or an `.onnx` file that was exported from one."""

    name = "run or model"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Take a model file as it is; find a run."""
        from pellucid.prediction.opening import is_model_file

        return str(value) if is_model_file(str(value)) else super().convert(value, param, ctx)


class Epoch(click.ParamType[str]):
    """An epoch whose weights are kept: `last`, `best` or a number counted from 1."""

    name = "epoch"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Show what it may be."""
        return "[last|best|N]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check the form; whether the run keeps that epoch is asked when it is opened."""
        if value not in ("last", "best") and not (is_whole(str(value)) and int(value) > 0):
            self.fail(f"{str(value)!r}; expected last, best or a number from 1", param, ctx)
        return str(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer the two words."""
        return _starting(incomplete, ("last", "best"))


class Keep(click.ParamType[int | str]):
    """Which epochs' weights a training keeps: all, or a number of the newest."""

    name = "keep"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Show what it may be."""
        return "[all|N]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        """Read a number; the words stay as they are."""
        if value in ("all", "best-and-last"):
            return str(value)
        if not (is_whole(str(value)) and 0 < int(value) <= 10**6):
            self.fail(f"{str(value)!r}; expected all or a number from 1", param, ctx)
        return int(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer the word."""
        return _starting(incomplete, ("all",))


class Device(click.ParamType[str]):
    """Where to compute; whether this machine has it is asked when it is used."""

    name = "device"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Show what it may be."""
        return "[auto|cpu|cuda|cuda:N|mps]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read it; `gpu` means cuda."""
        text = re.sub(r"^gpu\b", "cuda", str(value).lower())
        if not re.fullmatch(r"auto|cpu|mps|cuda(:[0-9]{1,3})?", text):
            self.fail(f"{value!r}; {did_you_mean(text, ('auto', 'cpu', 'cuda', 'cuda:1', 'mps'))}", param, ctx)
        return text

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer the names."""
        return _starting(incomplete, ("auto", "cpu", "cuda", "mps"))


class Digits(click.ParamType[int]):
    """How many significant digits to print, or `all`."""

    name = "digits"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Show what it may be."""
        return "[N|all]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read it; `all` is as many as tell any two numbers of float32 apart."""
        if value == "all":
            return ALL_DIGITS
        if not is_whole(str(value)) or not 1 <= int(value) <= 17:
            self.fail(f"{str(value)!r}; expected a whole number from 1 to 17, or all", param, ctx)
        return int(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer the word."""
        return _starting(incomplete, ("all",))


class Size(click.ParamType[tuple[int, int]]):
    """A size in pixels: `64`, or `48x64` for 48 rows and 64 columns."""

    name = "size"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Show what it may be."""
        return "[N|HxW]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Read the text."""
        parts = str(value).lower().replace("×", "x").split("x")
        if len(parts) > 2 or not all(is_whole(part) and 0 < int(part) <= LARGEST_SIDE for part in parts):
            expected = f"expected pixels like 64, or rows and columns like 48x64, up to {LARGEST_SIDE}"
            self.fail(f"{value!r} is no size; {expected}", param, ctx)
        return int(parts[0]), int(parts[-1])


class Range(click.ParamType[tuple[float, float]]):
    """Two numbers, the smaller first: `0:4095`."""

    name = "range"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Show what it may be."""
        return "LOW:HIGH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, float]:
        """Read the text."""
        if isinstance(value, tuple):
            return value
        low, colon, high = str(value).partition(":")
        try:
            limits = float(low), float(high)
        except ValueError:
            limits = (math.nan, math.nan)
        if not colon or not all(map(math.isfinite, limits)) or limits[0] >= limits[1]:
            self.fail(f"{value!r} is no range; expected two numbers, the smaller first, like 0:4095", param, ctx)
        return limits


class NameOf(click.ParamType[str]):
    """A name that a room below knows, or something of the person's own, such as `my_nets.py:TinyNet`.

    The names are asked for when the shell completes one; what cannot be is told by the room itself.
    """

    def __init__(self, name: str, names: Callable[[], Iterable[str]], *, listed: bool = False) -> None:
        """`listed`: the help shows the names as choices, so asking for them must cost nothing."""
        self.name = name
        self.names = names
        self.listed = listed

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:
        """Show the names as choices, or nothing of its own."""
        return f"[{'|'.join(self.names())}]" if self.listed else None

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Take it as it is, unless it is blank."""
        if not str(value).strip():
            self.fail(f"{str(value)!r} is blank; expected a name", param, ctx)
        return str(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer the known names, or files."""
        return _starting(incomplete, self.names()) or [CompletionItem(incomplete, type="file")]


class OfRun(click.ParamType[str]):
    """Something that the run on the same command line has: a class, a layer, a unit, a weight."""

    def __init__(self, name: str, names: Callable[[str | None], Iterable[str]]) -> None:
        self.name = name
        self.names = names

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Take it as it is; the network tells what it does not have."""
        return str(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer what the run has."""
        return _starting(incomplete, self.names(ctx.params.get("run")))


def _starting(incomplete: str, names: Iterable[str]) -> list[CompletionItem]:
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]
