"""One split of labelled images, read from front to back in batches, whatever its form."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from mnist_data.batch import Images, Integers

UNLABELLED = -1
"""The label of an image that has none."""


@dataclass(frozen=True)
class Rows:
    """Some images and their labels, (n, *shape) and (n,) int64; columns: what else is known of each, (n,)."""

    images: Images
    labels: Integers
    columns: dict[str, npt.NDArray[Any]]


class ImageStream(ABC):
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

    @abstractmethod
    def rows(self, count: int) -> Iterator[Rows]:
        """Give all rows in order, at most `count` at a time; memory is bounded by these."""

    @property
    @abstractmethod
    def sha256(self) -> str:
        """SHA-256 of what was read, known once `rows` has ended."""
