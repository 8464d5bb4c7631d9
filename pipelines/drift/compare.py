"""From two sides to the tables of drift: each feature by each measure, beside what is known of MNIST."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mnist_data.errors import WrongUse, unknown_name
from mnist_data.parquet.tables import provenance, require_folder, write_table
from pipelines.drift import distances as d
from pipelines.drift.domain import Auc, domain_auc
from pipelines.drift.gather import COMPARED, LEAST, LEVELS, Choice, Side, gather
from pipelines.drift.significance import LEVEL, adjust, adjusted_by_shuffles
from pipelines.drift.verdict import drift_findings, verdict_table
from pipelines.engine.execution import Execution
from pipelines.settings.analysis import Drift

COLUMNS = (
    "class", "feature", "measure", "value", "low", "high", "null_95", "reference", "ratio", "p_adjusted", "significant"
)  # fmt: skip
AUC = "auc"
REFERENCE = "mnist_train_test.csv"
HISTOGRAM_BINS = 40
LEAST_SHUFFLES = 199
"""Of fewer, p-values of half the level are too coarse."""

CELLS = 1 << 17
"""Counts that are made at a time, one a point and draw."""

AUC_FEATURES = ("all_features", "all_pixels")
"""What the domain classifier is given."""


@dataclass(frozen=True)
class Distance:
    """One measure of one feature: its 95 % interval, and what two samples of one distribution give, of these sizes.

    shuffled: (draws,), the distance where the samples of both sides are shuffled. null_95: what 95 of 100 of these
    stay below.
    """

    value: float
    low: float
    high: float
    null_95: float
    shuffled: d.Floats


@dataclass(frozen=True)
class _Row:
    """A row of the table `drift`."""

    group: str
    feature: str
    measure: str
    estimate: Distance | Auc


def drift(
    first: Choice, second: Choice, params: Drift | None = None, *, execution: Execution | None = None
) -> dict[str, pd.DataFrame]:
    """Compare two sides.

    Gives the tables `drift` (COLUMNS), `drift_verdict`, `findings`, `drift_histograms` and `drift_means`.
    Raises WrongUse where a side has too few samples, or no class has enough on both.
    """
    params, execution = params or Drift(), execution or Execution()
    sides = [gather(choice, params.samples, execution) for choice in (first, second)]
    table = compare_sides(sides[0], sides[1], params)
    verdict = verdict_table(table, (first, second), (len(sides[0]), len(sides[1])))
    return {
        "drift": table,
        "drift_verdict": verdict,
        "findings": drift_findings(verdict),
        "drift_histograms": _histograms(*sides),
        "drift_means": _pictures(*sides),
    }


def compare_sides(first: Side, second: Side, params: Drift) -> pd.DataFrame:
    """Give the table `drift` of two sides. Raises WrongUse where no class has enough samples on both."""
    return with_reference(_table(list(_rows(first, second, params))))


def _table(rows: list[_Row]) -> pd.DataFrame:
    """Give all columns except those of the reference.

    Significance is that over all rows of all classes together; and of single classes, which are a family of their own,
    so that what is said of the whole does not depend on by_class.
    """
    families = [[row for row in rows if (row.group == "all") == whole] for whole in (True, False)]
    p_adjusted = np.concatenate([_p_adjusted(family) for family in families if family])
    columns = {
        "class": [row.group for row in rows],
        "feature": [row.feature for row in rows],
        "measure": [row.measure for row in rows],
        **{name: [getattr(row.estimate, name) for row in rows] for name in ("value", "low", "high", "null_95")},
        "p_adjusted": p_adjusted,
    }
    table = pd.DataFrame(columns)
    return table.assign(significant=table["p_adjusted"] <= LEVEL)


def _p_adjusted(family: list[_Row]) -> d.Floats:
    """Give the adjusted p-values of some rows, (rows,)."""
    distances = [row.estimate for row in family if isinstance(row.estimate, Distance)]
    classifiers = [row.estimate for row in family if isinstance(row.estimate, Auc)]
    values, shuffled = (np.array([getattr(distance, name) for distance in distances]) for name in ("value", "shuffled"))
    p_values = adjust(adjusted_by_shuffles(values, shuffled), [auc.p_value for auc in classifiers])
    of_distances, of_classifiers = map(iter, p_values)
    return np.array([next(of_classifiers if isinstance(row.estimate, Auc) else of_distances) for row in family])


def _rows(first: Side, second: Side, params: Drift) -> Iterator[_Row]:
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


def _compare(group: str, first: Side, second: Side, params: Drift) -> Iterator[_Row]:
    sizes = (len(first), len(second))
    draws = d.resample(sizes, params.resamples, params.seed)
    deals = d.shuffle(sizes, max(params.resamples, LEAST_SHUFFLES), params.seed)
    for name, (points, matrices) in _features(first, second).items():
        for measure_name, distance in measure(points, matrices, draws, deals).items():
            if name != "label" or measure_name in d.NOMINAL:
                yield _Row(group, name, measure_name, distance)
    for name, auc in domain_auc(first, second, params.seed).items():
        yield _Row(group, f"all_{name}", AUC, auc)


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
) -> dict[str, Distance]:
    """Give each measure of one feature. matrices: of each side (samples, points), what a sample adds to each point."""
    first, second = (matrix.T for matrix in matrices)
    whole = [matrix @ np.ones(matrix.shape[1]) for matrix in (first, second)]
    support = d.support_of(points, whole[0], whole[1])
    value = d.distances(whole[0], whole[1], support)
    drawn = _in_parts(
        lambda part: d.distances(first @ draws[0][part].T, second @ draws[1][part].T, support), points, len(draws[0])
    )
    size, both = first.shape[1], whole[0] + whole[1]

    def shuffle(part: slice) -> d.Floats:
        mine = first @ deals[part, :size].T + second @ deals[part, size:].T
        return d.distances(mine, both[:, None] - mine, support)

    shuffled = _in_parts(shuffle, points, len(deals))
    nulls = np.quantile(shuffled, 0.95, axis=1)
    return {
        name: Distance(float(value[at]), *d.interval(float(value[at]), drawn[at]), float(nulls[at]), shuffled[at])
        for at, name in enumerate(d.MEASURES)
    }


def _in_parts(function: Callable[[slice], d.Floats], points: d.Floats, draws: int) -> d.Floats:
    """Call for so many draws at a time as fit a processor's cache, and give all results, (measures, draws)."""
    step = max(1, CELLS // len(points))
    return np.concatenate([function(slice(start, start + step)) for start in range(0, draws, step)], axis=1)


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
    joined = joined.assign(ratio=ratio)
    return joined[[name for name in COLUMNS if name in joined]]


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
