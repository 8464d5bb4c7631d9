"""One split of labelled images, read from front to back in batches, whatever its form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from mnist_data.batch import Images, Integers

UNLABELLED = -1
"""The label of an image that has none."""


def split_order(split: str) -> tuple[int, str]:
    """Order the splits: train, test, then others by name."""
    return (("train", "test").index(split), "") if split in ("train", "test") else (2, split)


@dataclass(frozen=True)
class Rows:
    """Some images and their labels, (n, *shape) and (n,) int64; columns: what else is known of each, (n,)."""

    images: Images
    labels: Integers
    columns: dict[str, npt.NDArray[Any]]


class ImageStream:
    """What every form gives: what is known before anything is read, and the rows. Reading it again begins anew.

    path: of the file or folder. split: whose images these are. shape, dtype: of one image. classes: their names, by
    label; empty where the form has none. notes: what was decided for the user, who reads of it.
    """

    path: str
    split: str
    shape: tuple[int, ...]
    dtype: str
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def rows(self, count: int) -> Iterator[Rows]:
        """Give all rows in order, at most `count` at a time; memory is bounded by these."""
        raise NotImplementedError

    @property
    def sha256(self) -> str:
        """SHA-256 of what was read, known once `rows` has ended."""
        raise NotImplementedError
