"""The Parquet schema: how images become columns, and what each file says of itself.

A sample is a row: `id`, `label`, `image` and what else is known of it; its `split` stands in the folder's name
(Hive layout). The image column is fixed-size binary unless another layout is chosen: it reads about eight times faster
than a list column.
"""

from __future__ import annotations

import io
import json
import math
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from msgspec import Meta

from mnist_data.batch import Batch, array_shape, shape_text
from mnist_data.errors import NoDataset, WrongUse
from mnist_data.parquet.arrays import to_arrow, to_numpy
from mnist_data.parquet.former_names import STAGES, fitted_in, rename_parameters
from mnist_data.parquet.records import Refuse, convert_record, in_short, read_json, read_record
from mnist_data.parquet.stage_fields import require_fields
from mnist_data.version import __version__

KEY = b"mnist_data"
ATTRS_KEY = b"PANDAS_ATTRS"
FORMAT = 1

MOST_IMAGE_BYTES = (2**31 - 1) // 8
"""Bytes in one image: Arrow counts the bits of a fixed-size value in 32 bits, and does not read what it has written."""

MOST_COLUMNS = 1 << 16
"""Columns of the layout "pixels", an image of 256×256: reading them takes five seconds and 700 MB already."""

Side = Annotated[int, Meta(ge=1, le=MOST_IMAGE_BYTES)]
Count = Annotated[int, Meta(ge=0)]

PIXELS = (
    *("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"),
    *("float16", "float32", "float64"),
)
"""Types of pixels, by NumPy's names."""

COPYING = {"augment": "augmented", "corrupt": "corrupted"}
"""Stages after which a dataset holds copies, whose ids are no longer those of the samples."""

LAYOUTS = ("binary", "list", "pixels", "png")


@dataclass(frozen=True)
class Source:
    """One IDX file that a dataset was made from, described well enough to be written again byte for byte."""

    name: str
    split: str
    role: str
    sha256: str  # of the decoded bytes
    dtype: str  # as IDX stores it, ">i4"
    shape: Annotated[tuple[Count, ...], Meta(min_length=1)]


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


def _as_value_error(found: str, expected: str) -> ValueError:
    return ValueError(f"{found}; expected {expected}")


def stage_of(recorded: Any, refuse: Refuse = _as_value_error) -> Stage:
    """Read a stage as JSON has it, of this version or a former one, with the names that its parameters have today.

    Raises what `refuse` makes where it is none: of what has been read strictly before, there is nothing to refuse.
    """
    stage = _as_today(convert_record(recorded, Stage, refuse), refuse)
    require_fields(stage.stage, stage.parameters, stage.fitted, refuse)
    return stage


def _as_today(recorded: Stage, refuse: Refuse) -> Stage:
    stage, parameters = STAGES.get(recorded.stage, recorded.stage), recorded.parameters
    fitted = recorded.fitted or fitted_in(stage, parameters)
    if not isinstance(fitted, Mapping):
        raise refuse(f"{in_short(fitted)} as what the stage {in_short(stage)} has fitted", "an object")
    return replace(recorded, stage=stage, parameters=rename_parameters(stage, parameters), fitted=fitted)


MOST_BYTES = 3 << 20
"""Bytes of metadata, which are in a footer twice; a reader takes no footer of more than 8 MiB."""


