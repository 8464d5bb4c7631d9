"""Whether labels are related to images, tested without a network."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mnist_data.batch import Images, Integers
from pipelines.networks.evaluation.scores import wilson

MOST = 3_000
"""Most samples compared, fewer of large images: shuffled labels are detected from 150 on."""

PRODUCTS = 10**10
"""Most products of pixels: about a second."""

SLIGHT = 0.1
"""A fraction of the way from chance to certainty: an accuracy below it counts as chance."""


@dataclass(frozen=True)
class Neighbourhood:
    """How many of `samples` images have the label of the image nearest to them.

    chance: the probability that two of the samples have one label.
    """

    samples: int
    alike: int
    chance: float

    @property
    def at_chance(self) -> bool:
        """Whether the labels are as good as random: the whole 95 % interval is near chance."""
        return self.samples > 0 and wilson(self.alike, self.samples)[1] <= self.chance + SLIGHT * (1 - self.chance)


def neighbourhood(images: Images, labels: Integers) -> Neighbourhood:
    """Compare each image's label with that of its nearest neighbour by Euclidean distance, brute force.

    The idea is Schilling's (JASA 81, 1986): where labels do not depend on images, neighbours have the same label as
    often as any two samples. Otherwise most neighbours agree: 95 % of MNIST's digits.
    images: (n, …) finite; labels: (n,). Of more than `MOST` only the first are compared, so give them in random order.
    """
    from sklearn.neighbors import NearestNeighbors

    size = math.prod(images.shape[1:])
    samples = min(len(labels), MOST, math.isqrt(PRODUCTS // size))
    if samples < 2:
        return Neighbourhood(0, 0, 1.0)
    points = images[:samples].reshape(samples, size).astype(np.float32)
    nearest = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(points).kneighbors(return_distance=False)[:, 0]
    alike = int((labels[nearest] == labels[:samples]).sum())
    counts = np.unique(labels[:samples], return_counts=True)[1]
    return Neighbourhood(samples, alike, float((counts * (counts - 1)).sum() / (samples * (samples - 1))))
