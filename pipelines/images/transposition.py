"""Finding samples whose rows and columns were exchanged, by comparing each with its own class.

An image is described by how its edges run: how steeply brightness rises in each of 24 directions, in each cell of a
coarse grid (as in histograms of oriented gradients, Dalal and Triggs, CVPR 2005). Transposing exchanges cells and
directions, so such a description has a part u that transposing keeps and a part v whose sign it changes, and
sin(w·u + b) · sin(z·v), with w, z and b drawn at random, changes its sign as well. Many of these approximate a Gaussian
kernel (Rahimi and Recht, NIPS 2007) on the functions that do. In each class a ridge regression on them learns to
distinguish upright samples from transposed ones, and a slope turns its output into log odds (Platt 1999).

Nothing about digits is built in: letters, clothes and Kuzushiji are treated by the same rule. Each sample is evaluated
by models fitted to other samples, and is flagged where it is more likely transposed than not, given the estimated
fraction of transposed samples: in a class of symmetric shapes that is never so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Images, Integers
from pipelines.engine.id_hash import hashes

MIN_SAMPLES = 50
"""A class with fewer training samples is not evaluated."""

SHAPE_LIMIT = 32
"""Larger images are averaged over square blocks, so that their description costs no more than that of small ones."""

DIRECTIONS, CELLS = 24, 4
"""Directions in which brightness may rise, and rows and columns of the grid. On MNIST, where 35 of 70,000 may be
flagged wrongly, 94.4 % of planted transposed samples are found; with pixels instead of edges, 88.2 %."""

BLUR = 1 / 7
"""Width of a cell's soft border, as a fraction of the side."""

SQUARINGS = 3
"""How often the cosine between an edge and a direction is squared: how sharply directions are separated."""

ROOT = 0.5
"""The power that steepness is raised to, so that faint edges count as well. 0.4 finds as many, and amplifies noise."""

FEATURES = 1_000
"""On MNIST twice as many find 0.25 percentage points more, and take three and a half times as long."""

WIDTH = 0.6
"""Inverse width of the kernel, in units of the standard deviation of all descriptions together."""

RIDGE = 0.002
"""Added to the diagonal of the features' mean products."""

BLOCK = 128
"""Images described at a time: their temporaries stay in the processor's cache, which is 1.3 times as fast."""

FOLDS = 4
"""A sample of one fold is evaluated by the model fitted to the others, never by one that has seen it."""

ROUNDS = 20
"""Rounds of estimating slopes from the fraction of transposed samples and the fraction from the slopes; 20 converge."""

LEAST_FRACTION = 0.001
"""The fraction of transposed samples assumed where fewer are seen."""

