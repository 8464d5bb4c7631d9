"""The section about drift: how far B is from A."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from dashboards.blocks import Block, Chart, Gallery, Number, Numbers, SideBySide, Table
from dashboards.figures.drift import distance_bars, overlaid
from dashboards.pictures import Picture, picture_uris, screen_size, to_pixels

Tables = Mapping[str, pd.DataFrame]

MOST = 3
"""Features whose histograms are shown."""
SIDE = 168


def drift(tables: Tables) -> list[Block]:
    """Give the domain classifier, the bars of each feature, the histograms that differ most, and the mean images."""
    table = tables["drift"]
    every = table[table["class"] == "all"]
    features = every[every["measure"] == "wasserstein"]
    bars = [
        Chart(f"drift-{name}", title, distance_bars(every[every["measure"] == name], axis), caption)
        for name, title, axis, caption in (
            ("wasserstein", "Wasserstein", "pooled standard deviations", "How far the values must be moved."),
            ("jensen_shannon", "Jensen-Shannon", "distance, base 2", "0: the same histogram; 1: no value in common."),
        )
    ]
    shown = features[features["feature"].isin(tables["drift_histograms"]["feature"])]
    farthest = shown.sort_values("value", ascending=False, kind="stable")["feature"].head(MOST)
    histograms = [_histogram(tables["drift_histograms"], str(feature)) for feature in farthest]
    numbers = Table(
        table.rename(columns={"null_95": "chance", "reference": "MNIST", "ratio": "times"}), "Show all", True
    )
    return [_classifier(every), SideBySide(bars), SideBySide(histograms), _means(tables["drift_means"]), numbers]


def _classifier(every: pd.DataFrame) -> Numbers:
    cards = [
        Number(
            f"{row.value:.3f}",
            f"AUC by {str(row.feature).removeprefix('all_')}",
            f"95 %: {row.low:.3f} to {row.high:.3f}; MNIST train to test: {row.reference:.3f}; 0.5: alike",
        )
        for row in every[every["measure"] == "auc"].itertuples()
    ]
    return Numbers(cards, strong=True)


def _histogram(table: pd.DataFrame, feature: str) -> Chart:
    words = feature.replace("_", " ")
    rows = table[table["feature"] == feature]
    return Chart(f"drift-of-{feature.replace('_', '-')}", words.capitalize(), overlaid(rows, words), "A and B.")


def _means(table: pd.DataFrame) -> Gallery:
    """Show the mean image of A and of B, and where they have the same size, the difference; grey is none."""
    images: dict[str, npt.NDArray[np.float64]] = {}
    names = {"difference": "B minus A"}
    for side, rows in table.groupby("side"):
        shape = (int(rows["row"].max()) + 1, int(rows["column"].max()) + 1)
        images[str(side)] = rows["mean"].to_numpy(np.float64).reshape(shape)
        names[str(side)] = f"{str(side).upper()}: {str(rows['name'].iloc[0]).rstrip('/').rpartition('/')[2]}"
    pixels = {side: to_pixels(image) for side, image in images.items()}
    if images["a"].shape == images["b"].shape:
        apart = images["b"] - images["a"]
        most = float(np.abs(apart).max()) or 1.0
        pixels["difference"] = np.rint(127.5 + 127.5 * apart / most).astype(np.uint8)
    uris = picture_uris(list(pixels.values()))
    pictures = [
        Picture(uri, *screen_size(pixels[side].shape, SIDE), f"mean image, {names[side]}", lines=(names[side],))
        for side, uri in zip(pixels, uris, strict=True)
    ]
    return Gallery("Mean images", pictures, "Bright in the difference: more ink in B; dark: less.", wide=True)
