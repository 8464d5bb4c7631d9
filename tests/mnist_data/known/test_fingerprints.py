"""Known datasets are named by their pixels, and the rows that were altered are named, too."""

from __future__ import annotations

import gzip
import json
import lzma
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_data.batch import Integers
from mnist_data.idx import format as idx
from mnist_data.idx import sample
from mnist_data.idx.pairing import find_pairs
from mnist_data.known import fingerprints
from mnist_data.known.findings import in_words
from mnist_data.known.fingerprints import Rows, read_fingerprints, write_fingerprints
from mnist_data.known.identify import Match, Part, fingerprints_of, identify, parts_of, parts_of_pairs
from mnist_data.known.info import describe
from mnist_data.parquet.dataset import Dataset

Images = npt.NDArray[Any]
Split = tuple[Images, Integers]


def part(images: Images, labels: Integers | None = None, ids: Integers | None = None, name: str = "") -> Part:
    """Give arrays as something to identify; ids are positions unless they are given."""
    numbers = np.arange(len(images)) if ids is None else ids
    return Part(name, images.shape[1:], len(images), lambda: iter([(images, labels, numbers)]))


def said(*parts: Part) -> list[str]:
    """Identify, in words."""
    return [in_words(finding) for finding in identify(parts)]


def only(*parts: Part) -> Match:
    """Identify what is one thing."""
    (finding,) = identify(parts)
    return finding


def split_of(folder: Path, name: str) -> Split:
    """Read a split of a folder of IDX files."""
    pair = next(pair for pair in find_pairs(folder) if pair.split == name)
    return idx.read(pair.images), idx.read(pair.labels).astype(np.int64)


@pytest.fixture(scope="module")
def train(real_mnist: Path) -> Split:
    """Give MNIST's training images and labels."""
    return split_of(real_mnist, "train")


@pytest.fixture(scope="module")
def test(real_mnist: Path) -> Split:
    """Give MNIST's test images and labels."""
    return split_of(real_mnist, "test")


def order_of(rows: int) -> Integers:
    """Give an order that is not the old one."""
    return np.random.default_rng(5).permutation(rows)


def test_three_altered_rows_of_mnist_are_named(train: Split) -> None:
    """A pixel, a blank image, and a row that is now a copy of the next; with labels, and without."""
    images, labels = train[0].copy(), train[1]
    images[17, 3, 3] ^= 1
    images[40_000] = 0
    images[5] = images[6]

    expected = (
        "MNIST, train images: 3 rows differ: "
        "id 5 (originally row 5), id 17 (originally row 17), id 40000 (originally row 40000)"
    )
    assert said(part(images, labels)) == [expected]
    assert said(part(images)) == [expected]


def test_an_altered_label_is_named_with_the_original(test: Split) -> None:
    """The image is as published."""
    labels = test[1].copy()
    labels[17] = (labels[17] + 3) % 10

    assert said(part(test[0], labels)) == [
        f"MNIST, test images: label of id 17 is {labels[17]}, originally {test[1][17]}"
    ]


def test_another_order_is_said_and_altered_rows_are_found_in_it(test: Split) -> None:
    """By ids that went along the original row is known; without them only which of our rows it is."""
    order = order_of(10_000)
    images = test[0][order]
    assert said(part(images, test[1][order])) == ["MNIST, test images, in another order"]
    images[3] = 255 - images[3]

    finding = only(part(images, test[1][order], order))
    nameless = only(part(images, test[1][order]))

    assert [(row.id, row.original_row) for row in finding.changed] == [(order[3], order[3])]
    assert [(row.id, row.original_row) for row in nameless.changed] == [(3, None)]
    assert finding.same_order is False


def test_a_subset_is_known_by_a_sketch_and_an_almost_whole_one_exactly(train: Split) -> None:
    """1,000 of 60,000 images, without their labels in order; and all but three."""
    some = order_of(60_000)[:1000]
    kept = np.delete(np.arange(60_000), [4, 5, 59_000])

    subset = only(part(train[0][some], (train[1][some] + 1) % 10))
    most = only(part(train[0][kept], train[1][kept], kept))

    assert in_words(subset).startswith("MNIST: 1,000 of its 60,000 training images (estimated from ")
    assert 5 < subset.sketch_rows < 40
    assert subset.other_labels == 1000
    assert in_words(most).startswith("MNIST: 59,997 of its 60,000 training images: 3 rows are missing: row 4, row 5")
    assert most.complete


@pytest.mark.parametrize("changed", [60, 500, 20_000])
def test_the_number_of_altered_rows_is_exact_up_to_60_and_near_above(train: Split, changed: int) -> None:
    """Each altered in one corner, in which MNIST has no ink."""
    images = train[0].copy()
    images[order_of(60_000)[:changed], 0, 0] = 9

    finding = only(part(images, train[1]))

    assert finding.complete == (changed <= 60)
    assert finding.differing == pytest.approx(changed, rel=0 if changed <= 60 else 0.25)
    assert (finding.other_labels, finding.title) == (0, "MNIST")


