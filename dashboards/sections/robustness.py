"""The section about corrupted images: how much of its accuracy a model keeps, and what such images look like."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dashboards.blocks import Block, Chart, Number, Numbers, PictureRow, PictureRows, SideBySide, Table
from dashboards.figures.robustness import accuracy_map, corrupted, mean_accuracy, words
from dashboards.formats import percent
from dashboards.pictures import Picture, decode, picture_uris, screen_size
from dashboards.sections.data import Tables

MOST_CARDS = 3

ORIGINAL = ""
"""Stands for the name of a corruption where there is none."""


def robustness(tables: Tables) -> list[Block]:
    """Give the mean accuracies, the first model's accuracy in detail, and one sample under all corruptions."""
    frame = tables["robustness"]
    models = list(frame["model"].unique())
    first = frame[frame["model"] == models[0]]
    cards = [_card(frame[frame["model"] == model]) for model in models[:MOST_CARDS]]
    charts = SideBySide(
        [
            Chart(
                "accuracy-map",
                f"Accuracy of {models[0]} in percent",
                accuracy_map(first),
                "A row is a corruption, a column its severity; the stronger the colour, the more is wrong.",
            ),
            Chart(
                "mean-accuracy",
                "Mean of all corruptions",
                mean_accuracy(frame),
                "Severity 0 is the samples as they are. The flatter the line, the less a model minds.",
            ),
        ],
        wide_first=True,
    )
    blocks: list[Block] = [Numbers(cards), charts]
    if "corrupted" in tables and not tables["corrupted"].empty:
        blocks.append(_gallery(tables["corrupted"]))
    table = pd.DataFrame([_result(row) for row in frame.to_dict("records")])
    return [*blocks, Table(table, "Show the numbers of each corruption and severity", folded=True)]


def _card(rows: pd.DataFrame) -> Number:
    """Give a model's mean accuracy under corruption, beside its accuracy on the samples as they are."""
    bad = corrupted(rows)
    label = f"mean accuracy of {rows['model'].iloc[0]} under corruption"
    if bad.empty:
        return Number(percent(None), label)
    worst = bad.groupby("corruption", sort=False)["accuracy"].mean()
    clean = rows.loc[rows["severity"] == 0, "accuracy"]
    said = f"{percent(clean.iloc[0], 2)} without; " if len(clean) else ""
    detail = f"{said}worst under {words(worst.idxmin())}: {percent(worst.min(), 1)}"
    return Number(percent(bad["accuracy"].mean(), 1), label, detail)


def _result(row: dict[Any, Any]) -> dict[str, Any]:
    return {
        "model": str(row["model"]),
        "corruption": words(row["corruption"]),
        "severity": str(row["severity"]),
        "accuracy": percent(row["accuracy"], 2),
        "95 % interval": f"{percent(row['low'], 2)} to {percent(row['high'], 2)}",
    }


def _gallery(frame: pd.DataFrame) -> PictureRows:
    """Give a row a corruption: the sample as it is, and then from the weakest to the strongest."""
    images = decode(frame)
    size = screen_size(images.shape[1:3], side=56)
    pictures: dict[str, list[Picture]] = {}
    for row, uri in zip(frame.to_dict("records"), picture_uris(images), strict=True):
        name = words(row["corruption"]) if row["severity"] else ORIGINAL
        taken, right = str(row["predicted_name"]), row["predicted"] == row["label"]
        said = f"{name}, severity {row['severity']}: taken for {taken}" if row["severity"] else f"as it is: {taken}"
        title = f"{said} ({percent(row['probability'], 0)})"
        picture = Picture(uri, *size, alt=said, title=title, lines=(taken if right else f"✗ {taken}",))
        pictures.setdefault(name, []).append(picture)
    original = pictures.pop(ORIGINAL, [])
    rows = [PictureRow(name, [*original, *found], first_apart=bool(original)) for name, found in pictures.items()]
    sample = f"sample {frame['id'].iloc[0]}, a {frame['name'].iloc[0]}" if len(frame) else "no sample"
    caption = (
        f"This is {sample}: of those that the model knows as they are, the one that most corruptions mislead it about. "
        "It stands first in each row, then come severity 1 to 5; below each picture what the model takes it for."
    )
    return PictureRows("One sample under every corruption", rows, caption)
