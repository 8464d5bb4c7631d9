"""Reproducing one sample of an augmented dataset from its original and the amounts in its row."""

from __future__ import annotations

from os import PathLike

from mnist_data.batch import Images
from mnist_data.errors import WrongUse
from mnist_data.parquet.dataset import open_dataset, read_sample
from pipelines.images.levels import levels_of
from pipelines.settings.stages import Augment
from pipelines.stages.augment import remake_copy


def remake(location: str | PathLike[str], sample: int) -> Images:
    """Reproduce the image of a sample, (h, w[, c]), byte for byte as it is stored.

    location: of a dataset that `augment` has written, folder or URL. sample: its id there. The stored image is not
    used: the copy is made from the original, which is in the same dataset, the amounts in the row, and the seed and
    recipe in the metadata. So it can be verified that a copy is what its row says.

    Raises WrongUse where the dataset has no copies, or not `augment` made them, or for an unknown sample.
    """
    dataset = open_dataset(location)
    if not dataset.metadata.stages or dataset.metadata.stages[-1].stage != "augment":
        raise WrongUse(
            f"{dataset.location} has no copies made by augment; name a dataset that `mnist-data augment` has written."
        )
    params = Augment.from_recorded(dataset.metadata.stages[-1].parameters)
    copy = read_sample(dataset, sample)
    row = {name: values[0] for name, values in copy.columns.items()}
    original = read_sample(dataset, int(row["source_id"]) * (params.copies + 1))
    return remake_copy(original.images[0], row, params, levels_of(dataset.metadata))
