"""Run every block of lesson.md and write what it prints below it: `python docs/make_lesson.py`, a few minutes.

The blocks run in order, in one namespace and one temporary folder. Below each stands what it prints. Two marks before
an output say that its numbers depend on the machine or on chance:

    <!-- measured, to within 15 -->                            words are compared, each number may differ by 15
    <!-- measured, to within 15 % and 0.4 -->                  percentages by 15 points, other numbers by 0.4
    <!-- measured, to within 1.5 %, on Fashion-MNIST -->       the same, for numbers that need the real images

A measured output that is still within its tolerance is kept, since sentences of the lesson cite its numbers. Where
Fashion-MNIST is not on this machine (or with `--stand-in`, which takes a minute) a small set of made images stands in,
and the outputs that need the real ones are kept too, as long as their words are right.

    python docs/make_lesson.py --check      # compare only; exit status 1 if an output differs
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import io
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from pellucid.cli import main as pellucid_command
from pellucid.data import is_here

DOCS = Path(__file__).parent
LESSON = DOCS / "lesson.md"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = re.compile(r"<!-- measured, to within ([\d.]+)(?: %)?(?: and ([\d.]+))?(, on Fashion-MNIST)? -->")
NUMBER = re.compile(r"-?\d+(?:,\d{3})*(?:\.\d+)?")


@dataclass(frozen=True)
class Block:
    """A block to run, and what the lesson says it prints."""

    line: int
    language: str
    """`python` or `console`."""
    code: str
    printed: str
    """The output below it; empty where none stands there."""
    tolerance: float | None
    """By how much each percentage may differ; None where the output must be equal to the character."""
    plain_tolerance: float | None
    """By how much every other number may differ."""
    on_real_images: bool
    """Whether the numbers are those of the real Fashion-MNIST."""
    end: int
    """Where in the lesson the block ends."""
    output: tuple[int, int] | None
    """Where in the lesson the output's text begins and ends, without its fences."""


def read_blocks(lesson: str) -> list[Block]:
    """Read the blocks off the lesson, each with the output below it; an output belongs to the block just above.

    Raises:
        ValueError: something other than a mark stands between a block and its output.
    """
    fences = [fence for fence in FENCE.finditer(lesson) if fence[1] != "math"]
    blocks = []
    for fence, following in zip(fences, [*fences[1:], None], strict=True):
        if fence[1] == "text":
            continue
        line = lesson.count("\n", 0, fence.start()) + 1
        printed, mark, output = "", None, None
        if following is not None and following[1] == "text":
            between = lesson[fence.end() : following.start()].strip()
            mark = MARK.fullmatch(between)
            if between and not mark:
                raise ValueError(f"line {line}: {between!r} stands between the block and what it prints")
            printed, output = following[2], following.span(2)
        tolerance = float(mark[1]) if mark else None
        plain = float(mark[2] or mark[1]) if mark else None
        on_real_images = bool(mark and mark[3])
        blocks.append(Block(line, fence[1], fence[2], printed, tolerance, plain, on_real_images, fence.end(), output))
    return blocks


def run_blocks(blocks: list[Block], folder: Path) -> tuple[list[str], dict[str, Any]]:
    """Run the blocks in order inside `folder`; return what each printed, and the names they leave behind.

    PyTorch's random state is left as it was found.
    """
    namespace: dict[str, Any] = {"__name__": "lesson"}
    with contextlib.chdir(folder), torch.random.fork_rng():
        return [run_block(block, namespace) for block in blocks], namespace


def run_block(block: Block, namespace: dict[str, Any]) -> str:
    """Run one block and return what it printed.

    Raises:
        ValueError: a console block has something other than a pellucid command, or the command fails.
    """
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        if block.language == "python":
            exec(compile(block.code, f"lesson.md, block in line {block.line}", "exec"), namespace)
            return printed.getvalue()
        for command in block.code.splitlines():
            prompt, program, *arguments = shlex.split(command)
            if (prompt, program) != ("$", "pellucid"):
                raise ValueError(f"line {block.line}: {command!r}; expected a command that begins with `$ pellucid`")
            if pellucid_command(arguments) != 0:
                raise ValueError(f"line {block.line}: {command!r} failed")
    return printed.getvalue()


