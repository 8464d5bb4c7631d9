"""The samples that a network has seen in training, as digests of their pixels, and which others have the same pixels.

`train` writes them as a table next to the network, whose own bytes do not depend on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mnist_data import storage
from mnist_data.batch import Images
from mnist_data.errors import UnreadableInput
from mnist_data.parquet.arrays import to_numpy
from mnist_data.parquet.dataset import Dataset, open_parquet
from mnist_data.parquet.tables import merge_tables, table_provenance
from pipelines.images.digests import digest, varied
from pipelines.networks.data.samples import Samples
from pipelines.networks.data.stored import StoredImages, parts_of

TABLE = "trained_on"
"""The table's name: id, copy, role ("training" or "validation") and digest of every sample that a training has seen."""

ROWS = 10_000
"""Images whose digests are calculated at once."""

Digests = npt.NDArray[np.uint64]
"""(n,): the first 64 bits of each sample's digest. That any of 10,000 samples is mistaken for one of 8 million others
has a probability of 4e-9."""


@dataclass(frozen=True)
class TrainedOn:
    """The samples of a training. digests: (n,), ascending."""

    digests: Digests

    def holds(self, images: Images) -> npt.NDArray[np.bool_]:
        """Say which images, (n, ...), have type, shape and pixels of one of these samples: (n,).

        Images of a single value, and those with NaN or infinite pixels, are copies of none.
        """
        own = digests_of(images)
        places = np.searchsorted(self.digests, own)
        inside = places < len(self.digests)
        same = np.zeros(len(own), np.bool_)
        same[inside] = self.digests[places[inside]] == own[inside]
        return same & varied(images.reshape(len(images), -1))

    def holds_each(self, images: Images | StoredImages) -> npt.NDArray[np.bool_]:
        """Say the same of images that may lie in files, some of them at a time."""
        parts = [self.holds(images[part]) for part in parts_of(images, ROWS)]
        return np.concatenate([np.zeros(0, np.bool_), *parts])


def digests_of(images: Images | StoredImages) -> Digests:
    """Give the digest of each image, some of them at a time."""
    parts = [digest(images[part])[:, 0] for part in parts_of(images, ROWS)]
    return np.concatenate([np.zeros(0, np.uint64), *parts])


def write_trained_on(roles: Mapping[str, Samples], target: str, made: Mapping[str, Any]) -> dict[str, TrainedOn]:
    """Write the table of the samples that a training sees; give those of each role.

    roles: "training" and "validation". target: path without an ending. made: as for `write_table`.
    """
    digests = {role: digests_of(samples.images) for role, samples in roles.items()}
    merge_tables(_pieces(roles, digests), target, made)
    return {role: TrainedOn(np.sort(own)) for role, own in digests.items()}


def _pieces(roles: Mapping[str, Samples], digests: Mapping[str, Digests]) -> Iterator[pa.Table]:
    for role, samples in roles.items():
        columns = {"id": samples.ids, "copy": samples.copies, "digest": digests[role]}
        table = pa.table({name: pa.array(values) for name, values in columns.items()})
        yield table.add_column(2, "role", pa.repeat(role, len(samples.ids)))


def find_trained_on(networks: Sequence[tuple[Path, str]], shown: Dataset | None) -> TrainedOn | None:
    """Give what networks have seen in training, all of them together; None where it is not known of one.

    networks: of each its file, and the content hash of its dataset, "" where that is not known. shown: a dataset at
    hand, which may be that.
    """
    known = []
    for model, content in networks:
        seen = read_trained_on(model, content) if content else None
        if seen is None and content and shown is not None and shown.content == content:
            seen = trained_on_dataset(shown)
        if seen is None:
            return None
        known.append(seen)
    return joined(known) if known else None


def read_trained_on(model: str | Path, content: str) -> TrainedOn | None:
    """Read the samples of a network's training from the table next to its file.

    content: of the dataset that the network records. None where there is no table, or that of other data. Raises
    UnreadableInput where it is damaged.
    """
    path = str(Path(model).with_name(f"{TABLE}.parquet"))
    if not storage.exists(path) or content not in table_provenance(path)["inputs"].values():
        return None
    with open_parquet(path) as file:
        stored = file.read(columns=["digest"])
    if stored.column_names != ["digest"] or stored["digest"].type != pa.uint64() or stored["digest"].null_count:
        found, expected = "no whole column digest of 64-bit numbers", "one, as train writes it"
        raise UnreadableInput(path, found, expected, "Train the model again, or delete the table.")
    return TrainedOn(np.sort(to_numpy(stored["digest"])))


def trained_on_dataset(source: Dataset) -> TrainedOn:
    """Give the samples that a training on a dataset sees: those of its training split, and of validation."""
    splits = dict.fromkeys([source.training_split, *(split for split in ("validation",) if split in source.splits)])
    parts = [digests_of(StoredImages(source, split)) for split in splits]
    return TrainedOn(np.sort(np.concatenate(parts)))


def joined(parts: Sequence[TrainedOn]) -> TrainedOn:
    """Give the samples of several trainings as those of one."""
    return TrainedOn(np.unique(np.concatenate([part.digests for part in parts])))