def test_altered_rows_that_the_sketch_does_not_see_are_noticed(test: Split) -> None:
    """A hundred and fifty, none of them in the sketch: by the counts in the table."""
    sketch = next(one.sketch["hash"] for one in read_fingerprints() if (one.dataset, one.split) == ("mnist", "test"))
    unseen = np.flatnonzero(fingerprints.hash_images(test[0]) > sketch.max())[:150]
    images = test[0].copy()
    images[unseen, 0, 0] = 9
    unseen_after = fingerprints.hash_images(images[unseen]) > sketch.max()
    images[unseen[~unseen_after], 0, 0] = 0

    finding = only(part(images))

    assert (finding.fraction, finding.complete) == (1, False)
    assert finding.differing == pytest.approx(unseen_after.sum(), rel=0.3)
    assert in_words(finding).endswith(" of 10,000 rows differ")


def test_many_altered_labels_are_counted(test: Split) -> None:
    """About: 500 of 10,000, and all of them."""
    some = test[1].copy()
    some[:500] = (some[:500] + 1) % 10

    assert only(part(test[0], some)).other_labels == pytest.approx(500, rel=0.3)
    assert only(part(test[0], (test[1] + 1) % 10)).other_labels == 10_000


def test_splits_pooled_or_cut_otherwise_are_known_together(train: Split, test: Split) -> None:
    """And as published they are named one by one."""
    images, labels = np.concatenate([train[0], test[0]]), np.concatenate([train[1], test[1]])
    order = order_of(70_000)
    cut = [part(images[rows], labels[rows], rows) for rows in (order[:50_000], order[50_000:])]

    assert said(part(images, labels)) == ["MNIST, train and test images"]
    assert said(*cut) == ["MNIST, train and test images, in another order"]
    assert said(part(*train, name="a"), part(*test, name="b")) == ["a: MNIST, train images", "b: MNIST, test images"]


def test_added_rows_and_foreign_rows_are_told_from_the_originals(test: Split) -> None:
    """Two more, and as many others as there are originals."""
    added = only(part(np.concatenate([test[0], 255 - test[0][:2]])))
    mixed = only(part(np.concatenate([test[0], 255 - test[0]])))

    assert (added.added, added.changed, added.missing) == ((10_000, 10_001), (), 0)
    assert in_words(mixed).endswith("of its 10,000 test images, among 20,000 rows")
    assert mixed.fraction == pytest.approx(0.5, abs=0.06)


def test_images_that_are_there_twice_are_all_the_originals(test: Split) -> None:
    """None of them is called altered."""
    twice = only(part(np.concatenate([test[0], test[0]])))

    assert (twice.present, twice.differing) == (10_000, 0)
    assert in_words(twice).startswith("MNIST: 10,000 of its 10,000 test images, some more than once in 20,000 rows")


def test_rows_and_columns_exchanged_are_seen(test: Split) -> None:
    """As EMNIST stores its images."""
    assert said(part(test[0].swapaxes(1, 2), test[1])) == ["MNIST with rows and columns exchanged, test images"]


@pytest.mark.parametrize("kind", ["float32", "float64", "int16", "channel", "whole floats"])
def test_the_values_may_be_scaled_or_wider(sample_idx: Path, kind: str) -> None:
    """Bytes divided by 255, and bytes in a wider type, are still the same images."""
    images, labels = split_of(sample_idx, "test")
    forms = {
        "float32": (images / np.float32(255)).astype(np.float32),
        "float64": images / 255,
        "int16": images.astype(np.int16),
        "channel": images[..., None],
        "whole floats": images.astype(np.float32),
    }

    assert said(part(forms[kind], labels)) == ["Digits sample, test images"]


def test_a_row_that_is_no_image_of_bytes_differs_alone(sample_idx: Path) -> None:
    """NaN, or a value between two grey levels, in one row of many."""
    images = split_of(sample_idx, "test")[0] / 255
    images[7, 0, 0], images[9, 0, 0] = np.nan, 0.001

    assert [row.id for row in only(part(images)).changed] == [7, 9]


@pytest.mark.parametrize("packing", [lambda data: data, gzip.compress, lzma.compress])
def test_info_names_a_file_whatever_its_name_and_packing(sample_idx: Path, tmp_path: Path, packing: Any) -> None:
    """In another order, so that no hash of the file is known."""
    images, _ = split_of(sample_idx, "test")
    idx.write(tmp_path / "plain", images[::-1])
    (tmp_path / "x.bin").write_bytes(packing((tmp_path / "plain").read_bytes()))

    values = describe(str(tmp_path / "x.bin"))

    assert values["known"] is None
    assert values["pixels"] == ["Digits sample, test images, in another order"]
    assert json.dumps(values["findings"])


