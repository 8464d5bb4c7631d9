"""Which columns of a table hold the images, the labels, the split, and what else is known of each image."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from mnist_data.errors import MismatchedPair, UnreadableInput, WrongUse
from mnist_data.images_in.image_files.classes import natural

IMAGES = ("image", "images", "img", "imgs", "pixels", "pixel_values", "picture", "digit_image", "data", "x", "features")
LABELS = (
    "label",
    "labels",
    "class",
    "target",
    "targets",
    "y",
    "digit",
    "number",
    "character",
    "char",
    "letter",
    "category",
    "class_label",
    "class_id",
    "label_id",
    "fine_label",
    "coarse_label",
)
SPLITS = ("split", "subset", "partition")
INDEX = re.compile(r"^(id|ids|idx|index|unnamed: ?\d+|__index_level_\d+__|level_\d+|row|rowid)$", re.IGNORECASE)
PIXEL = re.compile(r"^\D*\d+(\D+\d+)?$")
LEAST_PIXELS = 16


@dataclass(frozen=True)
class Columns:
    """The columns by what they hold. pixels: where each pixel is a column. others: what else is kept of each image.

    shape, dtype: of an image where the table says it itself. classes: names by label. notes: what was decided.
    """

    image: str | None
    pixels: tuple[str, ...]
    label: str | None
    split: str | None
    id: str | None
    others: tuple[str, ...]
    shape: tuple[int, ...] | None = None
    dtype: str | None = None
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def pictures(self) -> tuple[str, ...]:
        """The columns that the images are read from."""
        return self.pixels or (self.image or "",)


def columns_of(schema: pa.Schema, path: str, label_column: str | None = None) -> Columns:
    """Find the columns of a table. label_column: of the labels, as the user gives it.

    Raises UnreadableInput or WrongUse where none holds images, or several do.
    """
    label = _label(schema) if label_column is None or label_column not in schema.names else label_column
    if label is None:
        _require_single_labels(schema, path)
    image = _image(schema, path, label)
    split = next((name for name in schema.names if name.lower() in SPLITS and _is_text(schema.field(name).type)), None)
    pixels = () if image else _pixels(schema, label, path)
    identity = next(
        (name for name in schema.names if name == "id" and pa.types.is_integer(schema.field(name).type)), None
    )
    notes: list[str] = []
    if label is None and label_column is None:
        label = _only_other(schema, {image, split, *pixels})
        notes += [f"{path}: the column {label!r} is read as the label."] if label else []
    taken = {image, label, split, identity, *pixels}
    others = tuple(
        name for name in schema.names if name not in taken and _kept(schema.field(name)) and not INDEX.match(name)
    )
    shape, dtype, said = _said(schema, label)
    classes = _names(said)
    if said and not classes:
        notes.append(f"{path}: its metadata do not name the classes, each by another text; labels stay numbers.")
    return Columns(image, pixels, label, split, identity, others, shape, dtype, classes, tuple(notes))


def _label(schema: pa.Schema) -> str | None:
    lower = {name.lower(): name for name in reversed(schema.names)}
    named = [lower[name] for name in LABELS if name in lower]
    features = _features(schema)
    of_classes: list[str] = [
        name
        for name in schema.names
        if isinstance(features.get(name), Mapping) and features[name].get("_type") == "ClassLabel"
    ]
    names: list[str] = [*of_classes, *named]
    return next((name for name in names if not holds_pixels(schema.field(name).type)), None)


def _require_single_labels(schema: pa.Schema, path: str) -> None:
    """Raise MismatchedPair where a column named as labels are holds lists of them."""
    for field in schema:
        if field.name.lower() in LABELS and is_list(field.type):
            raise MismatchedPair(
                path,
                f"labels of the type {field.type} in the column {field.name!r}",
                "one label for each image",
                "Write the number or name of one class into each row.",
            )


def _only_other(schema: pa.Schema, taken: set[str | None]) -> str | None:
    """Give the only column that could hold labels under another name, if there is just one."""
    left = [
        name
        for name in schema.names
        if name not in taken
        and not INDEX.match(name)
        and (pa.types.is_integer(schema.field(name).type) or pa.types.is_dictionary(schema.field(name).type))
    ]
    return left[0] if len(left) == 1 else None


def _image(schema: pa.Schema, path: str, label: str | None) -> str | None:
    candidates: list[str] = [name for name in schema.names if name != label and holds_pixels(schema.field(name).type)]
    named = [name for wanted in IMAGES for name in candidates if name.lower() == wanted]
    if len(candidates) > 1 and not named:
        raise WrongUse(
            f"{path}: its columns {', '.join(candidates)} could each hold the images; call one of them 'image', or "
            "leave the others out."
        )
    if candidates:
        return (named or candidates)[0]
    texts = [name for name in schema.names if name.lower() in IMAGES and _is_text(schema.field(name).type)]
    if texts:
        raise UnreadableInput(
            path,
            f"text in the column {texts[0]!r}, as names of files or pixels written out",
            "images themselves: bytes, lists of pixels, or a column for each pixel",
            "Name the folder of the image files instead, or read the text into lists of numbers first.",
        )
    return None


def holds_pixels(kind: pa.DataType) -> bool:
    """Say whether a type can hold an image: bytes, a struct of them as Hugging Face's, lists or tensors of numbers."""
    if isinstance(kind, pa.BaseExtensionType):
        return holds_pixels(kind.storage_type)
    if pa.types.is_struct(kind):
        return "bytes" in {field.name for field in kind}
    if is_bytes(kind):
        return True
    return is_list(kind) and is_number(innermost(kind))


