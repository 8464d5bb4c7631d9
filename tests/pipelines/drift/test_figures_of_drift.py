"""Drift on MNIST: random halves are covered and not flagged, and the documents' figures are what the tool gives."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import pipelines.drift
from mnist_data.parquet.dataset import Dataset
from pipelines.drift.compare import REFERENCE, drift
from pipelines.drift.gather import Choice, gather
from pipelines.engine.execution import Execution

figures = pytest.importorskip("benchmarks.drift", reason="the benchmarks are not beside the tests")
REFERENCE_FILE = Path(pipelines.drift.__file__).parent / REFERENCE


def numbers_in(cells: Iterable[str]) -> list[float]:
    """Give all numbers of some cells, in their order."""
    return [float(number) for cell in cells for number in re.findall(r"\d+(?:\.\d+)?", cell)]


def documented(pair: str) -> list[float]:
    """Give the numbers of one row of the table of distances in docs/drift.md."""
    row = next(line for line in figures.block("distances").splitlines() if line.startswith(f"| {pair} |"))
    return numbers_in(row.split("|")[2:-1])


def test_the_documents_figures_are_those_of_the_sample(digits: Dataset) -> None:
    """Its row is what the tool prints; the row of MNIST is that of the reference which the tool ships."""
    table = drift(*figures.between_splits(digits))["drift"]
    reference = pd.read_csv(REFERENCE_FILE).set_index(["feature", "measure"])

    np.testing.assert_allclose(documented("sample train → test"), numbers_in(figures.cells_of(table)), atol=2e-3)
    row = documented("MNIST train → test")
    for place, classifier in ((0, "all_features"), (3, "all_pixels")):
        expected = reference.loc[(classifier, "auc"), ["value", "low", "high"]]
        np.testing.assert_allclose(row[place : place + 3], expected, atol=6e-4)
    distances = [reference.loc[(name, "wasserstein"), "value"] for name in figures.SHOWN]
    np.testing.assert_allclose(row[6:9], distances, atol=6e-4)


@pytest.mark.slow
def test_the_reference_and_the_documents_figures_are_what_mnist_gives(mnist: Dataset) -> None:
    """Number for number, but for the classifiers' last digits."""
    shipped = pd.read_csv(REFERENCE_FILE)

    tables = drift(*figures.between_splits(mnist))
    table = tables["drift"]

    written, verdict = figures.block("verdict"), figures.verdict_text(tables["drift_verdict"], mnist)
    assert re.sub(r"[\d.\s>]+", " ", written) == re.sub(r"[\d.\s>]+", " ", verdict)
    np.testing.assert_allclose(numbers_in([written]), numbers_in([verdict]), atol=0.2)
    assert table["feature"].tolist() == shipped["feature"].tolist()
    np.testing.assert_allclose(table["value"], shipped["value"], atol=2e-3)
    np.testing.assert_allclose(documented("MNIST train → test"), numbers_in(figures.cells_of(table)), atol=2e-3)


@pytest.mark.slow
def test_random_halves_of_mnist_are_covered_and_not_flagged(mnist: Dataset) -> None:
    """200 pairs of random samples: 95 of 100 AUC intervals hold 0.5, 5 of 100 tables flag a row, as docs/drift.md says.

    The bounds are such that right rates pass with 99 of 100 seeds.
    """
    pool = gather(Choice(mnist, tuple(mnist.splits), "mnist"), figures.POOL, Execution())

    table = figures.null_comparisons(pool, 200, figures.SAMPLES, figures.SEED)

    for column in ("features_covered", "pixels_covered"):
        assert table[column].mean() >= 0.91
    assert table["any_flagged"].mean() <= 0.09
    rows = [line.split("|")[2] for line in figures.block("random halves").splitlines()[2:]]
    for column, row in zip(table.columns, rows, strict=True):  # of more pairs, of which these are the first
        rate, low, high = (number / 100 for number in numbers_in([row]))
        assert low <= rate <= high
        assert abs(table[column].mean() - rate) <= 0.05
