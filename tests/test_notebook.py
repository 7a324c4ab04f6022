"""The notebook in `examples/` runs from top to bottom, and says what it promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest

NOTEBOOK = Path(__file__).parent.parent / "examples" / "glass_box.ipynb"


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("notebook")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PELLUCID_CACHE", str(folder / "cache"))
        patch.setenv("TMPDIR", str(folder))
        notebook = nbformat.read(NOTEBOOK, as_version=4)
        client = nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}})
        client.execute()  # an error in a cell is raised here, with the cell's own traceback
    return notebook


def outputs(notebook: Any, beginning: str) -> str:
    """Join all that the one cell with this in it has put out, words and HTML alike."""
    (cell,) = [each for each in notebook.cells if each.cell_type == "code" and beginning in each.source]
    parts = []
    for output in cell.outputs:
        parts += [output.get("text", ""), *(str(value) for value in output.get("data", {}).values())]
    return "\n".join(parts)


def test_the_notebook_is_kept_without_outputs() -> None:
    cells = [cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"]
    assert len(cells) == len(SAID) + 1  # the first one draws the pictures and is silent
    assert not any(cell.outputs or cell.execution_count for cell in cells)


SAID = [
    ("pellucid.train(", "Test Accuracy: "),
    ('glass = look(run, "test/0")', "pool_2"),
    ("trace = glass.trace(unit)", "sum by hand"),
    ("glass.feeds(trace, 4)", "the strongest chain from a pixel"),
    ("chance = np.random.default_rng(1)", "all are what the network says"),
    ("take_step", "conv1.weight[0,0,1,1]"),
    ("maps = compare", "moved elsewhere"),
    ("attributed.map.shape", "(24, 24)"),
    ('excite(run, "conv2[7]", 6)', "data:image/png;base64,"),
    ("filters(run)", "16 filters of conv1, 3×3, red, green and blue"),
    ('layer="relu"', "relu (relu), 16 channels"),
    ("past = history", "epoch 1 to 5"),
    ("pair = find_pair", "taken for"),
    ("carrier = find_carrier", "brought"),
    ('"occlusion")', "painted over"),
    ("\nwhy(run", "it is "),
]


@pytest.mark.parametrize(("beginning", "said"), SAID, ids=[each[1][:20] for each in SAID])
def test_each_cell_says_what_it_promises(executed: Any, beginning: str, said: str) -> None:
    assert said in outputs(executed, beginning)
