"""Figures: what they draw is what the tables say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from dashboards.figures.classes import class_counts
from dashboards.figures.cleaning import cleaning_findings
from dashboards.figures.confusion import confusion_matrix, frequent_confusions
from dashboards.figures.corruptions import accuracy_by_severity, corruption_accuracy
from dashboards.figures.ink import bounding_boxes, centre_of_mass, ink_by_class
from dashboards.figures.intensity import intensity_histogram, zero_fraction
from dashboards.figures.learning import learning_curves
from dashboards.figures.morphometrics import measure_counts, measure_histograms
from dashboards.figures.pixels import pixel_grid, pixel_heatmap
from dashboards.theme import ACTIONS, SPLITS

Tables = dict[str, pd.DataFrame]


def test_class_bars_show_the_share_of_each_split(statistics: Tables) -> None:
    """Splits of different size can be compared, and the counts are there to hover."""
    classes = statistics["classes"]
    train, test = class_counts(classes, normalize=True).data

    assert [train.name, test.name] == ["train", "test"]
    assert (100 * classes.loc[classes["split"] == "train", "fraction"]).tolist() == pytest.approx(list(train.y))
    assert classes.loc[classes["split"] == "test", "samples"].tolist() == test.customdata[:, 0].tolist()


def test_classes_of_one_name_keep_a_bar_each(statistics: Tables) -> None:
    """Plotly would draw categories of the same name on top of each other."""
    classes = statistics["classes"].assign(name="digit")
    train = class_counts(classes, normalize=True).data[0]

    assert len(set(train.x)) == 10


def test_a_class_name_cannot_bring_tags_into_a_chart(statistics: Tables) -> None:
    """Plotly reads links and tags in labels."""
    names = statistics["classes"].assign(name="<a href='https://example.org'>x</a>")
    drawn = class_counts(names).to_json()

    assert "<a" not in drawn
    assert "\\u003ca" not in drawn


def test_a_split_has_the_same_colour_in_every_figure(tables: Tables) -> None:
    """A reader learns once that test is orange."""
    bars = class_counts(tables["classes"]).data[1].marker.color
    boxes = ink_by_class(tables["samples"]).data[1].marker.color
    line = intensity_histogram(tables["intensity"]).data[1].line.color

    assert [SPLITS["test"]] * 3 == [bars, boxes, line]


def test_the_mean_heatmap_is_the_mean_image(statistics: Tables, digits: Any) -> None:
    """Row and column are not swapped, which a transposed digit would hide from the eye."""
    images, _ = digits
    drawn = pixel_heatmap(statistics["pixels"], "mean", split="train")

    assert images[:1400].mean(axis=0) / 255 == pytest.approx(np.asarray(drawn.data[0].z), abs=1e-6)
    assert drawn.layout.yaxis.range[0] > drawn.layout.yaxis.range[1], "row 0 is above"


def test_large_images_are_averaged_over_blocks() -> None:
    """A heatmap of 128×128 cells would be 64 KB that no eye can tell from 16 KB."""
    row, column = (axis.reshape(-1) for axis in np.indices((128, 100)))
    pixels = pd.DataFrame({"split": "a", "label": None, "row": row, "column": column, "channel": 0, "mean": row / 127})
    trace = pixel_heatmap(pixels).data[0]

    assert np.asarray(trace.z).shape == (64, 50)
    assert float(trace.z[0][0]) == pytest.approx(0.5 / 127)
    assert (trace.y0, trace.dy) == (0.5, 2)


def test_channels_are_kept_apart_in_a_grid_and_averaged_in_a_heatmap() -> None:
    """An image of three channels is drawn as its mean brightness."""
    row, column, channel = (axis.reshape(-1) for axis in np.indices((2, 4, 3)))
    pixels = pd.DataFrame(
        {"split": "a", "label": None, "row": row, "column": column, "channel": channel, "mean": channel / 2}
    )

    assert pixel_grid(pixels, "mean").shape == (2, 4, 3)
    assert np.full((2, 4), 0.5).tolist() == np.asarray(pixel_heatmap(pixels).data[0].z).tolist()


def test_intensities_are_shares_on_a_logarithmic_axis(statistics: Tables) -> None:
    """Half of the pixels are 0; on a linear axis nothing else could be seen."""
    drawn = intensity_histogram(statistics["intensity"])

    assert drawn.layout.yaxis.type == "log"
    assert np.nansum(drawn.data[0].y) == pytest.approx(100, rel=1e-5)
    assert np.isnan(drawn.data[0].y).any(), "an intensity that never occurs has no place on the axis"


def test_many_bins_are_added_up_to_what_a_chart_can_show() -> None:
    """65,536 bins are a setting that stats allows."""
    edges = np.linspace(0, 1, 65_537)
    intensity = pd.DataFrame({"split": "train", "low": edges[:-1], "high": edges[1:], "pixels": 1})
    line = intensity_histogram(intensity).data[0]

    assert len(line.x) == 256
    assert line.y[0] == pytest.approx(100 / 256)


def test_the_share_of_zeros_is_that_of_the_summary(statistics: Tables) -> None:
    """The caption and the card say the same."""
    expected = statistics["summary"].set_index("split").loc["train", "zero_fraction"]

    assert expected == pytest.approx(zero_fraction(statistics["intensity"], "train"))


def test_boxes_are_quantiles_of_each_class(statistics: Tables) -> None:
    """The box is computed here, so that the page holds five numbers and not each sample."""
    samples = statistics["samples"]
    zeros = samples.loc[(samples["split"] == "train") & (samples["label"] == 0), "ink"]
    box = ink_by_class(samples, names={0: "zero"}).data[0]

    assert box.x[0] == "zero"
    assert zeros.quantile([0.05, 0.25, 0.5, 0.75, 0.95]).tolist() == pytest.approx(
        [box.lowerfence[0], box.q1[0], box.median[0], box.q3[0], box.upperfence[0]], rel=1e-5
    )


def test_many_classes_show_one_split_of_boxes(statistics: Tables) -> None:
    """Sixty-two pairs of boxes would be hair-thin."""
    samples = statistics["samples"]
    samples = samples.assign(label=samples.index % 62)

    assert len(ink_by_class(samples).data) == 1


def test_blank_samples_have_no_place_and_do_no_harm(statistics: Tables) -> None:
    """A blank sample has no centre and no box: missing values, not zeros."""
    samples = statistics["samples"].copy()
    places = ["top", "left", "bottom", "right", "centre_row", "centre_column"]
    samples = samples.astype(dict.fromkeys(places, "Float64"))
    samples.loc[:99, places] = pd.NA

    assert len(samples) - 100 == np.asarray(centre_of_mass(samples).data[0].z).sum()
    assert float(np.sum(bounding_boxes(samples).data[0].y)) == pytest.approx(100, rel=1e-5)


def test_only_blank_samples_give_an_empty_chart(statistics: Tables) -> None:
    """The figures must not fail where there is nothing to draw."""
    places = ["top", "left", "bottom", "right", "centre_row", "centre_column"]
    samples = statistics["samples"].assign(**dict.fromkeys(places, np.nan))

    assert np.asarray(centre_of_mass(samples).data[0].z).sum() == 0
    assert [len(trace.x) for trace in bounding_boxes(samples).data] == [0, 0]


def test_the_size_of_figures_does_not_grow_with_the_samples(statistics: Tables) -> None:
    """A page of a million samples is as small as one of a thousand."""
    samples = statistics["samples"]
    many = pd.concat([samples] * 40, ignore_index=True)

    for draw in (centre_of_mass, bounding_boxes, ink_by_class):
        assert len(draw(many).to_json()) < 1.1 * len(draw(samples).to_json()) + 100


def test_findings_add_up_the_splits_and_are_coloured_by_action(preparation: Tables) -> None:
    """The bars of a reason are what all splits together have."""
    cleaning = pd.concat([preparation["cleaning"], preparation["cleaning"].assign(split="test")])
    removed = cleaning_findings(cleaning).data[0]

    assert dict(zip(removed.y, removed.x, strict=True)) == {"blank": 2, "duplicate": 4}
    assert ACTIONS["remove"] == removed.marker.color


def test_learning_curves_follow_the_history(model: Tables) -> None:
    """Accuracy is drawn in percent, loss as it is."""
    train, validation = learning_curves(model["history"], "accuracy").data

    assert list(train.y) == pytest.approx([70, 86, 90])
    assert list(validation.y) == pytest.approx([75, 83, 85])
    assert list(learning_curves(model["history"], "loss").data[0].y) == [0.9, 0.4, 0.3]


def test_the_confusion_matrix_colours_mistakes_and_not_the_diagonal(model: Tables) -> None:
    """Right answers outnumber mistakes a hundred to one and would be all that one sees."""
    confusion = model["confusion"]
    trace = confusion_matrix(confusion).data[0]
    counts = confusion.pivot_table(index="label", columns="predicted", values="samples").to_numpy()

    assert counts.tolist() == np.asarray(trace.customdata).tolist()
    assert np.diag(np.asarray(trace.z)).tolist() == [0] * 10
    assert f"{counts[0, 0]:.0f}" == trace.text[0][0]


def test_pairs_that_never_occur_may_be_missing(model: Tables) -> None:
    """A table of only what was observed gives the same matrix."""
    confusion = model["confusion"]
    observed = confusion[confusion["samples"] > 0]

    assert confusion_matrix(confusion).to_json() == confusion_matrix(observed).to_json()


def test_a_matrix_of_many_classes_has_colours_without_numbers() -> None:
    """Sixty-two numbers in a row cannot be read."""
    labels = np.arange(62)
    table = {"label": labels, "name": labels, "predicted": (labels + 1) % 62, "predicted_name": (labels + 1) % 62}
    trace = confusion_matrix(pd.DataFrame({**table, "samples": 3})).data[0]

    assert trace.text is None
    assert trace.showscale


def test_the_most_frequent_mistakes_come_first(model: Tables) -> None:
    """With their fraction of the class, so that a small class is not overlooked."""
    worst = frequent_confusions(model["confusion"], most=3)
    confusion = model["confusion"]
    wrong = confusion[confusion["label"] != confusion["predicted"]]
    of_class = confusion.loc[confusion["name"] == worst["name"][0], "samples"].sum()

    assert wrong["samples"].nlargest(3).tolist() == worst["samples"].tolist()
    assert worst["samples"][0] / of_class == pytest.approx(worst["fraction"][0])


def test_figures_can_be_shown_in_a_notebook(tables: Tables) -> None:
    """Each brings its template and height, and needs no page around it."""
    drawn = class_counts(tables["classes"])

    assert isinstance(drawn, go.Figure)
    assert drawn.layout.template.layout.paper_bgcolor == "rgba(0,0,0,0)"
    assert drawn.layout.height > 0


def rows_of(trace: go.Scatter) -> list[np.ndarray]:
    """Cut a trace of histograms where it is interrupted: the percents of each class."""
    percent = np.asarray(trace.customdata)
    return [part[~np.isnan(part)] for part in np.split(percent, np.flatnonzero(np.isnan(percent)))[:-1]]


def test_a_row_of_histograms_holds_the_shares_of_its_class(statistics: Tables) -> None:
    """Each class for itself; at most one sample in two hundred lies outside at each end."""
    samples = statistics["samples"]
    train, test = measure_histograms(samples, "length").data

    for trace in (train, test):
        assert len(rows_of(trace)) == 10
        for row in rows_of(trace):
            assert 93 <= row.sum() <= 100.001
    low, high = train.x[0], np.nanmax(train.x)
    sevens = samples.query("split == 'train' and label == 7")["length"]
    counts, _ = np.histogram(sevens, np.linspace(low, high, 41))
    assert (100 * counts / len(sevens)).tolist() == pytest.approx(rows_of(train)[7][1:-1].tolist(), abs=0.5)


def test_rows_stay_below_each_other(statistics: Tables) -> None:
    """A histogram is less than a row high, and stands on the line of its class."""
    trace = measure_histograms(statistics["samples"], "slant").data[0]
    y = np.asarray(trace.y)

    for place, row in enumerate(np.split(y, np.flatnonzero(np.isnan(y)))[:-1]):
        row = row[~np.isnan(row)]
        assert (place, place) == (row[0], row[-1])
        assert place - 1 < row.min() < place


def test_many_classes_show_one_split_of_histograms_and_no_numbers(statistics: Tables) -> None:
    """Sixty-two rows leave no room for more."""
    samples = statistics["samples"].assign(label=statistics["samples"].index % 62)

    assert len(measure_histograms(samples, "area").data) == 1
    assert measure_counts(samples, "holes").data[0].text is None


def test_counts_are_shares_of_a_class_and_the_last_column_takes_the_rest(statistics: Tables) -> None:
    """A class's row adds up to 100 %, however many pieces a noisy sample has."""
    samples = statistics["samples"].query("split == 'train'").assign(components=lambda table: table["label"])
    trace = measure_counts(samples, "components").data[0]

    assert np.asarray(trace.z).sum(axis=1).tolist() == pytest.approx([100] * 10)
    assert np.asarray(trace.z).argmax(axis=1).tolist() == [0, 1, 2, 3, 4, 4, 4, 4, 4, 4]
    assert trace.x[-1] == "4+"


