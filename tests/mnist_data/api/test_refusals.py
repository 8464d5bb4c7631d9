"""Below the public calls, too, nothing is replaced unless told, and nothing is written where it would do harm."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import mnist_data
from mnist_data.errors import MnistDataError, OutputExists, WrongUse
from mnist_data.parquet.dataset import Dataset
from pipelines.claims.check import write_claims
from pipelines.drift.compare import save
from pipelines.networks.compare import write_comparison
from pipelines.networks.predict import save_predictions
from pipelines.run.report import write_report
from pipelines.settings.analysis import Drift

TABLE = pd.DataFrame({"a": [1]})

WRITERS: dict[str, Callable[[Path, Dataset], object]] = {
    "drift": lambda folder, _: save({"drift": TABLE}, folder, (), Drift()),
    "claims": lambda folder, source: write_claims(TABLE, folder, source, []),
    "comparison": lambda folder, _: write_comparison({"comparison": TABLE, "disagreements": TABLE}, folder, "a", "b"),
    "predictions": lambda folder, _: save_predictions(TABLE, folder, "model", "images"),
    "page": lambda folder, source: write_report({}, source, folder / "page.html"),
}


@pytest.mark.parametrize("name", WRITERS)
def test_what_writes_tables_or_a_page_refuses_a_place_that_is_taken(name: str, digits: Dataset, tmp_path: Path) -> None:
    """Whoever calls it, and before it reads anything."""
    (tmp_path / "page.html").write_text("mine")

    with pytest.raises(OutputExists):
        WRITERS[name](tmp_path, digits)

    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
    assert (tmp_path / "page.html").read_text() == "mine"


CALLS: dict[str, Callable[[Dataset, Any], object]] = {
    "clean": lambda dataset, out: mnist_data.clean(dataset, out, overwrite=True),
    "stats": lambda dataset, out: mnist_data.stats(dataset, out, overwrite=True),
    "audit": lambda dataset, out: mnist_data.audit(dataset, out, labels=False, overwrite=True),
    "claims": lambda dataset, out: mnist_data.claims(dataset, out, overwrite=True),
    "drift": lambda dataset, out: mnist_data.drift(dataset, out=out, between=("train", "test"), overwrite=True),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("below", ["", "split=train", "new/tables"])
def test_nothing_is_written_within_a_dataset(name: str, below: str, digits: Dataset) -> None:
    """Not even where it may be replaced: its readers would take it for a part of the data."""
    before = sorted(Path(digits.location).rglob("*"))

    with pytest.raises(WrongUse, match="within a dataset|is a dataset|read and written at once"):
        CALLS[name](digits, Path(digits.location, below))

    assert sorted(Path(digits.location).rglob("*")) == before
    assert len(mnist_data.load(digits)) == 1797


def test_an_output_without_a_name_is_refused(digits: Dataset) -> None:
    """An empty variable in a script must not mean the current folder."""
    for call in CALLS.values():
        with pytest.raises(MnistDataError, match="The output has no name"):
            call(digits, " ")


def test_a_page_of_an_earlier_call_does_not_stay_next_to_new_tables(digits: Dataset, tmp_path: Path) -> None:
    """It would show what is no longer there."""
    first = mnist_data.stats(digits, tmp_path / "stats", morphometrics=False, plot=True)
    mnist_data.stats(digits, tmp_path / "stats", morphometrics=False, overwrite=True)

    assert first.page == f"{tmp_path}/stats/dashboard.html"
    assert not Path(first.page).exists()


def test_every_public_function_that_writes_can_be_told_to_replace() -> None:
    """By one word, which is False unless it is said."""
    for name in mnist_data.__all__:
        function = getattr(mnist_data, name)
        if inspect.isfunction(function) and "out" in inspect.signature(function).parameters:
            assert inspect.signature(function).parameters["overwrite"].default is False, name
