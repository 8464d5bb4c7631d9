"""The section about the slices of the samples in which a model is wrong more often than elsewhere."""

from __future__ import annotations

import pandas as pd

from dashboards.blocks import Block, Gallery, Paragraph, Table
from dashboards.formats import count, interval, percent
from dashboards.language import mark, sentences, tr
from dashboards.sections.data import Tables
from dashboards.sections.training import mistaken


def slices(tables: Tables) -> list[Block]:
    """Give the slices in a table, and of each some samples that the model misclassified."""
    frame, samples = tables["slices"], tables["slice_samples"]
    said = sentences(frame)
    names = [said(name) for name in frame["slice"]]
    numbers = pd.DataFrame(
        {
            mark("slice"): names,
            "samples": [count(samples) for samples in frame["samples"]],
            "accuracy": [percent(accuracy, 2) for accuracy in frame["accuracy"]],
            "95 % interval": [interval(*ends) for ends in zip(frame["low"], frame["high"], strict=True)],
            mark("accuracy elsewhere"): [percent(accuracy, 2) for accuracy in frame["other_accuracy"]],
            mark("p, corrected"): [f"{value:.3f}" for value in frame["p_value"]],
        }
    )
    how = tr(
        "A slice of one class is compared with the rest of that class, others with all other samples. p is the "
        "probability that mistakes dealt out at random show any slice as bad, of all that were looked at; limits of "
        "measures are tenths of the samples."
    )
    caption = tr("Some of its misclassified samples, the most confident ones first.")
    return [
        Paragraph(how),
        Table(numbers, tr("Slices with more mistakes than elsewhere")),
        *(Gallery(name, mistaken(_of_slice(samples, number)), caption) for number, name in enumerate(names)),
    ]


def _of_slice(samples: pd.DataFrame, number: int) -> pd.DataFrame:
    rows = samples[samples["slice"] == number]
    rows.attrs = samples.attrs
    return rows
