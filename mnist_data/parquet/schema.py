"""The Parquet schema: how images become columns, and what each file says of itself.

A sample is a row: `id`, `label`, `image` and what else is known of it; its `split` stands in the folder's name
(Hive layout). The image column is fixed-size binary unless another layout is chosen: it reads about eight times faster
than a list column.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mnist_data.batch import Batch, array_shape
from mnist_data.errors import NoDataset, WrongUse
from mnist_data.parquet.former_names import STAGES, fitted_in, rename_parameters
from mnist_data.version import __version__

KEY = b"mnist_data"
ATTRS_KEY = b"PANDAS_ATTRS"
FORMAT = 1

MOST_IMAGE_BYTES = (2**31 - 1) // 8
"""Bytes in one image: Arrow counts the bits of a fixed-size value in 32 bits, and does not read what it has written."""

MOST_COLUMNS = 1 << 16
"""Columns of the layout "pixels", an image of 256×256: reading them takes five seconds and 700 MB already."""


@dataclass(frozen=True)
class Source:
    """One IDX file that a dataset was made from, described well enough to be written again byte for byte."""

    name: str
    split: str
    role: str
    sha256: str  # of the decoded bytes
    dtype: str  # as IDX stores it, ">i4"
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Stage:
    """One step that a dataset went through: the stage, its parameters, its input, and who ran it.

    input: content hash of the dataset that was read; empty for a conversion. fitted: what the stage has fitted to the
    training split, as normalize its scaling; empty where it fits nothing.
    """

    stage: str
    parameters: Mapping[str, Any]
    version: str = __version__
    input: str = ""
    fitted: Mapping[str, Any] = field(default_factory=dict)

    def recorded(self) -> dict[str, Any]:
        """Give the stage as JSON can hold it, `fitted` only where there is something; `stage_of` reads it back."""
        values = asdict(self)
        return values if self.fitted else {name: value for name, value in values.items() if name != "fitted"}


def stage_of(recorded: Mapping[str, Any]) -> Stage:
    """Read a stage as JSON has it, of this version or a former one, with the names that its parameters have today."""
    stage, parameters = STAGES.get(recorded["stage"], recorded["stage"]), recorded["parameters"]
    values = {"parameters": rename_parameters(stage, parameters)}
    values["fitted"] = recorded.get("fitted") or fitted_in(stage, parameters)
    return Stage(**{**recorded, "stage": stage, **values})


@dataclass(frozen=True)
class Metadata:
    """What a dataset says of itself, in every one of its files.

    shape, dtype: of one image. classes: their names, by label. note: a warning to readers, shown first.
    """

    dataset: str
    shape: tuple[int, ...]
    dtype: str
    layout: str = "binary"
    title: str = ""
    classes: tuple[str, ...] = ()
    licence: str = ""
    citation: str = ""
    note: str = ""
    sources: tuple[Source, ...] = ()
    stages: tuple[Stage, ...] = ()
    format: int = FORMAT

    @property
    def image_bytes(self) -> int:
        """Bytes in one image."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize

    def to_json(self) -> str:
        """Give the JSON that stands in the schema metadata."""
        values = {**asdict(self), "stages": [stage.recorded() for stage in self.stages]}
        return json.dumps(values, ensure_ascii=False, sort_keys=True)

    def key_values(self) -> dict[bytes, bytes]:
        """Give the schema metadata: our JSON, pandas' attributes, and Hugging Face's features for the PNG layout."""
        attrs = {
            "dataset": self.dataset,
            "image_shape": self.shape,
            "image_dtype": self.dtype,
            "classes": self.classes,
        }
        values = {KEY: self.to_json().encode(), ATTRS_KEY: json.dumps(attrs, ensure_ascii=False).encode()}
        if self.layout == "png":
            names = list(self.classes)
            label = {"names": names, "_type": "ClassLabel"} if names else {"dtype": "int64", "_type": "Value"}
            features = {"id": {"dtype": "int64", "_type": "Value"}, "label": label, "image": {"_type": "Image"}}
            values[b"huggingface"] = json.dumps({"info": {"features": features}}).encode()
        return values

    @staticmethod
    def from_json(text: str | bytes) -> Metadata:
        """Read it back; equal to what `to_json` was called on."""
        values = json.loads(text)
        sources = tuple(Source(**{**source, "shape": tuple(source["shape"])}) for source in values.pop("sources"))
        stages = tuple(stage_of(stage) for stage in values.pop("stages"))
        values["shape"], values["classes"] = tuple(values["shape"]), tuple(values["classes"])
        return Metadata(sources=sources, stages=stages, **values)

    def after(self, stage: Stage, **changes: Any) -> Metadata:
        """Give the metadata of this dataset once another stage has gone over it."""
        return replace(self, stages=(*self.stages, stage), **changes)

    def class_name(self, label: int) -> str:
        """Name a class; the number itself where no name is known."""
        return self.classes[label] if 0 <= label < len(self.classes) else str(label)


