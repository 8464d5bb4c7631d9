"""Choosing samples by hashes of their ids, so that no choice depends on their order or on how the work is cut."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Integers
from mnist_data.known.splitmix import scatter

Hashes = npt.NDArray[np.uint64]
"""(n,) uint64, spread evenly."""


def hashes(ids: Integers, seed: int = 0) -> Hashes:
    """Hash each id with the seed; no two ids share one."""
    return scatter(scatter(np.array([seed], np.uint64)) ^ np.asarray(ids).astype(np.uint64))


def drawn(ids: Integers, fraction: float, seed: int = 0) -> npt.NDArray[np.bool_]:
    """Draw about this fraction of the samples, (n,) bool, each by its own id alone.

    >>> int(drawn(np.arange(10_000), 0.1).sum()), bool(drawn(np.arange(9), 1.0).all())
    (941, True)
    """
    # The largest float below 2**64 stands for all.
    return np.asarray(hashes(ids, seed) <= np.uint64(min(1.0, fraction) * (2**64 - 2**11)))
