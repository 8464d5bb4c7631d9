"""What a notebook shows of a dataset: its splits and sizes, and a strip of samples as small PNG images."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from mnist_data.batch import Batch, Integers
from mnist_data.parquet.schema import Metadata

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


def dataset_html(location: str, metadata: Metadata, splits: Mapping[str, int], batch: Batch | None) -> str:
    """Describe a dataset in HTML: name, place, splits, and a strip of samples of a batch, of each class alike.

    batch: some of its samples; None where they cannot be read. All text is escaped.
    """
    size = "×".join(map(str, metadata.shape))
    counts = "".join(f"<tr><td>{escape(split)}</td><td>{rows:,}</td></tr>" for split, rows in splits.items())
    classes = f", {len(metadata.classes)} classes" if metadata.classes else ""
    title = f"<strong>{escape(metadata.title or metadata.dataset)}</strong> <code>{escape(location)}</code>"
    kind = f"{sum(splits.values()):,} images of {size} {escape(metadata.dtype)}{classes}"
    note = f"<div>{escape(metadata.note)}</div>" if metadata.note else ""
    table = f"<table><thead><tr><th>split</th><th>samples</th></tr></thead><tbody>{counts}</tbody></table>"
    strip = "" if batch is None else _strip(batch, metadata)
    return f"<div>{title}<div>{kind}</div>{note}{table}{strip}</div>"


def _strip(batch: Batch, metadata: Metadata) -> str:
    """Show samples side by side, each with its id and class as its tooltip; nothing for what is no image."""
    if not len(batch) or batch.images.ndim not in (3, 4) or batch.images.shape[3:] not in ((), (1,), (3,)):
        return ""
    shown = batch.take(strip_rows(batch.labels))
    pixels = to_uint8(shown.images)
    pixels = pixels[..., 0] if pixels.shape[3:] == (1,) else pixels
    height, width = pixels.shape[1:3]
    factor = STRIP_SIDE / max(height, width)
    style = "image-rendering:pixelated;margin:1px;display:inline-block"
    samples = [
        f'<img src="{data_uri(encode_png(image))}" width="{max(1, round(width * factor))}" '
        f'height="{max(1, round(height * factor))}" style="{style}" alt="{name}" title="id {sample}: {name}">'
        for image, sample, name in zip(
            pixels,
            shown.ids.tolist(),
            [escape(metadata.class_name(label)) for label in shown.labels.tolist()],
            strict=True,
        )
    ]
    return f"<div>{''.join(samples)}</div>"


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
