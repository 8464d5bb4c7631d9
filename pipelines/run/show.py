"""Choosing samples to look at: by id, class, split, or by what a check of the audit has flagged, the worst first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from mnist_data import storage
from mnist_data.batch import Integers
from mnist_data.errors import NoDataset, UnreadableInput, WrongUse, first_few, unknown_name
from mnist_data.parquet.dataset import Dataset, read_columns
from mnist_data.parquet.tables import read_table, table_provenance
from pipelines.audit.read_rows import read_rows
from pipelines.images.thumbnails import thumbnail_table
from pipelines.settings.checks import CHECKS

PER_SAMPLE = tuple(check for check in CHECKS if check != "class_imbalance")
"""Checks that flag samples."""


def show(
    source: Dataset,
    ids: Sequence[int] = (),
    *,
    classes: Sequence[str] = (),
    split: str | None = None,
    check: str | None = None,
    audit: str | None = None,
    count: int = 20,
) -> pd.DataFrame:
    """Choose samples and read their images.

    ids: in the order in which they are shown. classes: names or numbers; all must hold that are given. split: its name.
    check: of the audit, whose flagged samples are shown, the worst first. audit: its folder, by default
    DATASET-audit. count: most samples; those given by id are all shown.

    Columns: id, split, label, name, score (of the check, where one is named: 0 worst … 1), image (bytes, their shape
    and type in the attributes). Raises WrongUse for a name, class or id that there is not, NoDataset where no audit of
    this dataset lies there.
    """
    if split is not None and split not in source.splits:
        raise unknown_name("split", split, source.splits, source.location)
    labels = _labels(source, classes)
    columns = _columns(source)
    chosen = np.ones(len(columns), np.bool_)
    if split is not None:
        chosen &= (columns["split"] == split).to_numpy()
    if classes:
        chosen &= columns["label"].isin(labels).to_numpy()
    positions = np.flatnonzero(chosen)
    if check is not None:
        columns["score"] = _scores(source, check, audit, columns["id"].to_numpy())
        worst = columns["score"].iloc[positions].dropna().sort_values(kind="stable")
        positions = worst.index.to_numpy()
    positions = _of_ids(source, ids, columns, positions) if len(ids) else positions[:count]
    images = read_rows(source, positions).images
    rows = columns.iloc[positions]
    names = [source.metadata.class_name(int(label)) for label in rows["label"]]
    table = rows.reset_index(drop=True)
    table.insert(3, "name", names)
    return thumbnail_table({str(name): table[name] for name in table}, images, source.metadata)


def _columns(source: Dataset) -> pd.DataFrame:
    """Give id, split and label of every sample, in the order of the dataset."""
    parts = [
        pd.DataFrame({"id": read["id"], "split": split, "label": read["label"]})
        for split in source.splits
        for read in [read_columns(source, split, ["id", "label"])]
    ]
    return pd.concat(parts, ignore_index=True)


def _labels(source: Dataset, classes: Sequence[str]) -> list[int]:
    """Give the labels of classes that are named, or numbered where no class has such a name."""
    known = {name: label for label, name in enumerate(source.metadata.classes)}
    labels = []
    for name in classes:
        if name not in known and not (name.lstrip("-").isdecimal() and name.isascii()):
            raise unknown_name("class", name, known, source.location)
        labels.append(known[name] if name in known else int(name))
    return labels


def _of_ids(source: Dataset, ids: Sequence[int], columns: pd.DataFrame, allowed: Integers) -> Integers:
    place = pd.Series(columns.index[allowed], index=columns["id"].iloc[allowed])
    missing = [str(sample) for sample in ids if sample not in place.index]
    if missing:
        raise WrongUse(f"{source.location} has no such sample with the id {first_few(missing)}.")
    return place.loc[list(ids)].to_numpy(np.int64)


def _scores(source: Dataset, check: str, audit: str | None, ids: Integers) -> npt.NDArray[np.float64]:
    """Give the score of each flagged sample, (n,); NaN of the others."""
    if check not in PER_SAMPLE:
        raise unknown_name("check", check, PER_SAMPLE)
    folder = storage.sibling(source.location, "-audit") if audit is None else audit
    path = f"{folder}/audit.parquet"
    advice = f"Audit it first: mnist-data audit {source.location}"
    if not storage.exists(path):
        raise NoDataset(folder, "no audit lies there", f"the audit of {source.location}", advice)
    if source.content not in table_provenance(path)["inputs"].values():
        raise UnreadableInput(path, "it is of another dataset", f"the audit of {source.location}", advice)
    table = read_table(path)
    if f"is_{check}" not in table:
        raise UnreadableInput(path, f"it was made without the check {check}", "all checks", advice)
    flagged = table.loc[table[f"is_{check}"]].set_index("id")[f"{check}_score"]
    return flagged.reindex(ids).to_numpy(np.float64)
