"""Out-of-sample probabilities: for every sample those of a model that was not trained on it.

All splits are pooled and cut into folds; each fold is predicted by a model that was trained on the others. So the
labels of the test split are evaluated by a model that has seen the training split, and the other way round.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from typing import Literal

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Images, Integers
from mnist_data.errors import WrongUse
from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.messages import mark, message
from pipelines.engine.execution import Progress, Report, silent
from pipelines.engine.id_hash import hashes
from pipelines.engine.map_dataset import require_images
from pipelines.networks.data.loader import MemoryLoader
from pipelines.networks.data.samples import Samples, read_samples
from pipelines.networks.evaluation.predictions import Probabilities, predict
from pipelines.networks.training.device import require_torch
from pipelines.networks.training.fit import fit, fresh
from pipelines.settings.training import Train
from pipelines.stages.validation import Mask

LabelModel = Literal["cnn", "mlp"]
"""The model that evaluates the labels: a narrow CNN, or an MLP on principal components."""

FOLDS = 3
FEWEST = 10
"""Originals that a class must have to be evaluated; of fewer, a model has hardly seen any when it predicts one."""

REPEATS = 5
"""Cross-validations, each with folds of its own: one network's doubts are partly chance."""
WIDTHS = (12, 16, 16, 32, 32)
"""Filters of the CNN's layers, about half of those of `small`: it memorizes fewer single labels."""
COMPONENTS, HIDDEN = 50, 256
"""Principal components that the MLP sees, and its hidden units."""
BATCH = 128
"""Samples in a training step of either model."""
MOST_SEED = 2**32 - REPEATS
STEPS = 200
"""Training steps at least, for a small set; fewer than for a network that is to be used."""

Learner = Callable[[Images, Integers, Images, int], Probabilities]
"""Trains on images and their labels (0 to classes - 1), and gives the probabilities of the validation images.

Arguments: images, labels, validation images, classes."""


@dataclass(frozen=True)
class OutOfSample:
    """The predictions for n samples, in the order of the dataset: its splits, and in each its files.

    labels: (n,) int64, as given. classes: (k,) int64, the labels that are evaluated, ascending. probabilities: (n, k)
    float32, a column a class; NaN in the rows of samples that are not evaluated. model: in words, what predicted them.
    """

    labels: Integers
    classes: Integers
    probabilities: Probabilities
    model: str

    @property
    def evaluated(self) -> Mask:
        """(n,) bool: the samples that have probabilities."""
        return np.asarray(np.isfinite(self.probabilities).any(axis=1))


def out_of_sample_probabilities(
    source: Dataset, *, model: LabelModel | None = None, folds: int = FOLDS, seed: int = 0, report: Report = silent
) -> OutOfSample:
    """Predict each sample of all splits by models that have seen neither it nor a copy of its original.

    model: None takes the CNN where PyTorch is installed, else the MLP. folds: 2 to 10. The probabilities are the
    mean of `REPEATS` cross-validations, each with other folds and weights. Not evaluated are samples with NaN or
    infinite pixels, labels below 0 (unknown), and classes of fewer than `FEWEST` originals; where fewer than two
    classes are left, none is. The outcome depends neither on the order of the samples nor on partitioning. All images
    are held in memory.

    Raises MissingExtra where the CNN is asked for without PyTorch, WrongUse for items that are no pictures, and for
    folds and seeds out of range.
    """
    require_images(source)
    chosen = model or default_model()
    if chosen == "cnn":
        require_torch()
    if not 2 <= folds <= FEWEST:
        raise WrongUse(f"folds is {folds}; it must be a whole number from 2 to {FEWEST}.")
    if not 0 <= seed <= MOST_SEED:
        raise WrongUse(f"seed is {seed}; it must be a whole number from 0 to {MOST_SEED:,}.")
    samples = _pooled(source)
    rows = _canonical(samples, can_be_evaluated(samples))
    evaluated = samples.take(rows)
    classes, codes = np.unique(evaluated.labels, return_inverse=True)
    scaled = replace(evaluated, labels=codes, images=_scaled(evaluated.images[:]))
    probabilities = np.full((len(samples.ids), len(classes)), np.nan, np.float32)
    probabilities[rows] = _cross_validated(scaled, len(classes), chosen, folds, seed, report)
    words = message(
        "{model}, mean of {repeats} cross-validations in {folds} folds",
        model=message(MODELS[chosen]),
        repeats=REPEATS,
        folds=folds,
    )
    return OutOfSample(samples.labels, classes, probabilities, words)


