"""What the page computes of one sample when that is wanted: its neighbours, its copies, and what networks say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dashboards.overlays import UNSIGNED, overlay_map
from mnist_data.parquet.preview import data_uri, encode_png

if TYPE_CHECKING:
    from dashboards.explorer.analyses import Answer
    from dashboards.explorer.explorer import Explorer

EXTRAS = {"neighbours": "Nearest neighbours", "copies": "Augmented copies", "networks": "What the networks say"}
"""What can be asked for, and what it is called."""

NEIGHBOURS = 8

CLASSES = 4
"""Likeliest classes of which the probability is shown."""


def extras(explorer: Explorer, row: int, wanted: list[str]) -> list[Any]:
    """Give the sections that are wanted, in their order."""
    sections = {"neighbours": _neighbours, "copies": _copies, "networks": _networks}
    return [sections[name](explorer, row) for name in EXTRAS if name in wanted]


def _neighbours(explorer: Explorer, row: int) -> Any:
    from dash import html

    found = explorer.analyses.neighbours(row, NEIGHBOURS)
    values = explorer.samples.values(found.rows, ["id", "label"])
    label = explorer.samples.columns["label"]
    tiles = [
        html.Button(
            [
                html.Img(src=data_uri(encode_png(picture)), alt=""),
                html.Span(f"{explorer.written(label, named)} · id {sample}"),
            ],
            className="neighbour",
            title=f"Distance {distance:.4g}",
            **{"data-id": str(sample)},
        )
        for picture, sample, named, distance in zip(
            explorer.sprites.pictures(found.rows), values["id"], values["label"], found.distances, strict=True
        )
    ]
    others = explorer.samples.count - 1
    scope = f"of all {others:,} others" if found.compared == others else f"of {found.compared:,} of {others:,} others"
    return _section("neighbours", html.Div(tiles, className="tiles"), f"The nearest by their pixels, {scope}.")


def _copies(explorer: Explorer, row: int) -> Any:
    from dash import html

    sample = explorer.samples.values(np.array([row], np.int32), ["id"])["id"][0]
    numbers, images = explorer.analyses.copies(int(sample or 0))
    if images is None:
        return _section("copies", "", "No dataset next to this one has copies of it.")
    tiles = [
        html.Div([html.Img(src=data_uri(encode_png(picture)), alt=""), html.Span(f"copy {number}")], className="tile")
        for number, picture in zip(numbers, explorer.sprites.as_pictures(images), strict=True)
    ]
    return _section("copies", html.Div(tiles, className="tiles"), "As the stage augment has made them.")


def _networks(explorer: Explorer, row: int) -> Any:
    from dash import html

    answers = explorer.analyses.answers(row)
    if not answers:
        return _section("networks", "", "No network for such images lies in the workspace of this dataset.")
    picture = explorer.sprites.pictures(np.array([row], np.int32))[0]
    parts = [_answer(explorer, answer, picture) for answer in answers]
    return _section("networks", html.Div(parts), "Bright green: the pixels that the likeliest class depends on most.")


def _answer(explorer: Explorer, answer: Answer, picture: Any) -> Any:
    """Show the likeliest classes of a network as bars, next to the map of the pixels that they depend on."""
    from dash import html

    label = explorer.samples.columns["label"]
    likeliest = np.argsort(-answer.probabilities, kind="stable")[:CLASSES]
    bars = [
        html.Div(
            [
                html.Span(explorer.written(label, int(each))),
                html.Meter(value=f"{answer.probabilities[each]:.6f}", min="0", max="1"),
                html.Span(f"{answer.probabilities[each]:.1%}"),
            ],
            className="bar-row",
        )
        for each in likeliest
    ]
    shown = overlay_map(picture, answer.saliency, float(answer.saliency.max(initial=0)), UNSIGNED)
    image = html.Img(src=data_uri(encode_png(shown)), alt=f"Saliency of {answer.name}")
    return html.Div([image, html.Div([html.H4(answer.name), *bars])], className="answer")


def _section(name: str, body: Any, words: str) -> Any:
    from dash import html

    return html.Section([html.H3(EXTRAS[name]), body, html.P(words, className="hint")])
