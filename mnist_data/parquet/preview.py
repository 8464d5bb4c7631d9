"""What a notebook shows of a dataset: its splits and sizes, and a strip of samples as small PNG images."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from mnist_data.batch import Batch, Integers, shape_text
from mnist_data.parquet.schema import Metadata

if TYPE_CHECKING:
    from jinja2 import Template

Pixels = npt.NDArray[np.uint8]

STRIP = 20
"""Samples in the strip."""

STRIP_SIDE = 40
"""Screen pixels of the longer side of a sample in the strip."""


def to_uint8(values: npt.NDArray[Any]) -> Pixels:
    """Bring values of any type to 0 … 255.

    >>> to_uint8(np.array([-1.0, 0.0, 1.0, np.nan])).tolist()
    [0, 128, 255, 0]
    """
    if values.dtype == np.uint8:
        return values
    if values.dtype.kind == "u":
        return (values // ((int(np.iinfo(values.dtype).max) + 1) // 256)).astype(np.uint8)
    floats = values.astype(np.float64)
    finite = floats[np.isfinite(floats)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if low == high:  # one value everywhere: black if it is nothing, else grey
        return np.full(values.shape, 0 if low == 0 else 128, np.uint8)
    scaled = np.clip((np.nan_to_num(floats, nan=low, posinf=high, neginf=low) - low) / (high - low), 0, 1)
    return np.rint(255 * scaled).astype(np.uint8)


def encode_png(image: Pixels) -> bytes:
    """Encode one image, (height, width[, 3]) uint8, as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def data_uri(png: bytes) -> str:
    """Give a PNG as an address that holds it."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("mnist_data.parquet")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("dataset.html")


def dataset_html(location: str, metadata: Metadata, splits: Mapping[str, int], batch: Batch | None) -> str:
    """Describe a dataset in HTML: name, place, splits, and a strip of samples of a batch, of each class alike.

    batch: some of its samples; None where they cannot be read. The template escapes all text.
    """
    size = shape_text(metadata.shape)
    classes = f", {len(metadata.classes)} classes" if metadata.classes else ""
    return _template().render(
        title=metadata.title or metadata.dataset,
        location=location,
        kind=f"{sum(splits.values()):,} images of {size} {metadata.dtype}{classes}",
        note=metadata.note,
        splits=splits,
        strip=[] if batch is None else _strip(batch, metadata),
    )


def _strip(batch: Batch, metadata: Metadata) -> list[dict[str, Any]]:
    """Give samples with their address, size, id and class; none of what is no image."""
    if not len(batch) or batch.images.ndim not in (3, 4) or batch.images.shape[3:] not in ((), (1,), (3,)):
        return []
    shown = batch.take(strip_rows(batch.labels))
    pixels = to_uint8(shown.images)
    pixels = pixels[..., 0] if pixels.shape[3:] == (1,) else pixels
    height, width = pixels.shape[1:3]
    factor = STRIP_SIDE / max(height, width)
    size = {"width": max(1, round(width * factor)), "height": max(1, round(height * factor))}
    return [
        {"uri": data_uri(encode_png(image)), "id": sample, "name": metadata.class_name(label), **size}
        for image, sample, label in zip(pixels, shown.ids.tolist(), shown.labels.tolist(), strict=True)
    ]


def strip_rows(labels: Integers) -> Integers:
    """Choose up to 20 rows, of each label equally many as far as there are any, sorted by label.

    >>> strip_rows(np.array([1, 1, 1, 0])).tolist()
    [3, 0, 1, 2]
    """
    order = np.argsort(labels, kind="stable")
    starts = np.flatnonzero(np.diff(labels[order], prepend=labels[order][:1] - 1))
    lengths = np.diff(np.append(starts, len(labels)))
    occurrence = np.arange(len(labels)) - np.repeat(starts, lengths)
    chosen = np.sort(np.lexsort((labels[order], occurrence))[:STRIP])
    return np.asarray(order[chosen])