def metadata_of(schema: pa.Schema, path: str) -> Metadata:
    """Read our metadata from an Arrow schema. Raises NoDataset for a Parquet file of another make."""
    stored = (schema.metadata or {}).get(KEY)
    if stored is None:
        raise NoDataset(
            path,
            "a Parquet file without our metadata",
            "a dataset written by mnist-data",
            "Convert its IDX files first.",
        )
    try:
        version = dict(json.loads(stored)).get("format")
        if version != FORMAT:
            raise NoDataset(
                path, f"a dataset of format {version}", f"format {FORMAT}", "Read it with the mnist-data that wrote it."
            )
        metadata = Metadata.from_json(stored)
        _require_sound(metadata)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as cause:
        raise _unsound(path, f"metadata that cannot be read ({type(cause).__name__})") from cause
    _require_columns(metadata, schema, path)
    return metadata


def _require_sound(metadata: Metadata) -> None:
    """Raise ValueError or TypeError where a field holds what we never write: the file may come from anybody."""
    texts = ("dataset", "dtype", "layout", "title", "licence", "citation", "note")
    if not all(isinstance(text, str) for text in (*metadata.classes, *(getattr(metadata, name) for name in texts))):
        raise TypeError("texts")
    if not all(type(side) is int and 1 <= side < 2**31 for side in metadata.shape):
        raise ValueError("shape")
    if np.dtype(metadata.dtype).kind not in "uif":
        raise ValueError("dtype")


def _require_columns(metadata: Metadata, schema: pa.Schema, path: str) -> None:
    """Refuse a file without the columns that its metadata announce; images of another size would be cut wrongly."""
    for name in ("id", "label"):
        if name not in schema.names or not pa.types.is_integer(schema.field(name).type):
            raise _unsound(path, f"no column of whole numbers named {name!r}")
    if metadata.layout == "binary":
        kind = schema.field("image").type if "image" in schema.names else None
        if not isinstance(kind, pa.FixedSizeBinaryType) or kind.byte_width != metadata.image_bytes:
            raise _unsound(path, f"images of {kind} where its metadata say {metadata.image_bytes:,} bytes")


def _unsound(path: str, found: str) -> NoDataset:
    return NoDataset(path, found, "a dataset written by mnist-data", "Write it again from its source.")


def arrow_schema(metadata: Metadata, columns: Mapping[str, npt.NDArray[Any]] | None = None) -> pa.Schema:
    """Give the Arrow schema of a dataset's files; `columns` are the batch's own, by name.

    Raises WrongUse for images that the layout cannot hold.
    """
    png = metadata.layout == "png"
    fields = [
        pa.field("id", pa.int64(), nullable=png),  # Hugging Face takes a feature only where the field is nullable
        pa.field("label", pa.int64(), nullable=png),
        *_image_fields(metadata),
        *(pa.field(name, _column_type(values), nullable=False) for name, values in (columns or {}).items()),
    ]
    return pa.schema(fields, metadata.key_values())


def _column_type(values: npt.NDArray[Any]) -> pa.DataType:
    """Give the type of a batch's own column; arrays of Python objects hold strings."""
    return pa.string() if values.dtype.kind == "O" else pa.from_numpy_dtype(values.dtype)


def _image_fields(metadata: Metadata) -> list[pa.Field]:
    size = math.prod(metadata.shape)
    if not 0 < metadata.image_bytes <= MOST_IMAGE_BYTES:
        raise WrongUse(
            f"Images of {'×'.join(map(str, metadata.shape))} {metadata.dtype} hold {metadata.image_bytes:,} bytes; a "
            f"Parquet dataset holds images of 1 to {MOST_IMAGE_BYTES:,}. Cut them, or make them smaller."
        )
    if metadata.layout == "pixels" and size > MOST_COLUMNS:
        raise WrongUse(
            f"The layout 'pixels' has a column for each pixel, at most {MOST_COLUMNS:,}, and the images have {size:,}; "
            "choose binary or list."
        )
    value = pa.from_numpy_dtype(np.dtype(metadata.dtype))
    if metadata.layout == "binary":
        return [pa.field("image", pa.binary(metadata.image_bytes), nullable=False)]
    if metadata.layout == "list":
        return [pa.field("image", pa.list_(pa.field("element", value, nullable=False), size), nullable=False)]
    if metadata.layout == "pixels":
        return [pa.field(f"pixel{index}", value, nullable=False) for index in range(size)]
    if metadata.dtype != "uint8" or not (len(metadata.shape) == 2 or metadata.shape[2:] in ((1,), (3,), (4,))):
        raise WrongUse(
            f"The layout 'png' holds uint8 images of 1, 3 or 4 channels, not {metadata.dtype} of {metadata.shape}; "
            "choose binary, list or pixels."
        )
    return [pa.field("image", pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())]))]


