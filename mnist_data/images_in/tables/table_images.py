"""Images in the columns of a table: files such as PNG, raw pixels, lists of them, or a column for each pixel."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mnist_data.batch import Integers
from mnist_data.errors import UnreadableInput
from mnist_data.idx.layout import layout_of
from mnist_data.images_in.image_files.decoding import (
    ImageHeader,
    Kind,
    NotDecoded,
    guarded,
    header_of,
    is_grey,
    pixels_of,
)
from mnist_data.images_in.image_files.png import decode_plain, pays
from mnist_data.images_in.stream import Options
from mnist_data.images_in.tables.table_columns import Columns, is_bytes, is_list

FILE_MAGIC = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"RIFF", b"\0\0\x01\0")
"""First bytes of image files."""

Pixels = npt.NDArray[Any]


class TableImages(ABC):
    """How the images of a table are read. shape, dtype: of one image. note: what was decided."""

    shape: tuple[int, ...]
    dtype: str
    note = ""

    def __init__(self, path: str) -> None:
        self.path = path

    @abstractmethod
    def decode(self, batch: pa.RecordBatch, rows: Integers) -> Pixels:
        """Give the images of some rows, (n, *shape). rows: their numbers, (n,).

        Raises UnreadableInput, which names the row, for one that is no image of this shape and type.
        """

    def wrong(self, row: Any, found: str, expected: str) -> UnreadableInput:
        """Describe a row that is no image."""
        return UnreadableInput(f"{self.path}, row {row:,}", found, expected, "Rows count from 0; take this one out.")


class FileImages(TableImages):
    """Image files in a column of bytes, or of structs that hold them, as Hugging Face's."""

    def __init__(self, path: str, first: pa.RecordBatch) -> None:
        super().__init__(path)
        contents = _contents(first.column(0))
        with guarded():
            headers = [self._header(content, row) for row, content in enumerate(contents)]
            colour = any(
                header.kind == "colour" and not is_grey(self._decoded(content, "colour", row))
                for row, (header, content) in enumerate(zip(headers, contents, strict=True))
            )
        kinds = {header.kind for header in headers}
        deep: Kind = "float" if "float" in kinds else "wide" if "wide" in kinds else "grey"
        self._kind: Kind = "colour" if colour else deep
        self.dtype = {"float": "float32", "wide": "int32"}.get(self._kind, "uint8")
        self.shape = (*headers[0].size, 3) if colour else headers[0].size

    def decode(self, batch: pa.RecordBatch, rows: Integers) -> Pixels:
        """Give the images of some rows."""
        contents = _contents(batch.column(0))
        pixels = np.empty((batch.num_rows, *self.shape), self.dtype)
        rest: Sequence[int] = range(len(contents))
        if self._kind == "grey" and pays(len(contents), self.shape):
            rest = decode_plain([content or b"" for content in contents], pixels)
        with guarded():
            for place in rest:
                pixels[place] = self._checked(contents[place], rows[place])
        return pixels

    def _checked(self, content: bytes | None, row: int) -> Pixels:
        header = self._header(content, row)
        if header.size != self.shape[:2]:
            size = "×".join(map(str, header.size))
            raise self.wrong(row, f"an image of {size}", f"{self.shape[0]}×{self.shape[1]}, as the first rows have")
        if header.kind in ("wide", "float") and header.kind != self._kind:
            raise self.wrong(row, f"an image of mode {header.mode}", f"pixels of {self.dtype}, as the first rows have")
        if header.kind == "colour" and self._kind == "grey" and not is_grey(self._decoded(content, "colour", row)):
            raise self.wrong(row, "an image in colour", "grey, as the first rows are")
        return self._decoded(content, self._kind, row)

    def _header(self, content: bytes | None, row: int) -> ImageHeader:
        if content is None:
            raise self.wrong(row, "no image", "an image in each row")
        try:
            return header_of(content)
        except NotDecoded as cause:
            raise self._undecoded(row, cause) from cause

    def _decoded(self, content: bytes | None, kind: Kind, row: int) -> Pixels:
        try:
            return pixels_of(content or b"", kind)
        except NotDecoded as cause:
            raise self._undecoded(row, cause) from cause

    def _undecoded(self, row: int, cause: NotDecoded) -> UnreadableInput:
        return self.wrong(row, f"bytes that are no image file ({cause})", "a PNG, JPEG or the like")


