"""A series of seeds: the mean accuracy of a training and its variation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

COLUMNS = (
    "model",
    "split",
    "seeds",
    "samples",
    "mean",
    "std",
    "low",
    "high",
    "lowest",
    "highest",
    "ensemble",
    "ensemble_low",
    "ensemble_high",
)


def summarize_seeds(evaluation: pd.DataFrame) -> pd.DataFrame:
    """Summarize the accuracies of several seeds, a row a model and split; single seeds are left out.

    evaluation: model, split, seed (missing in the row of the ensemble), samples, accuracy, low, high.
    Columns: COLUMNS. std: n - 1 in the denominator. low, high: the 95 % interval of the mean by Student's t: of the
    mean over other seeds on the same samples, not over other samples. ensemble_low, ensemble_high: Wilson's interval,
    over other samples. NaN where there is no ensemble.
    """
    rows = [
        {"model": model, "split": split, **_summary(group)}
        for (model, split), group in evaluation.groupby(["model", "split"], sort=False)
        if group["seed"].count() > 1
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _summary(rows: pd.DataFrame) -> dict[str, Any]:
    accuracies = rows.loc[rows["seed"].notna(), "accuracy"].to_numpy(np.float64)
    together = rows.loc[rows["seed"].isna(), ["accuracy", "low", "high"]].to_numpy(np.float64)
    low, high = t_interval(accuracies)
    ensemble = together[0] if len(together) else (math.nan,) * 3
    return {
        "seeds": len(accuracies),
        "samples": int(rows["samples"].iloc[0]),
        "mean": accuracies.mean(),
        "std": accuracies.std(ddof=1),
        "low": low,
        "high": high,
        "lowest": accuracies.min(),
        "highest": accuracies.max(),
        **dict(zip(("ensemble", "ensemble_low", "ensemble_high"), ensemble, strict=True)),
    }


def t_interval(accuracies: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> tuple[float, float]:
    """Give the 95 % interval of the mean of (n,) fractions by Student's t, n at least 2; within 0 and 1.

    >>> [round(end, 4) for end in t_interval(np.array([0.5, 0.6, 0.7]))]
    [0.3516, 0.8484]
    """
    from scipy.stats import t

    count = len(accuracies)
    reach = float(t.ppf(0.975, count - 1)) * accuracies.std(ddof=1) / math.sqrt(count)
    mean = accuracies.mean()
    return max(0.0, float(mean - reach)), min(1.0, float(mean + reach))