@dataclass(frozen=True)
class Metadata:
    """What a dataset says of itself, in every one of its files.

    shape, dtype: of one image. classes: their names, by label. note: a warning to readers, shown first.
    """

    dataset: str
    shape: tuple[Side, ...]
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
        """Give the schema metadata: our JSON, pandas' attributes, and Hugging Face's features for the PNG layout.

        Raises WrongUse for what could be written and not be read again: half a character, and more than MOST_BYTES.
        """
        attrs = {
            "dataset": self.dataset,
            "image_shape": self.shape,
            "image_dtype": self.dtype,
            "classes": self.classes,
        }
        try:
            values = {KEY: self.to_json().encode(), ATTRS_KEY: json.dumps(attrs, ensure_ascii=False).encode()}
        except UnicodeEncodeError as cause:
            text = in_short(cause.object[cause.start : cause.end])
            raise WrongUse(f"{self.dataset}: {text} in its metadata, as in the name of a class, is no text.") from None
        if (size := sum(map(len, values.values()))) > MOST_BYTES:
            classes = f", with the names of {len(self.classes):,} classes" if self.classes else ""
            raise WrongUse(
                f"{self.dataset}: its metadata would take {size:,} bytes{classes}; a dataset holds at most "
                f"{MOST_BYTES:,}. Are these labels?"
            )
        if self.layout == "png":
            names = list(self.classes)
            label = {"names": names, "_type": "ClassLabel"} if names else {"dtype": "int64", "_type": "Value"}
            features = {"id": {"dtype": "int64", "_type": "Value"}, "label": label, "image": {"_type": "Image"}}
            values[b"huggingface"] = json.dumps({"info": {"features": features}}).encode()
        return values

    @staticmethod
    def from_json(stored: str | bytes, refuse: Refuse) -> Metadata:
        """Read it back; equal to what `to_json` was called on. Raises what `refuse` makes of anything else."""
        metadata = read_record(stored, Metadata, refuse)
        for name, values in (("dtype", PIXELS), ("layout", LAYOUTS)):
            if getattr(metadata, name) not in values:
                raise refuse(f"{in_short(getattr(metadata, name))} as {name}", f"one of {', '.join(values)}")
        if metadata.image_bytes > MOST_IMAGE_BYTES:
            raise refuse(f"{shape_text(metadata.shape)} as shape", f"images of at most {MOST_IMAGE_BYTES:,} bytes")
        for source in metadata.sources:
            if not _is_dtype(source.dtype):
                raise refuse(f"{in_short(source.dtype)} as the dtype of {in_short(source.name)}", "a type of numbers")
        stages = tuple(_as_today(stage, refuse) for stage in metadata.stages)
        for stage in stages:
            require_fields(stage.stage, stage.parameters, stage.fitted, refuse)
        return replace(metadata, stages=stages)

    def after(self, stage: Stage, **changes: Any) -> Metadata:
        """Give the metadata of this dataset once another stage has gone over it."""
        return replace(self, stages=(*self.stages, stage), **changes)

    def class_name(self, label: int) -> str:
        """Name a class; the number itself where no name is known."""
        return self.classes[label] if 0 <= label < len(self.classes) else str(label)


def _is_dtype(name: str) -> bool:
    try:
        return np.dtype(name).kind in "buif"
    except (TypeError, ValueError, SyntaxError):
        return False


def metadata_of(schema: pa.Schema, path: str) -> Metadata:
    """Read our metadata from an Arrow schema.

    Raises NoDataset for a Parquet file of another make, for metadata that are not as we write them, and for columns
    that they do not describe.
    """
    stored = (schema.metadata or {}).get(KEY)
    if stored is None:
        raise NoDataset(
            path,
            "a Parquet file without our metadata",
            "a dataset written by mnist-data",
            f"Make a dataset of it with: mnist-data convert {shlex.quote(path)} OUT",
        )
    metadata = _parsed(bytes(stored), path)
    _require_columns(metadata, schema, path)
    return metadata


@lru_cache(maxsize=64)  # every task reads them again
def _parsed(stored: bytes, path: str) -> Metadata:
    def refuse(found: str, expected: str) -> NoDataset:
        return NoDataset(path, f"its metadata hold {found}", expected, "Write it again from its source.")

    described = read_json(stored, refuse)
    version = described.get("format") if isinstance(described, dict) else None
    if version != FORMAT or type(version) is not int:
        raise NoDataset(
            path,
            f"a dataset of format {in_short(version)}",
            f"format {FORMAT}",
            "Read it with the mnist-data that wrote it.",
        )
    return Metadata.from_json(stored, refuse)


def _require_columns(metadata: Metadata, schema: pa.Schema, path: str) -> None:
    """Refuse a file without the columns that its metadata announce; images of another size would be cut wrongly."""
    name, count = next(iter(Counter(schema.names).most_common(1)), ("", 1))
    if count > 1:
        raise _unsound(path, f"{count} columns named {in_short(name)}", "one column of a name")
    images = _announced(metadata, schema, path)
    for wanted in (pa.field("id", pa.int64()), pa.field("label", pa.int64()), *images):
        kind = schema.field(wanted.name).type if wanted.name in schema.names else None
        if kind is None:
            raise _unsound(path, f"no column {wanted.name!r}", f"one of type {wanted.type}, as its metadata say")
        if not _same_type(kind, wanted.type):
            raise _unsound(path, f"column {wanted.name!r} of type {kind}", f"{wanted.type}, as its metadata say")
    known = {"id", "label", *(image.name for image in images)}
    for column in schema:
        if column.name not in known and not _is_plain(column.type):
            raise _unsound(path, f"column {in_short(column.name)} of type {column.type}", "numbers, or texts")