def difference(block: Block, printed: str, real_images: bool) -> str:
    """Say how the printed output differs from the lesson's; empty where it does not, or within its tolerance."""
    if block.tolerance is None or block.plain_tolerance is None:
        same = printed == block.printed
    else:
        words = [re.sub(r" +", " ", NUMBER.sub("0", text)) for text in (printed, block.printed)]
        same = words[0] == words[1]
        if same and (real_images or not block.on_real_images):
            pairs = zip(numbers_in(printed), numbers_in(block.printed), strict=True)
            same = all(
                abs(now - before) <= (block.tolerance if is_percentage else block.plain_tolerance)
                for (now, is_percentage), (before, _) in pairs
            )
    if same:
        return ""
    lines = difflib.unified_diff(
        block.printed.splitlines(), printed.splitlines(), "the lesson says", "now printed", n=1, lineterm=""
    )
    return "\n".join([f"lesson.md, block in line {block.line}:", *lines])


def numbers_in(text: str) -> list[tuple[float, bool]]:
    """Read the numbers off a text, and whether each is a percentage.

    >>> numbers_in("1,563 steps, 69.4 %")
    [(1563.0, False), (69.4, True)]
    """
    return [
        (float(number[0].replace(",", "")), text[number.end() :].lstrip(" ").startswith("%"))
        for number in NUMBER.finditer(text)
    ]


def rewrite(lesson: str, changes: list[tuple[Block, str]]) -> str:
    """Put each printed output into the lesson, in place of the one that stands there; a new block gets a new one."""
    for block, printed in sorted(changes, key=lambda change: -change[0].end):
        if block.output:
            start, end = block.output
            lesson = lesson[:start] + printed + lesson[end:]
        else:
            lesson = lesson[: block.end] + f"\n\n```text\n{printed}```" + lesson[block.end :]
    return lesson


@contextlib.contextmanager
def stand_in_images(folder: Path) -> Iterator[None]:
    """Let a small set of made images, which a network learns in seconds, stand in for Fashion-MNIST."""
    sys.path.append(str(DOCS.parent / "tests" / "shared"))
    from learnable_sets import write_learnable_mnist

    write_learnable_mnist(folder / "data" / "FashionMNIST" / "raw")
    before = os.environ.copy()
    os.environ.update(PELLUCID_DATA=str(folder / "data"), PELLUCID_CACHE=str(folder / "cache"))
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def main() -> int:
    """Run the lesson; write what differs into it, or with `--check` only print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare only, and print what differs")
    parser.add_argument("--stand-in", action="store_true", help="made images even if Fashion-MNIST is here")
    options = parser.parse_args()

    lesson = LESSON.read_text(encoding="utf-8")
    blocks = read_blocks(lesson)
    real_images = not options.stand_in and is_here("fashion-mnist")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if not real_images:
            stack.enter_context(stand_in_images(folder))
        outputs, _ = run_blocks(blocks, folder)

    changes: list[tuple[Block, str]] = []
    kept = 0
    for block, printed in zip(blocks, outputs, strict=True):
        told = difference(block, printed, real_images)
        if not told:
            continue
        print(told)
        if block.on_real_images and not real_images:
            kept += 1
        else:
            changes.append((block, printed))
    images = "the real Fashion-MNIST" if real_images else "made images in place of Fashion-MNIST"
    print(f"{len(blocks)} blocks were run with {images}; {len(changes) + kept} outputs differ")
    if kept:
        print(f"{kept} of them can only be written with the real Fashion-MNIST: `pellucid train fashion-mnist` gets it")
    if options.check:
        return int(bool(changes or kept))
    LESSON.write_text(rewrite(lesson, changes), encoding="utf-8")
    return int(bool(kept))


if __name__ == "__main__":
    sys.exit(main())
