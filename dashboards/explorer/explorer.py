"""What the page asks: an object that answers with plain values, and knows nothing of a browser."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np

from dashboards.explorer.analyses import Analyses
from dashboards.explorer.columns import Column, Value
from dashboards.explorer.decided import Decided
from dashboards.explorer.query import Query
from dashboards.explorer.samples import Samples
from dashboards.explorer.sprites import Sprites
from mnist_data.batch import shape_text
from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.preview import data_uri, encode_png

MAP_COLUMNS = ("map: x", "map: y")
"""The columns of the map."""

_MAPPING = threading.Lock()

MOST_ROWS = 600
"""Samples in one window of the grid."""


@dataclass(frozen=True)
class Explorer:
    """A dataset, what tables say of its samples, its images, what can be computed of these, and what is decided."""

    dataset: Dataset
    samples: Samples
    sprites: Sprites
    analyses: Analyses
    decided: Decided

    def close(self) -> None:
        """Give back files and memory."""
        self.samples.close()
        self.sprites.close()

    @property
    def title(self) -> str:
        """What the dataset is called."""
        metadata = self.dataset.metadata
        return metadata.title or metadata.dataset or self.dataset.location

    @property
    def subtitle(self) -> str:
        """What the dataset holds, in words."""
        splits = ", ".join(f"{rows:,} {split}" for split, rows in self.dataset.splits.items())
        size = shape_text(self.dataset.metadata.shape)
        return f"{self.samples.count:,} images of {size} pixels ({splits}) · {self.dataset.location}"

    def written(self, column: Column, value: Value) -> str:
        """Write a value of a column for a reader; a class by its name."""
        if value is None:
            return "–"
        if column.kind == "class" and isinstance(value, int):
            return self.dataset.metadata.class_name(value)
        if isinstance(value, bool):
            return "yes" if value else "no"
        return f"{value:.4g}" if isinstance(value, float) else str(value)

    def window(self, query: Query, start: int, count: int) -> bytes:
        """Give samples of what a query gives, from the place `start` on, as the grid reads them.

        Four bytes hold the length of what follows as JSON, little-endian: total, start, height, width, channels, and of
        each sample row, id, class, decision and caption. Then come the pixels of all.
        """
        rows = self.samples.select(query)
        total, start = len(rows), max(0, start)
        rows = rows[start : start + min(max(0, count), MOST_ROWS)]
        names = ["id", "label", *([query.sort] if query.sort not in (None, "id", "label") else [])]
        values = self.samples.values(rows, names)
        head: dict[str, Any] = {"total": total, "start": start, "rows": rows.tolist(), "ids": values["id"]}
        head |= {"height": self.sprites.height, "width": self.sprites.width, "channels": self.sprites.channels}
        head["classes"] = [self.written(self.samples.columns["label"], value) for value in values["label"]]
        self.decided.current()
        head["decided"] = [self.decided.mark(sample) for sample in values["id"]]
        if len(names) == 3:
            column = self.samples.columns[names[2]]
            head["captions"] = [
                f"{v:.3g}" if isinstance(v, float) else self.written(column, v) for v in values[names[2]]
            ]
        text = json.dumps(head).encode()
        return len(text).to_bytes(4, "little") + text + self.sprites.tiles(rows).tobytes()

    def add_map(self) -> None:
        """Compute the map, once, so that its two columns can be asked for."""
        with _MAPPING:
            if not set(MAP_COLUMNS) <= set(self.samples.columns):
                places = self.analyses.places()
                self.samples.add_numbers("map", dict(zip(MAP_COLUMNS, places.T, strict=True)))

    def picture(self, row: int) -> str:
        """Give the image of a sample as a PNG in a data URI."""
        return data_uri(encode_png(self.sprites.pictures(np.array([row], np.int32))[0]))

    def facts(self, row: int) -> dict[str, list[tuple[str, str]]]:
        """Give all that is known of a sample by the table that says it: names of columns and values, in words."""
        columns = self.samples.columns
        return {
            table: [(name, self.written(columns[name], value)) for name, value in values.items()]
            for table, values in self.samples.details(row).items()
        }
