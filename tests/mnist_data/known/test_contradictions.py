"""Files that are known by their contents must belong together."""

from __future__ import annotations

import pytest

from mnist_data.known.catalog import CATALOG
from mnist_data.known.contradictions import contradiction_in
from mnist_data.parquet.schema import Source


def source(dataset: str, part: str, split: str, role: str) -> Source:
    """Describe a file with the content of a known one, read as some role of some split."""
    digest = next(digest for digest, known in CATALOG[dataset].contents.items() if known == part)
    return Source(f"{split}-{role}", split, role, digest, "|u1", (10,))


UNKNOWN = Source("mine", "test", "labels", "0" * 64, "|u1", (10,))


@pytest.mark.parametrize(
    ("sources", "named"),
    [
        ([("mnist", "test images", "test", "images"), ("mnist", "train labels", "test", "labels")], "train labels"),
        ([("mnist", "test images", "a", "images"), ("fashion-mnist", "test labels", "a", "labels")], "Fashion-MNIST"),
        ([("mnist", "train images", "train", "labels")], "train images of MNIST"),
        (
            [
                ("mnist", "train images", "train", "images"),
                ("mnist", "train labels", "train", "labels"),
                ("fashion-mnist", "test images", "test", "images"),
                ("fashion-mnist", "test labels", "test", "labels"),
            ],
            "Fashion-MNIST",
        ),
    ],
)  # fmt: skip
def test_known_files_that_do_not_belong_together_are_named(
    sources: list[tuple[str, str, str, str]], named: str
) -> None:
    """Another split, another dataset, another role, another dataset in the other split."""
    assert named in str(contradiction_in([source(*one) for one in sources]))


def test_files_that_belong_together_and_unknown_ones_say_nothing() -> None:
    """Both splits of one dataset; known images with labels of one's own; MNIST's test files as a split of one's own."""
    whole = [source("mnist", part, *part.split()) for part in CATALOG["mnist"].contents.values()]

    assert contradiction_in(whole) is None
    assert contradiction_in([source("mnist", "test images", "test", "images"), UNKNOWN]) is None
    assert contradiction_in([source("mnist", f"test {role}", "mine", role) for role in ("images", "labels")]) is None
