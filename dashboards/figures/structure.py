"""How the samples vary, how far apart the classes are, and which measures are correlated."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboards.figures.picks import of_classes, of_splits, picks
from dashboards.figures.pixels import pixel_grid
from dashboards.figures.registry import draws, no_data, of_split
from dashboards.figures.sheets import sheet_figure, tile_images
from dashboards.formats import axis_names, plotly_text, spaced
from dashboards.language import tr
from dashboards.theme import BLUE_ORANGE, figure, split_colour

FEW = 24
"""Up to so many rows a number is written in each cell."""

ACROSS = 6
"""Components in a line of a sheet."""


@draws("components")
def explained_variance(components: pd.DataFrame) -> go.Figure:
    """Lines of the fraction of the variance that the first principal components explain, in percent; one line a split.

    components: the table `components` of stats; split, component, cumulative (0 to 1).
    """
    lines = [
        go.Scatter(
            name=plotly_text(split),
            x=rows["component"].to_numpy(),
            y=(100 * rows["cumulative"]).to_numpy(np.float32),
            mode="lines",
            line={"width": 1.5 if place else 4, "color": split_colour(str(split))},
            opacity=1 if place else 0.5,
            hovertemplate=tr("first %{x}: %{y:.1f} %<extra>%{fullData.name}</extra>"),
        )
        for place, (split, rows) in enumerate(components.groupby("split", sort=False))
    ]
    drawn = figure(*lines, xaxis_title=tr("number of components"), showlegend=True)
    return drawn.update_yaxes(title=tr("explained variance (%)"), range=[0, 102])


@draws("component_pixels")
def principal_components(component_pixels: pd.DataFrame, *, split: str | None = None) -> go.Figure:
    """Sheet of the first principal components as images, each on its own scale with 0 in the middle.

    component_pixels: the table `component_pixels` of stats; split, component, row, column, channel, weight. split: the
    first by default.
    """
    rows = of_split(component_pixels, split)
    parts = {int(str(number)): pixel_grid(part, "weight").mean(axis=2) for number, part in rows.groupby("component")}
    images = np.stack([part / max(1e-9, float(np.abs(part).max())) for part in parts.values()])
    across = min(ACROSS, len(images))
    sheet, owners = tile_images(images, across)
    trace = go.Heatmap(
        z=sheet,
        customdata=np.array([*parts, -1])[owners],
        zmin=-1,
        zmax=1,
        colorscale=BLUE_ORANGE,
        showscale=False,
        hoverongaps=False,
        hovertemplate=tr("component %{customdata}: %{z:.2f} of its largest weight<extra></extra>"),
    )
    return sheet_figure(trace, 16 + 130 * -(-len(images) // across))


@draws("separability")
def class_distances(
    separability: pd.DataFrame, *, split: str | None = None, names: Mapping[int, str] | None = None
) -> go.Figure:
    """Heatmap of the Bhattacharyya distance of every two classes: the closer, the stronger the colour.

    separability: the table `separability` of stats; split, label, other, bhattacharyya. split: the first by default.
    names: of the classes, by label.
    """
    separability = of_split(separability, split)
    labels = sorted({*separability["label"].astype(int), *separability["other"].astype(int)})
    wide = separability.pivot_table(index="label", columns="other", values="bhattacharyya").reindex(
        index=labels, columns=labels
    )
    half = wide.to_numpy(np.float64)
    distances = np.where(np.isnan(half), half.T, half)
    axis = axis_names(labels, names or {})
    trace = go.Heatmap(
        z=-np.log10(np.maximum(distances, 1e-3)).astype(np.float32),
        x=axis,
        y=axis,
        customdata=distances,
        text=[["" if np.isnan(value) else f"{value:.1f}" for value in row] for row in distances.tolist()],
        texttemplate="%{text}" if len(labels) <= FEW else None,
        textfont_size=12,
        xgap=2,
        ygap=2,
        showscale=False,
        hoverongaps=False,
        hovertemplate=tr("%{x} and %{y}: %{customdata:.2f}<extra></extra>"),
    )
    drawn = figure(trace, height=440, margin={"t": 12, "b": 8, "r": 8, "l": 8})
    drawn.update_xaxes(type="category", showgrid=False)
    drawn.update_yaxes(type="category", showgrid=False, autorange="reversed")
    classes = of_classes(dict(zip(labels, axis, strict=True)))
    return picks(drawn, traces=of_splits(list(separability["split"].unique())), x=classes, y=classes)


@draws("correlations")
def correlation_matrix(correlations: pd.DataFrame, *, split: str | None = None) -> go.Figure:
    """Heatmap of the Pearson correlation of every two measures, from -1, blue, to 1, orange.

    Measures that are correlated stand next to each other: in the order of the leaves of an average-linkage clustering
    by 1 - |r|, such that neighbours are as close as the tree allows (Bar-Joseph et al., Bioinformatics 17, 2001).

    correlations: the table `correlations` of stats; split, feature, other, pearson. split: the first by default.
    Measures that never vary are correlated with none, and left out.
    """
    correlations = of_split(correlations, split).dropna(subset="pearson")
    if correlations.empty:
        return no_data()
    turned = correlations.rename(columns={"feature": "other", "other": "feature"})
    both = pd.concat([correlations, turned])
    names = list(dict.fromkeys(both["feature"]))
    wide = both.pivot_table(index="feature", columns="other", values="pearson")
    names = clustered(wide.reindex(index=names, columns=names))
    values = wide.reindex(index=names, columns=names).to_numpy(np.float32)
    words = [plotly_text(spaced(name)) for name in names]
    trace = go.Heatmap(
        z=values,
        x=words,
        y=words,
        zmin=-1,
        zmax=1,
        text=[["" if np.isnan(value) else f"{value:.2f}" for value in row] for row in (values.round(2) + 0).tolist()],
        texttemplate="%{text}" if len(names) <= FEW else None,
        textfont_size=12 if len(names) <= 12 else 10,
        xgap=1,
        ygap=1,
        colorscale=BLUE_ORANGE,
        colorbar={"thickness": 10, "outlinewidth": 0},
        hoverongaps=False,
        hovertemplate="%{x}, %{y}: %{z:.2f}<extra></extra>",
    )
    drawn = figure(trace, height=max(480, 26 * len(names) + 120), margin={"t": 12, "b": 8, "r": 8, "l": 8})
    drawn.update_xaxes(type="category", showgrid=False, tickangle=-60)
    return drawn.update_yaxes(type="category", showgrid=False, autorange="reversed")


def clustered(correlations: pd.DataFrame) -> list[str]:
    """Order measures by a hierarchical clustering of their correlations, (n, n) named alike; NaN counts as 0."""
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    names = [str(name) for name in correlations.index]
    if len(names) < 3:
        return names
    distances = 1 - np.abs(np.nan_to_num(correlations.to_numpy(np.float64)))
    np.fill_diagonal(distances, 0)
    distances = np.clip((distances + distances.T) / 2, 0, 1)
    tree = linkage(squareform(distances, checks=False), method="average", optimal_ordering=True)
    return [names[place] for place in leaves_list(tree)]
