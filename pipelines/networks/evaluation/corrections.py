"""A network's accuracy by corrected labels."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pandas as pd

from mnist_data.batch import Integers
from mnist_data.parquet.corrections import Corrections
from pipelines.networks.evaluation.predictions import Probabilities
from pipelines.networks.evaluation.scores import evaluate


def corrected_scores(probabilities: Probabilities, ids: Integers, labels: Integers, table: Corrections) -> pd.DataFrame:
    """Evaluate with the given labels and with the corrected ones, a row each.

    Columns: labels ("given" or "corrected"), changed, how many differ from the given ones, removed, how many samples
    are left out as they are to be removed, and those of `evaluate`.
    """
    corrected, kept = table.apply(ids, labels), ~np.isin(ids, table.removed)
    everything = np.ones(len(ids), np.bool_)
    rows = [
        {
            "labels": name,
            "changed": int((by != labels)[chosen].sum()),
            "removed": int((~chosen).sum()),
            **asdict(evaluate(probabilities[chosen], by[chosen])),
        }
        for name, by, chosen in (("given", labels, everything), ("corrected", corrected, kept))
    ]
    return pd.DataFrame(rows)
