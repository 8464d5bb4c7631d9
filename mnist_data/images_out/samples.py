"""What every form asks of a dataset before it is written."""

from __future__ import annotations

import numpy as np

from mnist_data.batch import Integers, shape_text
from mnist_data.errors import WrongUse
from mnist_data.parquet.dataset import Dataset, read_columns


def labels_of(source: Dataset, split: str) -> Integers:
    """Read the labels of a split, (n,) int64."""
    return np.asarray(read_columns(source, split, ["label"])["label"])


def require_images(source: Dataset, form: str) -> None:
    """Raise WrongUse where the items are no images. form: as the message calls it."""
    shape = source.metadata.shape
    if len(shape) not in (2, 3):
        raise WrongUse(
            f"{source.location} holds items of shape {shape_text(shape)}, which are no images; {form} holds height, "
            "width and, in colour, channels. IDX holds arrays of any shape: --form idx."
        )
