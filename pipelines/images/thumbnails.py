"""Small tables of images for the dashboard: samples of each class, originals with their copies, mistakes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mnist_data.batch import Batch, Images
from mnist_data.parquet.dataset import Dataset, read_batches
from mnist_data.parquet.schema import Metadata

GRID_BYTES = 1 << 26
"""Most bytes of the images in a grid of samples."""


def thumbnail_table(columns: Mapping[str, Any], images: Images, metadata: Metadata) -> pd.DataFrame:
    """Make a table with a column `image` of bytes; its attributes hold their shape and type."""
    little = np.ascontiguousarray(images, images.dtype.newbyteorder("<"))
    frame = pd.DataFrame(dict(columns))
    frame["image"] = pd.Series([image.tobytes() for image in little], index=frame.index, dtype=object)
    frame.attrs = {"image_shape": list(metadata.shape), "image_dtype": metadata.dtype}
    return frame


def first_samples(dataset: Dataset, split: str, per_class: int) -> Batch | None:
    """Take the first `per_class` samples of each class of a split, in their order; None where it is empty."""
    taken: dict[int, int] = {}
    chosen: list[Batch] = []
    expected = len(dataset.metadata.classes)
    for batch in read_batches(dataset, split):
        rows: list[int] = []
        for label in np.unique(batch.labels).tolist():
            of_class = np.flatnonzero(batch.labels == label)[: max(0, per_class - taken.get(label, 0))]
            taken[label] = taken.get(label, 0) + len(of_class)
            rows.extend(of_class.tolist())
        chosen.append(batch.take(np.array(sorted(rows), np.int64)))
        if expected and len(taken) >= expected and min(taken.values()) >= per_class:
            break
    if not taken:
        return None
    return Batch(
        np.concatenate([batch.ids for batch in chosen]),
        np.concatenate([batch.labels for batch in chosen]),
        np.concatenate([batch.images for batch in chosen]),
    )


def sample_grid(dataset: Dataset, per_class: int) -> pd.DataFrame:
    """Take the first `per_class` samples of each class, training ones if there are: id, split, label, name, image.

    Of large images fewer, at least one of each class, so that all together take GRID_BYTES.
    """
    split = dataset.main_split
    most = GRID_BYTES // max(1, dataset.metadata.image_bytes * max(1, len(dataset.metadata.classes)))
    first = first_samples(dataset, split, max(1, min(per_class, most)))
    if first is None:
        return thumbnail_table({"id": [], "split": [], "label": [], "name": []}, np.empty((0, 1)), dataset.metadata)
    names = [dataset.metadata.class_name(int(label)) for label in first.labels]
    columns = {"id": first.ids, "split": split, "label": first.labels, "name": names}
    return thumbnail_table(columns, first.images, dataset.metadata)


def corrupted_samples(dataset: Dataset) -> pd.DataFrame:
    """Take the first sample of a dataset that the stage corrupt has made, under each corruption and severity.

    Columns: source_id, corruption, severity, label, name, image, in the order of the dataset.
    """
    (split,) = dataset.splits
    first: int | None = None
    chosen: list[Batch] = []
    for batch in read_batches(dataset, split):
        first = int(batch.columns["source_id"][0]) if first is None and len(batch) else first
        of_first = batch.columns["source_id"] == first
        chosen.append(batch.take(of_first))
        if not of_first.all():
            break
    columns = {
        name: np.concatenate([batch.columns[name] for batch in chosen])
        for name in ("source_id", "corruption", "severity")
    }
    labels = np.concatenate([batch.labels for batch in chosen])
    names = [dataset.metadata.class_name(int(label)) for label in labels]
    images = np.concatenate([batch.images for batch in chosen])
    return thumbnail_table({**columns, "label": labels, "name": names}, images, dataset.metadata)


def is_augmented(dataset: Dataset) -> bool:
    """Say whether a dataset holds copies that the stage augment has made."""
    return any(stage.stage == "augment" for stage in dataset.metadata.stages)


def before_after(dataset: Dataset, samples: int = 10) -> pd.DataFrame:
    """Take the copies of the first sample of each class of an augmented dataset, the original first."""
    sources: dict[int, int] = {}
    chosen: list[Batch] = []
    for batch in read_batches(dataset, dataset.training_split):
        originals = batch.columns["copy"] == 0
        for label in np.unique(batch.labels).tolist():
            first = np.flatnonzero((batch.labels == label) & originals)
            if label not in sources and len(first) and len(sources) < samples:
                sources[label] = int(batch.columns["source_id"][first[0]])
        chosen.append(batch.take(np.isin(batch.columns["source_id"], list(sources.values()))))
        if len(sources) >= min(samples, len(dataset.metadata.classes) or samples):
            break
    columns: dict[str, npt.NDArray[Any]] = {
        name: np.concatenate([batch.columns[name] for batch in chosen]) for name in chosen[0].columns
    }
    columns["label"] = np.concatenate([batch.labels for batch in chosen])
    frame = thumbnail_table(columns, np.concatenate([batch.images for batch in chosen]), dataset.metadata)
    attrs = frame.attrs
    frame = frame.sort_values(["label", "source_id", "copy"], kind="stable", ignore_index=True)
    frame.attrs = attrs
    return frame
