"""Finding samples whose rows and columns were exchanged, by comparing each with its own class.

An image is described by how its edges run: how steeply brightness rises in each of 24 directions, in each cell of a
coarse grid (as in histograms of oriented gradients, Dalal and Triggs, CVPR 2005). Transposing exchanges cells and
directions, so such a description has a part u that transposing keeps and a part v whose sign it turns, and
sin(w·u + b) · sin(z·v), with w, z and b drawn at random, turns its sign as well. Many of these approximate a Gaussian
kernel (Rahimi and Recht, NIPS 2007) on the functions that do. In each class a ridge regression on them learns to tell
upright samples from transposed ones, and a slope brings what it says to log odds (Platt 1999).

No picture of a digit is built in: letters, clothes and Kuzushiji come out by the same rule. Each sample is judged by
what was learnt from others, and is flagged where it is likelier transposed than not, given how many seem to be: in a
class that looks alike either way that is never so.
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
"""A class with fewer training samples is not judged."""

SHAPE_LIMIT = 32
"""Larger images are shrunk by whole-number averaging, so that their description costs no more than small ones'."""

DIRECTIONS, CELLS = 24, 4
"""In which brightness may rise, and rows and columns of the grid. On MNIST, where 35 of 70,000 may be flagged wrongly,
94.4 % of planted transposed samples are found so; by the pixels in place of the edges, 88.2 %."""

BLUR = 1 / 7
"""Of a cell's border, as a fraction of the side."""

SQUARINGS = 3
"""Of the cosine between an edge and a direction: how sharply directions are told apart."""

ROOT = 0.5
"""What steepness is raised to, so that faint edges tell as well. 0.4 finds as many, and trusts noise more."""

FEATURES = 1_000
"""On MNIST twice as many find a quarter of a sample in a hundred more, and take three and a half times as long."""

WIDTH = 0.6
"""Of the kernel, as its inverse, where 1 is the deviation of all descriptions together."""

RIDGE = 0.002
"""Added to the diagonal of the features' mean products."""

BLOCK = 128
"""Images described at a time: what they take stays in the processor's cache, which is 1.3 times as fast."""

FOLDS = 4
"""A sample of one fold is judged by what was learnt from the others, so that none vouches for itself."""

ROUNDS = 20
"""Of estimating slopes from the fraction of transposed samples and that fraction from the slopes; 20 settle it."""

LEAST_SHARE = 0.001
"""Of transposed samples, assumed where fewer are seen."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Orientations:
    """How the samples of each class lie.

    bandwidth: what descriptions are multiplied by before the features. weights: class -> (FOLDS, FEATURES) float32,
    the fold's samples left out. slopes: class -> log odds by unit of score. fraction: of the samples that seem
    transposed.
    """

    bandwidth: float
    weights: Mapping[int, Floats]
    slopes: Mapping[int, float]
    fraction: float

    @property
    def bar(self) -> float:
        """The log odds of being transposed that outweigh how rare that is."""
        return float(np.log((1 - self.fraction) / self.fraction))

    def log_odds(self, images: Images, labels: Integers, ids: Integers) -> npt.NDArray[np.float64]:
        """Say how much likelier each sample looks transposed than upright, (n,) float64; NaN in a class not judged.

        images: (n, h, h) or (n, h, h, channels), finite. How rare transposed samples are is not counted in.
        """
        found = np.full(len(images), np.nan)
        folds = folds_of(ids)
        for label, weights in self.weights.items():
            rows = np.flatnonzero(labels == label)
            scores = (_features(_edges(images[rows]), self.bandwidth) * weights[folds[rows]]).sum(axis=1)
            found[rows] = -self.slopes[label] * scores.astype(np.float64)
        return found

    def transposed(self, images: Images, labels: Integers, ids: Integers) -> npt.NDArray[np.bool_]:
        """Say of each sample whether it is likelier transposed than not, (n,) bool."""
        return self.log_odds(images, labels, ids) > self.bar


NOT_JUDGED = Orientations(1.0, {}, {}, LEAST_SHARE)
"""What is known where nothing was learnt: no sample is flagged."""


def judgeable(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bool:
    """Say whether images of this shape could be transposed unnoticed: only square ones could."""
    return len(shape) in (2, 3) and shape[0] == shape[1] > 1 and dtype.kind in "uif"


def fit_orientations(images: Images, labels: Integers, ids: Integers) -> Orientations:
    """Learn how the samples of each class lie, from training samples, (n, h, h[, channels]), (n,) and (n,).

    A few in a hundred may be transposed: they weigh little in the regression, and the slopes allow for them.
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
                learnt = _regress(features, folds[rows])
                weights[int(label)] = learnt
                scores[int(label)] = (features * learnt[folds[rows]]).sum(axis=1).astype(np.float64)
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
    learnt = np.empty_like(sums)
    for fold in range(FOLDS):
        products = (gram - grams[fold]).astype(np.float64)
        products[np.diag_indices(FEATURES)] += RIDGE * max(1, int((folds != fold).sum()))
        learnt[fold] = np.linalg.solve(products, total - sums[fold])
    return learnt


