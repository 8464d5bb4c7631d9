"""The section of samples: what its script draws, filters and opens, from the tables of the chosen samples."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from dashboards.blocks import Block
from dashboards.formats import spaced
from dashboards.language import mark, tr
from dashboards.sample_browser import SampleBrowser
from dashboards.sprites import sprite_sheet
from dashboards.thumbnails import decode_images, screen_size

Tables = Mapping[str, pd.DataFrame]

DIGITS = 5
"""Significant digits of a measure in the page."""

MEASURES: Mapping[str, str] = {
    "thickness": mark("stroke thickness (pixels)"),
    "length": mark("stroke length (pixels)"),
    "slant": mark("slant (degrees)"),
    "area": mark("stroke area (pixels)"),
    "width": mark("width (pixels)"),
    "height": mark("height (pixels)"),
    "ink": mark("ink (sum of pixels, 0 to 1 each)"),
    "mean": mark("mean pixel value"),
    "std": mark("std of the pixel values"),
    "entropy": mark("entropy (bits)"),
    "centre_row": mark("row of the centre of mass"),
    "centre_column": mark("column of the centre of mass"),
    "components": mark("components"),
    "holes": mark("holes"),
    "end_points": mark("end points"),
    "top": mark("first row with ink"),
    "bottom": mark("last row with ink"),
    "left": mark("first column with ink"),
    "right": mark("last column with ink"),
    "box_width": mark("width of the bounding box (pixels)"),
    "box_height": mark("height of the bounding box (pixels)"),
    "border_contact": mark("touches the border (1: yes)"),
    "writer_id": mark("writer"),
    "hsf_series": mark("series of writers"),
}
"""Columns that are filters, axes and facts, in this order, and how they are named. Slants are drawn in degrees."""

REASONS: Mapping[str, str] = {
    "drawn": mark("drawn at random"),
    "typical": mark("typical of its class"),
    "border": mark("near the border to another class"),
}
"""Why a sample is in the page, where it is not the name of a check or that of an error."""

MAPS: Mapping[str, str] = {"umap": "UMAP", "pca": "PCA"}

DETAILS = ("exact_duplicate_of", "near_duplicate_of", "label_conflict_with", "leaked_from", "suggested_label",
           "label_probability", "decision", "decided_by")  # fmt: skip
"""Columns of the audit that are facts of the samples that have them."""

RELATED = ("exact_duplicate_of", "near_duplicate_of", "label_conflict_with", "leaked_from")
"""Those that name another sample."""

WORDS: Mapping[str, str] = {
    "waiting": mark("The samples are drawn by JavaScript."),
    "filters": mark("Filter the samples"),
    "view": mark("View"),
    "all": mark("all"),
    "class": mark("Class"),
    "split": mark("Split"),
    "finding": mark("Finding"),
    "flagged": mark("flagged: {name}"),
    "chosen": mark("chosen as: {name}"),
    "prediction": mark("Prediction"),
    "right": mark("correct"),
    "wrong": mark("wrong"),
    "predicted": mark("Predicted class"),
    "sort": mark("Sort by"),
    "mixed": mark("mixed"),
    "ascending": mark("{name}, low first"),
    "descending": mark("{name}, high first"),
    "id": mark("Sample id"),
    "open": mark("Open"),
    "reset": mark("Clear filters"),
    "grid": mark("Grid"),
    "map": mark("Map"),
    "facets": mark("By measure"),
    "measure": mark("Measure"),
    "projection": mark("Projection"),
    "pick": mark("Click a mark to see its samples."),
    "showing": mark("{matches} of the {page} samples in this page match."),
    "showing_all": mark("The page holds {page} of the {total} samples."),
    "total": mark("The dataset has {total} such samples."),
    "total_unknown": mark("The page holds {page} of {total} samples, so the dataset may have more of these."),
    "whole": mark("The page holds all {total} samples of the dataset."),
    "command": mark("All of them:"),
    "command_others": mark("More of the dataset:"),
    "none": mark("No sample in this page matches."),
    "more": mark("Show {count} more"),
    "remove": mark("Remove the filter {name}"),
    "back": mark("Back to the chart “{name}”"),
    "sample": mark("Sample {id}"),
    "label": mark("Label"),
    "confidence": mark("Confidence"),
    "reason": mark("Chosen as"),
    "checks": mark("Checks"),
    "check": mark("check"),
    "score": mark("score (0 worst)"),
    "value": mark("value"),
    "threshold": mark("threshold"),
    "is_flagged": mark("flagged"),
    "no_flag": mark("No check flags this sample."),
    "measures": mark("Measures"),
    "neighbours": mark("Nearest samples in this page"),
    "previous": mark("Previous"),
    "next": mark("Next"),
    "close": mark("Close"),
    "see": mark("See it in the terminal:"),
    "absent": mark("Sample {id} is not among the {page} samples in this page."),
    "of_class": mark("{name}, sample {id} of {split}"),
    "predicted_as": mark("predicted {name}"),
    "map_label": mark("Map of the samples; move with the arrow keys, open one with Enter."),
    "map_note": mark("Each dot is a sample, coloured by class; near ones have similar pixels. Point at one to see it."),
    "facets_note": mark("From low to high values, equally many samples of this page in each column."),
    "no_values": mark("No matching sample has a value of this measure."),
}
"""What the script writes; the words in braces are filled in."""


COUNTED = ["split", "label", "check", "predicted", "samples"]
"""The columns of `sample_counts`."""


def samples(tables: Tables) -> list[Block]:
    """Give the browser of samples. tables: `sample_sheet` and `sample_counts`."""
    frame, counts = tables["sample_sheet"], tables["sample_counts"]
    images = decode_images(frame)
    sheet = sprite_sheet(images)
    frame = frame.iloc[: sheet.images]
    width, height = screen_size((sheet.height, sheet.width))
    data = {
        "dataset": str(frame.attrs.get("dataset", "DATASET")),
        "size": [width, height],
        **_categories(frame, counts),
        "samples": _columns(frame),
        "measures": _measures(frame),
        "checks": _checks(frame, tables.get("checks")),
        "details": _details(frame),
        "maps": _maps(frame),
        "neighbours": _neighbours(frame),
        "reasonNames": {reason: _reason(reason) for reason in frame["reason"].unique()},
    }
    return [SampleBrowser(sheet, {key: tr(text) for key, text in WORDS.items()}, data)]


def _reason(reason: str) -> str:
    return tr(REASONS[reason]) if reason in REASONS else spaced(reason)


def _categories(frame: pd.DataFrame, counts: pd.DataFrame) -> dict[str, Any]:
    """Give the classes as pairs of label and name, the splits, and how many samples the dataset has of each."""
    names = dict(zip(frame["label"].tolist(), frame["name"].astype(str), strict=True))
    labels = {*counts["label"].tolist(), *counts["predicted"].dropna().astype(int).tolist()}
    splits = list(dict.fromkeys(counts["split"].astype(str)))
    rows = [
        [splits.index(str(split)), int(label), _text(check), _whole(predicted), int(samples)]
        for split, label, check, predicted, samples in counts[COUNTED].astype(object).to_numpy().tolist()
    ]
    whole = counts["check"].isna() & counts["predicted"].isna()
    return {
        "classes": [[int(label), names.get(label, str(label))] for label in sorted(labels)],
        "splits": splits,
        "counts": rows,
        "total": int(counts.loc[whole, "samples"].sum()),
    }


def _text(value: Any) -> str | None:
    return None if pd.isna(value) else str(value)


def _whole(value: Any) -> int | None:
    return None if pd.isna(value) else int(value)


def _columns(frame: pd.DataFrame) -> dict[str, list[Any]]:
    columns = {
        "id": frame["id"].tolist(),
        "split": frame["split"].astype(str).tolist(),
        "label": frame["label"].tolist(),
        "reason": frame["reason"].astype(str).tolist(),
    }
    if frame["predicted"].notna().any():
        columns["predicted"] = [_whole(value) for value in frame["predicted"]]
        columns["confidence"] = rounded(frame["confidence"])
    return columns


def rounded(values: Any, digits: int = DIGITS) -> list[float | int | None]:
    """Give numbers with few digits, as JSON writes them shortly; None for those that are missing or infinite.

    >>> rounded([0.1234567, 2.0, float("nan")])
    [0.12346, 2, None]
    """
    return [_rounded(value, digits) for value in pd.to_numeric(pd.Series(values)).astype(float).tolist()]


def _rounded(value: float, digits: int) -> float | int | None:
    if not math.isfinite(value):
        return None
    if value == int(value):
        return int(value)
    return float(f"{value:.{digits}g}")


def _measures(frame: pd.DataFrame) -> list[dict[str, Any]]:
    measures = []
    if "left" in frame:
        width, height = frame["right"] - frame["left"] + 1, frame["bottom"] - frame["top"] + 1
        frame = frame.assign(box_width=width, box_height=height)
    for key, title in MEASURES.items():
        if key in frame and frame[key].notna().any():
            scale = 180 / np.pi if key == "slant" else 1
            measures.append({"key": key, "title": tr(title), "values": rounded(frame[key].astype(float) * scale)})
    return measures


def _checks(frame: pd.DataFrame, checks: pd.DataFrame | None) -> list[dict[str, Any]]:
    """Give each check: the rows that it flags, the scores and what was measured of all, and its threshold."""
    listed = []
    for column in (str(name) for name in frame if str(name).startswith("is_")):
        key = column.removeprefix("is_")
        of_check = pd.DataFrame() if checks is None else checks[checks["check"] == key]
        check = {
            "key": key,
            "title": spaced(key),
            "flagged": np.flatnonzero(frame[column].to_numpy(bool)).tolist(),
            "scores": rounded(frame[f"{key}_score"]),
            "threshold": None if of_check.empty else _rounded(float(of_check["threshold"].iloc[0]), DIGITS),
            "meaning": "" if of_check.empty else str(of_check["meaning"].iloc[0]),
        }
        measured = next((name for name in (f"{key}_value", f"{key}_distance") if name in frame), None)
        if measured is not None:
            check["values"] = rounded(frame[measured], 3)
        listed.append(check)
    return listed


def _details(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {
            "title": spaced(key),
            "related": key in RELATED,
            "values": {row: _fact(value) for row, value in enumerate(frame[key]) if pd.notna(value)},
        }
        for key in DETAILS
        if key in frame and frame[key].notna().any()
    ]


def _fact(value: Any) -> float | int | str | None:
    return value if isinstance(value, str) else _rounded(float(value), DIGITS)


def _maps(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Give the places on each map, from 0 to 1000."""
    maps = []
    for key, title in MAPS.items():
        if f"{key}_x" in frame:
            places = frame[[f"{key}_x", f"{key}_y"]].to_numpy(float)
            low = np.nanmin(places, axis=0) if np.isfinite(places).any() else np.zeros(2)
            span = float(np.nanmax(places - low)) if np.isfinite(places).any() else 1.0
            x, y = (1000 * (places - low) / (span or 1.0)).T
            maps.append({"key": key, "title": title, "x": rounded(np.round(x)), "y": rounded(np.round(y))})
    return maps


def _neighbours(frame: pd.DataFrame) -> list[list[int]]:
    return [[int(row) for row in near if row < len(frame)] for near in frame["neighbours"]]
