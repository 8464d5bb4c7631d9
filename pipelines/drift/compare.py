"""From two sides to the tables of drift: each feature by each measure, beside what is known of MNIST."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mnist_data.errors import WrongUse, unknown_name
from mnist_data.parquet.tables import provenance, require_folder, write_table
from pipelines.drift import distances as d
from pipelines.drift.domain import domain_auc
from pipelines.drift.gather import COMPARED, LEAST, LEVELS, Choice, Side, gather
from pipelines.engine.execution import Execution
from pipelines.settings.analysis import Drift

COLUMNS = ("class", "feature", "measure", "value", "low", "high", "null_95", "reference", "ratio")
AUC = "auc"
REFERENCE = "mnist_train_test.csv"
HISTOGRAM_BINS = 40

AUC_FEATURES = ("all_features", "all_pixels")
"""What the domain classifier is given."""


def drift(
    first: Choice, second: Choice, params: Drift | None = None, *, execution: Execution | None = None
) -> dict[str, pd.DataFrame]:
    """Compare two sides. Gives the tables `drift` (COLUMNS), `drift_histograms` and `drift_means`.

    Raises WrongUse where a side has too few samples, or no class has enough on both.
    """
    params, execution = params or Drift(), execution or Execution()
    sides = [gather(choice, params.samples, execution) for choice in (first, second)]
    table = pd.DataFrame(list(_rows(sides[0], sides[1], params)), columns=list(COLUMNS[:7]))
    table = with_reference(table)
    return {"drift": table, "drift_histograms": _histograms(*sides), "drift_means": _pictures(*sides)}


def _rows(first: Side, second: Side, params: Drift) -> Iterable[tuple[Any, ...]]:
    yield from _compare("all", first, second, params)
    if not params.by_class:
        return
    labels = [
        label
        for label in np.intersect1d(first.labels, second.labels).tolist()
        if min((first.labels == label).sum(), (second.labels == label).sum()) >= LEAST
    ]
    if not labels:
        raise WrongUse(f"No class has {LEAST} samples on both sides, {first.name} and {second.name}.")
    for label in labels:
        yield from _compare(str(label), first.take(first.labels == label), second.take(second.labels == label), params)


def _compare(group: str, first: Side, second: Side, params: Drift) -> Iterable[tuple[Any, ...]]:
    sizes = (len(first), len(second))
    draws, deals = d.resample(sizes, params.resamples, params.seed), d.shuffle(sizes, params.resamples, params.seed)
    for name, (points, matrices) in _features(first, second).items():
        for measure_name, row in measure(points, matrices, draws, deals).items():
            if name != "label" or measure_name in d.NOMINAL:
                yield (group, name, measure_name, *row)
    for name, (auc, low, high, chance) in domain_auc(first, second, params.seed).items():
        yield (group, f"all_{name}", AUC, auc, low, high, chance)


def _features(first: Side, second: Side) -> dict[str, tuple[d.Floats, tuple[Any, Any]]]:
    """Give each feature's points, and of each side what each sample adds to them: sparse (samples, points)."""
    features: dict[str, tuple[d.Floats, tuple[Any, Any]]] = {}
    for name, mine, theirs in [
        *((name, first.features[name], second.features[name]) for name in first.features),
        ("label", first.labels.astype(np.float64), second.labels.astype(np.float64)),
    ]:
        points = np.unique(np.concatenate([mine[np.isfinite(mine)], theirs[np.isfinite(theirs)]]))
        if np.isfinite(mine).any() and np.isfinite(theirs).any() and (name != "label" or len(points) > 1):
            features[name] = points, (_one_hot(mine, points), _one_hot(theirs, points))
    levels = (np.arange(LEVELS) + 0.5) / LEVELS
    features["intensity"] = levels, (first.levels.astype(np.float64), second.levels.astype(np.float64))
    return features


def _one_hot(values: d.Floats, points: d.Floats) -> Any:
    from scipy.sparse import csr_array

    rows = np.flatnonzero(np.isfinite(values))
    columns = np.searchsorted(points, values[rows])
    return csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(values), len(points)))


