"""Why a model answers as it does, on the page: maps over images, questions in words, filters."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dashboards.figures.filters import MOST, first_layer_filters
from dashboards.overlays import DIMMED, NEGATIVE, POSITIVE, overlay_map
from dashboards.page import render

Tables = dict[str, pd.DataFrame]


def page_of(tables: Tables) -> str:
    return render(tables, title="Digits", subtitle="", note=None, reproduction={})


def test_a_map_colours_what_is_for_and_against_and_leaves_the_rest() -> None:
    """At full strength the colour alone is seen, at none the dimmed image; half way between is half of both."""
    image = np.full((1, 4), 200, np.uint8)

    drawn = overlay_map(image, np.array([[2.0, -2.0, 0.0, 1.0]]), limit=2.0)

    assert drawn[0, 0].tolist() == list(POSITIVE)
    assert drawn[0, 1].tolist() == list(NEGATIVE)
    assert drawn[0, 2].tolist() == [DIMMED * 200] * 3
    np.testing.assert_allclose(drawn[0, 3], (np.array(POSITIVE) + DIMMED * 200) / 2, atol=1)


@pytest.mark.parametrize("channels", [(), (1,), (2,), (3,)])
def test_an_image_of_any_channels_is_seen_grey_under_a_map_of_nothing(channels: tuple[int, ...]) -> None:
    """A map of zeros has no strength to be divided by."""
    image = np.full((2, 3, *channels), 100, np.uint8)

    assert (overlay_map(image, np.zeros((2, 3)), limit=0.0) == DIMMED * 100).all()


def test_a_wrong_sample_is_asked_for_its_answer_and_for_its_label(explained: Tables) -> None:
    """Each question is a row with the sample and its four maps, and their words say what is seen."""
    page = page_of({name: explained[name] for name in ("explained", "explanations")})
    rows = re.findall(r'<dt title="(Why[^"]*)">', page)

    assert rows == ["Why three?", "Why four?", "Why nine?", "Why not five?"]
    assert "P(nine) = 90\N{NO-BREAK SPACE}%" in page
    assert "P(five) &lt; 1\N{NO-BREAK SPACE}%" in page
    assert "P(four) &gt; 99\N{NO-BREAK SPACE}%" in page
    assert "occluded: +6 points" in page
    assert page.count("<img ") == 4 * 5


def test_without_feature_maps_the_page_says_what_is_missing(explained: Tables) -> None:
    """An MLP has no Grad-CAM: its column is left out, and why is said."""
    page = page_of({**explained, "explanations": explained["explanations"].drop(columns="grad_cam")})

    assert "Left out: it needs a convolution" in page
    assert page.count("<img ") == 4 * 4


def test_unknown_labels_are_said_to_be_unknown(explained: Tables) -> None:
    """And nothing is called correct or an error."""
    table = explained["explained"].iloc[:2].assign(label=-1, name="-1", chosen="most confident")
    table.attrs = explained["explained"].attrs
    page = page_of({"explained": table, "explanations": explained["explanations"]})

    assert page.count("<span>label unknown</span>") == 2
    assert "Most confident correct" not in page


def test_filters_lie_on_a_scale_with_0_in_the_middle(explained: Tables) -> None:
    """Each weight once, the channels of a filter side by side, gaps empty."""
    filters = explained["filters"]
    heatmap = first_layer_filters(filters).data[0]
    first = filters[filters["filter"] == 0].pivot_table(index="row", columns=["channel", "column"], values="value")

    assert heatmap.zmin == -heatmap.zmax < 0
    np.testing.assert_array_equal(heatmap.z[:3, :6], first)
    assert np.isfinite(heatmap.z).sum() == len(filters)
    np.testing.assert_allclose(np.nansum(heatmap.z), filters["value"].sum(), rtol=1e-4)


def test_of_many_filters_those_of_the_largest_weights_are_drawn() -> None:
    """Their numbers are theirs, and the caption says that there are more."""
    number = np.arange(100)
    filters = pd.DataFrame({"filter": number, "channel": 0, "row": 0, "column": 0, "value": np.float32(number % 50)})
    heatmap = first_layer_filters(filters).data[0]
    drawn = np.isfinite(heatmap.z)

    assert drawn.sum() == MOST
    assert set(heatmap.customdata[drawn]) == {at for at in range(100) if at % 50 >= 50 - MOST / 2}
    assert f"The {MOST} of 100 with the largest weights." in page_of({"filters": filters})


def test_one_weight_and_weights_of_nothing_make_a_sheet() -> None:
    """An image of one pixel, and a layer that has learned nothing."""
    filters = pd.DataFrame({"filter": [0], "channel": 0, "row": 0, "column": 0, "value": np.float32(0)})

    assert first_layer_filters(filters).data[0].zmax > 0


def test_an_image_of_one_pixel_has_its_maps(explained: Tables, thumbnail_table_of: Any) -> None:
    """One row a sample is a table, too."""
    columns = explained["explained"].drop(columns="image").to_dict("series")
    table = thumbnail_table_of(columns, np.full((4, 1, 1), 9, np.uint8))
    pixel = explained["explanations"].query("row == 0 and column == 0")

    assert page_of({"explained": table, "explanations": pixel}).count("<img ") == 4 * 5
