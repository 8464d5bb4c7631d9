"""Facts: what one pass over a dataset finds, and all that the tests of claims may look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

import numpy as np
import numpy.typing as npt
import pandas as pd

from mnist_data.batch import Batch, Images
from mnist_data.known.label_tables import SERIES, WRITER
from mnist_data.parquet.dataset import Dataset, Partition, read_partition
from mnist_data.parquet.schema import Metadata
from pipelines.engine.execution import Execution
from pipelines.engine.map_dataset import require_images
from pipelines.images.border import outermost
from pipelines.images.digests import digest

DIGEST = ["digest_high", "digest_low"]
"""The columns of the 128 bits that stand for a sample's pixels."""


@dataclass(frozen=True)
class Pixels:
    """What the pixels of some images are.

    low, high: of those that are numbers; infinite where there are none. not_finite: how many are no numbers.
    border, border_zeros: how many lie in the outermost rows and columns, and how many of these are 0.
    """

    low: float = np.inf
    high: float = -np.inf
    not_finite: int = 0
    border: int = 0
    border_zeros: int = 0

    def merge(self, other: Pixels) -> Pixels:
        """Join what is known of two groups of images."""
        return Pixels(
            min(self.low, other.low),
            max(self.high, other.high),
            self.not_finite + other.not_finite,
            self.border + other.border,
            self.border_zeros + other.border_zeros,
        )


@dataclass(frozen=True)
class Facts:
    """What is known of a dataset.

    splits: name -> samples. samples: a row a sample, in the order of the dataset: split, id, label, DIGEST; row and
    column, the centre of mass in index coordinates, NaN for a blank one; side, the larger side of the box of its ink,
    0 for a blank one; WRITER and SERIES where they are known.
    audit: the table of `mnist-data audit`, predictions: that of `mnist-data train`, each where there is one.
    """

    metadata: Metadata
    splits: Mapping[str, int]
    samples: pd.DataFrame
    pixels: Pixels
    audit: pd.DataFrame | None = None
    predictions: pd.DataFrame | None = None

    def of(self, split: str) -> pd.DataFrame:
        """Give the samples of one split."""
        return self.samples[self.samples["split"] == split]


def gather_facts(
    source: Dataset,
    execution: Execution,
    audit: pd.DataFrame | None = None,
    predictions: pd.DataFrame | None = None,
) -> Facts:
    """Look at each sample of a dataset once."""
    require_images(source)
    partitions = execution.partitions(source)
    found = execution.run(_look, partitions, "claims")
    samples = pd.concat([table for table, _ in found], ignore_index=True)
    pixels = reduce(Pixels.merge, [pixels for _, pixels in found])
    return Facts(source.metadata, dict(source.splits), samples, pixels, audit, predictions)


def _look(partition: Partition) -> tuple[pd.DataFrame, Pixels]:
    batch = read_partition(partition)
    return describe(batch).assign(split=partition.split), look_at_pixels(batch.images)


def describe(batch: Batch) -> pd.DataFrame:
    """Give the columns of `Facts.samples`, but for the split, of one batch."""
    from pipelines.kernels.moments import measure_moments

    finite = batch.finite
    moments = measure_moments(batch.images)
    side = np.maximum(moments.bottom - moments.top, moments.right - moments.left) + 1
    high, low = digest(batch.images).T
    columns = {"id": batch.ids, "label": batch.labels, DIGEST[0]: high, DIGEST[1]: low}
    columns |= {
        "row": np.where(finite, moments.row, np.nan),
        "column": np.where(finite, moments.column, np.nan),
        "side": np.where(finite & (moments.mass > 0), side, 0),
    }
    return pd.DataFrame(columns | {name: batch.columns[name] for name in (WRITER, SERIES) if name in batch.columns})


def look_at_pixels(images: Images) -> Pixels:
    """Look at the pixels of some images, (n, h, w) or (n, h, w, c)."""
    finite = np.isfinite(images)
    values: npt.NDArray[np.generic] = images if finite.all() else images[finite]
    border = images[:, outermost(*images.shape[1:3])]
    ends = (float(values.min()), float(values.max())) if values.size else (np.inf, -np.inf)
    return Pixels(*ends, int((~finite).sum()), border.size, int((border == 0).sum()))