def _calibrate(scores: Mapping[int, npt.NDArray[np.float64]]) -> tuple[dict[int, float], float]:
    """Give each class's slope and the fraction of transposed samples, of greatest likelihood together.

    A sample's score s has the sign it has with probability (1 - share) · σ(slope · s) + share · σ(-slope · s).
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import expit

    # From many downwards: where few are assumed, gentle slopes explain the others, and few are then seen.
    fraction = 0.2
    slopes: dict[int, float] = {}

    def unlikelihood(slope: float, found: npt.NDArray[np.float64], fraction: float) -> float:
        return -float(np.log(fraction + (1 - 2 * fraction) * expit(slope * found)).sum())

    for _ in range(ROUNDS):
        for label, found in scores.items():
            best = minimize_scalar(unlikelihood, args=(found, fraction), bounds=(0, 100), method="bounded")
            slopes[label] = float(best.x)
        logits = [slopes[label] * found for label, found in scores.items()]
        if logits:
            odds = np.log(fraction / (1 - fraction))
            fraction = min(0.5, max(LEAST_SHARE, float(expit(odds - np.concatenate(logits)).mean())))
    return slopes, fraction


def _features(edges: Floats, bandwidth: float) -> Floats:
    """Give (n, FEATURES) float32 functions of each image that turn their sign where it is transposed."""
    same, turned = (part * np.float32(bandwidth) for part in _parts(edges))
    directions, phases, turning = _drawn()
    features = np.sin(same @ directions + phases)
    features *= np.sin(turned @ turning)
    return features


def _parts(edges: Floats) -> tuple[Floats, Floats]:
    """Give what transposing keeps of descriptions, and what it turns the sign of, (n, DIRECTIONS · CELLS²) each."""
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
    found = np.empty((len(grey), DIRECTIONS, CELLS, CELLS), np.float32)
    for start in range(0, len(grey), BLOCK):
        across, down, steepness = _gradients(grey[start : start + BLOCK])
        for number, angle in enumerate(angles):
            along = across * np.float32(np.cos(angle))
            along += down * np.float32(np.sin(angle))
            np.maximum(along, 0, out=along)
            for _ in range(SQUARINGS):
                along *= along
            along *= steepness
            found[start : start + BLOCK, number] = pooling @ along @ pooling.T
    return np.power(found, np.float32(ROOT), out=found)


def _gradients(grey: Floats) -> tuple[Floats, Floats, Floats]:
    """Give of each pixel the direction in which brightness rises, as a vector of length 1, and how steeply."""
    wide = np.pad(grey, ((0, 0), (1, 1), (1, 1)), mode="edge")
    across = wide[:, 1:-1, 2:] - wide[:, 1:-1, :-2]
    down = wide[:, 2:, 1:-1] - wide[:, :-2, 1:-1]
    steepness = np.hypot(across, down)
    fraction = np.divide(1, steepness, out=np.zeros_like(steepness), where=steepness > 0)
    return across * fraction, down * fraction, steepness


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
    """Give the kernel's width from how far the descriptions spread, whatever the pixels' unit."""
    variance = float(edges.var(axis=0, dtype=np.float64).sum()) if len(edges) else 0.0
    return WIDTH / float(np.sqrt(variance)) if variance > 0 else 1.0
