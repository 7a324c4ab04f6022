"""The lesson: every block is run, in order, in one namespace, and prints what stands below it.

`docs/make_lesson.py` runs the blocks and says how outputs are compared. The slow test trains on the real images where
they are; every day a small learnable set stands in for them, and of the outputs that need them only the words count.
"""

from __future__ import annotations

import re
from pathlib import Path

import make_lesson
import make_pictures
import pytest
from make_lesson import DOCS, MARK, difference, read_blocks, rewrite, run_blocks, stand_in_images
from PIL import Image

from pellucid.data import is_here

LESSON = make_lesson.LESSON.read_text(encoding="utf-8")
PICTURE = re.compile(r"!\[([^]]*)\]\(images/([^)]+)\)")
CURVES = "curves.png"
"""The one picture that a training makes, not `make_pictures.py`."""

TWO_BLOCKS = """\
```python
print("one", 1)
```

```text
one 2
```

```python
print("new")
```

<!-- not an output -->
"""


def test_every_block_prints_what_the_lesson_says(tmp_path: Path) -> None:
    blocks = read_blocks(LESSON)
    with stand_in_images(tmp_path):
        outputs, namespace = run_blocks(blocks, tmp_path)
    for block, printed in zip(blocks, outputs, strict=True):
        told = difference(block, printed, real_images=False)
        assert not told, told
    assert namespace["evaluation"].accuracy > 0.9, "the network learns the images that stand in"
    written = {path.name for path in tmp_path.iterdir()}
    assert {"parabola.png", "edges.png", "runs"} <= written


@pytest.mark.slow
def test_the_lesson_on_the_real_images(tmp_path: Path) -> None:
    if not is_here("fashion-mnist"):
        pytest.skip("Fashion-MNIST is not on this machine; `pellucid train fashion-mnist` fetches it")
    blocks = read_blocks(LESSON)
    outputs, _ = run_blocks(blocks, tmp_path)
    told = [difference(block, printed, real_images=True) for block, printed in zip(blocks, outputs, strict=True)]
    assert not any(told), "\n".join(told)


def test_an_output_is_rewritten_in_place(tmp_path: Path) -> None:
    blocks = read_blocks(TWO_BLOCKS)
    outputs, _ = run_blocks(blocks, tmp_path)
    assert outputs == ["one 1\n", "new\n"]
    told = difference(blocks[0], outputs[0], real_images=False)
    assert told.splitlines()[0] == "lesson.md, block in line 1:"
    assert told.splitlines()[-2:] == ["-one 2", "+one 1"]
    rewritten = rewrite(TWO_BLOCKS, list(zip(blocks, outputs, strict=True)))
    assert rewritten == TWO_BLOCKS.replace("one 2", "one 1").replace(
        'print("new")\n```\n', 'print("new")\n```\n\n```text\nnew\n```\n'
    )
    assert not any(
        difference(block, printed, real_images=False)
        for block, printed in zip(read_blocks(rewritten), outputs, strict=True)
    )


@pytest.mark.parametrize(
    ("mark", "printed", "real_images", "same"),
    [
        ("", "loss 0.50\n", False, True),
        ("", "loss 0.51\n", False, False),
        ("<!-- measured, to within 0.1 -->\n", "loss 0.59\n", False, True),
        ("<!-- measured, to within 0.1 -->\n", "loss 0.61\n", False, False),
        ("<!-- measured, to within 0.1 -->\n", "cost 0.50\n", False, False),
        ("<!-- measured, to within 0.1, on Fashion-MNIST -->\n", "loss 9.00\n", False, True),
        ("<!-- measured, to within 0.1, on Fashion-MNIST -->\n", "loss 9.00\n", True, False),
        ("<!-- measured, to within 5 % and 0.1 -->\n", "loss 0.59\n", False, True),
        ("<!-- measured, to within 5 % and 0.1 -->\n", "loss 0.61\n", False, False),
    ],
)
def test_measured_outputs_are_compared_within_their_tolerance(
    mark: str, printed: str, real_images: bool, same: bool
) -> None:
    (block,) = read_blocks(f"```python\nprint()\n```\n{mark}```text\nloss 0.50\n```\n")
    assert (difference(block, printed, real_images) == "") == same


def test_percentages_have_a_tolerance_of_their_own() -> None:
    mark = "<!-- measured, to within 5 % and 0.1 -->"
    (block,) = read_blocks(f"```python\nprint()\n```\n{mark}\n```text\nloss 0.50, right 70%, wrong 30 %\n```\n")
    assert not difference(block, "loss 0.45, right 74%, wrong 26 %\n", real_images=False)
    assert difference(block, "loss 0.50, right 76%, wrong 30 %\n", real_images=False)
    assert difference(block, "loss 0.50, right 70%, wrong 24 %\n", real_images=False)


def test_nothing_but_a_mark_stands_between_a_block_and_its_output() -> None:
    with pytest.raises(ValueError, match="line 1: 'words' stands between the block and what it prints"):
        read_blocks("```python\nprint()\n```\nwords\n```text\n\n```\n")


def test_the_lesson_has_what_it_should() -> None:
    blocks = read_blocks(LESSON)
    assert len(blocks) > 40
    assert {block.language for block in blocks} == {"python", "console"}
    marked = len(MARK.findall(LESSON))
    assert marked == sum(block.tolerance is not None for block in blocks) == LESSON.count("<!--")
    for title in re.findall(r"\]\(#([^)]+)\)", LESSON):
        anchors = [
            re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
            for heading in re.findall(r"^#+ (.+)$", LESSON, re.MULTILINE)
        ]
        assert title in anchors
    for path in re.findall(r"\]\((?!#|https?:)([^)#]+)", LESSON):
        assert (DOCS / path).exists(), path


def test_the_pictures_are_those_that_one_command_makes(tmp_path: Path) -> None:
    shown = {name: " ".join(words.split()) for words, name in PICTURE.findall(LESSON)}
    assert all(len(words) > 40 for words in shown.values()), "a picture needs words for those who cannot see it"
    assert set(make_pictures.PICTURES) | {CURVES} == set(shown)
    assert {path.name for path in (DOCS / "images").iterdir()} == set(shown)
    assert sum(path.stat().st_size for path in (DOCS / "images").iterdir()) < 1_500_000
    make_pictures.make(tmp_path)
    for name in make_pictures.PICTURES:
        now_path, kept_path = tmp_path / name, DOCS / "images" / name
        if name.endswith(".svg"):
            assert now_path.read_bytes() == kept_path.read_bytes(), f"{name} has changed: run docs/make_pictures.py"
            continue
        with Image.open(now_path) as now, Image.open(kept_path) as before:
            # the letters differ a little from one version of matplotlib to the next
            assert now.size == before.size, name
            assert getattr(now, "n_frames", 1) == getattr(before, "n_frames", 1), name
            assert before.info.get("Description") or before.info.get("comment"), f"{name} has no words inside"
