"""The sections about how far an accuracy can be trusted: what they show of invented tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dashboards.figures.learning import learning_curves
from dashboards.figures.scores import accuracy_by_class, accuracy_by_thickness, reliability_diagram, seed_accuracies
from dashboards.page import render
from dashboards.sections.training import results

Tables = dict[str, pd.DataFrame]


def seeded(model: Tables) -> pd.DataFrame:
    """Give the evaluation of two seeds and of both together, on two splits."""
    rows = [
        model["evaluation"].assign(split=split, seed=seed, accuracy=accuracy)
        for split in ("validation", "test")
        for seed, accuracy in ((0, 0.86), (1, 0.88), (None, 0.9))
    ]
    return pd.concat(rows, ignore_index=True).astype({"seed": "Int64"})


def test_the_reliability_diagram_leaves_out_empty_bins(evaluated: Tables) -> None:
    """A dot each for the others, in percent, with its interval; a series for each temperature."""
    line, plain, scaled = reliability_diagram(evaluated["reliability"]).data

    assert line.x == line.y
    assert list(plain.x) == [50, 98]
    assert list(plain.y) == [40, 99]
    assert list(plain.error_y.array) == pytest.approx([18, 1])
    assert (plain.name, scaled.name) == ("uncalibrated", "temperature 1.50")


def test_each_group_is_a_dot_with_its_interval(evaluated: Tables) -> None:
    """The blank images stand apart from the tenths."""
    (classes,), (tenths,) = (
        draw(evaluated[f"{name}_scores"]).data
        for name, draw in (("class", accuracy_by_class), ("thickness", accuracy_by_thickness))
    )

    assert list(classes.x) == ["zero", "one"]
    assert list(tenths.x) == ["1", "blank"]
    assert list(classes.y) == list(tenths.y) == [95, 75]
    assert list(classes.error_y.arrayminus) == pytest.approx([35, 15])


def test_seeds_are_dots_below_their_mean_and_all_together(model: Tables, evaluated: Tables) -> None:
    """Each model on a line; the ensemble is no seed."""
    evaluation, seeds = seeded(model), evaluated["seeds"][1:]

    dots, mean, together = seed_accuracies(seeds, evaluation).data

    assert (list(dots.x), list(dots.y)) == ([86, 88], [0, 0])
    assert (list(mean.x), list(together.x)) == ([87], [90])
    assert (list(mean.error_x.array), list(mean.error_x.arrayminus)) == (pytest.approx([13]), pytest.approx([13]))


def test_the_large_numbers_are_of_all_seeds_together_and_of_their_mean(model: Tables, evaluated: Tables) -> None:
    """On the test split; and by corrected labels, where there are any."""
    tables = {"evaluation": seeded(model), "seeds": evaluated["seeds"], "label_scores": evaluated["label_scores"]}

    cards, chart, table = (str(block.__html__()) for block in results(tables))

    assert cards.count('class="card"') == 3
    assert "90.00" in cards
    assert "87.00" in cards
    assert "with corrected labels" in cards
    assert "Accuracy by seed" in chart
    assert table.count("<tr>") == 1 + 6


def test_each_seed_has_a_learning_curve_of_its_own(model: Tables) -> None:
    """A line breaks off where the next seed begins."""
    history = pd.concat([model["history"].assign(seed=seed) for seed in (0, 1)])

    train = learning_curves(history, "loss").data[0]

    assert np.isnan(np.asarray(train.x, float)).tolist() == [False, False, False, True] * 2
    assert list(train.y[4:7]) == list(train.y[:3])


def test_the_page_shows_calibration_and_where_the_model_errs(tables: Tables) -> None:
    """By the names of their sections."""
    page = render(tables, "Digits", "8×8", None, {})

    assert 'id="calibration"' in page
    assert 'id="difficulty"' in page
    assert "calibration error (ECE), with temperature 1.50" in page
