"""Every notebook runs from its first cell to its last, stands in the tree without outputs, and is on the pages."""

import re
import time
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

DOCS = Path(__file__).parents[2] / "docs"
NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.ipynb"))


def test_there_are_three():
    assert [path.stem for path in NOTEBOOKS] == ["calibrate", "choose", "compare"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_whole_and_holds_no_output(path):
    book = nbformat.read(path, 4)
    nbformat.validate(book)
    page = (DOCS / "python.md").read_text(encoding="utf-8")
    assert f"notebooks/{path.stem}" in page
    assert book.cells[0].source.startswith("# ")
    for cell in book.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path, tmp_path, record_property):
    book = nbformat.read(path, 4)
    begin = time.perf_counter()
    NotebookClient(book, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    record_property("seconds", time.perf_counter() - begin)
    outputs = [output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [one for one in outputs if one.output_type == "stream" and one.name == "stderr"]
    kinds = [set(one.get("data", ())) for one in outputs]
    assert sum("image/png" in kind for kind in kinds) >= 1, "a picture is seen"
    assert sum("text/html" in kind for kind in kinds) >= 3
    last = [cell for cell in book.cells if cell.cell_type == "code"][-1]
    assert last.outputs, "the last cell answers"


def test_the_calibration_goes_from_start_to_end():
    source = "\n".join(cell.source for cell in nbformat.read(DOCS / "notebooks" / "calibrate.ipynb", 4).cells)
    for step in (
        "Log.of",
        "spacegrey.fit",
        "fit.plot",
        "fit.write",
        "spacegrey.forecast",
        "spacegrey.quiet",
        ":18-core",
    ):
        assert re.search(re.escape(step), source), step
