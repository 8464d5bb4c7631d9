"""Each figure as a function from a table to a Plotly figure, and a page or one section of it in a notebook.

The tables are those that the commands write and the calls of `mnist_data` give; the docstring of a figure names its
table and the columns that it reads. A table without rows gives a figure that says so. Nothing is written and no table
is changed.

>>> import pandas as pd
>>> columns = ["split", "label", "name", "samples", "fraction"]
>>> drawn = class_counts(pd.DataFrame([("train", 0, "zero", 7, 1.0)], columns=columns))
>>> drawn.data[0].y.tolist()
[7]
"""

from __future__ import annotations

from dashboards.figures.audit import flagged_samples
from dashboards.figures.classes import class_counts, class_names
from dashboards.figures.cleaning import cleaning_findings
from dashboards.figures.confusion import confusion_matrix
from dashboards.figures.corruptions import accuracy_by_severity, corruption_accuracy
from dashboards.figures.drift import drift_distances, drift_histogram
from dashboards.figures.filters import first_layer_filters
from dashboards.figures.ink import bounding_boxes, centre_of_mass, ink_by_class
from dashboards.figures.intensity import intensity_histogram
from dashboards.figures.learning import learning_curves
from dashboards.figures.morphometrics import measure_counts, measure_histograms
from dashboards.figures.pixels import mean_images, pixel_heatmap
from dashboards.figures.samples import sample_grid
from dashboards.figures.scores import accuracy_by_class, accuracy_by_thickness, reliability_diagram, seed_accuracies
from dashboards.figures.structure import class_distances, correlation_matrix, explained_variance, principal_components
from dashboards.figures.writers import errors_per_writer, samples_per_writer, writer_scatter
from dashboards.notebook import Page, Strip, page, section, strip

__all__ = [
    "Page",
    "Strip",
    "accuracy_by_class",
    "accuracy_by_severity",
    "accuracy_by_thickness",
    "bounding_boxes",
    "centre_of_mass",
    "class_counts",
    "class_distances",
    "class_names",
    "cleaning_findings",
    "confusion_matrix",
    "correlation_matrix",
    "corruption_accuracy",
    "drift_distances",
    "drift_histogram",
    "errors_per_writer",
    "explained_variance",
    "first_layer_filters",
    "flagged_samples",
    "ink_by_class",
    "intensity_histogram",
    "learning_curves",
    "mean_images",
    "measure_counts",
    "measure_histograms",
    "page",
    "pixel_heatmap",
    "principal_components",
    "reliability_diagram",
    "sample_grid",
    "samples_per_writer",
    "section",
    "seed_accuracies",
    "strip",
    "writer_scatter",
]
