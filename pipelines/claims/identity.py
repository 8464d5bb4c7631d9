"""Which dataset claims are of, however its folder is called: by its files' contents, names, counts, or its pixels."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mnist_data.errors import unknown_name
from mnist_data.known.catalog import CATALOG, CatalogEntry, by_content, by_name
from mnist_data.known.identify import identify, parts_of
from mnist_data.parquet.dataset import Dataset, read_columns
from pipelines.claims.claim import known_claims

NAMES = (
    ("emnist-balanced", r"(?<!f)emnist.*balanced|balanced.*(?<!f)emnist"),
    ("emnist-bymerge", r"(?<!f)emnist.*by_?merge"),
    ("emnist-byclass", r"(?<!f)emnist.*by_?class"),
    ("emnist-letters", r"(?<!f)emnist.*letters"),
    ("emnist-digits", r"(?<!f)emnist.*digits"),
    ("emnist-mnist", r"(?<!f)emnist_mnist"),
    ("dig-mnist", r"dig_?mnist"),
    ("kannada-mnist", r"kannada"),
    ("k49", r"k49|(kuzushiji|kmnist)_?49"),
    ("kmnist", r"kmnist|kuzushiji_?mnist"),
    ("fashion-mnist", r"fashion_?mnist|fmnist"),
    ("qmnist", r"qmnist"),
)
"""Dataset -> what its name contains, once all that is no letter or digit is _; the first that fits counts."""

NEUTRAL = r"the|my|data|dataset|digits|idx|raw|original|full|copy|csv|png|npz|parquet|gz|ubyte|train|test|images|\d+"
"""Words that `mnist` may have around it: every other one may make it another dataset's name, as in Oracle-MNIST."""

MOST_LIKELY = 0.5
"""The fraction of the images that must be a known dataset's for it to be named by its pixels."""


@dataclass(frozen=True)
class Identity:
    """Which dataset it is, one that there are claims of, and what that is known by, in words."""

    name: str
    known_by: str

    @property
    def title(self) -> str:
        """What the dataset is called in text."""
        return CATALOG[self.name].title if self.name in CATALOG else self.name


def identity_of(source: Dataset, given: str | None = None) -> Identity | None:
    """Take the name that a user gives, or find it out. Raises WrongUse for a name of which no claims are known."""
    if given is None:
        return identify_dataset(source)
    entry = by_name(given)
    name = given if entry is None else entry.name
    if name not in known_claims():
        raise unknown_name("dataset", given, known_claims(), "--of")
    return Identity(name, "--of")


def identify_dataset(source: Dataset) -> Identity | None:
    """Find out which dataset with known claims this is; None where nothing shows it.

    In this order: the contents of its files, its name, those of its files and folder, the counts of its samples and
    classes where they are of one dataset only, its pixels.
    """
    return next(filter(None, _attempts(source)), None)


def _attempts(source: Dataset) -> Iterator[Identity | None]:
    for file in source.metadata.sources:
        entry = by_content(file.sha256)
        yield _known(entry[0].name, "the contents of its files") if entry else None
    exact = by_name(source.metadata.dataset)
    yield _known(exact.name, "its name") if exact else None
    folder = source.location.rstrip("/").rpartition("/")[2]
    for name in (source.metadata.dataset, *(file.name for file in source.metadata.sources), folder):
        yield _known(dataset_named(name), f"the name {name}")
    candidates = same_counts(source)
    yield _known(candidates[0], "its counts of samples and classes") if len(candidates) == 1 else None
    for match in identify(parts_of(source)):
        yield _known(match.dataset, "its pixels") if match.fraction >= MOST_LIKELY else None


def _known(name: str | None, known_by: str) -> Identity | None:
    return Identity(name, known_by) if name in known_claims() else None


def dataset_named(name: str) -> str | None:
    """Give the dataset that a name of any spelling means; None where it may be another one's.

    >>> [dataset_named(name) for name in ("KannadaMNIST (2)", "EMNIST_Balanced", "my-mnist", "oracle_mnist", "femnist")]
    ['kannada-mnist', 'emnist-balanced', 'mnist', None, None]
    """
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    for dataset, pattern in NAMES:
        if re.search(pattern, plain):
            return dataset
    return "mnist" if re.fullmatch(rf"(({NEUTRAL})_?)*mnist(_?({NEUTRAL}))*", plain) else None


def same_counts(source: Dataset) -> list[str]:
    """Name the datasets with claims that have just these splits, samples in each, shape and number of classes."""
    fitting = [entry for name in known_claims() if (entry := CATALOG.get(name)) and _counts_fit(source, entry)]
    if not fitting:
        return []
    classes = len(np.unique(np.concatenate([read_columns(source, name, ["label"])["label"] for name in source.splits])))
    return [entry.name for entry in fitting if len(entry.classes) == classes]


def _counts_fit(source: Dataset, entry: CatalogEntry) -> bool:
    return dict(source.splits) == dict(entry.counts) and source.metadata.shape == entry.shape
