"""Reading the predictions that a training has written: by seed, or of the ensemble of all seeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from mnist_data import storage
from mnist_data.errors import NoDataset, UnreadableInput
from mnist_data.parquet.corrections import CORRECTIONS
from mnist_data.parquet.tables import read_table, table_provenance

NEEDED = ("id", "label", "predicted", "correct")


@dataclass(frozen=True)
class Run:
    """The predictions of a training for the samples it was evaluated on.

    folder: its output folder. inputs: the datasets it was trained on, name -> content hash. table: the tables of
    `prediction_table` of all seeds, concatenated, with a column `seed` if there are several.
    """

    folder: str
    inputs: Mapping[str, str]
    table: pd.DataFrame

    @property
    def seeds(self) -> list[int]:
        """The seeds, ascending; none where the table has no column for them."""
        return sorted(self.table["seed"].unique().tolist()) if "seed" in self.table else []

    def of(self, seed: int) -> pd.DataFrame:
        """Give the predictions of one seed."""
        return self.table[self.table["seed"] == seed]


def read_run(folder: str | Path) -> Run:
    """Read the table `predictions` of a folder that `train` has written.

    Raises NoDataset where there is none, UnreadableInput for one of another kind.
    """
    path = f"{str(folder).rstrip('/')}/predictions.parquet"
    if not storage.exists(path):
        raise NoDataset(
            str(folder),
            "no predictions.parquet lies in it",
            "a folder that mnist-data train has written",
            "Name the OUT of a training.",
        )
    table, advice = read_table(path), "Train the model again."
    missing = [name for name in (*NEEDED, "p_0") if name not in table]
    if missing or table.empty:
        problem = f"it lacks {', '.join(missing)}" if missing else "it has no rows"
        raise UnreadableInput(path, problem, "a row for each sample that was predicted", advice)
    if table.duplicated(["id", "seed"] if "seed" in table else ["id"]).any():
        raise UnreadableInput(path, "a sample is in it twice", "one row for each sample and seed", advice)
    inputs = {name: content for name, content in table_provenance(path)["inputs"].items() if name != CORRECTIONS}
    return Run(str(folder), inputs, table)


def together(table: pd.DataFrame) -> pd.DataFrame:
    """Give the ensemble's prediction, a row a sample: that of the mean of all seeds' probabilities.

    table: predictions of one or more seeds; without a column `seed` of one. The result has no such column.
    """
    if "seed" not in table:
        return table
    first = table.drop_duplicates("id").drop(columns="seed").reset_index(drop=True)
    if len(first) == len(table):
        return first
    names = [name for name in table if str(name).startswith("p_")]
    means = table.groupby("id", sort=False)[names].mean().reset_index(drop=True)
    predicted = means.to_numpy().argmax(axis=1)
    answers: dict[str, Any] = {"predicted": predicted, "probability": means.max(axis=1)}
    return first.assign(**dict(means), **answers, correct=predicted == first["label"])
