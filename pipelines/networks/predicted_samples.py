"""Choosing which predicted images a page shows: those to look at first, a few of each reason, as they were given."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mnist_data.batch import Images
from mnist_data.parquet.schema import Metadata
from pipelines.images.thumbnails import thumbnail_table

MOST = 24
"""Images of each reason."""

REASONS = ("rejected", "wrong", "unsure", "sure")
"""Why an image is shown: probably of none of the classes, predicted wrongly, least confident, most confident."""

COLUMNS = ("id", "file", "split", "label_name", "name", "probability", "ood_score")


class PredictedSamples:
    """Keeps the images to show while batches come; never more than MOST of each reason and a batch."""

    def __init__(self) -> None:
        self._kept: dict[str, list[tuple[float, dict[str, object], Images]]] = {reason: [] for reason in REASONS}

    def add(self, table: pd.DataFrame, images: Images) -> None:
        """Take the best of a batch. table: its predictions, a row an image. images: as they were given."""
        rejected = ~table["in_distribution"].fillna(True).to_numpy(np.bool_)
        wrong = ~table["correct"].fillna(True).to_numpy(np.bool_)
        confidence = table["probability"].to_numpy(np.float64)
        taken = np.zeros(len(table), np.bool_)
        for reason, chosen, order in (
            ("rejected", rejected, -table["ood_score"].fillna(0).to_numpy(np.float64)),
            ("wrong", wrong & ~rejected, -confidence),
            ("unsure", ~wrong & ~rejected, confidence),
            ("sure", ~wrong & ~rejected, -confidence),
        ):
            rows = np.flatnonzero(chosen & ~taken)
            rows = rows[np.argsort(order[rows], kind="stable")][:MOST]
            taken[rows] = True
            described = table.iloc[rows][[name for name in COLUMNS if name in table]].to_dict("records")
            kept = self._kept[reason]
            kept += [
                (float(order[row]), {str(name): value for name, value in values.items()}, images[row].copy())
                for row, values in zip(rows.tolist(), described, strict=True)
            ]
            kept.sort(key=lambda entry: entry[0])
            del kept[MOST:]

    def table(self) -> pd.DataFrame:
        """Give the images with reason, and what is known of each prediction; no rows where there were none."""
        rows = [(reason, values, image) for reason, kept in self._kept.items() for _, values, image in kept]
        if not rows:
            return thumbnail_table({"reason": []}, np.empty((0, 1, 1), np.uint8), Metadata("images", (1, 1), "uint8"))
        images = np.stack([image for _, _, image in rows])
        names = list(rows[0][1])
        columns = {"reason": [reason for reason, _, _ in rows]}
        columns |= {name: [values[name] for _, values, _ in rows] for name in names}  # type: ignore[misc]
        return thumbnail_table(columns, images, Metadata("images", tuple(images.shape[1:]), images.dtype.name))
