"""The section about drift: how far B is from A."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from dashboards.blocks import Block, Card, Cards, Chart, Gallery, Paragraph, SideBySide, Table
from dashboards.figures.drift import drift_distances, drift_histogram
from dashboards.formats import capitalized, spaced
from dashboards.language import mark, sentences, tr
from dashboards.sections.data import Tables
from dashboards.thumbnails import Thumbnail, png_uris, screen_size, signed_to_uint8
from mnist_data.parquet.preview import to_uint8

MOST = 3
"""Features whose histograms are shown."""

SIDE = 168
"""Screen pixels of a mean image."""

HEADINGS = {
    "null_95": mark("chance (95 %)"),
    "reference": mark("MNIST train to test"),
    "ratio": mark("times MNIST"),
    "p_adjusted": mark("p, adjusted for all rows"),
}


def drift(tables: Tables) -> list[Block]:
    """Name the sides; give the classifiers, bars of each feature, the histograms that differ most, and the mean images.

    Tables of former versions have no verdict.
    """
    sides = [_sides(tables["drift_verdict"])] if "drift_verdict" in tables else []
    if "drift_verdict" in tables and "findings" not in tables:  # which begin with the verdict
        said = tables["drift_verdict"]
        sides.insert(0, Paragraph(sentences(said)(said["verdict"].iloc[0])))
    table = tables["drift"]
    overall = table[table["class"] == "all"]
    bars = [
        Chart(f"drift-{measure.replace('_', '-')}", title, drift_distances(table, measure), caption)
        for measure, title, caption in (
            (
                "wasserstein",
                tr("Wasserstein distance"),
                tr("How far values of A must be moved to become those of B, in pooled standard deviations."),
            ),
            (
                "jensen_shannon",
                tr("Jensen-Shannon distance"),
                tr("Between the two histograms: 0 where they are the same, 1 where they share no value."),
            ),
        )
    ]
    histograms = tables["drift_histograms"]
    distances = overall[(overall["measure"] == "wasserstein") & overall["feature"].isin(histograms["feature"])]
    farthest = distances.sort_values("value", ascending=False, kind="stable")["feature"].head(MOST)
    charts = [_histogram(histograms, str(feature)) for feature in farthest]
    words = table.assign(
        feature=[spaced(feature) for feature in table["feature"]],
        **{"class": [tr("all") if name == "all" else name for name in table["class"]]},
        measure=[spaced(measure) for measure in table["measure"]],
    )
    numbers = Table(words.rename(columns=HEADINGS), tr("Show all distances"), folded=True)
    return [
        *sides,
        _classifier(overall),
        SideBySide(bars),
        SideBySide(charts),
        _means(tables["drift_means"]),
        numbers,
    ]


def _sides(verdict: pd.DataFrame) -> Paragraph:
    said, row = sentences(verdict), verdict.iloc[0]
    return Paragraph(
        tr(
            "A is {a}, {a_samples:,} samples; B is {b}, {b_samples:,} samples.",
            a=said(row["a"]),
            b=said(row["b"]),
            a_samples=int(row["a_samples"]),
            b_samples=int(row["b_samples"]),
        )
    )


def _classifier(overall: pd.DataFrame) -> Cards:
    cards = [
        Card(
            f"{row.value:.3f}",
            tr("AUC of a classifier of A and B by {features}", features=spaced(str(row.feature).removeprefix("all_"))),
            tr(
                "95 % interval {low:.3f} to {high:.3f}; MNIST train to test {reference:.3f}; 0.5: no difference, "
                "1: always told apart",
                low=row.low,
                high=row.high,
                reference=row.reference,
            ),
        )
        for row in overall[overall["measure"] == "auc"].itertuples()
    ]
    return Cards(cards, strong=True)


def _histogram(histograms: pd.DataFrame, feature: str) -> Chart:
    words = spaced(feature)
    caption = tr("Distribution of {feature} in A and in B.", feature=words)
    return Chart(
        f"drift-of-{feature.replace('_', '-')}", capitalized(words), drift_histogram(histograms, feature), caption
    )


def _means(means: pd.DataFrame) -> Gallery:
    """Show the mean image of A and of B, and where they have the same size, the difference; grey is none."""
    images: dict[str, npt.NDArray[np.float64]] = {}
    names = {"difference": tr("B minus A")}
    for side, rows in means.groupby("side"):
        shape = (int(rows["row"].max()) + 1, int(rows["column"].max()) + 1)
        images[str(side)] = rows["mean"].to_numpy(np.float64).reshape(shape)
        names[str(side)] = f"{str(side).upper()}: {str(rows['name'].iloc[0]).rstrip('/').rpartition('/')[2]}"
    pixels = {side: to_uint8(image) for side, image in images.items()}
    if images["a"].shape == images["b"].shape:
        pixels["difference"] = signed_to_uint8(images["b"] - images["a"])
    uris = png_uris(list(pixels.values()))
    thumbnails = [
        Thumbnail(
            uri,
            *screen_size(pixels[side].shape, SIDE),
            tr("mean image, {side}", side=names[side]),
            lines=(names[side],),
        )
        for side, uri in zip(pixels, uris, strict=True)
    ]
    caption = tr("In the difference, bright is more ink in B and dark is less.")
    return Gallery(tr("Mean images"), thumbnails, caption, wide=True)