LEAST_UPRIGHT = 0.75
"""The fraction of a class that must seem upright to what was fitted to the others, midway between chance and all: in a
class that looks alike either way, half of the samples do, and nothing is known of how they lie."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Orientations:
    """The fitted orientation model of each class.

    bandwidth: the factor of descriptions before the random features. weights: class -> (FOLDS, FEATURES) float32, each
    fitted without the fold's samples. slopes: class -> log odds per unit of score. fraction: estimated fraction of
    transposed samples.
    """

    bandwidth: float
    weights: Mapping[int, Floats]
    slopes: Mapping[int, float]
    fraction: float

    @property
    def threshold(self) -> float:
        """The log odds above which a sample is more likely transposed than not, given how rare that is."""
        return float(np.log((1 - self.fraction) / self.fraction))

    def log_odds(self, images: Images, labels: Integers, ids: Integers) -> npt.NDArray[np.float64]:
        """Give the log odds that each sample is transposed, (n,) float64; NaN in a class that is not evaluated.

        images: (n, h, h) or (n, h, h, channels), finite. The odds are those for equally many of both kinds.
        """
        log_odds = np.full(len(images), np.nan)
        folds = folds_of(ids)
        for label, weights in self.weights.items():
            rows = np.flatnonzero(labels == label)
            scores = (_features(_edges(images[rows]), self.bandwidth) * weights[folds[rows]]).sum(axis=1)
            log_odds[rows] = -self.slopes[label] * scores.astype(np.float64)
        return log_odds

    def transposed(self, images: Images, labels: Integers, ids: Integers) -> npt.NDArray[np.bool_]:
        """Say of each sample whether it is more likely transposed than not, (n,) bool."""
        return self.log_odds(images, labels, ids) > self.threshold


NOT_FITTED = Orientations(1.0, {}, {}, LEAST_FRACTION)
"""The model where nothing was fitted: no sample is flagged."""


def can_be_transposed(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bool:
    """Say whether images of this shape could be transposed unnoticed: only square ones could."""
    return len(shape) in (2, 3) and shape[0] == shape[1] > 1 and dtype.kind in "uif"


def fit_orientations(images: Images, labels: Integers, ids: Integers) -> Orientations:
    """Fit the orientation model of each class to training samples, (n, h, h[, channels]), (n,) and (n,).

    A few percent may be transposed: they weigh little in the regression, and the slopes allow for them.
    """
    edges = _edges(images)
    bandwidth = _bandwidth(edges)
    folds = folds_of(ids)
    weights: dict[int, Floats] = {}
    scores: dict[int, npt.NDArray[np.float64]] = {}
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        if len(rows) >= MIN_SAMPLES:
            features = _features(edges[rows], bandwidth)
            if features.any():  # else all are blank
                fitted = _regress(features, folds[rows])
                class_scores = (features * fitted[folds[rows]]).sum(axis=1).astype(np.float64)
                if (class_scores > 0).mean() >= LEAST_UPRIGHT:
                    weights[int(label)], scores[int(label)] = fitted, class_scores
    slopes, fraction = _calibrate(scores)
    return Orientations(bandwidth, weights, slopes, fraction)


def folds_of(ids: Integers) -> Integers:
    """Give each sample's fold, by its id alone."""
    return (hashes(ids) % np.uint64(FOLDS)).astype(np.int64)


def _regress(features: Floats, folds: Integers) -> Floats:
    """Give for each fold the ridge regression of 1 on the features of the others, (FOLDS, FEATURES)."""
    grams = np.stack([features[folds == fold].T @ features[folds == fold] for fold in range(FOLDS)])
    sums = np.stack([features[folds == fold].sum(axis=0) for fold in range(FOLDS)])
    gram, total = grams.sum(axis=0), sums.sum(axis=0)
    weights = np.empty_like(sums)
    for fold in range(FOLDS):
        products = (gram - grams[fold]).astype(np.float64)
        products[np.diag_indices(FEATURES)] += RIDGE * max(1, int((folds != fold).sum()))
        weights[fold] = np.linalg.solve(products, total - sums[fold])
    return weights


