"""What the page says of one sample: its image, what is decided of it, and all that tables know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from dashboards.explorer.explorer import Explorer
    from mnist_data.parquet.decisions_table import Decision


FEW_CLASSES = 12
"""Classes up to which those to relabel as are shown without a click."""

MOST_CLASSES = 200
"""Classes that there are buttons for."""

DECISIONS = (("Keep", "keep"), ("Remove", "remove"), ("Unsure", "unsure"), ("Undo", "undo"))


def _decisions(explorer: Explorer, row: int) -> list[Any]:
    """Give what was decided of a sample, and the buttons to decide."""
    from dash import html

    sample = explorer.samples.values(np.array([row], np.int32), ["id"])["id"][0]
    label = explorer.samples.columns["label"]
    known = [int(choice) for choice in label.choices if isinstance(choice, int)]
    named = range(len(explorer.dataset.metadata.classes))
    classes = sorted({*known, *named})[:MOST_CLASSES]
    buttons = [html.Button(word, className="decide", **{"data-decide": choice}) for word, choice in DECISIONS]
    relabel = [
        html.Button(
            explorer.written(label, each), className="decide", **{"data-decide": "relabel", "data-label": str(each)}
        )
        for each in classes
    ]
    return [
        html.Div(buttons, className="decide-row"),
        html.Details(
            [html.Summary("Relabel as"), html.Div(relabel, className="decide-row")], open=len(relabel) <= FEW_CLASSES
        ),
        html.Ul([_stated(explorer, each) for each in explorer.decided.about(int(sample or 0))], className="decided"),
    ]


def _stated(explorer: Explorer, decision: Decision) -> Any:
    """Write a decision that stands: what, by whom, when, after which check, and the note."""
    from dash import html

    what = str(decision.decision)
    if decision.label is not None:
        what = f"{what} → {explorer.written(explorer.samples.columns['label'], decision.label)}"
    when = "" if decision.when is None else f"{decision.when:%Y-%m-%d %H:%M} UTC"
    rest = "".join(f" · {text}" for text in (decision.who, when, decision.check) if text)
    return html.Li([html.Strong(what), rest, html.P(decision.note) if decision.note else None])


def hint() -> Any:
    """Say what to do where no sample is chosen."""
    from dash import html

    return html.P("Choose a sample to see all that is known of it.", className="hint")


def detail(explorer: Explorer, row: int) -> list[Any]:
    """Give all that is known of a sample, below its image."""
    from dash import html

    facts = explorer.facts(row)
    own = dict(facts.get("dataset", []))
    return [
        html.Img(src=explorer.picture(row), alt=f"Sample {own['id']}", className="large"),
        html.H2(f"{own['label']}", title="class"),
        html.P(f"id {own['id']} · {own['split']}", className="subtitle"),
        *_decisions(explorer, row),
        *[
            html.Details(
                [html.Summary(table), html.Dl([html.Div([html.Dt(name), html.Dd(value)]) for name, value in values])],
                open=place < 2,
            )
            for place, (table, values) in enumerate(facts.items())
        ],
    ]
