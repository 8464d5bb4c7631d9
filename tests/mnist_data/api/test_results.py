"""What a call gives back: a path, tables by name, and what a notebook shows of it."""

from __future__ import annotations

import base64
import io
import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import mnist_data
from mnist_data.api.results import Result
from mnist_data.api.work import showing, working
from mnist_data.errors import WrongUse
from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.preview import strip_rows
from pipelines.engine.engine import Threads, cores
from pipelines.engine.execution import Execution, Progress, silent


@pytest.fixture(scope="module")
def cleaned(digits: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Give the result of cleaning the sample."""
    return mnist_data.clean(digits, tmp_path_factory.mktemp("cleaned") / "clean")


def test_results_and_datasets_stand_where_a_path_can(cleaned: Result, digits: Dataset) -> None:
    """In our calls, in pandas, and for `open`."""
    assert os.fspath(cleaned) == cleaned.out
    assert mnist_data.open_dataset(digits) is digits
    assert len(pd.read_parquet(digits)) == len(mnist_data.load(digits)) == 1797  # type: ignore[call-overload]
    assert mnist_data.to_numpy(cleaned)[0].shape == (1797, 28, 28)
    assert mnist_data.info(cleaned).findings["samples"] == 1797


def test_a_result_that_wrote_nothing_is_no_path(digits: Dataset) -> None:
    """Said so, and not taken for the folder named None."""
    with pytest.raises(WrongUse, match="has written nothing"):
        mnist_data.stats(mnist_data.info(digits))


def test_tables_are_had_by_name_whether_in_memory_or_only_written(digits: Dataset, tmp_path: Path) -> None:
    """The large one, with a row a sample, is read when asked for; a wrong name is answered with the right ones."""
    result = mnist_data.stats(digits, tmp_path / "stats", morphometrics=False)

    assert result["summary"] is result.tables["summary"]
    assert len(result["samples"]) == 1797
    with pytest.raises(KeyError, match="'sample' is no table .* samples"):
        result["sample"]


def test_a_result_says_what_it_is_in_a_few_lines(cleaned: Result) -> None:
    """What was written, the dataset, the tables with their sizes."""
    lines = repr(cleaned).splitlines()

    assert lines[0] == f"clean: {cleaned.out}"
    assert "1,437 train, 360 test; 28×28 uint8" in lines[1]
    assert lines[2] == "  tables: totals (2 × 5), reasons (0 × 4)"


def test_a_notebook_shows_splits_samples_tables_and_the_page(digits: Dataset, tmp_path: Path) -> None:
    """Twenty samples, two of each class, as they are stored."""
    result = mnist_data.stats(digits, tmp_path / "stats", plot=True)
    shown, dataset = result._repr_html_(), digits._repr_html_()

    pictures = re.findall(r'src="data:image/png;base64,([^"]+)"', dataset)
    titles = re.findall(r'title="id (\d+): (\d)"', dataset)
    images, labels = mnist_data.to_numpy(digits, "train")
    for (sample, name), picture in zip(titles, pictures, strict=True):
        np.testing.assert_array_equal(Image.open(io.BytesIO(base64.b64decode(picture))), images[int(sample)])
        assert labels[int(sample)] == int(name)
    assert [name for _, name in titles] == sorted([*"0123456789", *"0123456789"])
    assert "<td>train</td><td>1,437</td>" in dataset
    assert f'<a href="{tmp_path}/stats/dashboard.html"' in shown
    assert "20 rows × 5 columns" in shown
    assert "b'" not in shown  # images are shown by their size


def test_what_a_dataset_says_of_itself_is_never_markup(digits: Dataset) -> None:
    """A title, a class or a split from a file that someone sent must not run in a notebook."""
    evil = "<script>alert(1)</script>"
    metadata = replace(digits.metadata, title=evil, note=evil, classes=(evil,) * 10)
    dataset = replace(digits, metadata=metadata, splits={**digits.splits, evil: 0}, location=digits.location)
    table = pd.DataFrame({"name": [evil], evil: [evil]})
    result = Result("x", evil, None, {evil: table}, evil, {evil: evil}, (evil,))

    for html in (dataset._repr_html_(), result._repr_html_()):
        assert "<script" not in html
        assert "&lt;script" in html


def test_a_dataset_that_is_gone_is_still_described(digits: Dataset) -> None:
    """Without its samples; a notebook must not end in a traceback."""
    gone = replace(digits, files=tuple((split, f"{path}.gone") for split, path in digits.files))

    assert "1,437" in gone._repr_html_()
    assert "<img" not in gone._repr_html_()


def test_the_strip_shows_rare_classes_and_all_where_there_are_few() -> None:
    """Up to twenty, as many of each class as there are."""
    labels = np.array([0] * 500 + [7] * 3 + [3])

    chosen = strip_rows(labels)

    assert len(chosen) == 20
    assert np.unique(labels[chosen], return_counts=True)[1].tolist() == [16, 1, 3]
    assert strip_rows(np.array([], np.int64)).tolist() == []


def test_all_cores_are_used_unless_told() -> None:
    """A notebook gets what the command line takes."""
    with working(None, None, False) as execution:
        assert execution == Execution(Threads(cores()), silent)


def test_progress_is_shown_or_not_as_asked(capsys: pytest.CaptureFixture[str]) -> None:
    """On stderr, never on stdout; where stderr is no terminal only on request."""
    for progress, shown in ((None, False), (False, False), (True, True)):
        with showing(progress) as report:
            report(Progress("clean", 0, 10))
            report(Progress("clean", 10, 10))
        out, err = capsys.readouterr()

        assert ("clean" in err and "10/10" in err) == shown
        assert out == ""
