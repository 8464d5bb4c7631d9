"""A dataset for other programs that show samples: FiftyOne, Spotlight, Embedding Atlas and Hugging Face's datasets.

Each takes the images as PNG with all that is known of a sample: its label, the scores of audits and networks, what
people have decided, and its place on a map of the first two principal components.
"""

from __future__ import annotations

import json
import math
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mnist_data import storage
from mnist_data.batch import Batch
from mnist_data.errors import WrongUse
from mnist_data.idx.names import split_name
from mnist_data.images_out.folders import png, require_lossless
from mnist_data.parquet.corrections import corrections_now
from mnist_data.parquet.dataset import Dataset, read_batches, read_columns
from mnist_data.parquet.decisions_table import Decision
from mnist_data.parquet.tables import require_folder
from pipelines.run.explore import known_of
from pipelines.settings.stages import Viewer
from pipelines.statistics.components import Products, find_components, look, multiply, view_of

OWN = ("id", "split", "label", "name", "x", "y", "decision", "decided_label", "decided_by", "decision_note")
"""Columns that every viewer gets; those of tables near the dataset follow."""

RESERVED = {name: f"sample_{name}" for name in ("id", "label", "confidence", "tags", "logits", "attributes")}
"""Fields of FiftyOne's own in a classification, and what ours of the same name are called there."""

HF_TYPES = {pa.string(): "string", pa.bool_(): "bool"}


@dataclass(frozen=True)
class Rows:
    """What is known of all samples of a dataset, a row each, in their order; without the images."""

    table: pa.Table

    def of(self, batch: Batch, start: int) -> pa.Table:
        """Give the rows of a batch that begins at a row."""
        return self.table.slice(start, len(batch))


def export_to(viewer: Viewer, source: Dataset, folder: Path, *, overwrite: bool = False) -> list[Path]:
    """Write a dataset into a folder as a viewer takes it; give the paths of the files, or of the folder of images.

    Raises OutputExists, and WrongUse for images that PNG cannot hold without loss.
    """
    require_lossless(source)
    require_folder(folder, overwrite)
    _require_replaceable(folder)
    rows = describe_rows(source)
    with storage.new_folder(folder) as draft:
        if viewer == "huggingface":
            names = _write_huggingface(source, rows, draft)
        elif viewer == "fiftyone":
            names = _write_fiftyone(source, rows, draft)
        else:
            names = _write_samples(source, rows, draft, as_struct=viewer == "embedding-atlas")
    return [folder / name for name in names]


def _require_replaceable(folder: Path) -> None:
    """Raise WrongUse where --overwrite would remove other files than those that are written here."""
    known = {"data", "labels.json", "samples.parquet"}
    stranger = next((path.name for path in folder.iterdir() if path.name not in known), None) if folder.is_dir() else ""
    if stranger:
        raise WrongUse(f"{folder} holds {stranger}, which no export has written; it is not replaced.")


def describe_rows(source: Dataset) -> Rows:
    """Collect what is known of each sample: see `OWN`; then the columns of tables near the dataset.

    A column whose name several tables have is called TABLE_COLUMN.
    """
    known, places = known_of(source.location), map_places(source)
    own = {name: [read_columns(source, split, [name])[name] for split in source.splits] for name in ("id", "label")}
    ids, labels = (np.concatenate(values) for values in own.values())
    names = [source.metadata.class_name(label) if label >= 0 else None for label in labels.tolist()]
    columns: dict[str, pa.Array] = {
        "id": pa.array(ids),
        "split": pa.array([split for split, rows in source.splits.items() for _ in range(rows)], pa.string()),
        "label": pa.array(labels, pa.int64()),
        "name": pa.array(names, pa.string()),
        "x": pa.array(places[:, 0], from_pandas=True),
        "y": pa.array(places[:, 1], from_pandas=True),
    }
    columns |= _decided(source, ids)
    for table in known.tables:
        rows = pa.Table.from_batches(list(table.batches()), table.schema)
        order = pc.index_in(columns["id"], rows["id"].combine_chunks())
        for name in rows.column_names:
            plain = _plain_name(name)
            column = f"{_plain_name(table.name)}_{plain}" if plain in columns and name not in OWN else plain
            if column not in columns:
                columns[column] = rows[name].combine_chunks().take(order)
    return Rows(pa.table(columns))


def map_places(source: Dataset) -> npt.NDArray[np.float64]:
    """Give each sample's place on the first two principal axes of all images, (n, 2), in units of a pixel's value.

    NaN for images with pixels that are NaN or infinite, and where there are fewer axes.
    """
    view = view_of(source.metadata.shape)
    sums = Products(0, np.zeros(view.pixels), np.zeros((view.pixels, view.pixels)))
    for split in source.splits:
        for batch in read_batches(source, split):
            sums = sums.merge(multiply(look(batch.images[batch.finite], view)))
    found = find_components(sums, 1.0)
    axes, places = found.axes[:2].T, np.full((len(source), 2), math.nan)
    start = 0
    for split in source.splits:
        for batch in read_batches(source, split):
            flat = look(batch.images[batch.finite], view).astype(np.float64)
            places[start + np.flatnonzero(batch.finite), : axes.shape[1]] = (flat - found.mean) @ axes
            start += len(batch)
    return places


