"""Which training samples are held out for validation, where a dataset has no validation split."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Integers
from pipelines.engine.id_hash import hashes
from pipelines.settings.training import Train

Mask = npt.NDArray[np.bool_]
"""(n,) bool."""


def split_validation(
    ids: Integers, labels: Integers, source_ids: Integers, params: Train, copies: Integers | None = None
) -> tuple[Mask, Mask]:
    """Choose the training samples and the validation samples, (n,) bool each.

    Of each label the fraction `params.validation_fraction` of the originals is held out, those whose source id has the
    lowest hash, so neither order nor partitioning matters. Copies of a held-out sample are in neither part. Each label
    keeps at least one original in training.
    copies: (n,) each sample's copy number, 0 for an original; None: an original's id is its source id.
    """
    original = ids == source_ids if copies is None else copies == 0
    ranks = hashes(source_ids, params.seed)
    validation = np.zeros(len(ids), np.bool_)
    for label in np.unique(labels):
        rows = np.flatnonzero(original & (labels == label))
        wanted = int(params.validation_fraction * len(rows) + 0.5)
        held_out = max(0, min(wanted, len(rows) - 1))
        validation[rows[np.argsort(ranks[rows])[:held_out]]] = True
    return ~np.isin(source_ids, source_ids[validation]), validation