def measure(
    points: d.Floats, matrices: tuple[Any, Any], draws: tuple[d.Draws, d.Draws], deals: d.Draws
) -> dict[str, tuple[float, float, float, float]]:
    """Give value, low, high and null_95 of each measure of one feature.

    matrices: of each side (samples, points), what a sample adds to each point. null_95: what two samples of one
    distribution, of these sizes, stay below in 95 of 100 cases.
    """
    first, second = (matrix.T for matrix in matrices)
    whole = [matrix @ np.ones(matrix.shape[1]) for matrix in (first, second)]
    support = d.support_of(points, whole[0], whole[1])
    value = d.distances(whole[0], whole[1], support)
    drawn = np.array([_between(first @ a, second @ b, support) for a, b in zip(*draws, strict=True)])
    size = first.shape[1]
    shuffled = []
    for deal in deals:
        mine = first @ deal[:size] + second @ deal[size:]
        shuffled.append(_between(mine, whole[0] + whole[1] - mine, support))
    nulls = np.quantile(np.array(shuffled), 0.95, axis=0)
    return {
        name: (float(value[at]), *d.interval(float(value[at]), drawn[:, at]), float(nulls[at]))
        for at, name in enumerate(d.MEASURES)
    }


def _between(first: d.Floats, second: d.Floats, support: d.Support) -> d.Floats:
    # A draw may miss all the few samples that have the feature; then nothing differs that could be seen.
    return d.distances(first, second, support) if first.sum() and second.sum() else np.zeros(len(d.MEASURES))


def with_reference(table: pd.DataFrame) -> pd.DataFrame:
    """Add what MNIST's train and test split give, and how many times that each value is; an AUC counts from 0.5."""
    path = files("pipelines.drift").joinpath(REFERENCE)
    known = pd.read_csv(str(path)).rename(columns={"value": "reference"})
    joined = table.merge(known[["feature", "measure", "reference"]], on=["feature", "measure"], how="left")
    zero = np.where(joined["measure"] == AUC, 0.5, 0.0)
    # As near 0.5 as chance allows, the yardstick's AUC would make every ratio endless.
    least = np.where(joined["measure"] == AUC, 0.005, 1e-9)
    known_far = np.maximum(joined["reference"].to_numpy(np.float64) - zero, least)
    ratio = np.maximum(joined["value"].to_numpy(np.float64) - zero, 0) / known_far
    return joined.assign(ratio=ratio)[list(COLUMNS)]


def _histograms(first: Side, second: Side) -> pd.DataFrame:
    """Give what fraction of each side lies in each of 40 equal bins of each feature, but for 1 in 200 at each end."""
    rows = []
    for name in first.features:
        both = [side.features[name][np.isfinite(side.features[name])] for side in (first, second)]
        if min(map(len, both)) == 0:
            continue
        low, high = np.quantile(np.concatenate(both), (0.005, 0.995))
        edges = np.linspace(low, high if high > low else low + 1, HISTOGRAM_BINS + 1)
        fractions = [np.histogram(values, edges)[0] / len(values) for values in both]
        rows.append(
            pd.DataFrame({"feature": name, "at": (edges[:-1] + edges[1:]) / 2, "a": fractions[0], "b": fractions[1]})
        )
    return pd.concat(rows, ignore_index=True)


def _pictures(first: Side, second: Side) -> pd.DataFrame:
    """Give the mean image of each side, a row a pixel."""
    rows = []
    for key, side in (("a", first), ("b", second)):
        mean = np.nan_to_num(side.images.astype(np.float64)).mean(axis=0)
        mean = mean if mean.ndim == 2 else mean.mean(axis=2)
        row, column = np.indices(mean.shape).reshape(2, -1)
        rows.append(
            pd.DataFrame({"side": key, "name": side.name, "row": row, "column": column, "mean": mean.reshape(-1)})
        )
    return pd.concat(rows, ignore_index=True)


def save(
    tables: Mapping[str, pd.DataFrame],
    folder: str | Path,
    choices: Iterable[Choice],
    params: Drift,
    *,
    overwrite: bool = False,
) -> None:
    """Write the tables into a folder. Raises OutputExists where it holds anything that is not to be replaced."""
    require_folder(folder, overwrite)
    inputs = {choice.name: choice.dataset.content for choice in choices}
    made = provenance(params.stage, inputs, params.recorded())
    for name, table in tables.items():
        write_table(table, f"{folder}/{name}", made)


def require_limit_name(name: str, _limit: float, origin: str) -> None:
    """Raise WrongUse for a name that is no measure, as in auc, nor one of a feature, as in thickness.wasserstein."""
    feature, _, measured = name.rpartition(".")
    if measured not in (*d.MEASURES, AUC):
        raise unknown_name("measure", measured, (*d.MEASURES, AUC), origin)
    known = AUC_FEATURES if measured == AUC else (*COMPARED, "intensity", "label")
    if feature and feature not in known:
        raise unknown_name("feature", feature, known, origin)
