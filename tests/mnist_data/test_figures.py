"""`mnist_data.figures`: each figure draws the table that its docstring names, as the commands write it."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

import mnist_data
from dashboards.figures.registry import TABLES
from mnist_data import figures
from mnist_data.errors import WrongUse
from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.tables import read_tables
from pipelines.run.report import write_report

Tables = dict[str, pd.DataFrame]

FIXTURES = Path(__file__).parent.parent / "fixtures/0.1.0"
FOLDERS = ("stats", "audit", "drift", "models", "explained")
INVENTED = {"groups", "writer_measures", "seeds", "robustness", "component_pixels", "cleaning"}
"""Tables that the frozen folders lack: of datasets with writers, of several seeds, of findings, and a large one."""


@pytest.fixture(scope="module")
def written() -> Tables:
    """Give the tables that stats, audit, drift, train and explain wrote of a part of the embedded sample.

    The audit flagged nothing there; one sample of each check is taken as flagged, so that there is something to draw.
    """
    tables = {name: table for folder in FOLDERS for name, table in read_tables(FIXTURES / folder).items()}
    tables["checks"] = tables["checks"].assign(flagged=1)
    return tables


@pytest.fixture(scope="module")
def invented() -> Tables:
    """Give tables for the figures whose tables the frozen folders lack, worked out by hand."""
    scores = {"samples": [10, 4], "correct": [9, 1], "accuracy": [0.9, 0.25]}
    seeds = {"model": ["tiny"], "split": ["test"], "mean": [0.9], "low": [0.8], "high": [0.95]}
    places = {"row": [0, 0, 1, 1], "column": [0, 1, 0, 1], "channel": 0}
    measures = {"slant": [0.1, 0.0], "thickness": [2.0, 3.0]}
    return {
        "cleaning": pd.DataFrame({"split": "train", "reason": ["blank"], "action": "remove", "samples": 2}),
        "groups": pd.DataFrame({"group": "writer_id", "value": [7, 8], **scores}),
        "writer_measures": pd.DataFrame({"split": "train", "writer_id": [7, 8], "samples": [10, 4], **measures}),
        "seeds": pd.DataFrame({**seeds, "ensemble": [0.92], "ensemble_low": [0.85], "ensemble_high": [0.96]}),
        "robustness": pd.DataFrame({"model": "tiny", "corruption": "fog", "severity": [0, 1], **scores}),
        "component_pixels": pd.DataFrame({"split": "train", "component": 1, **places, "weight": [1.0, -1.0, 0, 0.5]}),
    }


def functions() -> dict[str, Any]:
    """Give the public figures by name."""
    helpers = {"Page", "Strip", "class_names", "page", "section", "strip"}
    return {name: getattr(figures, name) for name in figures.__all__ if name not in helpers}


def test_every_figure_is_public() -> None:
    """Whatever draws a table can be reached by `mnist_data.figures`, and nothing else is called a figure."""
    assert set(functions()) == set(TABLES)


@pytest.mark.parametrize("name", TABLES)
def test_a_figure_draws_the_table_of_its_name(name: str, written: Tables, invented: Tables) -> None:
    """As a command wrote it, without another word; the table is not changed."""
    table = TABLES[name]
    frame = written[table] if table in written else invented[table]
    before = frame.copy()

    drawn = functions()[name](frame)

    assert isinstance(drawn, go.Figure)
    assert len(drawn.data) > 0
    assert not [note for note in drawn.layout.annotations if note.text == "no data"]
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize("name", TABLES)
def test_a_table_without_rows_gives_a_figure_that_says_so(name: str, written: Tables, invented: Tables) -> None:
    """No error, and no empty axes that look like a measurement of nothing."""
    table = TABLES[name]
    frame = written[table] if table in written else invented[table]

    drawn = functions()[name](frame.iloc[:0])

    assert len(drawn.data) == 0
    assert [note.text for note in drawn.layout.annotations] == ["no data"]


@pytest.mark.parametrize("name", TABLES)
def test_a_docstring_names_the_table_and_its_columns(name: str) -> None:
    """Who reads `help(confusion_matrix)` learns what to hand it."""
    text = inspect.getdoc(functions()[name]) or ""

    assert f"the table `{TABLES[name]}` of " in text
    assert next(iter(inspect.signature(functions()[name]).parameters.values())).annotation == "pd.DataFrame"


@pytest.mark.parametrize("name", TABLES)
def test_the_page_on_figures_lists_each(name: str) -> None:
    """With the table that it draws."""
    page = Path(__file__).parents[2] / "docs/figures.md"
    if not page.is_file():
        pytest.skip("there is no source tree")

    assert f"| `{TABLES[name]}` | `{name}` |" in page.read_text(encoding="utf-8")


def test_only_few_figures_are_tried_on_invented_tables(written: Tables, invented: Tables) -> None:
    """The frozen folders hold all tables but those of datasets with writers and of long trainings."""
    assert set(TABLES.values()) - set(written) == INVENTED == set(invented)


def test_an_audit_that_flags_nothing_says_so(written: Tables) -> None:
    """In words, instead of empty axes."""
    drawn = figures.flagged_samples(written["checks"].assign(flagged=0))

    assert [note.text for note in drawn.layout.annotations] == ["no sample is flagged"]


def test_class_counts_are_counts_or_fractions(written: Tables) -> None:
    """Six test samples of each of ten classes."""
    (test,) = [bar for bar in figures.class_counts(written["classes"]).data if bar.name == "test"]
    (fractions,) = [bar for bar in figures.class_counts(written["classes"], normalize=True).data if bar.name == "test"]

    assert test.y.tolist() == [6] * 10
    assert fractions.y.tolist() == [10.0] * 10


def test_mean_images_are_the_means_of_the_classes(written: Tables) -> None:
    """In the order of the labels, five in a line, seven cells apart, each below the name of its class."""
    images, labels = mnist_data.to_numpy(FIXTURES / "dataset", split="train")
    drawn = figures.mean_images(written["pixels"], split="train", names={3: "three"})
    sheet = np.asarray(drawn.data[0].z)

    np.testing.assert_allclose(sheet[:28, 105:133], images[labels == 3].mean(axis=0) / 255, atol=1e-6)
    assert np.isnan(sheet[:28, 98:105]).all()
    assert drawn.data[0].customdata[0][105] == drawn.data[1].text[3] == "three"


def test_a_principal_component_keeps_its_sign_and_place(invented: Tables) -> None:
    """Scaled by its largest weight; a class's number is that of the table."""
    trace = figures.principal_components(invented["component_pixels"]).data[0]

    assert np.asarray(trace.z).tolist() == [[1, -1], [0, 0.5]]
    assert np.asarray(trace.customdata).tolist() == [[1, 1], [1, 1]]