def encode(batch: Batch, schema: pa.Schema, layout: str) -> pa.Table:
    """Make a table of a batch. The pixels of the binary layout are shared with the batch, not copied."""
    arrays = [pa.array(batch.ids), pa.array(batch.labels), *_encode_images(batch.images, schema, layout)]
    arrays += [pa.array(values) for values in batch.columns.values()]
    return pa.Table.from_arrays(arrays, schema=schema)


def _encode_images(images: npt.NDArray[Any], schema: pa.Schema, layout: str) -> list[pa.Array]:
    little = np.ascontiguousarray(images, images.dtype.newbyteorder("<"))
    flat = little.reshape(len(images), math.prod(images.shape[1:]))
    if layout == "binary":
        kind = schema.field("image").type
        return [pa.FixedSizeBinaryArray.from_buffers(kind, len(images), [None, pa.py_buffer(little)])]
    if layout == "list":
        return [pa.FixedSizeListArray.from_arrays(pa.array(flat.reshape(-1)), type=schema.field("image").type)]
    if layout == "pixels":
        return [pa.array(np.ascontiguousarray(flat[:, index])) for index in range(flat.shape[1])]
    files = [{"bytes": _png(image), "path": None} for image in little]
    return [pa.array(files, type=schema.field("image").type)]


def _png(image: npt.NDArray[np.uint8]) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[2:] == (1,) else image).save(file, "PNG")
    return file.getvalue()


def decode(table: pa.Table, metadata: Metadata) -> Batch:
    """Make a batch of a table with our columns; the inverse of `encode`. The images are read-only."""
    images = decode_images(table, metadata)
    known = {"id", "label", "split", *image_columns(table.column_names, metadata)}
    columns = {name: table[name].to_numpy() for name in table.column_names if name not in known}
    return Batch(table["id"].to_numpy(), table["label"].to_numpy(), images, columns)


def image_columns(names: Sequence[str], metadata: Metadata) -> list[str]:
    """Give those of a table's columns that hold its images: one, or in the layout "pixels" one a pixel."""
    if metadata.layout == "pixels":
        return [name for name in names if name.startswith("pixel") and name[5:].isdigit()]
    return ["image"]


def decode_images(table: pa.Table, metadata: Metadata) -> npt.NDArray[Any]:
    """Give the images of a table as (n, *array_shape(shape)), without a copy where they lie in one piece."""
    dtype = np.dtype(metadata.dtype).newbyteorder("<")
    shape = (table.num_rows, *array_shape(metadata.shape))
    if metadata.layout == "pixels":
        names = [f"pixel{index}" for index in range(math.prod(metadata.shape))]
        return np.stack([table[name].to_numpy() for name in names], axis=1).reshape(shape)
    if metadata.layout == "png":
        return _decode_png(table["image"], shape)
    column = table["image"]
    chunk = column.chunk(0) if column.num_chunks == 1 else _joined(column)
    if metadata.layout == "list":
        return np.asarray(chunk.flatten().to_numpy(zero_copy_only=False)).reshape(shape)
    return fixed_size_pixels(chunk, dtype).reshape(shape)


def fixed_size_pixels(chunk: pa.FixedSizeBinaryArray, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """View the pixels of a fixed-size binary array, flat and without a copy."""
    width = chunk.type.byte_width
    buffer = chunk.buffers()[1]
    if buffer is None:
        return np.empty(0, dtype)
    return np.frombuffer(buffer, dtype, count=len(chunk) * width // dtype.itemsize, offset=chunk.offset * width)


def _joined(column: pa.ChunkedArray) -> pa.Array:
    joined = column.combine_chunks()
    return joined if isinstance(joined, pa.Array) else pa.concat_arrays(joined.chunks)


def _decode_png(column: pa.ChunkedArray, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    from PIL import Image

    images = np.empty(shape, np.uint8)
    for row, file in enumerate(column.to_pylist()):
        images[row] = np.asarray(Image.open(io.BytesIO(file["bytes"]))).reshape(shape[1:])
    return images