def is_bytes(kind: pa.DataType) -> bool:
    """Say whether values of a type are bytes, of one length or of many."""
    view = getattr(pa.types, "is_binary_view", lambda _: False)
    return bool(
        pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind) or view(kind)
    )


def is_list(kind: pa.DataType) -> bool:
    """Say whether a type is a list, of one length or of many."""
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def innermost(kind: pa.DataType) -> pa.DataType:
    """Give the type of the values in lists of lists."""
    while is_list(kind):
        kind = kind.value_type
    return kind


def is_number(kind: pa.DataType) -> bool:
    """Say whether a type is one of numbers, or bits."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    view = getattr(pa.types, "is_string_view", lambda _: False)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or view(kind))


def _pixels(schema: pa.Schema, label: str | None, path: str) -> tuple[str, ...]:
    """Find the columns of single pixels, by numbers in their names, in the order of these."""
    numeric = [name for name in schema.names if is_number(schema.field(name).type) and name != label]
    numbered = [name for name in numeric if PIXEL.match(name) and not INDEX.match(name)]
    prefixes = [re.sub(r"\d+", "#", name) for name in numbered]
    most = max(set(prefixes), key=prefixes.count, default="")
    pixels = sorted((name for name, prefix in zip(numbered, prefixes, strict=True) if prefix == most), key=natural)
    if len(pixels) < LEAST_PIXELS:
        listed = ", ".join(f"{field.name} ({field.type})" for field in list(schema)[:8])
        raise UnreadableInput(
            path,
            f"no column of images among {listed or '(none)'}{', …' if len(schema) > 8 else ''}",
            "images as bytes or lists in a column 'image', or a column for each pixel (pixel0, pixel1, …)",
            "Name the columns so, and the labels 'label'.",
        )
    return tuple(pixels)


def _kept(field: pa.Field) -> bool:
    """Say whether a column is kept beside the images: numbers and text, under a name that a dataset does not use."""
    return (is_number(field.type) or _is_text(field.type)) and not re.fullmatch(
        r"(id|label|image|split|pixel\d+)", field.name
    )


def _said(schema: pa.Schema, label: str | None) -> tuple[tuple[int, ...] | None, str | None, Any]:
    """Give what the table's metadata say of shape, type and classes: ours, pandas' copy of it, or Hugging Face's."""
    ours = _json(schema, b"mnist_data")
    attrs = _json(schema, b"PANDAS_ATTRS")
    shape = _shape(ours.get("shape") or attrs.get("image_shape"))
    dtype = ours.get("dtype") or attrs.get("image_dtype")
    classes = ours.get("classes") or attrs.get("classes")
    feature = _features(schema).get(label or "")
    if not classes and isinstance(feature, Mapping) and isinstance(feature.get("names"), list):
        classes = feature["names"]
    return shape, dtype if isinstance(dtype, str) else None, classes


def _names(classes: Any) -> tuple[str, ...]:
    """Give the names of classes where they are some: texts of whole characters, each another and none empty."""
    if not isinstance(classes, list) or not all(isinstance(name, str) and name.strip() for name in classes):
        return ()
    whole = all(name.isascii() or name.encode(errors="ignore").decode() == name for name in classes)
    return tuple(classes) if whole and len(set(classes)) == len(classes) else ()


def _shape(values: Any) -> tuple[int, ...] | None:
    valid = isinstance(values, list | tuple) and 2 <= len(values) <= 3
    return tuple(values) if valid and all(type(side) is int and 0 < side < 2**16 for side in values) else None


def _json(schema: pa.Schema, key: bytes) -> dict[str, Any]:
    try:
        values = json.loads((schema.metadata or {}).get(key, b"{}"))
    except (ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def _features(schema: pa.Schema) -> dict[str, Any]:
    info = _json(schema, b"huggingface").get("info")
    features = info.get("features") if isinstance(info, dict) else None
    return features if isinstance(features, dict) else {}


def common_columns(columns: Sequence[Columns]) -> Columns:
    """Give the columns of the first table, of which `others` are kept only where all tables have them."""
    first = next((each for each in columns if each.label), columns[0])
    shared = [name for name in first.others if all(name in each.others for each in columns)]
    classes = next((each.classes for each in columns if each.classes), ())
    return Columns(**{**vars(first), "others": tuple(shared), "classes": classes})