class RawImages(TableImages):
    """Raw pixels in a column of bytes, all of one length."""

    def __init__(self, path: str, first: pa.RecordBatch, columns: Columns, options: Options) -> None:
        super().__init__(path)
        self.dtype = "uint8" if columns.dtype is None else _known_type(path, columns.dtype)
        lengths = {None if value is None else len(value) for value in first.column(0).to_pylist()}
        self._width = next((length for length in lengths if length), 0)
        self._little = np.dtype(self.dtype).newbyteorder("<")
        items = self._items(first, np.arange(len(first)))
        said = columns.shape if columns.shape and math.prod(columns.shape) == items.shape[1] else None
        size = options.size or ("x".join(map(str, said)) if said else None)
        self._layout = layout_of(items.shape[1:], items, path, size)
        self.shape, self.note = self._layout.shape, self._layout.note

    def decode(self, batch: pa.RecordBatch, rows: Integers) -> Pixels:
        """Give the images of some rows."""
        return np.ascontiguousarray(self._layout.images(self._items(batch, rows)).astype(self.dtype, copy=False))

    def _items(self, batch: pa.RecordBatch, rows: Integers) -> Pixels:
        column = batch.column(0)
        if isinstance(column, pa.ExtensionArray):
            column = column.storage
        if pa.types.is_struct(column.type):
            column = column.field("bytes")
        if not pa.types.is_fixed_size_binary(column.type):
            column = column.cast(pa.large_binary())  # of the kinds of bytes that Arrow has, the one all functions take
        if column.null_count:
            raise self.wrong(rows[_first(column.is_null())], "no image", "an image in each row")
        lengths = pc.binary_length(column)
        if len(column) and pc.min_max(lengths).as_py() != {"min": self._width, "max": self._width}:
            place = _first(pc.not_equal(lengths, self._width))
            raise self.wrong(rows[place], f"{lengths[place]} bytes", f"{self._width:,}, as the first row has")
        if self._width == 0 or self._width % self._little.itemsize:
            raise self.wrong(rows[0], f"{self._width:,} bytes", f"pixels of {self.dtype}")
        whole = column.cast(pa.binary(self._width)) if column.type != pa.binary(self._width) else column
        buffer, count = whole.buffers()[1], len(whole) * self._width // self._little.itemsize
        values = np.frombuffer(buffer, self._little, count, whole.offset * self._width) if count else np.empty(0)
        return values.reshape(len(whole), self._width // self._little.itemsize)


class ListImages(TableImages):
    """Pixels in lists, in lists of lists, or in Arrow's tensors of a fixed shape."""

    def __init__(self, path: str, first: pa.RecordBatch, columns: Columns, options: Options) -> None:
        super().__init__(path)
        self._item_shape: tuple[int, ...] | None = None
        items = self._items(first.column(0), np.arange(len(first)))
        self._item_shape = items.shape[1:]
        self.dtype = _type_of(items, columns.dtype)
        flat = math.prod(self._item_shape)
        said = columns.shape if columns.shape and math.prod(columns.shape) == flat else None
        size = options.size or ("x".join(map(str, said)) if said else None)
        self._layout = layout_of(_without_ones(self._item_shape), items, path, size)
        self.shape, self.note = self._layout.shape, self._layout.note

    def decode(self, batch: pa.RecordBatch, rows: Integers) -> Pixels:
        """Give the images of some rows."""
        items = self._items(batch.column(0), rows)
        images = np.ascontiguousarray(self._layout.images(items))
        return _cast(
            images, self.dtype, lambda place: self.wrong(rows[place], *_out_of_range(images[place], self.dtype))
        )

    def _items(self, column: pa.Array, rows: Integers) -> Pixels:
        """Flatten lists, level by level; all of a level must be of one length."""
        shape: tuple[int, ...] = ()
        count, level = len(column), column
        if isinstance(column, pa.ExtensionArray):
            shape, level = tuple(getattr(column.type, "shape", ())), column.storage
            if getattr(column.type, "permutation", None) not in (None, list(range(len(shape)))):
                raise self.wrong(rows[0], "tensors whose axes are permuted", "tensors as they are")
        told = bool(shape)
        per_row = 1
        while is_list(level.type):
            if level.null_count:
                raise self.wrong(rows[_first(level.is_null()) // per_row], "no image", "a list in each row")
            lengths = pc.list_value_length(level)
            length = int(lengths[0].as_py()) if len(level) else 0
            if len(level) and pc.min_max(lengths).as_py() != {"min": length, "max": length}:
                place = _first(pc.not_equal(lengths, length))
                found, expected = f"a list of {lengths[place]} values", f"{length:,}, as the others have"
                raise self.wrong(rows[place // per_row], found, expected)
            per_row, level = per_row * max(1, length), level.flatten()
            shape = shape if told else (*shape, length)
        if level.null_count:
            raise self.wrong(rows[_first(level.is_null()) // per_row], "a pixel without a value", "a number for each")
        if self._item_shape is not None and count and shape != self._item_shape:
            raise self.wrong(rows[0], f"an image of {shape}", f"{self._item_shape}, as the first rows have")
        return _numbers(level).reshape(count, *(shape if count or not self._item_shape else self._item_shape))


class PixelImages(TableImages):
    """A column for each pixel."""

    def __init__(self, path: str, first: pa.RecordBatch, columns: Columns, options: Options) -> None:
        super().__init__(path)
        self._count = len(columns.pixels)
        items = self._items(first, np.arange(len(first)))
        self.dtype = _type_of(items, columns.dtype)
        said = columns.shape if columns.shape and math.prod(columns.shape) == self._count else None
        size = options.size or ("x".join(map(str, said)) if said else None)
        self._layout = layout_of((self._count,), items, path, size)
        self.shape, self.note = self._layout.shape, self._layout.note

    def decode(self, batch: pa.RecordBatch, rows: Integers) -> Pixels:
        """Give the images of some rows."""
        images = self._layout.images(self._items(batch, rows))
        images = np.ascontiguousarray(images)
        return _cast(
            images, self.dtype, lambda place: self.wrong(rows[place], *_out_of_range(images[place], self.dtype))
        )

    def _items(self, batch: pa.RecordBatch, rows: Integers) -> Pixels:
        chosen = batch.select(list(range(self._count)))
        for column, name in zip(chosen.columns, chosen.schema.names, strict=True):
            if column.null_count:
                raise self.wrong(rows[_first(column.is_null())], f"no value in {name!r}", "a number for each pixel")
        kinds = set(chosen.schema.types)
        if len(kinds) == 1 and not pa.types.is_boolean(chosen.schema.types[0]) and chosen.num_rows:
            return np.asarray(chosen.to_tensor(row_major=False).to_numpy())
        arrays = [_numbers(column) for column in chosen.columns]
        return np.stack(arrays, axis=1) if arrays else np.empty((0, self._count), np.uint8)


def table_images(path: str, first: pa.RecordBatch, columns: Columns, options: Options) -> TableImages:
    """Decide how the images of a table are read, by its first rows. Raises UnreadableInput where there are none."""
    if columns.pixels:
        return PixelImages(path, first, columns, options)
    column = first.column(0)
    kind = column.type.storage_type if isinstance(column.type, pa.BaseExtensionType) else column.type
    if pa.types.is_struct(kind) or is_bytes(kind):
        content = next((content for content in _contents(column) if content is not None), b"")
        return FileImages(path, first) if content.startswith(FILE_MAGIC) else RawImages(path, first, columns, options)
    return ListImages(path, first, columns, options)


def _contents(column: pa.Array) -> list[bytes | None]:
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    return (column.field("bytes") if pa.types.is_struct(column.type) else column).to_pylist()  # type: ignore[no-any-return]


def _first(mask: pa.Array) -> int:
    return int(pc.index(mask, True).as_py())


def _numbers(values: pa.Array) -> Pixels:
    return np.asarray(values.to_numpy(zero_copy_only=False))


def _without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape if len(shape) < 3 or 1 not in (shape[0], shape[-1]) else tuple(side for side in shape if side > 1)


def _known_type(path: str, name: str) -> str:
    try:
        kind = np.dtype(name)
    except TypeError:
        kind = np.dtype("V")
    if kind.kind not in "uif":
        raise UnreadableInput(path, f"images of the type {name!r}", "a type of numbers", "Write it again.")
    return kind.newbyteorder("=").name


def _type_of(items: Pixels, said: str | None) -> str:
    """Give the type in which a dataset holds pixels that were widened on their way, by the first rows."""
    if said is not None:
        return said
    if items.dtype.kind == "b" or not items.size:
        return "uint8"
    whole = items.dtype.kind in "iu" or bool((np.isfinite(items) & (items == np.rint(items))).all())
    narrow = whole and items.min() >= 0 and items.max() <= 255
    if narrow and (items.dtype.itemsize == 8 or items.dtype.name in ("uint8", "float32")):
        return "uint8" if items.dtype.name != "float32" or items.max() > 1 else "float32"
    return "int32" if items.dtype.kind in "iu" and items.dtype.itemsize == 8 else items.dtype.name


def _cast(images: Pixels, dtype: str, error: Any) -> Pixels:
    """Give the pixels in the chosen type. Raises what `error` makes of the first row that it cannot hold exactly."""
    if images.dtype == np.dtype(dtype):
        return images
    with np.errstate(invalid="ignore"):
        cast = images.astype(dtype)
    if np.dtype(dtype).kind in "iu" and images.dtype.kind != "b":
        wrong = (cast != images).reshape(len(images), -1).any(axis=1)
        if wrong.any():
            raise error(int(np.flatnonzero(wrong)[0]))
    return cast


def _out_of_range(image: Pixels, dtype: str) -> tuple[str, str]:
    wrong = image[image.astype(dtype) != image]
    return f"the pixel {wrong.reshape(-1)[0]:g}", f"a {dtype}, as in the first rows"
