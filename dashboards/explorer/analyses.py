"""What is computed of samples once it is asked for; who computes it stands above this room."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Images


@dataclass(frozen=True)
class Neighbours:
    """The nearest others of a sample, the nearest first. rows, distances: (n,). compared: samples that were looked at.

    distances: Euclidean, of the pixels as they lie in the dataset.
    """

    rows: npt.NDArray[np.int32]
    distances: npt.NDArray[np.float64]
    compared: int


@dataclass(frozen=True)
class Answer:
    """What a network says of a sample. name: of its file. probabilities: of each class, (classes,).

    saliency: the size of the gradient of the likeliest class's logit by each pixel, (height, width).
    """

    name: str
    probabilities: npt.NDArray[np.float32]
    saliency: npt.NDArray[np.float32]


class Analyses(Protocol):
    """What is computed of samples once it is asked for."""

    def places(self) -> npt.NDArray[np.float32]:
        """Give the place of each sample on a map, (samples, 2)."""

    def neighbours(self, row: int, count: int) -> Neighbours:
        """Give the samples whose pixels are nearest to those of one."""

    def copies(self, sample: int) -> tuple[list[int], Images | None]:
        """Give the augmented copies of a sample, by its id: their numbers, and their images, (n, *shape)."""

    def answers(self, row: int) -> list[Answer]:
        """Ask the networks of the workspace. Raises MissingExtra where there are some and PyTorch is not installed."""
