"""show: the samples that were asked for, in the order that was asked for, and no others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import mnist_data
from dashboards.thumbnails import decode_images
from mnist_data.cli.pictures import print_images, shrunk
from mnist_data.errors import NoDataset, UnreadableInput, WrongUse
from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.tables import provenance, write_table

Cli = Callable[..., tuple[int, str, str]]


def test_ids_are_shown_in_their_order_with_their_pixels(digits: Dataset) -> None:
    """As pandas reads them."""
    table = mnist_data.show(digits, id=[1500, 3, 7])["samples"]
    frame = mnist_data.load(digits).set_index("id").loc[[1500, 3, 7]]

    assert table["id"].tolist() == [1500, 3, 7]
    assert table["split"].tolist() == ["test", "train", "train"]
    assert table["image"].tolist() == frame["image"].tolist()
    assert table["label"].tolist() == frame["label"].tolist()


@pytest.mark.parametrize("asked", [{"class_": "7"}, {"class_": ["7"], "split": "test"}, {"split": "test"}])
def test_what_is_given_must_hold_together(digits: Dataset, asked: dict[str, object]) -> None:
    """The first samples of the class and the split, and as many as were asked for."""
    table = mnist_data.show(digits, count=5, **asked)["samples"]  # type: ignore[arg-type]

    assert len(table) == 5
    assert set(table["name"]) == {"7"} or "class_" not in asked
    assert set(table["split"]) == ({"test"} if "split" in asked else {"train"})
    assert table["id"].is_monotonic_increasing


def audited(digits: Dataset, folder: Path, content: str) -> Path:
    """Write the table of an audit that flags samples 5 and 2, 2 the worse one."""
    columns = {"id": [2, 3, 5], "is_blank": [True, False, True], "blank_score": np.float32([0.1, 0.9, 0.4])}
    write_table(pd.DataFrame(columns), folder / "audit", provenance("audit", {"digits": content}, {}))
    return folder


def test_what_a_check_flags_is_shown_the_worst_first(digits: Dataset, tmp_path: Path) -> None:
    """With its score; a sample that is not flagged is left out."""
    table = mnist_data.show(digits, check="blank", audit=audited(digits, tmp_path, digits.content))["samples"]

    assert table["id"].tolist() == [2, 5]
    np.testing.assert_allclose(table["score"], [0.1, 0.4], atol=1e-6)


def test_an_audit_that_does_not_fit_is_refused(digits: Dataset, tmp_path: Path) -> None:
    """None there, one of another dataset, one without the check, no such check."""
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(NoDataset, match="no audit lies there.*mnist-data audit"):
        mnist_data.show(digits, check="blank", audit=tmp_path)
    with pytest.raises(UnreadableInput, match="of another dataset"):
        mnist_data.show(digits, check="blank", audit=audited(digits, other, "0" * 64))
    with pytest.raises(UnreadableInput, match="without the check label_error"):
        mnist_data.show(digits, check="label_error", audit=audited(digits, tmp_path, digits.content))
    with pytest.raises(WrongUse, match="no check 'blnk'. Did you mean 'blank'"):
        mnist_data.show(digits, check="blnk")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"id": 99_999}, "id 99999"),
        ({"split": "tset"}, "Did you mean 'test'"),
        ({"class_": "seven"}, "no class 'seven'"),
    ],
)
def test_what_is_not_there_is_named(digits: Dataset, asked: dict[str, object], message: str) -> None:
    """With the nearest of what there is."""
    with pytest.raises(WrongUse, match=message):
        mnist_data.show(digits, **asked)  # type: ignore[arg-type]


def test_a_notebook_shows_the_images(digits: Dataset) -> None:
    """One for each sample."""
    assert mnist_data.show(digits, class_="3", count=4)._repr_html_().count("<img") == 4


def test_json_has_no_pixels(digits: Dataset, command_line: Cli) -> None:
    """They would be text of no use to a machine."""
    code, out, _ = command_line("show", digits.location, "--id", "3", "--json")

    assert code == 0
    assert '"id": 3' in out
    assert "image" not in out


def test_the_terminal_draws_what_the_image_holds(capsys: pytest.CaptureFixture[str]) -> None:
    """Two rows of pixels in a line of text, from blank for black to a full block for white; captions below."""
    images = np.zeros((2, 4, 6), np.uint8)
    images[0, :2, 2:4] = 255
    images[1, 2:] = 128

    print_images(images, ["seven", "a long caption"])

    assert capsys.readouterr().out.splitlines() == ["  ██          ", "        ▒▒▒▒▒▒", "seven   a lon…"]


def test_large_and_coloured_images_are_shrunk_by_the_mean() -> None:
    """By a whole factor, to the width that is asked for, also where it does not divide the sides."""
    images = np.random.default_rng(1).integers(0, 256, (2, 33, 30, 3), dtype=np.uint8)

    small = shrunk(images, 10)

    assert small.shape == (2, 11, 10, 3)
    np.testing.assert_allclose(small[0, 0, 0], images[0, :3, :3].mean(axis=(0, 1)), atol=0.5)
    assert shrunk(images, 7).shape == (2, 7, 6, 3)
    assert shrunk(images, 30) is images


def test_images_of_the_table_are_those_of_the_dataset(digits: Dataset) -> None:
    """Decoded by the one function for all tables of images."""
    table = mnist_data.show(digits, id=3)["samples"]
    path = next(path for split, path in digits.files if split == "train")

    stored = pq.read_table(path, columns=["image"]).column("image")[3].as_py()
    assert decode_images(table)[0].tobytes() == stored
