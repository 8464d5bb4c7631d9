"""Explaining a trained network's predictions: maps of single samples, and the filters of its first layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mnist_data import storage
from mnist_data.errors import WrongUse, unknown_name
from mnist_data.parquet.dataset import Dataset, read_batches, read_columns, read_sample
from mnist_data.parquet.messages import message
from mnist_data.parquet.tables import provenance, require_folder, write_table
from pipelines.engine.execution import Progress, Report, silent
from pipelines.engine.map_dataset import require_images
from pipelines.images.levels import levels_of
from pipelines.images.thumbnails import thumbnail_table
from pipelines.networks.data.as_trained import ready, trained_stages
from pipelines.networks.evaluation.predictions import predict
from pipelines.networks.explaining.occlusion import occlude, patches
from pipelines.networks.findings import explanation_findings
from pipelines.networks.predict import class_name, predict_batch
from pipelines.networks.training.device import device, require_torch
from pipelines.networks.training.model_file import load_model

if TYPE_CHECKING:
    from torch import nn

    from pipelines.networks.explaining.attribution import Map
    from pipelines.networks.explaining.explanation import OcclusionResult

CORRECT, ERRORS = 10, 8
"""Most samples chosen: correctly predicted ones, and errors."""

ROWS = 10_000
"""Images in memory at once."""


@dataclass(frozen=True)
class Model:
    """A network, the configuration in its file, and the background value of the images that it takes."""

    network: nn.Module
    configuration: Mapping[str, Any]
    background: float

    def name(self, label: int) -> str:
        """Name a class."""
        return class_name(self.configuration, label)


def explain(
    model: str | Path,
    source: Dataset,
    folder: str | Path,
    split: str | None = None,
    ids: Sequence[int] = (),
    *,
    overwrite: bool = False,
    report: Report = silent,
) -> dict[str, pd.DataFrame]:
    """Explain a model's predictions for some samples, and show the filters of its first layer.

    model: a file that `train` has written. ids: of the samples; none: those that `choose_samples` chooses. split: to
    choose from, by default "test" or the only one; named samples are searched in all splits unless one is given.

    For each sample the predicted class is explained and, where that is wrong, the label as well. Writes into the folder
    the tables

    - explained, a row a sample and class: model, id, split, chosen ("most confident correct", "most confident error",
      "most confident" where the label is not known, or "named"), label, name, predicted, predicted_name, target (the
      class explained), target_name, probability, logit and background_logit (the target's, for
      the image and for one without ink), attributed (the sum of its integrated gradients), image;
    - explanations, a row a pixel of these: id, target, row, column, saliency, integrated_gradients, grad_cam (left out
      where the network has no feature maps), occlusion (the mean fall of the probability under the patches here);
    - occlusion, a row a patch: id, target, top, left, bottom, right, probability, drop;
    - filters, as `filter_table` gives it;
    - findings: what these say in sentences;

    and gives the tables. Raises OutputExists where the folder is not empty and `overwrite` is not set, UnreadableInput
    for what is no model, WrongUse for unknown ids, images of another kind than the model was trained on, and where
    there is nothing to explain.
    """
    require_torch()
    from pipelines.networks.explaining.filters import filter_table

    require_images(source)
    require_folder(folder, overwrite)
    network, configuration = load_model(model)
    background = levels_of(replace(source.metadata, stages=trained_stages(configuration))).background
    trained = Model(network.to(device()), configuration, background)
    chosen = _named(source, split, ids) if ids else _most_confident(source, split, trained)
    pieces: dict[str, list[pd.DataFrame]] = {}
    for number, row in enumerate(chosen[["id", "split", "chosen"]].to_dict("records")):
        report(Progress("explain", number, len(chosen)))
        for name, table in _explain_sample(source, trained, row).items():
            pieces.setdefault(name, []).append(table)
    report(Progress("explain", len(chosen), len(chosen)))
    tables = {name: pd.concat(parts, ignore_index=True) for name, parts in pieces.items()}
    tables["explained"].attrs = pieces["explained"][0].attrs
    tables["filters"] = filter_table(network, configuration["shape"])
    tables["findings"] = explanation_findings(tables["explained"], tables["explanations"])
    _save(tables, source, str(folder), Path(model), {"split": split, "ids": list(ids)})
    return tables


def choose_samples(predictions: pd.DataFrame) -> pd.DataFrame:
    """Choose the most informative samples, a row each: id, split, chosen and the columns needed to choose again.

    predictions: id, split, label, predicted, probability, correct, as `predict_batch` names them. For each predicted
    class the most confident correct prediction, or one whose label is not known, for ten classes at most; and for each
    label the most confident error, the eight most confident of these. Of equals, to five digits, the lower id; so
    neither the order of the samples nor the partitioning matters, and the choices of several parts can be merged by
    choosing again.
    """
    table = predictions[["id", "split", "label", "predicted", "probability", "correct"]]
    order = np.lexsort((table["id"], -table["probability"].round(5)))
    table = table.iloc[order]
    is_error = ~table["correct"].fillna(True).astype(bool)
    correct = table[~is_error].drop_duplicates("predicted").sort_values("predicted").head(CORRECT)
    correct["chosen"] = np.where(correct["correct"].isna(), "most confident", "most confident correct")
    errors = table[is_error].drop_duplicates("label").head(ERRORS).assign(chosen="most confident error")
    return pd.concat([correct, errors], ignore_index=True)


def _most_confident(source: Dataset, split: str | None, model: Model) -> pd.DataFrame:
    best: list[pd.DataFrame] = []
    split = _split_of(source, split)
    for batch in read_batches(source, split, ROWS):
        finite = batch.take(batch.finite)
        table = predict_batch(partial(predict, model.network), model.configuration, finite, source.metadata.stages)
        best = [choose_samples(pd.concat([*best, table.assign(split=split)], ignore_index=True))]
    if not best or best[0].empty:
        raise WrongUse(f"{source.location} has no samples in split {split!r} with finite pixels; name another split.")
    return best[0]


def _split_of(source: Dataset, split: str | None) -> str:
    """Give the split to choose from: the one named, "test", or the only one."""
    if split is None and ("test" in source.splits or len(source.splits) == 1):
        return "test" if "test" in source.splits else source.main_split
    if split is None:
        raise WrongUse(f"{source.location} has no split 'test'; name one by --split: {', '.join(source.splits)}.")
    if split not in source.splits:
        raise unknown_name("split", split, source.splits, source.location)
    return split


def _named(source: Dataset, split: str | None, ids: Sequence[int]) -> pd.DataFrame:
    """Find the split of each id, in the order of the ids."""
    splits = [_split_of(source, split)] if split else list(source.splits)
    split_of: dict[int, str] = {}
    for name in splits:
        members = read_columns(source, name, ["id"])["id"]
        split_of |= dict.fromkeys(members[np.isin(members, ids)].tolist(), name)
    for sample in ids:
        if sample not in split_of:
            where = f"in split {split!r}" if split else f"in any split ({', '.join(splits)})"
            raise WrongUse(f"{source.location} has no sample with the id {sample} {where}.")
    return pd.DataFrame(
        [(sample, split_of[sample], "named") for sample in dict.fromkeys(ids)], columns=["id", "split", "chosen"]
    )


def _explain_sample(source: Dataset, model: Model, row: Mapping[Any, Any]) -> dict[str, pd.DataFrame]:
    """Make a sample's rows of all tables; row: id, split, chosen."""
    from pipelines.networks.explaining.explanation import OcclusionResult, explain_image

    batch = ready(model.configuration, read_sample(source, row["id"]), source.metadata.stages)
    if not batch.finite.all():
        raise WrongUse(f"Sample {row['id']} of {source.location} has NaN or infinite pixels; clean the dataset first.")
    image, label = batch.images[0], int(batch.labels[0])
    boxes = patches(*image.shape[:2])
    occluded = occlude(model.network, image, model.background, boxes)
    occlusion = OcclusionResult(predict(model.network, batch.images)[0], boxes, occluded)
    predicted = int(occlusion.whole.argmax())
    columns = {"model": model.configuration["name"], **row, "label": label, "name": model.name(label)}
    columns |= {"predicted": predicted, "predicted_name": model.name(predicted)}
    parts: dict[str, list[pd.DataFrame]] = {}
    for target in dict.fromkeys([predicted, *([label] if 0 <= label < len(occlusion.whole) else [])]):
        explanation = explain_image(model.network, image, model.background, target, occlusion)
        key = {"id": row["id"], "target": target}
        of = {"target": [target], "target_name": model.name(target), "probability": occlusion.whole[target]}
        of |= {"logit": explanation.logit, "background_logit": explanation.background_logit}
        of["attributed"] = float(explanation.maps["integrated_gradients"].sum(dtype=np.float64))
        metadata = replace(source.metadata, dtype=image.dtype.name)
        parts.setdefault("explained", []).append(thumbnail_table({**columns, **of}, image[None], metadata))
        parts.setdefault("explanations", []).append(_pixel_rows(key, explanation.maps))
        parts.setdefault("occlusion", []).append(_patch_rows(key, occlusion, target))
    return {name: pd.concat(tables, ignore_index=True) for name, tables in parts.items()}


