"""A split without labels next to labelled ones becomes the split `unlabelled`, in whatever form both are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mnist_data
from mnist_data.errors import WrongUse
from mnist_data.images_in.open import open_source
from mnist_data.images_in.stream import Options
from tests.mnist_data.images_in.writers import WRITERS, ImageSet
from tests.torture.readers import sample

WITHOUT = ("kaggle", "openml csv", "keras", "medmnist", "h5py", "scipy", "hugging face", "pandas", "arrow", "tar")
"""Writers that write no labels where there are none."""

MINUS_ONE = ("kaggle", "openml csv", "keras", "medmnist", "npy", "h5py", "scipy", "hugging face", "pandas", "arrow")
"""Writers that write -1 where there are none, as Hugging Face."""


def splits_of(path: Path) -> dict[str, tuple[int, set[int]]]:
    """Give the rows and labels of each split."""
    splits = {}
    streams = open_source(str(path), Options(size="8x8")).streams
    assert any("label" in note for stream in streams for note in stream.notes)
    for stream in streams:
        labels = [rows.labels for rows in stream.rows(100)]
        splits[stream.split] = (sum(map(len, labels)), set(np.concatenate(labels).tolist()))
    return splits


@pytest.mark.parametrize(
    ("name", "labels"), [(name, None) for name in WITHOUT] + [(name, [-1] * 3) for name in MINUS_ONE]
)
def test_a_split_without_labels_is_called_so(name: str, labels: list[int] | None, tmp_path: Path) -> None:
    """Nothing is trained or judged on -1."""
    whole = sample()
    images = replace(whole, splits={**whole.splits, "test": (whole.splits["test"][0], labels)})

    path = WRITERS[name].write(images, tmp_path)

    assert splits_of(path) == {"train": (9, {0, 1, 2}), "unlabelled": (3, {-1})}


def test_the_user_names_the_column_of_the_labels(tmp_path: Path) -> None:
    """In text, in Parquet and of a DataFrame; a file without it has no labels, and a name that none has is refused."""
    whole: ImageSet = sample()
    frames = {}
    for split, (images, labels) in whole.splits.items():
        frames[split] = pd.DataFrame(images.reshape(len(images), -1)).add_prefix("pixel")
        if split == "train":
            frames[split].insert(0, "label", 7)
            frames[split].insert(0, "Written", labels)
    for form in ("csv", "parquet"):
        folder = tmp_path / form
        folder.mkdir()
        for split, frame in frames.items():
            save = frame.to_csv if form == "csv" else frame.to_parquet
            save(folder / f"{split}.{form}", index=False)
        for wanted, expected in (("Written", {0, 1, 2}), ("label", {7})):
            streams = open_source(str(folder), Options(label_column=wanted)).streams
            read = {s.split: set(np.concatenate([rows.labels for rows in s.rows(99)]).tolist()) for s in streams}
            assert read == {"train": expected, "unlabelled": {-1}}
        with pytest.raises(WrongUse, match=r"none of its columns is called 'kind'; it has"):
            open_source(str(folder), Options(label_column="kind"))
    result = mnist_data.convert(frames["train"], tmp_path / "out", label_column="Written", progress=False)
    assert result.dataset is not None
    assert set(mnist_data.load(result.dataset, "train")["label"]) == {0, 1, 2}


def test_a_form_without_columns_has_none_to_choose(tmp_path: Path) -> None:
    """The option is refused rather than passed over."""
    with pytest.raises(WrongUse, match=r"--label-column names a column of a table, and \.npz has none"):
        open_source(str(WRITERS["keras"].write(sample(), tmp_path)), Options(label_column="y"))
