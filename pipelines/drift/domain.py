"""The domain classifier: a model is trained to tell two sides apart; how well it does says how different they are."""

from __future__ import annotations

import math
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

_Z = 1.959963984540054


def domain_auc(first: Side, second: Side, seed: int) -> dict[str, tuple[float, float, float, float]]:
    """Give AUC, its 95 % interval and the 95 % bound of chance, out of sample in FOLDS folds by the hash of the id.

    `features` is of gradient-boosted trees on the features, `pixels` of logistic regression on principal components,
    left out where the images differ in shape. 0.5: indistinguishable. A sample and its copy fall into one fold.
    """
    from sklearn.decomposition import PCA
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    truth = np.repeat([0, 1], [len(first), len(second)])
    folds = (hashes(np.concatenate([first.ids, second.ids])) >> np.uint64(32)) % np.uint64(FOLDS)
    features = np.column_stack(
        [np.concatenate([first.features[name], second.features[name]]) for name in first.features]
    )
    features = features[:, np.isfinite(features).any(axis=0)]
    trees = HistGradientBoostingClassifier(max_iter=60, random_state=seed, early_stopping=False)
    # Its threads wait for one another where other work runs: ten times as long on two busy cores.
    with threadpool_limits(1, "openmp"):
        scores = {"features": delong(truth, _out_of_fold(trees, features, truth, folds))}
    if first.images.shape[1:] == second.images.shape[1:]:
        pixels = np.concatenate([_looked_at(side.images) for side in (first, second)])
        pixels = np.nan_to_num(pixels, posinf=0, neginf=0)
        count = min(COMPONENTS, pixels.shape[1], len(pixels) // 3)
        with np.errstate(invalid="ignore"):  # where all images are equal, fractions of their variance are 0 / 0
            components = PCA(count, random_state=seed, svd_solver="covariance_eigh").fit_transform(pixels)
        linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        scores["pixels"] = delong(truth, _out_of_fold(linear, components, truth, folds))
    return scores


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


def delong(truth: npt.NDArray[np.int64], scores: npt.NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Give the AUC, its 95 % interval after DeLong et al. (1988), and what chance stays below in 95 of 100 cases."""
    from scipy.stats import rankdata

    positive, negative = scores[truth == 1], scores[truth == 0]
    ranks = rankdata(np.concatenate([positive, negative]))
    above = (ranks[: len(positive)] - rankdata(positive)) / len(negative)
    below = 1 - (ranks[len(positive) :] - rankdata(negative)) / len(positive)
    auc = float(above.mean())
    error = float(np.sqrt(above.var(ddof=1) / len(positive) + below.var(ddof=1) / len(negative)))
    chance = np.sqrt((len(truth) + 1) / (12 * len(positive) * len(negative)))
    return auc, max(0.0, auc - _Z * error), min(1.0, auc + _Z * error), float(0.5 + 1.6448536 * chance)
