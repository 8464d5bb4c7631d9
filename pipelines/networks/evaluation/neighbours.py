"""Whether labels say anything about images, found without a network."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mnist_data.batch import Images, Integers
from pipelines.networks.evaluation.scores import wilson

MOST = 3_000
"""Samples compared, fewer of large images: shuffled labels are told apart from 150 on."""

PRODUCTS = 10**10
"""Of pixels, at most: about a second."""

SLIGHT = 0.1
"""Of the way from chance to certainty: less than this is as good as nothing."""


@dataclass(frozen=True)
class Neighbourhood:
    """How many of `samples` images have the label of the image nearest to them.

    chance: the probability that two of the samples have one label.
    """

    samples: int
    alike: int
    chance: float

    @property
    def says_nothing(self) -> bool:
        """Whether the labels might as well have been dealt at random: the whole 95 % interval is about chance."""
        return self.samples > 0 and wilson(self.alike, self.samples)[1] <= self.chance + SLIGHT * (1 - self.chance)


def neighbourhood(images: Images, labels: Integers) -> Neighbourhood:
    """Compare each image's label with that of its nearest neighbour by Euclidean distance, brute force.

    The idea is Schilling's (JASA 81, 1986): where labels do not depend on images, neighbours have the same label as
    often as any two samples. Images are classes' own almost everywhere else: of MNIST's digits 95 of 100 agree.
    images: (n, …) finite; labels: (n,). Of more than `MOST` only the first are taken, so give them in no order.
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
