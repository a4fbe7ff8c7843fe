"""The notebook in docs/ runs from a kernel, and its saved outputs are small."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests import tiny

NOTEBOOK = Path(__file__).parent.parent / "docs" / "search.ipynb"
MAX_BYTES = 40_000


def test_the_notebooks_outputs_are_there_and_small() -> None:
    text = NOTEBOOK.read_text(encoding="utf-8")
    cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    assert len(text) < MAX_BYTES and all(cell["outputs"] for cell in cells)
    assert not any(output["output_type"] == "error" for cell in cells for output in cell["outputs"])


@pytest.mark.soak
def test_the_notebook_runs_in_a_kernel(
    tmp_path: Path, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the toy corpus and a tiny model. The plan, and a line per trial, stay."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    monkeypatch.setenv("PYTHONPATH", str(NOTEBOOK.parent.parent))
    corpus = tiny.write_corpus(tmp_path / "corpus")
    notebook = nbformat.read(NOTEBOOK, 4)
    for cell in notebook.cells:
        cell.source = cell.source.replace('"embedded"', repr(str(corpus)))
        cell.source = cell.source.replace('"minilm"', repr(str(model_folder)))
    where = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=300, resources=where).execute()
    outputs: dict[int, Any] = {
        number: cell.outputs for number, cell in enumerate(notebook.cells) if "outputs" in cell
    }
    printed, table, trials = list(outputs.values())[:3]
    text = "".join(output.get("text") or output.data["text/plain"] for output in printed)
    assert "floors   simple models: majority" in text and "at a time" in text
    assert all(f"trial {number}:" in text for number in range(4))
    assert "supcon" in table[-1].data["text/html"]
    assert "COMPLETE" in trials[-1].data["text/html"]
    assert (tmp_path / "results" / "notebook" / "report.html").is_file()
