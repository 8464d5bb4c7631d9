"""In a real Jupyter kernel each object shows itself; the cells are those of docs/notebook.md."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_data import figures

PAGE = Path(__file__).parents[2] / "docs/notebook.md"

SHOWN = {
    "digits": r"1,437.*<img ",
    "stats": r"classes.*rows × ",
    "figures.class_counts": "plotly",
    "figures.section": r"<iframe [^>]*sandbox",
    "mnist_data.show": r"(<img .*){8}",
    "figures.strip": r'(<img .*alt="a \d".*){10}',
    "mnist_data.decisions": r"unsure.*>1<",
    "exploration": r'<a href="http://127\.0\.0\.1:\d+/\?token=[^"]+" target="_blank" rel="noopener">',
}
"""The last line of a cell begins so -> what its output holds."""


def test_a_strip_has_an_image_with_words_for_each() -> None:
    """As many as were asked for, and hostile titles stay text."""
    strip = figures.strip(np.zeros((3, 4, 4), np.uint8), ['"><script>', "b"], most=2)

    assert repr(strip) == "Strip(2 images)"
    assert strip._repr_html_().count("<img ") == 2
    assert "<script>" not in strip._repr_html_()


@pytest.mark.slow
def test_the_notebook_of_the_documents_runs(tmp_path: Path) -> None:
    """Every cell ends well, and shows what the page says."""
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    for library in ("ipykernel", "dash", "duckdb"):
        pytest.importorskip(library)
    cells = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    home = {"HOME": str(tmp_path), "IPYTHONDIR": str(tmp_path), "JUPYTER_PLATFORM_DIRS": "1"}
    place = {"PYTHONPATH": os.pathsep.join([str(PAGE.parents[1]), os.environ.get("PYTHONPATH", "")])}

    client = nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}})
    client.execute(env={**os.environ, **home, **place})

    shown = {cell.source.strip().splitlines()[-1]: html_of(cell) for cell in notebook.cells}
    for begin, pattern in SHOWN.items():
        html = next(html for line, html in shown.items() if line.startswith(begin) and html)
        assert re.search(pattern, html, re.DOTALL), (begin, html[:500])


def html_of(cell: Any) -> str:
    """Give the HTML of a cell's result; of a figure the names of its kinds, too."""
    results = [output for output in cell.outputs if output.output_type in ("execute_result", "display_data")]
    return "".join(f"{' '.join(result.data)} {result.data.get('text/html', '')}" for result in results)
