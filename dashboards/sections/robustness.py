"""The section about corrupted images: how much of its accuracy a model keeps, and what such images look like."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dashboards.blocks import Block, Card, Cards, Chart, SideBySide, Table, ThumbnailRow, ThumbnailRows
from dashboards.figures.corruptions import accuracy_by_severity, corrupted_rows, corruption_accuracy
from dashboards.formats import interval, percent, spaced
from dashboards.language import tr
from dashboards.sections.data import Tables
from dashboards.thumbnails import Thumbnail, decode_images, png_uris, screen_size

MOST_CARDS = 3

ORIGINAL = ""
"""Used as the name of the corruption where there is none."""


def robustness(tables: Tables) -> list[Block]:
    """Give the mean accuracies, the first model's accuracy in detail, and one sample under all corruptions."""
    frame = tables["robustness"]
    models = list(frame["model"].unique())
    cards = [_card(frame[frame["model"] == model]) for model in models[:MOST_CARDS]]
    charts = SideBySide(
        [
            Chart(
                "corruption-accuracy",
                tr("Accuracy of {model} (%)", model=models[0]),
                corruption_accuracy(frame),
                tr("A row is a corruption, a column its severity; the stronger the colour, the more errors."),
            ),
            Chart(
                "accuracy-by-severity",
                tr("Mean over all corruptions"),
                accuracy_by_severity(frame),
                tr("Severity 0 is the uncorrupted samples. The flatter the line, the more robust the model."),
            ),
        ],
        wide_first=True,
    )
    blocks: list[Block] = [Cards(cards), charts]
    if "corrupted" in tables and not tables["corrupted"].empty:
        blocks.append(_gallery(tables["corrupted"]))
    table = pd.DataFrame([_result(row) for row in frame.to_dict("records")])
    return [*blocks, Table(table, tr("Show the accuracy for each corruption and severity"), folded=True)]


def _card(rows: pd.DataFrame) -> Card:
    """Give a model's mean accuracy under corruption, and its accuracy on the uncorrupted samples."""
    corrupted = corrupted_rows(rows)
    label = tr("mean accuracy of {model} under corruption", model=rows["model"].iloc[0])
    if corrupted.empty:
        return Card(percent(None), label)
    worst = corrupted.groupby("corruption", sort=False)["accuracy"].mean()
    clean = rows.loc[rows["severity"] == 0, "accuracy"]
    detail = tr("worst: {corruption}, {accuracy}", corruption=spaced(worst.idxmin()), accuracy=percent(worst.min(), 1))
    if len(clean):
        uncorrupted = tr("{accuracy} uncorrupted", accuracy=percent(clean.iloc[0], 2))
        detail = tr("; ").join([uncorrupted, detail])
    return Card(percent(corrupted["accuracy"].mean(), 1), label, detail)


def _result(row: dict[Any, Any]) -> dict[str, Any]:
    return {
        "model": str(row["model"]),
        "corruption": spaced(row["corruption"]),
        "severity": str(row["severity"]),
        "accuracy": percent(row["accuracy"], 2),
        "95 % interval": interval(row["low"], row["high"]),
    }


def _gallery(frame: pd.DataFrame) -> ThumbnailRows:
    """Give a row a corruption: the uncorrupted sample, and then from the weakest to the strongest."""
    images = decode_images(frame)
    size = screen_size(images.shape[1:3], side=56)
    thumbnails: dict[str, list[Thumbnail]] = {}
    for row, uri in zip(frame.to_dict("records"), png_uris(images), strict=True):
        name = spaced(row["corruption"]) if row["severity"] else ORIGINAL
        predicted, correct = str(row["predicted_name"]), row["predicted"] == row["label"]
        under = tr("uncorrupted")
        if row["severity"]:
            under = tr("{corruption}, severity {severity}", corruption=name, severity=row["severity"])
        alt = tr("{condition}: predicted {name}", condition=under, name=predicted)
        title = f"{alt} ({percent(row['probability'], 0)})"
        line = predicted if correct else f"✗ {predicted}"
        thumbnails.setdefault(name, []).append(Thumbnail(uri, *size, alt=alt, title=title, lines=(line,)))
    original = thumbnails.pop(ORIGINAL, [])
    rows = [ThumbnailRow(name, [*original, *row], first_apart=bool(original)) for name, row in thumbnails.items()]
    caption = tr(
        "This is sample {id}, a {name}: of the samples that the model classifies correctly when uncorrupted, the one "
        "that most corruptions make it misclassify. It comes first in each row, followed by severities 1 to 5, each "
        "with the predicted class.",
        id=frame["id"].iloc[0],
        name=frame["name"].iloc[0],
    )
    return ThumbnailRows(tr("One sample under every corruption"), rows, caption)
