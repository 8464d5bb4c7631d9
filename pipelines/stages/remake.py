"""Making one sample of an augmented dataset again, from its original and the amounts in its row."""

from __future__ import annotations

from os import PathLike

from mnist_data.batch import Images
from mnist_data.errors import WrongUse
from mnist_data.parquet.dataset import open_dataset, read_sample
from pipelines.images.levels import levels_of
from pipelines.settings.stages import Augment
from pipelines.stages.augment import remake_copy


def remake(location: str | PathLike[str], sample: int) -> Images:
    """Make the image of a sample again: (h, w[, c]), byte for byte the one that is stored.

    location: of a dataset that `augment` has written, folder or URL. sample: its id there. Nothing is taken from the
    stored image: it is made of the original, which lies beside its copies, the amounts in the row, and the seed and
    recipe in the metadata. So it can be audited whether a copy is what its row says.

    Raises WrongUse where the dataset holds no copies, or other than `augment` made them, or no such sample.
    """
    dataset = open_dataset(location)
    if not dataset.metadata.stages or dataset.metadata.stages[-1].stage != "augment":
        raise WrongUse(
            f"{dataset.location} holds no copies as augment has made them; name a dataset that `mnist-data augment` "
            "has written."
        )
    params = Augment.from_recorded(dataset.metadata.stages[-1].parameters)
    found = read_sample(dataset, sample)
    row = {name: values[0] for name, values in found.columns.items()}
    original = read_sample(dataset, int(row["source_id"]) * (params.copies + 1))
    return remake_copy(original.images[0], row, params, levels_of(dataset.metadata))