def test_info_names_a_dataset_and_a_folder(digits: Dataset, sample_idx: Path) -> None:
    """Split by split."""
    expected = ["train: Digits sample, train images", "test: Digits sample, test images"]

    assert describe(digits.location)["pixels"] == expected
    assert describe(str(sample_idx))["pixels"] == expected


def test_labels_that_do_not_fit_the_images_do_not_hinder(sample_idx: Path, tmp_path: Path) -> None:
    """A folder whose labels are cut off is described all the same."""
    images, labels = split_of(sample_idx, "test")
    idx.write(tmp_path / "test-images-idx3-ubyte", images)
    idx.write(tmp_path / "test-labels-idx1-ubyte", labels[:9].astype(np.uint8))

    assert describe(str(tmp_path))["pixels"] == ["test: Digits sample, test images"]


def test_any_dataset_can_be_the_original(digits: Dataset, tmp_path: Path) -> None:
    """Here one of 5×7 pixels that nobody knows, with one row altered."""
    images = np.random.default_rng(1).integers(0, 256, (300, 5, 7)).astype(np.uint8)
    for name in ("mine", "copy"):
        (tmp_path / name).mkdir()
        idx.write(tmp_path / name / "train-images-idx3-ubyte", images)
        idx.write(tmp_path / name / "train-labels-idx1-ubyte", np.zeros(300, np.uint8))
        images[200] += 1

    assert describe(str(tmp_path / "copy"))["pixels"] == []
    assert describe(str(tmp_path / "copy"), str(tmp_path / "mine"))["pixels"] == [
        "train: mine, train images: 1 row differs: id 200 (originally row 200)"
    ]
    assert describe(digits.location, digits.location)["pixels"] == [
        "train: digits, train images",
        "test: digits, test images",
    ]


def test_other_images_are_not_named(real_fashion: Path, test: Split) -> None:
    """Noise of MNIST's shape, its negative, no images, other shapes; and Fashion-MNIST is not MNIST."""
    noise = np.random.default_rng(2).integers(0, 256, (3000, 28, 28)).astype(np.uint8)

    for images in (noise, 255 - test[0], test[0][:0], test[0][:, :20], test[0][:, 0]):
        assert identify([part(images)]) == []
    assert said(part(*split_of(real_fashion, "test"))) == ["Fashion-MNIST, test images"]


def test_the_fingerprints_that_come_along_are_those_of_the_real_files(
    real_mnist: Path, real_fashion: Path, tmp_path: Path
) -> None:
    """Made again from the published files, they are the same to the byte."""
    folders = {"mnist": real_mnist, "fashion-mnist": real_fashion}
    folders["sklearn-digits"] = sample.write_sample(tmp_path)

    made = [
        one for name, folder in folders.items() for one in fingerprints_of(name, parts_of_pairs(find_pairs(folder)))
    ]
    write_fingerprints(tmp_path / "again.parquet", made)

    for again, kept in zip(read_fingerprints(tmp_path / "again.parquet"), read_fingerprints(), strict=True):
        assert (again.dataset, again.split, again.rows, again.start) == (
            kept.dataset,
            kept.split,
            kept.rows,
            kept.start,
        )
        for name in ("sketch", "images", "labelled"):
            assert getattr(again, name).tobytes() == getattr(kept, name).tobytes()


def test_equal_rows_do_not_confuse(digits: Dataset) -> None:
    """Forty rows made blank: as many altered rows, each at its place."""
    images, labels, ids = next(parts_of(digits)[0].read())
    images = images.copy()
    images[100:140] = 0

    assert [row.original_row for row in only(part(images, labels, ids)).changed] == list(range(100, 140))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 2000), max_size=40), st.lists(st.integers(0, 40), max_size=40), st.booleans())
def test_a_table_gives_back_what_only_one_side_holds(lacking: list[int], added: list[int], shuffled: bool) -> None:
    """Any rows taken away and any put there, equal ones among them, in any order."""
    words = np.random.default_rng(3).integers(0, 2**63, 2041).astype(np.uint64)
    original = words[np.r_[0:2000, 0:1]]  # the first is there twice
    ours = np.r_[np.delete(original, lacking), words[2000 + np.array(added, int)]]
    ours = ours[order_of(len(ours))] if shuffled else ours
    sides = [Rows(values, None, np.arange(len(values))) for values in (original, ours)]
    tables = [fingerprints.table_of(rows, rows.ids, labelled=False) for rows in sides]
    keys = [rows.keys(labelled=False) for rows in sides]

    decoded = fingerprints.decode(fingerprints.subtract(*tables), keys[1], sides[1].ids)

    assert decoded is not None
    assert {row.key for row in decoded[0]} == set(keys[0].tolist()) - set(keys[1].tolist())
    assert {row.key for row in decoded[1]} == set(keys[1].tolist()) - set(keys[0].tolist())