@pytest.mark.parametrize("value", [np.nan, 3.0])
def test_measures_that_are_missing_or_all_the_same_give_a_chart(statistics: Tables, value: float) -> None:
    """Blank samples have no length, and a drawn set may have one thickness."""
    samples = statistics["samples"].assign(length=value)
    train = measure_histograms(samples, "length").data[0]

    assert [row.sum() for row in rows_of(train)] == pytest.approx([0 if np.isnan(value) else 100] * 10)


def test_the_size_of_histograms_does_not_grow_with_the_samples(statistics: Tables) -> None:
    """They are counted before they are drawn."""
    samples = statistics["samples"]
    many = pd.concat([samples] * 40, ignore_index=True)
    few, more = (len(measure_histograms(table, "area").to_json()) for table in (samples, many))

    assert more < 1.1 * few + 100


def test_the_accuracy_map_is_coloured_by_the_errors(robustness: Tables) -> None:
    """Its numbers are the accuracies in percent; the corruption that is borne best comes first."""
    frame = robustness["robustness"]
    trace = corruption_accuracy(frame, model="means").data[0]

    assert list(trace.y) == ["shot noise", "fog"]
    assert list(trace.x) == ["1", "2", "3", "4", "5"]
    assert trace.text[0][0] == "80.0"
    np.testing.assert_allclose(100, np.asarray(trace.z) + np.asarray(trace.customdata), rtol=1e-5)


def test_the_mean_accuracy_begins_with_the_samples_as_they_are(robustness: Tables) -> None:
    """A line for each model, from severity 0."""
    first, second = accuracy_by_severity(robustness["robustness"]).data

    assert [first.name, second.name] == ["means", "other"]
    assert list(first.x) == [0, 1, 2, 3, 4, 5]
    assert list(first.y) == pytest.approx([90, 77.5, 67.5, 57.5, 47.5, 37.5])


def test_the_colours_of_a_heatmap_are_explained_just_below_it(statistics: Tables) -> None:
    """A bar that lies beyond the figure is cut off."""
    drawn = pixel_heatmap(statistics["pixels"], "mean", split="train")
    bar = drawn.layout.coloraxis.colorbar

    assert -0.3 < bar.y < 0
    assert (bar.orientation, bar.yanchor, bar.len) == ("h", "top", 1)
