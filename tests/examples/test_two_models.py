"""The notebook runs from beginning to end, and shows what its text says."""

import json

import nbformat
import pytest
from nbclient import NotebookClient

from tests.paths import PROJECT, PYTHON_PATH

NOTEBOOK = PROJECT / "examples" / "two_models.ipynb"
SUMMARY = """
import json
weights = {f"{row['same category']} {row['clicked']}": row["mean weight"] for row in attention.to_dicts()}
print(json.dumps({"results": results, "best": float(best), "weights": weights, "version": answer.version}))
"""


@pytest.fixture(scope="module")
def summary() -> dict[str, object]:
    """Run the notebook in a kernel of its own and return what its variables hold at the end."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(SUMMARY))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", PYTHON_PATH)
        client = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(NOTEBOOK.parent)}})
        client.execute()
    return json.loads(notebook.cells[-1].outputs[-1].text)


def test_din_beats_the_baseline_and_not_the_best_possible(summary: dict) -> None:
    pooled, din = (result["test AUC"] for result in summary["results"])
    assert pooled + 0.01 < din < summary["best"]


def test_the_candidates_category_gets_the_larger_weights(summary: dict) -> None:
    weights = summary["weights"]
    same, other = ([weights[f"{kind} {age}"] for age in ("up to 1.5 days", "older")] for kind in ("True", "False"))
    assert min(same) > max(other)


def test_the_server_answers(summary: dict) -> None:
    assert summary["version"] == 1


def test_the_outputs_in_the_repository_are_of_its_code() -> None:
    """Every code cell was run in order, so that the outputs that a reader sees belong together."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))
    errors = [
        output
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if output.output_type == "error" or output.get("name") == "stderr"
    ]
    assert not errors
