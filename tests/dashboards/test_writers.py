"""The sections about writers and series: what they show of tables worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dashboards.figures.writers import MOST_DOTS, errors_per_writer, samples_per_writer, writer_scatter
from dashboards.page import render

Tables = dict[str, pd.DataFrame]


def of_writers(statistics: Tables, by_writer: Tables) -> Tables:
    """Give the tables of a dataset that tells writers and series."""
    samples = statistics["samples"].assign(hsf_series=statistics["samples"]["id"] % 2 * 4)
    return {**statistics, **by_writer, "samples": samples, "series_measures": statistics["morphometrics"]}


def page_of(tables: Tables) -> str:
    return render(tables, "Digits", "8×8", None, {})


def test_every_writer_stands_in_one_bar(by_writer: Tables) -> None:
    """Bars of each split over the same steps."""
    drawn = samples_per_writer(by_writer["writer_measures"])

    assert {bar.name: int(np.sum(bar.y)) for bar in drawn.data} == {"train": 3, "test": 1}
    assert len({len(bar.x) for bar in drawn.data}) == 1


def test_writers_of_one_size_give_a_chart(by_writer: Tables) -> None:
    """One bar for all."""
    assert [list(bar.y) for bar in samples_per_writer(by_writer["writer_measures"].assign(samples=5)).data] == [
        [3],
        [1],
    ]


def test_a_writer_is_a_dot_in_degrees_and_pixels(by_writer: Tables) -> None:
    """And of very many some are left out, so that the page stays small."""
    train = writer_scatter(by_writer["writer_measures"]).data[0]
    many = pd.concat([by_writer["writer_measures"]] * (MOST_DOTS // 2), ignore_index=True)

    assert train.x[:2] == pytest.approx(np.rad2deg([0.1, -0.2]), rel=1e-6)
    assert train.y[:2] == pytest.approx([2, 3])
    assert sum(len(dots.x) for dots in writer_scatter(many).data) <= MOST_DOTS


def test_the_last_bar_of_errors_holds_the_rest(by_writer: Tables) -> None:
    """One writer without any, one with one, one with twelve."""
    scores = by_writer["groups"]
    bars = errors_per_writer(scores).data[0]

    assert bars.x[-1] == "10+"
    assert list(bars.y) == [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1]


def test_the_page_tells_what_leaks(statistics: Tables, by_writer: Tables) -> None:
    """How many writers each split has, and what fraction of test is by writers of train."""
    page = page_of(of_writers(statistics, by_writer))

    assert '<section id="writers">' in page
    assert "writers in train" in page
    assert "100.0\N{NO-BREAK SPACE}%</strong>" in page
    assert "of test is by writers of train" in page
    assert all(f'id="series-{measure}"' in page for measure in ("thickness", "slant", "length"))


def test_the_page_does_without_measures(statistics: Tables, by_writer: Tables) -> None:
    """Statistics without morphometrics know the writers all the same."""
    tables = of_writers(statistics, by_writer)
    bare = {name: table for name, table in tables.items() if name not in ("series_measures", "morphometrics")}
    bare["writer_measures"] = by_writer["writer_measures"][["split", "writer_id", "samples"]]
    page = page_of(bare)

    assert 'id="samples-per-writer"' in page
    assert 'id="writer-scatter"' not in page


@pytest.mark.parametrize("known", ["hsf_series", "writer_id"])
def test_the_page_tells_with_whom_a_model_errs(known: str, by_writer: Tables) -> None:
    """Of series, of writers, or of both; the worst writer stands by its number, which is no amount."""
    scores = by_writer["groups"]
    both, one = page_of({"groups": scores}), page_of({"groups": scores[scores["group"] == known]})

    assert "accuracy of small on hsf_4" in both
    assert ">2103</td>" in both
    assert ("on hsf_4" in one, ">2103</td>" in one) == (known == "hsf_series", known == "writer_id")