def _calibrate(scores: Mapping[int, npt.NDArray[np.float64]]) -> tuple[dict[int, float], float]:
    """Give each class's slope and the fraction of transposed samples, together of maximum likelihood.

    A sample's score s has its sign with probability (1 - fraction) · σ(slope · s) + fraction · σ(-slope · s).
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import expit

    # From a large fraction downwards: from a small one, gentle slopes explain all samples and the fraction stays small.
    fraction = 0.2
    slopes: dict[int, float] = {}

    def negative_log_likelihood(slope: float, of_class: npt.NDArray[np.float64], fraction: float) -> float:
        return -float(np.log(fraction + (1 - 2 * fraction) * expit(slope * of_class)).sum())

    for _ in range(ROUNDS):
        for label, of_class in scores.items():
            best = minimize_scalar(
                negative_log_likelihood, args=(of_class, fraction), bounds=(0, 100), method="bounded"
            )
            slopes[label] = float(best.x)
        logits = [slopes[label] * of_class for label, of_class in scores.items()]
        if logits:
            odds = np.log(fraction / (1 - fraction))
            fraction = min(0.5, max(LEAST_FRACTION, float(expit(odds - np.concatenate(logits)).mean())))
    return slopes, fraction


def _features(edges: Floats, bandwidth: float) -> Floats:
    """Give (n, FEATURES) float32 functions of each image that change their sign when it is transposed."""
    same, turned = (part * np.float32(bandwidth) for part in _parts(edges))
    directions, phases, turning = _drawn()
    features = np.sin(same @ directions + phases)
    features *= np.sin(turned @ turning)
    return features


def _parts(edges: Floats) -> tuple[Floats, Floats]:
    """Split descriptions into what transposing keeps and what it negates, (n, DIRECTIONS · CELLS²) each."""
    mirrored = (DIRECTIONS // 4 - np.arange(DIRECTIONS)) % DIRECTIONS
    own = edges.reshape(len(edges), -1)
    other = edges[:, mirrored].swapaxes(2, 3).reshape(len(edges), -1)
    half = np.float32(0.5)
    return (own + other) * half, (own - other) * half


def _edges(images: Images) -> Floats:
    """Describe square images by their edges, (n, DIRECTIONS, CELLS, CELLS): direction, row and column of the cell."""
    grey = _grey(images)
    pooling = _pooling(grey.shape[1])
    angles = (2 * np.pi / DIRECTIONS) * np.arange(DIRECTIONS)
    edges = np.empty((len(grey), DIRECTIONS, CELLS, CELLS), np.float32)
    for start in range(0, len(grey), BLOCK):
        across, down, steepness = _gradients(grey[start : start + BLOCK])
        for number, angle in enumerate(angles):
            along = across * np.float32(np.cos(angle))
            along += down * np.float32(np.sin(angle))
            np.maximum(along, 0, out=along)
            for _ in range(SQUARINGS):
                along *= along
            along *= steepness
            edges[start : start + BLOCK, number] = pooling @ along @ pooling.T
    return np.power(edges, np.float32(ROOT), out=edges)


def _gradients(grey: Floats) -> tuple[Floats, Floats, Floats]:
    """Give for each pixel the direction in which brightness rises, as a vector of length 1, and how steeply."""
    wide = np.pad(grey, ((0, 0), (1, 1), (1, 1)), mode="edge")
    across = wide[:, 1:-1, 2:] - wide[:, 1:-1, :-2]
    down = wide[:, 2:, 1:-1] - wide[:, :-2, 1:-1]
    steepness = np.hypot(across, down)
    inverse = np.divide(1, steepness, out=np.zeros_like(steepness), where=steepness > 0)
    return across * inverse, down * inverse, steepness


@lru_cache(maxsize=2)
def _pooling(side: int) -> Floats:
    """Give the weight of each pixel of a row in each cell, (CELLS, side); each cell's sum to 1."""
    centres = (np.arange(CELLS) + 0.5) * (side / CELLS) - 0.5
    weights = np.exp(-0.5 * ((np.arange(side) - centres[:, None]) / (BLUR * side)) ** 2)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


def _grey(images: Images) -> Floats:
    """Give (n, h, h) float32 of at most SHAPE_LIMIT pixels a side, the mean of the channels."""
    grey = images.astype(np.float32)
    grey = grey.mean(axis=3) if grey.ndim == 4 else grey
    step = -(-grey.shape[1] // SHAPE_LIMIT)
    if step > 1:
        size = grey.shape[1] // step
        grey = grey[:, : size * step, : size * step].reshape(-1, size, step, size, step).mean(axis=(2, 4))
    return grey


@cache
def _drawn() -> tuple[Floats, Floats, Floats]:
    """Draw directions and phases; the same in every process, so that they need not travel."""
    generator, size = np.random.default_rng(0), DIRECTIONS * CELLS**2
    directions = generator.standard_normal((size, FEATURES), np.float32)
    phases = generator.uniform(0, 2 * np.pi, FEATURES).astype(np.float32)
    return directions, phases, generator.standard_normal((size, FEATURES), np.float32)


def _bandwidth(edges: Floats) -> float:
    """Give the factor for descriptions by their standard deviation, so that the pixels' unit does not matter."""
    variance = float(edges.var(axis=0, dtype=np.float64).sum()) if len(edges) else 0.0
    return WIDTH / float(np.sqrt(variance)) if variance > 0 else 1.0
