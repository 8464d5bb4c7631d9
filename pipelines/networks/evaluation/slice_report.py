"""Where a network fails, in words: its slices, with the samples that it gets wrong there, and what is said of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mnist_data.batch import Images
from mnist_data.parquet.messages import Message, keep_messages, message, messages_of
from mnist_data.parquet.schema import Metadata
from pipelines.images.measures.background import polarity_of
from pipelines.images.measures.pixels import in_chunks, join_columns
from pipelines.images.measures.polarity import measure_border_positions
from pipelines.images.measures.strokes import StrokeMeasures
from pipelines.images.thumbnails import thumbnail_table
from pipelines.networks.data.samples import Samples
from pipelines.networks.data.stored import StoredImages, parts_of
from pipelines.networks.evaluation.predictions import Probabilities
from pipelines.networks.evaluation.slices import ABOVE, IS, find_slices, members
from pipelines.statistics.findings import WARNING, Finding

TABLES = ("slices", "slice_samples")

FEATURES = (
    "area", "length", "thickness", "slant", "width", "height", "components", "holes", "end_points", "stroke_row",
    "stroke_column", "sharpness", "noise",
)  # fmt: skip
"""Measures of the strokes among whose ranges slices are looked for."""

SHOWN = 12
"""Most samples of a slice kept with their images, the most confident mistakes first."""

ROWS = 10_000
"""Images measured at once."""


def slice_tables(
    samples: Samples, probabilities: Probabilities, metadata: Metadata, seed: int = 0
) -> dict[str, pd.DataFrame]:
    """Find where a network is wrong more often than elsewhere: the tables slices and slice_samples.

    slices: slice, in words, and the columns of `find_slices`. slice_samples: of each slice, by its row in that table,
    some samples that are misclassified: slice, id, label, name, predicted, predicted_name, probability, image.
    """
    predicted = probabilities.argmax(axis=1)
    wrong = predicted != samples.labels
    measures = _measures(samples.images)
    slices = find_slices(wrong, samples.labels, samples.ids, measures, samples.groups, seed)
    words = [slice_in_words(row, metadata) for row in slices.to_dict("records")]
    slices.insert(0, "slice", pd.Series([str(text) for text in words], dtype="str"))
    confidence = probabilities.max(axis=1)
    numbers: list[int] = []
    rows: list[int] = []
    for number, inside in enumerate(members(slices, samples.labels, {**measures, **samples.groups})):
        mistakes = np.flatnonzero(inside & wrong)
        mistakes = mistakes[np.lexsort((samples.ids[mistakes], -confidence[mistakes]))][:SHOWN]
        numbers += [number] * len(mistakes)
        rows += mistakes.tolist()
    chosen = np.array(rows, np.intp)
    columns = {
        "slice": np.array(numbers, np.int64),
        "id": samples.ids[chosen],
        "label": samples.labels[chosen],
        "name": [metadata.class_name(int(label)) for label in samples.labels[chosen]],
        "predicted": predicted[chosen],
        "predicted_name": [metadata.class_name(int(label)) for label in predicted[chosen]],
        "probability": confidence[chosen],
    }
    shown = thumbnail_table(columns, samples.images[chosen], metadata)
    return {"slices": keep_messages(slices, words), "slice_samples": shown}


def _measures(images: Images | StoredImages) -> dict[str, npt.NDArray[Any]]:
    """Measure the strokes of some images, at least one: FEATURES -> (n,)."""
    parts = list(parts_of(images, ROWS))
    positions = np.concatenate([measure_border_positions(images[part]) for part in parts])
    measure = StrokeMeasures(polarity_of(positions)[0] == "bright")
    strokes = join_columns([in_chunks(images[part], measure) for part in parts])
    return {name: strokes[name] for name in FEATURES}


def slice_in_words(row: Mapping[Any, Any], metadata: Metadata) -> Message:
    """Describe a slice: "7 with thickness above 3.5"."""
    every = pd.isna(row["label"])
    name = "" if every else metadata.class_name(int(row["label"]))
    feature, limit = message(str(row["feature"]).replace("_", " ")), row["limit"]
    if not feature:
        return message("class {name}", name=name)
    if row["relation"] == IS:
        if every:
            return message("samples of {feature} {limit:.0f}", feature=feature, limit=limit)
        return message("{name} of {feature} {limit:.0f}", name=name, feature=feature, limit=limit)
    if row["relation"] == ABOVE:
        if every:
            return message("samples with {feature} above {limit:.3g}", feature=feature, limit=limit)
        return message("{name} with {feature} above {limit:.3g}", name=name, feature=feature, limit=limit)
    if every:
        return message("samples with {feature} up to {limit:.3g}", feature=feature, limit=limit)
    return message("{name} with {feature} up to {limit:.3g}", name=name, feature=feature, limit=limit)


def slice_findings(slices: pd.DataFrame) -> Iterator[Finding]:
    """Give the finding of each slice of a training's table `slices`."""
    words = messages_of(slices)
    for row in slices.to_dict("records"):
        yield Finding(
            message(
                "{model} is wrong more often on {slice}: {accuracy:.2%} of {samples:,} correct, elsewhere {other:.2%}.",
                model=row["model"],
                slice=words.get(row["slice"], row["slice"]),
                accuracy=row["accuracy"],
                samples=row["samples"],
                other=row["other_accuracy"],
            ),
            message(
                "95 % interval {low:.2%} – {high:.2%}; p = {p:.3f} for the whole search.",
                low=row["low"],
                high=row["high"],
                p=row["p_value"],
            ),
            message("Look at what these samples have in common; more of their kind in training may help."),
            WARNING,
            "slices",
        )