def _cross_validated(
    samples: Samples, classes: int, model: LabelModel, folds: int, seed: int, report: Report
) -> Probabilities:
    """Give the mean of the repeats, (n, classes); labels are 0 to classes - 1."""
    total = len(samples.ids)
    probabilities = np.zeros((total, classes), np.float32)
    report(Progress("label errors", 0, total))
    for repeat in range(REPEATS if total else 0):
        assigned = folds_of(samples.ids, samples.labels, folds, seed + repeat)
        for fold in range(folds):
            validation = assigned == fold
            train = samples.take(~validation)
            learn = _learner(model, seed + repeat)
            predicted = learn(train.images[:], train.labels, samples.images[validation], classes)
            probabilities[validation] += predicted / REPEATS
            report(Progress("label errors", total * (repeat * folds + fold + 1) // (REPEATS * folds), total))
    return probabilities


def default_model() -> LabelModel:
    """Give the best model that is installed."""
    return "cnn" if find_spec("torch") and find_spec("safetensors") else "mlp"


def can_be_evaluated(samples: Samples) -> Mask:
    """Say which samples can be evaluated, (n,) bool; see `out_of_sample_probabilities`."""
    images = samples.images[:]
    finite = np.isfinite(images).all(axis=tuple(range(1, images.ndim)))
    known = (samples.labels >= 0) & finite
    labels, counts = np.unique(_originals(samples.ids[known], samples.labels[known])[:, 1], return_counts=True)
    enough = labels[counts >= FEWEST]
    return known & np.isin(samples.labels, enough) if len(enough) > 1 else np.zeros(len(known), np.bool_)


def folds_of(source_ids: Integers, labels: Integers, folds: int, seed: int) -> npt.NDArray[np.int64]:
    """Assign samples to folds, (n,) from 0: each label evenly, copies of an original together.

    Which fold an original falls into depends on the hashes of the ids of its label, and on nothing else.
    """
    originals, place = np.unique(source_ids, return_inverse=True)
    lowest = np.full(len(originals), np.iinfo(np.int64).max)
    np.minimum.at(lowest, place, labels)  # copies of an original may differ in their labels
    assigned = np.empty(len(originals), np.int64)
    # Counting goes on from one label to the next: else the first folds had more of every small class.
    assigned[np.lexsort((hashes(originals, seed), lowest))] = np.arange(len(originals)) % folds
    return assigned[place]


def _originals(ids: Integers, labels: Integers) -> npt.NDArray[np.int64]:
    """Give the distinct pairs of an original and a label, (m, 2)."""
    return np.unique(np.stack([ids, labels], axis=1), axis=0)


def _pooled(source: Dataset) -> Samples:
    """Read all splits, one after another."""
    parts = [read_samples(source, split) for split in source.splits]
    names = ("ids", "copies", "labels", "images")
    ids, copies, labels, images = (np.concatenate([getattr(part, name) for part in parts]) for name in names)
    return Samples(ids, copies, labels, images)


def _canonical(samples: Samples, chosen: Mask) -> npt.NDArray[np.intp]:
    """Give the chosen rows in an order that only their ids decide: batches are made by position."""
    rows = np.flatnonzero(chosen)
    return rows[np.lexsort((samples.copies[rows], samples.ids[rows]))]


def _scaled(images: Images) -> Images:
    """Leave bytes as they are; bring other types, all of them finite, to 0 … 1 by the least and the greatest value."""
    if images.dtype == np.uint8 or not images.size:
        return images
    low, high = float(images.min()), float(images.max())
    return np.asarray((images - low) / ((high - low) or 1.0), np.float32)


def _learner(model: LabelModel, seed: int) -> Learner:
    return partial(_by_cnn if model == "cnn" else _by_mlp, seed=seed)


def _by_cnn(images: Images, labels: Integers, validation: Images, classes: int, seed: int) -> Probabilities:
    # Smoothed labels would flatten the probabilities: what is surely wrong would stand beside what is hard to read.
    params = Train(label_smoothing=0.0, seed=seed, batch_size=BATCH, epochs=_epochs(len(images), BATCH, 3))
    narrow = fresh(images.shape[1:], classes, params, WIDTHS)
    nothing = MemoryLoader(images[:0], labels[:0])
    return predict(fit(MemoryLoader(images, labels), nothing, classes, params, start=narrow).model, validation)


def _by_mlp(images: Images, labels: Integers, validation: Images, classes: int, seed: int) -> Probabilities:
    """Learn from principal components, scaled together so that the first, the widest, has a standard deviation of 3."""
    from sklearn.decomposition import PCA
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    train, asked = (values.reshape(len(values), -1).astype(np.float32) for values in (images, validation))
    with np.errstate(invalid="ignore"):  # where all images are equal, fractions of their variance are 0 / 0
        components = PCA(min(COMPONENTS, *train.shape), random_state=seed).fit(train)
    scale = 3 / (np.sqrt(components.explained_variance_[0]) or 1)
    network = MLPClassifier(
        (HIDDEN,),
        max_iter=_epochs(len(images), BATCH, 10),
        batch_size=min(BATCH, len(images)),
        learning_rate_init=0.002,
        alpha=0.001,
        tol=0,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it warns wherever it is told how long to learn
        network.fit(components.transform(train) * scale, labels)
    probabilities = np.zeros((len(validation), classes), np.float32)
    probabilities[:, network.classes_] = network.predict_proba(components.transform(asked) * scale)
    return probabilities


def _epochs(samples: int, batch_size: int, least: int) -> int:
    return max(least, math.ceil(STEPS * batch_size / samples))


MODELS: dict[LabelModel, str] = {
    "cnn": mark("a narrow CNN"),
    "mlp": f"an MLP of {HIDDEN} units on {COMPONENTS} principal components",
}
