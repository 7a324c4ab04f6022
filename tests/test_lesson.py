"""The lesson: every block is run, in order, in one namespace, and prints what stands below it.

Below most blocks stands exactly what they print. A comment `<!-- measured, to within T -->` before an output says that
its numbers depend on the machine or on chance: then the words are compared and each number may differ by T. With
`on Fashion-MNIST` the numbers are those of the real images, which the slow test trains on where they are; every day
a small learnable set stands in for them, and the words alone are compared.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from learnable_sets import write_learnable_mnist
from PIL import Image

from pellucid.cli import main
from pellucid.data import is_here

DOCS = Path(__file__).parent.parent / "docs"
LESSON = (DOCS / "lesson.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = re.compile(r"<!-- measured, to within ([\d.]+)(, on Fashion-MNIST)? -->")
PICTURE = re.compile(r"!\[([^]]*)\]\(images/([^)]+)\)")
NUMBER = re.compile(r"-?\d+(?:,\d{3})*(?:\.\d+)?")
CURVES = "curves.png"
"""The one picture that a training makes, not `make_pictures.py`."""


@dataclass(frozen=True)
class Block:
    """A block to run, and what it should print."""

    line: int
    language: str
    code: str
    printed: str
    tolerance: float | None
    on_real_images: bool


def blocks() -> list[Block]:
    """Read the blocks off the lesson, each with the output below it; outputs belong to the block just above."""
    fences = [fence for fence in FENCE.finditer(LESSON) if fence[1] != "math"]
    found = []
    for fence, following in zip(fences, [*fences[1:], None], strict=True):
        if fence[1] == "text":
            continue
        line = LESSON.count("\n", 0, fence.start()) + 1
        printed, mark = "", None
        if following is not None and following[1] == "text":
            between = LESSON[fence.end() : following.start()].strip()
            mark = MARK.fullmatch(between)
            assert mark or not between, f"line {line}: {between!r} stands between the block and what it prints"
            printed = following[2]
        found.append(Block(line, fence[1], fence[2], printed, mark and float(mark[1]), bool(mark and mark[2])))
    return found


def run(block: Block, namespace: dict[str, Any]) -> str:
    """Run one block and return what it printed."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        if block.language == "python":
            exec(compile(block.code, f"lesson.md, block in line {block.line}", "exec"), namespace)
        else:
            for command in block.code.splitlines():
                prompt, program, *arguments = shlex.split(command)
                assert (prompt, program) == ("$", "pellucid")
                assert main(arguments) == 0
    return printed.getvalue()


def compare(block: Block, printed: str, real_images: bool) -> None:
    """Compare what a block printed with what the lesson says."""
    where = f"lesson.md, block in line {block.line}"
    if block.tolerance is None:
        assert printed == block.printed, where
        return
    words = [re.sub(r" +", " ", NUMBER.sub("0", text)) for text in (printed, block.printed)]
    assert words[0] == words[1], where
    if real_images or not block.on_real_images:
        for ours, said in zip(NUMBER.findall(printed), NUMBER.findall(block.printed), strict=True):
            assert abs(_value(ours) - _value(said)) <= block.tolerance, f"{where}: {ours}, the lesson says {said}"


def _value(number: str) -> float:
    return float(number.replace(",", ""))


def run_all(folder: Path, monkeypatch: pytest.MonkeyPatch, real_images: bool) -> dict[str, Any]:
    monkeypatch.chdir(folder)
    namespace: dict[str, Any] = {"__name__": "lesson"}
    with torch.random.fork_rng():
        for block in blocks():
            compare(block, run(block, namespace), real_images)
    return namespace


def test_every_block_prints_what_the_lesson_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_learnable_mnist(tmp_path / "data" / "FashionMNIST" / "raw")
    monkeypatch.setenv("PELLUCID_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path / "cache"))
    namespace = run_all(tmp_path, monkeypatch, real_images=False)
    assert namespace["measured"].accuracy > 0.9, "the network learns the images that stand in"
    written = {path.name for path in tmp_path.iterdir()}
    assert {"parabola.png", "edges.png", "runs"} <= written


@pytest.mark.slow
def test_the_lesson_on_the_real_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not is_here("fashion-mnist"):
        pytest.skip("Fashion-MNIST is not on this machine; `pellucid train fashion-mnist` fetches it")
    run_all(tmp_path, monkeypatch, real_images=True)


def test_the_lesson_has_what_it_should() -> None:
    found = blocks()
    assert len(found) > 40
    assert {block.language for block in found} == {"python", "console"}
    marked = len(MARK.findall(LESSON))
    assert marked == sum(block.tolerance is not None for block in found) == LESSON.count("<!--")
    for title in re.findall(r"\]\(#([^)]+)\)", LESSON):
        anchors = [
            re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
            for heading in re.findall(r"^#+ (.+)$", LESSON, re.MULTILINE)
        ]
        assert title in anchors
    for path in re.findall(r"\]\((?!#|https?:)([^)#]+)", LESSON):
        assert (DOCS / path).exists(), path


def pictures_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_pictures", DOCS / "make_pictures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pictures_are_those_that_one_command_makes(tmp_path: Path) -> None:
    shown = {name: " ".join(words.split()) for words, name in PICTURE.findall(LESSON)}
    assert all(len(words) > 40 for words in shown.values()), "a picture needs words for those who cannot see it"
    module = pictures_module()
    assert set(module.PICTURES) | {CURVES} == set(shown)
    assert {path.name for path in (DOCS / "images").iterdir()} == set(shown)
    assert sum(path.stat().st_size for path in (DOCS / "images").iterdir()) < 1_500_000
    module.make(tmp_path)
    for name in module.PICTURES:
        ours, kept = tmp_path / name, DOCS / "images" / name
        if name.endswith(".svg"):
            assert ours.read_bytes() == kept.read_bytes(), f"{name} is not the one made now: run docs/make_pictures.py"
            continue
        with Image.open(ours) as now, Image.open(kept) as before:
            # the letters differ a little from one version of matplotlib to the next
            assert now.size == before.size, name
            assert getattr(now, "n_frames", 1) == getattr(before, "n_frames", 1), name
            assert before.info.get("Description") or before.info.get("comment"), f"{name} has no words inside"