def _announced(metadata: Metadata, schema: pa.Schema, path: str) -> list[pa.Field]:
    """Give the columns of images that metadata announce. Raises NoDataset for a layout that cannot hold them."""
    columns = len(image_columns(schema.names, metadata))
    if metadata.layout == "pixels" and columns != math.prod(metadata.shape):
        raise _unsound(path, f"{columns:,} columns of pixels", f"{math.prod(metadata.shape):,}, as its metadata say")
    try:
        return _image_fields(metadata)
    except WrongUse as cause:
        raise _unsound(path, f"a layout that cannot be ({cause})", "one that holds its images") from None


def _same_type(kind: pa.DataType, wanted: pa.DataType) -> bool:
    """Compare types; of lists only what their items are, and how many, and of a struct what its fields are."""
    if pa.types.is_fixed_size_list(kind) and pa.types.is_fixed_size_list(wanted):
        return bool(kind.list_size == wanted.list_size and kind.value_type == wanted.value_type)
    if pa.types.is_struct(kind) and pa.types.is_struct(wanted):
        return [(child.name, child.type) for child in kind] == [(child.name, child.type) for child in wanted]
    return bool(kind == wanted)


def _is_plain(kind: pa.DataType) -> bool:
    """Say whether a column of this type is one that a sample may have besides its image."""
    texts = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    return bool(texts or pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))


def _unsound(path: str, found: str, expected: str) -> NoDataset:
    return NoDataset(path, found, expected, "Write it again from its source.")


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


def require_storable(metadata: Metadata) -> None:
    """Raise WrongUse for images that Parquet cannot hold in the layout chosen, before any is made."""
    _image_fields(metadata)


def _image_fields(metadata: Metadata) -> list[pa.Field]:
    size = math.prod(metadata.shape)
    if not 0 < metadata.image_bytes <= MOST_IMAGE_BYTES:
        raise WrongUse(
            f"Images of {shape_text(metadata.shape)} {metadata.dtype} hold {metadata.image_bytes:,} bytes; a "
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
            f"The layout 'png' holds uint8 images of 1, 3 or 4 channels, not {metadata.dtype} of "
            f"{shape_text(metadata.shape)}; choose binary, list or pixels."
        )
    return [pa.field("image", pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())]))]


def encode(batch: Batch, schema: pa.Schema, layout: str) -> pa.Table:
    """Make a table of a batch. The pixels of the binary layout are shared with the batch, not copied."""
    arrays = [to_arrow(batch.ids), to_arrow(batch.labels), *_encode_images(batch.images, schema, layout)]
    arrays += [to_arrow(values) for values in batch.columns.values()]
    return pa.Table.from_arrays(arrays, schema=schema)


def _encode_images(images: npt.NDArray[Any], schema: pa.Schema, layout: str) -> list[pa.Array]:
    little = np.ascontiguousarray(images, images.dtype.newbyteorder("<"))
    flat = little.reshape(len(images), math.prod(images.shape[1:]))
    if layout == "binary":
        kind = schema.field("image").type
        return [pa.FixedSizeBinaryArray.from_buffers(kind, len(images), [None, pa.py_buffer(little)])]
    if layout == "list":
        return [pa.FixedSizeListArray.from_arrays(to_arrow(flat.reshape(-1)), type=schema.field("image").type)]
    if layout == "pixels":
        return [to_arrow(flat[:, index]) for index in range(flat.shape[1])]
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
    columns = {name: to_numpy(table[name]) for name in table.column_names if name not in known}
    return Batch(to_numpy(table["id"]), to_numpy(table["label"]), images, columns)


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
        return np.stack([to_numpy(table[name]) for name in names], axis=1).reshape(shape)
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


_MODES = {(): "L", (1,): "L", (3,): "RGB", (4,): "RGBA"}
"""Pillow's mode of a PNG file, by the channels of its image."""


def _decode_png(column: pa.ChunkedArray, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """Decode PNG files, (n,), to images, `shape`. Raises ValueError for what is none, or of another size or mode."""
    from PIL import Image, UnidentifiedImageError

    images = np.empty(shape, np.uint8)
    height, width, *channels = shape[1:]
    expected = ((width, height), _MODES[tuple(channels)])
    for row, file in enumerate(column.to_pylist()):
        try:
            with Image.open(io.BytesIO(file["bytes"]), formats=["PNG"]) as image:
                if (image.size, image.mode) != expected:
                    raise ValueError(f"it is {image.width}×{image.height} {image.mode}")
                images[row] = np.asarray(image).reshape(shape[1:])
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as cause:
            reason = "" if isinstance(cause, UnidentifiedImageError) else f", {cause}"
            raise ValueError(f"an image is no PNG file of {width}×{height} {expected[1]}, row {row}{reason}") from None
    return images
