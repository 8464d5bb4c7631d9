"""The small image by which a page is known in a list of pages: some of its digits, or a few bars, without a browser."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image

from dashboards.thumbnails import decode_images
from mnist_data.parquet.preview import Pixels, data_uri, encode_png, to_uint8

TILES, TILE, GAP = 8, 28, 2
"""Digits in a row, the side of each, and what is between them, in pixels."""

WITH_IMAGES = (
    "sample_grid",
    "prepared",
    "predicted_samples",
    "disagreement_samples",
    "corrupted_samples",
    "augmentation",
    "explained",
    "audit_thumbnails",
    "diff_b",
    "diff_a",
    "quarantine",
    "misclassified",
)
"""Tables with images, the one that says most of a page first."""


def cover(tables: Mapping[str, pd.DataFrame]) -> str:
    """Give the image of a page as a data URI: PNG, of one height; empty where its tables hold nothing to draw.

    tables: those that the page shows.
    """
    for name in WITH_IMAGES:
        table = tables.get(name)
        if table is not None and len(table) and "image" in table:
            return data_uri(encode_png(_row_of(decode_images(_chosen(table)))))
    if "drift_means" in tables and len(tables["drift_means"]):
        return data_uri(encode_png(_row_of(_means(tables["drift_means"]))))
    for name, values_of in BARS.items():
        if name in tables and len(tables[name]):
            return data_uri(encode_png(_bars(values_of(tables[name]))))
    return ""


def _chosen(table: pd.DataFrame) -> pd.DataFrame:
    """Take one row of each class, and then further ones, as many as there are tiles."""
    kind = next((name for name in ("corruption", "label", "name", "photo") if name in table), None)
    first = table if kind is None else table.drop_duplicates(kind)
    rows = pd.concat([first, table.drop(first.index)]).head(TILES)
    rows.attrs = table.attrs
    return rows


def _row_of(images: Pixels | Sequence[Pixels]) -> Pixels:
    """Put images side by side, each within a square tile, in grey where all are grey."""
    colour = any(image.ndim == 3 for image in images)
    row = np.zeros((TILE, max(1, len(images)) * (TILE + GAP) - GAP, *((3,) if colour else ())), np.uint8)
    for place, image in enumerate(images):
        drawn = Image.fromarray(np.ascontiguousarray(image)).convert("RGB" if colour else "L")
        factor = TILE / max(drawn.size)
        width, height = (max(1, round(side * factor)) for side in drawn.size)
        tile = np.asarray(drawn.resize((width, height), Image.Resampling.BOX))
        left, top = place * (TILE + GAP) + (TILE - width) // 2, (TILE - height) // 2
        row[top : top + height, left : left + width] = tile
    return row


def _means(means: pd.DataFrame) -> list[Pixels]:
    """Give the mean image of each side of a drift."""
    images = []
    for _, rows in means.groupby("side"):
        shape = (int(rows["row"].max()) + 1, int(rows["column"].max()) + 1)
        images.append(to_uint8(rows["mean"].to_numpy(np.float64).reshape(shape)))
    return images


def _verdicts(claims: pd.DataFrame) -> npt.NDArray[np.float64]:
    counts = claims["verdict"].value_counts()
    return np.array([counts.get(verdict, 0) for verdict in ("true", "false", "undecided")], np.float64)


BARS: Mapping[str, Callable[[pd.DataFrame], npt.NDArray[np.float64]]] = {
    "claims": _verdicts,
    "comparison": lambda table: table[["accuracy_a", "accuracy_b"]].iloc[0].to_numpy(np.float64),
    "sweep": lambda table: table["validation_accuracy"].to_numpy(np.float64),
    "compression": lambda table: table["bytes"].to_numpy(np.float64),
    "evaluation": lambda table: table["accuracy"].to_numpy(np.float64),
    "changes": lambda table: table.groupby("change", sort=False)["samples"].sum().to_numpy(np.float64),
    "checks": lambda table: table.groupby("check", sort=False)["flagged"].sum().to_numpy(np.float64),
    "cleaning_totals": lambda table: table[["kept", "changed", "removed"]].sum().to_numpy(np.float64),
}
"""Tables without images -> the values that bars stand for."""

LIGHTEST, DARKEST = 230, 110
"""Greys of the bars, which take turns."""

WIDEST_BAR = TILE + GAP
"""Pixels of a bar and the gap after it."""


def _bars(values: npt.NDArray[np.float64]) -> Pixels:
    """Draw a bar for each value, from 0 to the highest; missing ones are left out."""
    values = np.nan_to_num(values)[:24]
    width = TILES * (TILE + GAP) - GAP
    step = min(WIDEST_BAR, width / max(1, len(values)))
    drawn = np.zeros((TILE, max(1, round(step * len(values)))), np.uint8)
    highest = max(float(values.max(initial=0)), 1e-12)
    for place, value in enumerate(values):
        height = round((TILE - 2) * max(0.0, float(value)) / highest)
        left, right = round(place * step) + 1, max(round(place * step) + 2, round((place + 1) * step) - 2)
        drawn[TILE - max(1, height) :, left:right] = LIGHTEST if place % 2 == 0 else DARKEST
    return drawn
