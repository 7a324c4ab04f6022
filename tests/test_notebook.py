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
    (cell,) = [cell for cell in notebook.cells if cell.cell_type == "code" and beginning in cell.source]
    parts = []
    for output in cell.outputs:
        parts += [output.get("text", ""), *(str(value) for value in output.get("data", {}).values())]
    return "\n".join(parts)


SAID = [
    ("pellucid.train(", "test images of shapes correctly"),
    ('glass = pellucid.look(run, "test/0")', "pool_2"),
    ("trace = glass.trace(unit)", "recomputed"),
    ("glass.feeds(trace, 4)", "asked for"),
    ("chance = np.random.default_rng(1)", "all are what the network says"),
    ("step = pellucid.step", "conv1.weight[0,0,1,1]"),
    ("explanations = pellucid.explain", "if it did not matter where the map is"),
    ("attributed.map.shape", "(24, 24)"),
    ('pellucid.activations(run, "conv2[7]", 6)', "data:image/png;base64,"),
    ("filters(run)", "16 filters of conv1, 3×3, red, green and blue"),
    ('layer="relu"', "relu (relu) makes 16 feature maps"),
    ("past = pellucid.history", "epoch"),
    ("pair = find_pair", "predicted as"),
    ("contributor = find_contributor", "contribut"),
    ('"occlusion")', "painted over"),
    ("pellucid.why(run", "<h4>"),
]


@pytest.mark.parametrize(("beginning", "said"), SAID, ids=[said[:20] for _, said in SAID])
def test_each_cell_says_what_it_promises(executed: Any, beginning: str, said: str) -> None:
    assert said in outputs(executed, beginning)


@pytest.mark.parametrize(("beginning", "said"), SAID, ids=[said[:20] for _, said in SAID])
def test_the_notebook_is_kept_with_its_outputs(beginning: str, said: str) -> None:
    """A reader without Jupyter sees what it gives; `make notebook` runs it again."""
    kept = nbformat.read(NOTEBOOK, as_version=4)
    assert sum(cell.cell_type == "code" for cell in kept.cells) == len(SAID) + 1  # the first one is silent
    assert said in outputs(kept, beginning)
    assert NOTEBOOK.stat().st_size < 1_500_000
    assert not any(output.get("name") == "stderr" for cell in kept.cells for output in cell.get("outputs", ()))
