"""The notebooks in docs/notebooks, executed as they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

pytestmark = [pytest.mark.integration, pytest.mark.slow]

FOLDER = Path(__file__).parents[2] / "docs" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
SHOWN = {
    "1-first-run": {"image/png": 3, "text/html": 3},
    "2-sweep": {"image/png": 1, "text/html": 4},
    "3-policy": {"text/html": 4},
}
"""Notebook -> the least number of cells whose result is displayed as this type."""


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_a_notebook_runs(file: Path, tmp_path: Path) -> None:
    """Every cell succeeds in an empty folder, without warnings; results are shown as pictures or HTML."""
    import nbformat

    notebook = nbformat.read(file, as_version=4)
    nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert [output for output in outputs if output.output_type in ("stream", "error")] == []
    results = [output.data for output in outputs if output.output_type == "execute_result"]
    for kind, least in SHOWN[file.stem].items():
        assert sum(kind in data for data in results) >= least, kind


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_a_notebook_is_stored_without_outputs(file: Path) -> None:
    """Outputs are not stored: they would be outdated with the next change."""
    stored: dict[str, Any] = json.loads(file.read_text())
    code = [cell for cell in stored["cells"] if cell["cell_type"] == "code"]
    assert len(code) > 3
    assert [(cell["outputs"], cell["execution_count"]) for cell in code] == [([], None)] * len(code)
