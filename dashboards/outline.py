"""The outline of a page: its sections in their order, and the tables that each needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from dashboards.blocks import Block
from dashboards.language import mark
from dashboards.sections import (
    audit,
    changes,
    claims,
    comparison,
    data,
    drift,
    explanations,
    findings,
    photos,
    predictions,
    robustness,
    samples,
    scores,
    shapes,
    slices,
    structure,
    sweep,
    training,
    versions,
    writers,
)

Tables = Mapping[str, pd.DataFrame]


@dataclass(frozen=True, kw_only=True)
class Section:
    """A section of the page.

    key: its address (#key). group, short: how the navigation names it. title, lead: what it says above the blocks.
    tables: it is shown if all of these are there, and says `empty` if one of them has no rows.
    body: from all tables to its blocks.
    """

    key: str
    group: str
    short: str
    title: str
    lead: str
    tables: tuple[str, ...]
    body: Callable[[Tables], Sequence[Block]]
    empty: str = mark("The table has no rows, so there is nothing to show.")

    def is_in(self, tables: Tables) -> bool:
        """Say whether the tables of the section are there."""
        return all(name in tables for name in self.tables)

    def blocks(self, tables: Tables) -> Sequence[Block] | None:
        """Give the parts of the section, None where one of its tables has no rows; all must be there."""
        return None if any(tables[name].empty for name in self.tables) else self.body(tables)


def _findings(tables: Tables) -> Sequence[Block]:
    return findings.findings(tables, {section.key for section in SECTIONS if section.is_in(tables)})


FINDINGS = Section(
    key="findings",
    group=mark("Summary"),
    short=mark("Findings"),
    title=mark("Findings"),
    lead=mark("What to know before all else, the most serious first."),
    tables=("findings",),
    body=_findings,
    empty=mark("Nothing stands out."),
)

DATA: tuple[Section, ...] = (
    Section(
        key="overview",
        group=mark("Data"),
        short=mark("Overview"),
        title=mark("Overview"),
        lead=mark("The dataset in a few numbers."),
        tables=("summary",),
        body=data.overview,
    ),
    Section(
        key="samples",
        group=mark("Data"),
        short=mark("Samples"),
        title=mark("Samples"),
        lead=mark(
            "Samples as they are stored: 0 is black, the highest value white. Some are drawn at random, the others "
            "stand out. Open one to see all that is known of it; a click on a chart below shows its samples here."
        ),
        tables=("sample_sheet", "sample_counts"),
        body=samples.samples,
    ),
    Section(
        key="first-samples",
        group=mark("Data"),
        short=mark("First samples"),
        title=mark("First samples"),
        lead=mark("The first samples of each class as they are stored: 0 is black, the highest value white."),
        tables=("sample_grid",),
        body=data.sample_grid,
    ),
    Section(
        key="classes",
        group=mark("Data"),
        short=mark("Class balance"),
        title=mark("Class balance"),
        lead=mark("A model learns best what it sees often, so the classes should not differ much in size."),
        tables=("classes",),
        body=data.classes,
    ),
    Section(
        key="averages",
        group=mark("Data"),
        short=mark("Mean images"),
        title=mark("Mean images"),
        lead=mark("What the samples of a class have in common, and where they differ."),
        tables=("pixels",),
        body=data.mean_images,
    ),
    Section(
        key="intensity",
        group=mark("Data"),
        short=mark("Pixel intensity"),
        title=mark("Pixel intensity"),
        lead=mark("How many pixels are background, how many foreground, and how many lie between."),
        tables=("intensity",),
        body=data.intensity,
    ),
    Section(
        key="ink",
        group=mark("Data"),
        short=mark("Ink and position"),
        title=mark("Ink and position"),
        lead=mark(
            "Earlier preprocessing shows here: how much ink samples have, where it is centred and how far it reaches."
        ),
        tables=("samples",),
        body=data.ink,
    ),
    Section(
        key="shapes",
        group=mark("Data"),
        short=mark("Morphometrics"),
        title=mark("Stroke morphometrics"),
        lead=mark(
            "Length, thickness and slant of the strokes, measured as Morpho-MNIST does. Each row is a class; all rows "
            "are drawn to the same height."
        ),
        tables=("morphometrics", "samples"),
        body=shapes.shapes,
    ),
    Section(
        key="writers",
        group=mark("Data"),
        short=mark("Writers"),
        title=mark("Writers"),
        lead=mark(
            "Samples by one writer resemble each other: a model should be tested on writers that it was not trained on."
        ),
        tables=("writers", "writer_measures", "samples"),
        body=writers.writers,
    ),
    Section(
        key="correlations",
        group=mark("Data"),
        short=mark("Correlations"),
        title=mark("Correlations"),
        lead=mark("Which of the measures of a sample vary together."),
        tables=("correlations",),
        body=structure.correlations,
    ),
    Section(
        key="components",
        group=mark("Data"),
        short=mark("Components"),
        title=mark("Principal components"),
        lead=mark("The directions in which the images vary most."),
        tables=("components", "component_pixels"),
        body=structure.components,
        empty=mark("Principal components need a split of at least two samples."),
    ),
    Section(
        key="separability",
        group=mark("Data"),
        short=mark("Closest classes"),
        title=mark("Closest classes"),
        lead=mark(
            "Which classes overlap, before any model is trained: this is where it will find them hard to separate."
        ),
        tables=("separability", "dimension"),
        body=structure.separability,
        empty=mark("There is only one class."),
    ),
    Section(
        key="audit",
        group=mark("Data"),
        short=mark("Audit"),
        title=mark("Audit"),
        lead=mark(
            "Every sample was compared with its class and with all other samples. A flag is a reason to look, not a "
            "verdict."
        ),
        tables=("checks",),
        body=audit.audit,
    ),
    Section(
        key="claims",
        group=mark("Data"),
        short=mark("Claims"),
        title=mark("What is said of it"),
        lead=mark("Each claim was tested against the data, and is true, not so or undecided."),
        tables=("claims",),
        body=claims.claims,
        empty=mark("Nothing is known to be said of this dataset."),
    ),
    Section(
        key="versions",
        group=mark("Data"),
        short=mark("Versions"),
        title=mark("From A to B"),
        lead=mark("Samples are matched by id and pixels, then by pixels, then by id."),
        tables=("changes",),
        body=versions.versions,
    ),
    Section(
        key="drift",
        group=mark("Data"),
        short=mark("Drift"),
        title=mark("Drift from A to B"),
        lead=mark(
            "Each distance with its 95 % interval, compared with the distance that chance alone gives and with that "
            "of MNIST's test split from its train split."
        ),
        tables=("drift", "drift_histograms", "drift_means"),
        body=drift.drift,
    ),
)

PREPARATION: tuple[Section, ...] = (
    Section(
        key="prepared",
        group=mark("Preparation"),
        short=mark("Photos"),
        title=mark("From photos to samples"),
        lead=mark("Each photo, and the digits that were found in it, in reading order."),
        tables=("photos", "prepared"),
        body=photos.before_after,
    ),
    Section(
        key="set-aside",
        group=mark("Preparation"),
        short=mark("Set aside"),
        title=mark("Set aside"),
        lead=mark(
            "What was found in the photos and taken for no digit, with the reason; look whether a digit is among it."
        ),
        tables=("set_aside",),
        body=photos.set_aside,
    ),
    Section(
        key="cleaning",
        group=mark("Preparation"),
        short=mark("Cleaning"),
        title=mark("Cleaning"),
        lead=mark("Every sample was kept, changed or removed; the counts add up."),
        tables=("cleaning_totals",),
        body=changes.cleaning,
    ),
    Section(
        key="quarantine",
        group=mark("Preparation"),
        short=mark("Quarantine"),
        title=mark("Quarantine"),
        lead=mark("Samples that a rule found. Rules make mistakes, so look at them."),
        tables=("quarantine",),
        body=changes.quarantine,
        empty=mark("No sample was removed or changed."),
    ),
    Section(
        key="augmentation",
        group=mark("Preparation"),
        short=mark("Augmentation"),
        title=mark("Augmented copies"),
        lead=mark("Trained on rotated, shifted and deformed copies, a model learns what does not matter."),
        tables=("augmentation",),
        body=changes.augmentation,
    ),
    Section(
        key="transforms",
        group=mark("Preparation"),
        short=mark("Transforms"),
        title=mark("Transforms one by one"),
        lead=mark("Each transform that a copy may go through, from its weakest to its strongest."),
        tables=("transforms",),
        body=changes.transforms,
    ),
    Section(
        key="corruptions",
        group=mark("Preparation"),
        short=mark("Corruptions"),
        title=mark("Corruptions"),
        lead=mark("The corruptions of MNIST-C, from the weakest to the strongest."),
        tables=("corrupted_samples",),
        body=changes.corruptions,
    ),
)

MODEL: tuple[Section, ...] = (
    Section(
        key="predictions",
        group=mark("Model"),
        short=mark("Predictions"),
        title=mark("Predictions"),
        lead=mark("What the model says of these images, and which to look at first."),
        tables=("predicted", "predicted_counts"),
        body=predictions.predictions,
    ),
    Section(
        key="comparison",
        group=mark("Model"),
        short=mark("Comparison"),
        title=mark("A and B on the same samples"),
        lead=mark(
            "Both predicted the same samples, so only those count that one predicts correctly and the other not."
        ),
        tables=("comparison",),
        body=comparison.comparison,
    ),
    Section(
        key="sweep",
        group=mark("Model"),
        short=mark("Sweep"),
        title=mark("Settings, tried one by one"),
        lead=mark("Each point of the grid was trained and validated; the test split was not read."),
        tables=("sweep",),
        body=sweep.sweep,
    ),
    Section(
        key="compression",
        group=mark("Model"),
        short=mark("Compression"),
        title=mark("Smaller files"),
        lead=mark("Each file is compared with the original on the same samples; times are of this machine."),
        tables=("compression",),
        body=sweep.compression,
    ),
    Section(
        key="results",
        group=mark("Model"),
        short=mark("Results"),
        title=mark("Results"),
        lead=mark("The accuracy of each model. The test samples took no part in the training."),
        tables=("evaluation",),
        body=training.results,
    ),
    Section(
        key="training",
        group=mark("Model"),
        short=mark("Learning curves"),
        title=mark("Learning curves"),
        lead=mark("Loss and accuracy from the first epoch to the last."),
        tables=("history",),
        body=training.training,
    ),
    Section(
        key="confusions",
        group=mark("Model"),
        short=mark("Confusion matrix"),
        title=mark("Confusion matrix"),
        lead=mark("Which classes the model confuses."),
        tables=("confusion",),
        body=training.confusions,
    ),
    Section(
        key="difficulty",
        group=mark("Model"),
        short=mark("By class and thickness"),
        title=mark("Accuracy by class and stroke thickness"),
        lead=mark("The same accuracy, broken down by class, and from thin to thick strokes."),
        tables=("class_scores", "thickness_scores"),
        body=scores.breakdown,
        empty=mark("No sample was tested."),
    ),
    Section(
        key="slices",
        group=mark("Model"),
        short=mark("Where it fails"),
        title=mark("Where the model fails"),
        lead=mark("The parts of the samples in which it is wrong significantly more often than elsewhere."),
        tables=("slices", "slice_samples"),
        body=slices.slices,
        empty=mark("There is no class, writer or range of a measure in which it is wrong more often than by chance."),
    ),
    Section(
        key="mistakes",
        group=mark("Model"),
        short=mark("Misclassified"),
        title=mark("Misclassified samples"),
        lead=mark("Some of these are hard for people too, and some labels may be wrong."),
        tables=("misclassified",),
        body=training.mistakes,
        empty=mark("The model misclassified no sample."),
    ),
    Section(
        key="calibration",
        group=mark("Model"),
        short=mark("Calibration"),
        title=mark("Calibration"),
        lead=mark(
            "Of the predictions with a confidence of 90 %, nine in ten should be correct. A temperature, fitted on "
            "the validation samples, makes all predictions more or less confident and changes none."
        ),
        tables=("calibration", "reliability"),
        body=scores.calibration,
        empty=mark("No sample was tested."),
    ),
    Section(
        key="groups",
        group=mark("Model"),
        short=mark("By writer"),
        title=mark("Accuracy by writer"),
        lead=mark("The same accuracy, broken down by series and by writer."),
        tables=("groups",),
        body=writers.groups,
    ),
    Section(
        key="robustness",
        group=mark("Model"),
        short=mark("Robustness"),
        title=mark("Robustness"),
        lead=mark(
            "The test samples once more, under fifteen corruptions at five severities; the model was trained on none "
            "of them."
        ),
        tables=("robustness",),
        body=robustness.robustness,
    ),
    Section(
        key="explained",
        group=mark("Model"),
        short=mark("Explanations"),
        title=mark("Explanations"),
        lead=mark("Some samples with attribution maps: the pixels that the prediction depends on."),
        tables=("explained", "explanations"),
        body=explanations.explanations,
    ),
    Section(
        key="filters",
        group=mark("Model"),
        short=mark("First layer"),
        title=mark("First layer"),
        lead=mark("The weights that are applied to the pixels; all that the model computes starts from these."),
        tables=("filters",),
        body=explanations.first_layer,
    ),
)

SECTIONS = (FINDINGS, *DATA, *PREPARATION, *MODEL)
"""The sections in the order of the page."""