def _pixel_rows(key: Mapping[str, int], maps: Mapping[str, Map]) -> pd.DataFrame:
    """Tabulate maps, a row a pixel and a column a map."""
    rows, columns = np.indices(maps["saliency"].shape, np.int32).reshape(2, -1)
    values = {name: values.reshape(-1) for name, values in maps.items()}
    return pd.DataFrame({"row": rows, "column": columns, **values}).assign(**key)[[*key, "row", "column", *values]]


def _patch_rows(key: Mapping[str, int], occlusion: OcclusionResult, target: int) -> pd.DataFrame:
    """Tabulate the patches, a row each."""
    sides = dict(zip(("top", "left", "bottom", "right"), occlusion.boxes.astype(np.int32).T, strict=True))
    table = pd.DataFrame({**sides, "probability": occlusion.occluded[:, target], "drop": occlusion.drops(target)})
    return table.assign(**key)[[*key, *table.columns]]


def _save(
    tables: Mapping[str, pd.DataFrame], source: Dataset, folder: str, model: Path, parameters: Mapping[str, Any]
) -> None:
    sha256 = storage.sha256_of(model)
    made = provenance("explain", {source.metadata.dataset: source.content, "model": sha256}, parameters)
    for name, table in tables.items():
        write_table(table, f"{folder}/{name}", made)


def reproduction(tables: Mapping[str, pd.DataFrame], model: Path) -> dict[str, str]:
    """Give what is needed to reproduce the explanations. tables: as `explain` gives them. model: its file."""
    samples = dict.fromkeys(tables["explained"]["id"].tolist())
    return {
        message("Model"): f"{model.name}, SHA-256 {storage.sha256_of(model)}",
        message("Explained samples"): ", ".join(map(str, samples)),
    }