def test_a_sample_grid_has_a_row_a_class(written: Tables) -> None:
    """As many lines of 28 pixels as classes, with the class names for ticks."""
    drawn = figures.sample_grid(written["sample_grid"])

    assert drawn.layout.yaxis.ticktext == tuple(dict.fromkeys(written["sample_grid"].sort_values("label")["name"]))
    assert drawn.data[0].source.startswith("data:image/png;base64,")


def test_a_section_says_which_tables_it_lacks(written: Tables) -> None:
    """And of a name that there is not, which there are."""
    with pytest.raises(WrongUse, match="classes is missing. There are: summary"):
        figures.section("classes", {"summary": written["summary"]})
    with pytest.raises(WrongUse, match="Did you mean 'classes'"):
        figures.section("clases", written)


def test_a_section_is_a_page_of_its_own(written: Tables) -> None:
    """With this section alone and no navigation; without a chart it does without plotly.js."""
    chart, images = figures.section("classes", written), figures.section("first-samples", written)

    assert chart.html.count("<section id=") == 1
    assert "<nav" not in chart.html
    assert len(images.html) < 300_000 < 1_500_000 < len(chart.html)


def test_the_page_of_former_tables_shows_their_sections(written: Tables, tmp_path: Path) -> None:
    """Tables of 0.1.0 have other names and columns; the page shows them under those of today."""
    dataset: Dataset = mnist_data.open_dataset(FIXTURES / "dataset")
    html = Path(write_report(written, dataset, tmp_path / "page.html")).read_text(encoding="utf-8")

    for name in ("overview", "first-samples", "averages", "audit", "drift", "training", "calibration", "explained"):
        assert f'<section id="{name}">' in html
    assert "Most confident correct predictions" in html
    assert "threshold" in html


def test_figures_load_with_the_first_use() -> None:
    """`import mnist_data` stays free of Plotly, and `mnist_data.figures` needs no import of its own."""
    code = "import sys, mnist_data; before = 'plotly' in sys.modules; mnist_data.figures.class_counts; print(before)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ended.stdout.strip() == "False"


@pytest.mark.slow
def test_figures_draw_what_the_commands_write_today(tmp_path: Path) -> None:
    """Fresh tables of stats, audit, drift and train; those of 0.1.0 could hide a column renamed since."""
    dataset, tables = str(FIXTURES / "dataset"), {}
    commands = (
        ("stats", dataset),
        ("audit", dataset),
        ("drift", dataset, "--between", "train", "test", "--resamples", "20"),
        ("train", dataset, "--model", "tiny", "--epochs", "1"),
    )
    for command, *rest in commands:
        given = [*rest, str(tmp_path / command)] if command == "train" else [*rest, "--out", str(tmp_path / command)]
        subprocess.run([sys.executable, "-m", "mnist_data", command, *given], check=True, capture_output=True)
        tables |= read_tables(tmp_path / command)

    drawn = {name: functions()[name](tables[table]) for name, table in TABLES.items() if table in tables}

    assert len(drawn) > 20
    assert not [name for name, figure in drawn.items() if not len(figure.data) and name != "flagged_samples"]
