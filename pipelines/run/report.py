"""The dashboard of a dataset, from its tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from dashboards.language import ENGLISH
from mnist_data import storage
from mnist_data.batch import shape_text
from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.messages import joined, message
from mnist_data.parquet.tables import read_table, read_tables, table_provenance
from mnist_data.version import __version__
from pipelines.images.thumbnails import before_after, is_augmented
from pipelines.run.pages import Heading, versions, write_page
from pipelines.run.sample_sheet import sample_tables
from pipelines.run.script import dataset_script
from pipelines.settings.base import settings_in_words
from pipelines.stages.clean import TABLES
from pipelines.statistics.findings import together
from pipelines.statistics.sample_space import has_umap

COMPARED = ("findings", "evaluation", "seeds", "label_scores", "leak_scores", "robustness")
"""Tables that a page shows for all models together; the other tables are those of the first model."""

OF_SAMPLES = ("predictions", "trained_on")
"""Tables of a training with a row a sample, which no page shows."""


def collect_tables(
    folder: str | Path, source: Dataset, augmented: Dataset | None = None, models: Iterable[str | Path] = ()
) -> dict[str, pd.DataFrame]:
    """Collect the tables that a dashboard can show.

    folder: of the statistics of `source`, next to which cleaning may have written its tables. augmented: a dataset with
    copies. models: folders of trained models, the most important first.
    """
    tables = read_tables(folder)
    for ending, name in TABLES.items():
        path = storage.sibling(source.location, f".{ending}.parquet")
        # Tables of an earlier dataset may still be next to one that replaced it.
        if storage.exists(path) and _is_of(path, source):
            tables[name] = read_table(path)
    if augmented is not None and is_augmented(augmented):
        tables["augmentation"] = before_after(augmented)
    compared = {"findings": [tables["findings"]]} if "findings" in tables else {}
    predictions = None
    for model in models:
        of_model = read_tables(model)
        first = of_model.get("predictions")
        predictions = first if predictions is None else predictions
        for name in OF_SAMPLES:
            of_model.pop(name, None)
        for name in COMPARED:
            if name in of_model:
                compared.setdefault(name, []).append(of_model.pop(name))
        tables = {**of_model, **tables}
    joined = {name: (together if name == "findings" else _joined)(parts) for name, parts in compared.items()}
    chosen = sample_tables(source, tables.get("samples"), predictions=predictions)
    return {**tables, **joined, **chosen}


def _joined(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(parts, ignore_index=True)


def page_plan(
    folder: str | Path,
    source: Dataset,
    augmented: Dataset | None,
    models: Iterable[str | Path],
    lang: str = ENGLISH,
) -> dict[str, Any]:
    """Describe what a run makes its page of; equal plans give equal pages. The arguments are those of `collect_tables`.

    The plan of each folder of tables lies next to it.
    """
    stamps = [storage.read_text(storage.sibling(each, ".plan")) for each in (folder, *models)]
    content = augmented.content if augmented else ""
    plan = {"input": source.content, "augmented": content, "tables": stamps, "version": __version__}
    plan |= {} if lang == ENGLISH else {"lang": lang}
    return {**plan, "map": "umap"} if has_umap() else plan


def _is_of(path: str, dataset: Dataset) -> bool:
    made_from = list(table_provenance(path)["inputs"].values())
    return any(stage.stage == "clean" and [stage.input] == made_from for stage in dataset.metadata.stages)


def write_report(
    tables: Mapping[str, pd.DataFrame],
    source: Dataset,
    target: str | Path,
    made_by: Mapping[str, str] | None = None,
    *,
    script: str = "",
    kind: str = "",
    title: str = "",
    lang: str = ENGLISH,
    place: str | Path | None = None,
    overwrite: bool = False,
) -> str:
    """Write a page about a dataset; give its path.

    made_by: what else is needed to reproduce the page. script: the commands that make it again; those of the dataset
    where none are given. kind: what was done with the dataset, as in Audit; empty for all that is known of it. lang:
    the language of the page. title: instead of the dataset's. place: as in `write_page`. Raises OutputExists where
    there is a page and `overwrite` is not set.
    """
    metadata = source.metadata
    heading = Heading(
        kind=kind,
        title=title or metadata.title or metadata.dataset,
        subtitle=_subtitle(source),
        note=metadata.note or None,
    )
    facts = {**_reproduction(source), **(made_by or {})}
    script = script or dataset_script(source)
    return write_page(tables, heading, target, facts, script=script, lang=lang, place=place, overwrite=overwrite)


def _subtitle(source: Dataset) -> str:
    splits = joined([f"{rows:,} {split}" for split, rows in source.splits.items()])
    size = {"images": len(source), "size": shape_text(source.metadata.shape), "splits": splits}
    if not source.metadata.classes:
        return message("{images:,} images of {size} pixels ({splits})", **size)
    count = len(source.metadata.classes)
    return message("{images:,} images of {size} pixels ({splits}), {classes} classes", **size, classes=count)


def _reproduction(source: Dataset) -> dict[str, str]:
    metadata = source.metadata
    values: dict[str, str] = {**versions(), message("Dataset content"): source.content}
    for file in metadata.sources:
        values[message("Source {file} ({split})", file=file.name, split=file.split)] = f"SHA-256 {file.sha256}"
    for stage in metadata.stages:
        values[message("Stage {stage}", stage=stage.stage)] = settings_in_words(stage.parameters)
    if metadata.licence:
        values[message("Licence of the data")] = metadata.licence
    if metadata.citation:
        values[message("Cite the data as")] = metadata.citation
    return values
