"""The samples of a dataset that decisions are about: their label and a hash of their pixels, read by their ids."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Images
from mnist_data.errors import WrongUse, first_few
from mnist_data.parquet.dataset import Dataset, Partition, open_parquet, read_columns, read_partition
from mnist_data.parquet.manifest import read_manifest
from mnist_data.parquet.schema import COPYING


@dataclass(frozen=True)
class DecidedSample:
    """What a decision is about: a sample's split, its label, and the hash of its image."""

    split: str
    label: int
    image: str


def image_hash(image: Images) -> str:
    """Hash one image, (height, width[, channels]), in hexadecimal: equal where type, shape and all pixels are.

    It is the first 128 bits of its BLAKE2b; −0 is 0.
    """
    pixels = image + image.dtype.type(0) if image.dtype.kind == "f" else image
    little_endian = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("<"))
    hasher = hashlib.blake2b(f"{image.dtype.name} {image.shape}".encode(), digest_size=16)
    hasher.update(little_endian.data)
    return hasher.hexdigest()


def describe_samples(dataset: Dataset, ids: Collection[int]) -> dict[int, DecidedSample]:
    """Read label and image hash of some samples, by their ids; those that the dataset does not have are left out."""
    wanted = np.array(sorted(ids), np.int64)
    described = {}
    for partition in _holding(dataset, wanted):
        batch = read_partition(partition)
        for row in np.flatnonzero(np.isin(batch.ids, wanted)):
            sample = DecidedSample(partition.split, int(batch.labels[row]), image_hash(batch.images[row]))
            described[int(batch.ids[row])] = sample
    return described


def is_copied(dataset: Dataset) -> bool:
    """Say whether a dataset holds copies, whose ids are not those of the samples."""
    return any(stage.stage in COPYING for stage in dataset.metadata.stages)


def lineage(dataset: Dataset, originals: bool = False) -> set[str]:
    """Give the content hashes of a dataset and of those it was made from, as far back as its ids are the same.

    originals: those whose ids are the ones of the samples that copies were made from.
    """
    stages = dataset.metadata.stages
    copying = [place for place, stage in enumerate(stages) if stage.stage in COPYING]
    if originals and copying:
        return {stage.input for stage in stages[: copying[0] + 1]} - {""}
    after = copying[-1] + 1 if copying else 0
    return {dataset.content, *(stage.input for stage in stages[after:])} - {""}


def labels_of(dataset: Dataset, ids: Collection[int], originals: bool = False) -> dict[int, int]:
    """Read the labels of some samples, by their ids; those that the dataset does not have are left out.

    originals: by the ids of the samples that copies were made from.
    """
    name = "source_id" if originals and is_copied(dataset) else "id"
    wanted = np.array(sorted(ids), np.int64)
    labels: dict[int, int] = {}
    for split in dataset.splits if len(wanted) else ():
        columns = read_columns(dataset, split, [name, "label"])
        rows = np.isin(columns[name], wanted)
        labels |= dict(zip(columns[name][rows].tolist(), columns["label"][rows].tolist(), strict=True))
    return labels


def _holding(dataset: Dataset, wanted: npt.NDArray[np.int64]) -> Iterator[Partition]:
    """Give the row groups that can hold some ids, sorted, by the bounds in their files' footers."""
    for split, path in dataset.files if len(wanted) else ():
        with open_parquet(path) as file:
            place = file.schema_arrow.get_field_index("id")
            groups = [file.metadata.row_group(group) for group in range(file.metadata.num_row_groups)]
            bounds = [(group.num_rows, group.column(place).statistics) for group in groups]
        for group, (rows, known) in enumerate(bounds):
            if known is not None and known.has_min_max:
                first, after = np.searchsorted(wanted, known.min), np.searchsorted(wanted, known.max, "right")
                if first == after:
                    continue
            yield Partition(path, split, (group,), rows)


def require_labels(dataset: Dataset, labels: Collection[int]) -> None:
    """Refuse labels that are no class: none of those named, or where none is named, none that a sample has.

    Raises WrongUse, which says what they can be.
    """
    classes = dataset.metadata.classes
    known = set(range(len(classes)))
    if labels and not classes:
        known = {int(label) for split in dataset.splits for label in read_columns(dataset, split, ["label"])["label"]}
    if strange := sorted(set(labels) - known):
        shown = first_few([str(label) for label in sorted(known)], 12)
        raise WrongUse(f"{dataset.location} has no class {strange[0]}; its labels are {shown}.")


def require_unchanged(dataset: Dataset) -> None:
    """Refuse a dataset that was replaced since it was opened: what was looked at is not what lies there now."""
    manifest = read_manifest(dataset.location)
    if manifest is not None and manifest.content != dataset.content:
        raise WrongUse(f"{dataset.location} was replaced since it was opened; open it again, and decide anew.")
