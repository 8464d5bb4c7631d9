"""The domain classifier: a model is trained to tell two sides apart; how well it does says how different they are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Images
from pipelines.drift.gather import Side
from pipelines.engine.id_hash import hashes
from pipelines.statistics.components import look, view_of

FOLDS = 5
COMPONENTS = 32
"""Principal components of the pixels that the second model sees."""
MOST_VALUES = 4096
"""Values of an image up to which the second model sees each pixel."""

_Z_95, _Z_95_ONE_SIDED = 1.959963984540054, 1.6448536269514722


@dataclass(frozen=True)
class Auc:
    """A cross-validated AUC: its 95 % interval, what chance stays below in 95 of 100 cases, and its p-value.

    p_value: how probable an AUC as high is where the sides are samples of one distribution.
    """

    value: float
    low: float
    high: float
    null_95: float
    p_value: float


def domain_auc(first: Side, second: Side, seed: int) -> dict[str, Auc]:
    """Give the AUC of each classifier, out of sample in FOLDS folds by the hash of the id.

    `features` is of gradient-boosted trees on the features, `pixels` of logistic regression on principal components,
    left out where the images differ in shape. 0.5: indistinguishable. A sample and its copy fall into one fold.
    """
    from threadpoolctl import threadpool_limits

    truth = np.repeat([0, 1], [len(first), len(second)])
    folds = (hashes(np.concatenate([first.ids, second.ids])) >> np.uint64(32)) % np.uint64(FOLDS)
    # Before the limit, which holds for the libraries that are loaded by then.
    models = {"features": _trees(seed), "pixels": _linear()}
    # Threads wait for one another where other work runs: ten times as long on two busy cores.
    with threadpool_limits(1):
        values: dict[str, npt.NDArray[Any]] = {"features": _feature_columns(first, second)}
        if first.images.shape[1:] == second.images.shape[1:]:
            values["pixels"] = _components(first, second, seed)
        return {
            name: cross_validated_auc(truth, _out_of_fold(models[name], given, truth, folds), folds)
            for name, given in values.items()
        }


def _trees(seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(max_iter=60, random_state=seed, early_stopping=False)


def _linear() -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))


def _feature_columns(first: Side, second: Side) -> npt.NDArray[np.float64]:
    """Give the features of both sides, (n, features), without those that no sample has."""
    columns = [np.concatenate([first.features[name], second.features[name]]) for name in first.features]
    return np.column_stack([column for column in columns if np.isfinite(column).any()])


def _components(first: Side, second: Side, seed: int) -> npt.NDArray[np.float32]:
    """Give the principal components of the pixels of both sides, (n, COMPONENTS) or fewer."""
    from sklearn.decomposition import PCA

    pixels = np.concatenate([_looked_at(side.images) for side in (first, second)])
    pixels = np.nan_to_num(pixels, posinf=0, neginf=0)
    count = min(COMPONENTS, pixels.shape[1], len(pixels) // 3)
    with np.errstate(invalid="ignore"):  # where all images are equal, fractions of their variance are 0 / 0
        components: npt.NDArray[np.float32] = PCA(count, random_state=seed, svd_solver="covariance_eigh").fit_transform(
            pixels
        )
    return components


def _looked_at(images: Images) -> npt.NDArray[np.float32]:
    """Give images as (n, values) float32: their pixels, and of large ones sums of blocks, as statistics look at them.

    The covariance of all pixels of an image of 1024×1024 would take terabytes.
    """
    shape = images.shape[1:]
    if math.prod(shape) <= MOST_VALUES:
        return images.reshape(len(images), -1).astype(np.float32)
    view = view_of(shape)
    return np.stack([look(image[None], view)[0] for image in images]).astype(np.float32)


def _out_of_fold(
    model: Any, values: npt.NDArray[Any], truth: npt.NDArray[np.int64], folds: npt.NDArray[np.uint64]
) -> npt.NDArray[np.float64]:
    """Give each sample's score by a model that has not seen its fold; 0.5 where a fold leaves one side only."""
    scores = np.full(len(truth), 0.5)
    for fold in range(FOLDS):
        validation = folds == fold
        train = ~validation
        if validation.any() and len(np.unique(truth[train])) == 2:
            scores[validation] = model.fit(values[train], truth[train]).predict_proba(values[validation])[:, 1]
    return scores


def cross_validated_auc(truth: npt.NDArray[np.int64], scores: npt.NDArray[np.float64], folds: npt.NDArray[Any]) -> Auc:
    """Give the mean AUC of the folds, weighted by their pairs. truth, scores, folds: (n,); scores out of fold.

    Scores are compared within a fold only: models of different folds differ in their offset, which pooled scores take
    for a difference of the samples (Airola et al. 2011). The variance is twice what DeLong's (1988) would be of
    separate folds, since a sample acts twice, once in validation and once in training: where there is nothing to learn,
    each pair of samples of two folds counts once with either one as the training sample, and these pairs are all of
    the variance. docs/drift.md has the measured coverage. Scores that separate the sides leave no variance; then the
    interval is Clopper and Pearson's (1934) of as many pairs without an error as the smaller side has samples.
    """
    pairs = value = variance = null = 0.0
    for fold in np.unique(folds):
        own = folds == fold
        of_fold = _delong(scores[own & (truth == 1)], scores[own & (truth == 0)])
        if of_fold is not None:
            weight, auc, spread, spread_of_chance = of_fold
            pairs += weight
            value += weight * auc
            variance += weight**2 * spread
            null += weight**2 * spread_of_chance
    if not pairs:
        return Auc(0.5, 0.0, 1.0, 1.0, 1.0)
    value, error, by_chance = value / pairs, math.sqrt(2 * variance) / pairs, math.sqrt(2 * null) / pairs
    low, high = max(0.0, value - _Z_95 * error), min(1.0, value + _Z_95 * error)
    if not variance and value in (0.0, 1.0):
        least = 0.025 ** (1 / min(np.count_nonzero(truth), np.count_nonzero(truth == 0)))
        low, high = (least, 1.0) if value else (0.0, 1 - least)
    p_value = math.erfc((value - 0.5) / by_chance / math.sqrt(2)) / 2
    return Auc(value, low, high, min(1.0, 0.5 + _Z_95_ONE_SIDED * by_chance), p_value)


def _delong(
    positive: npt.NDArray[np.float64], negative: npt.NDArray[np.float64]
) -> tuple[int, float, float, float] | None:
    """Give the pairs of one fold, its AUC, the variance of that, and the variance where scores say nothing.

    None where the fold has one side only. The former variance is the latter where it cannot be estimated: of one
    sample a side, or where all scores are equal.
    """
    from scipy.stats import rankdata

    if not len(positive) or not len(negative):
        return None
    pairs = len(positive) * len(negative)
    ranks = rankdata(np.concatenate([positive, negative]))
    above = (ranks[: len(positive)] - rankdata(positive)) / len(negative)
    below = 1 - (ranks[len(positive) :] - rankdata(negative)) / len(positive)
    by_chance = (len(positive) + len(negative) + 1) / (12 * pairs)
    constant = np.ptp(ranks) == 0
    if constant or min(len(positive), len(negative)) < 2:
        return pairs, float(above.mean()), by_chance, by_chance
    variance = above.var(ddof=1) / len(positive) + below.var(ddof=1) / len(negative)
    return pairs, float(above.mean()), float(variance), by_chance