def _decided(source: Dataset, ids: Any) -> dict[str, pa.Array]:
    """Give what is decided about the samples as they are; nothing where they have changed since."""
    corrections = corrections_now(source)
    decided: Mapping[int, Decision] = {} if corrections is None else corrections.about(source)[1].valid
    chosen = [decided.get(sample) for sample in ids.tolist()]
    return {
        "decision": pa.array([one and one.decision for one in chosen], pa.string()),
        "decided_label": pa.array([one and one.label for one in chosen], pa.int64()),
        "decided_by": pa.array([one and one.who for one in chosen], pa.string()),
        "decision_note": pa.array([one and one.note for one in chosen], pa.string()),
    }


def _plain_name(name: str) -> str:
    """Give a name that every program takes: small letters, digits and underscores."""
    return re.sub(r"\W+", "_", name).strip("_").lower() or "column"


def _pngs(source: Dataset, split: str) -> Iterator[tuple[Batch, list[bytes]]]:
    for batch in read_batches(source, split):
        yield batch, [png(image) for image in batch.images]


def _write_samples(source: Dataset, rows: Rows, draft: Path, as_struct: bool) -> list[str]:
    """Write one Parquet file with the images as PNG: as bytes, or as Hugging Face has them, bytes and path."""
    kind = pa.struct({"bytes": pa.binary(), "path": pa.string()}) if as_struct else pa.binary()
    schema = pa.schema([*rows.table.schema, pa.field("image", kind)])
    start = 0
    with pq.ParquetWriter(draft / "samples.parquet", schema, compression="zstd") as writer:
        for split in source.splits:
            for batch, images in _pngs(source, split):
                writer.write_table(_with_images(rows.of(batch, start), batch, images, schema))
                start += len(batch)
    return ["samples.parquet"]


def _with_images(rows: pa.Table, batch: Batch, images: Sequence[bytes], schema: pa.Schema) -> pa.Table:
    kind = schema.field("image").type
    values: Sequence[Any] = images
    if pa.types.is_struct(kind):
        named = zip(images, batch.ids.tolist(), strict=True)
        values = [{"bytes": image, "path": f"{sample}.png"} for image, sample in named]
    return rows.append_column(schema.field("image"), pa.array(values, kind)).cast(schema)


def _write_huggingface(source: Dataset, rows: Rows, draft: Path) -> list[str]:
    """Write a Parquet file a split, whose metadata hold the features: the image, and the label with its names."""
    kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    plain = pa.schema([field for field in rows.table.schema if field.name != "split"])
    features: dict[str, Any] = {field.name: _feature(field.type) for field in plain} | {"image": {"_type": "Image"}}
    if source.metadata.classes:
        features["label"] = {"names": list(source.metadata.classes), "_type": "ClassLabel"}
    metadata = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    schema = pa.schema([*plain, pa.field("image", kind)], metadata)
    (draft / "data").mkdir()
    names, start = [], 0
    for split in source.splits:
        names.append(f"data/{split_name(split)}-00000-of-00001.parquet")
        with pq.ParquetWriter(draft / names[-1], schema, compression="zstd") as writer:
            for batch, images in _pngs(source, split):
                own = rows.of(batch, start).drop_columns(["split"])
                writer.write_table(_with_images(own, batch, images, schema))
                start += len(batch)
    return names


def _feature(kind: pa.DataType) -> dict[str, str]:
    return {"dtype": HF_TYPES.get(kind, str(kind).replace("double", "float64")), "_type": "Value"}


def _write_fiftyone(source: Dataset, rows: Rows, draft: Path) -> list[str]:
    """Write a FiftyOneImageClassificationDataset: a folder of PNG files, and their labels and attributes as JSON."""
    (draft / "data").mkdir()
    labels: dict[str, Any] = {}
    start = 0
    for split in source.splits:
        for batch, images in _pngs(source, split):
            for row, image in zip(rows.of(batch, start).to_pylist(), images, strict=True):
                (draft / f"data/{row['id']}.png").write_bytes(image)
                known = {RESERVED.get(name, name): value for name, value in row.items() if _is_known(value)}
                labels[str(row["id"])] = {"label": known.pop("name", None), "attributes": known}
            start += len(batch)
    classes = list(source.metadata.classes) or sorted({row["label"] for row in labels.values()} - {None})
    text = json.dumps({"classes": classes, "labels": labels}, ensure_ascii=False)
    (draft / "labels.json").write_text(text, "utf-8")
    return ["data", "labels.json"]


def _is_known(value: Any) -> bool:
    return value is not None and value == value  # NaN is no JSON


def how_to_open(viewer: Viewer, folder: str) -> str:
    """Say how a viewer opens what was written: a command, or a line of Python."""
    lines = {
        "fiftyone": "fiftyone.Dataset.from_dir({folder!r}, fiftyone.types.FiftyOneImageClassificationDataset)",
        "spotlight": "spotlight.show(pandas.read_parquet({file!r}), dtype={{'image': spotlight.Image}})",
        "embedding-atlas": "embedding-atlas {shell} --image image --x x --y y",
        "huggingface": "datasets.load_dataset({folder!r})",
    }
    file = f"{folder}/samples.parquet"
    return lines[viewer].format(folder=folder, file=file, shell=shlex.quote(file))
