"""The outline of a page: its sections in their order, and the tables that each needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from dashboards.blocks import Block
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
    scores,
    shapes,
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
    empty: str = "The table has no rows, so there is nothing to show."

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
    group="Summary",
    short="Findings",
    title="Findings",
    lead="What to know before all else, the most serious first.",
    tables=("findings",),
    body=_findings,
    empty="Nothing stands out.",
)

DATA: tuple[Section, ...] = (
    Section(
        key="overview",
        group="Data",
        short="Overview",
        title="Overview",
        lead="The dataset in a few numbers.",
        tables=("summary",),
        body=data.overview,
    ),
    Section(
        key="samples",
        group="Data",
        short="Samples",
        title="Samples",
        lead="The first samples of each class as they are stored: 0 is black, the highest value white.",
        tables=("sample_grid",),
        body=data.sample_grid,
    ),
    Section(
        key="classes",
        group="Data",
        short="Class balance",
        title="Class balance",
        lead="A model learns best what it sees often, so the classes should not differ much in size.",
        tables=("classes",),
        body=data.classes,
    ),
    Section(
        key="averages",
        group="Data",
        short="Mean images",
        title="Mean images",
        lead="What the samples of a class have in common, and where they differ.",
        tables=("pixels",),
        body=data.mean_images,
    ),
    Section(
        key="intensity",
        group="Data",
        short="Pixel intensity",
        title="Pixel intensity",
        lead="How many pixels are background, how many foreground, and how many lie between.",
        tables=("intensity",),
        body=data.intensity,
    ),
    Section(
        key="ink",
        group="Data",
        short="Ink and position",
        title="Ink and position",
        lead="Earlier preprocessing shows here: how much ink samples have, where it is centred and how far it reaches.",
        tables=("samples",),
        body=data.ink,
    ),
    Section(
        key="shapes",
        group="Data",
        short="Morphometrics",
        title="Stroke morphometrics",
        lead="Length, thickness and slant of the strokes, measured as Morpho-MNIST does. Each row is a class; all rows "
        "are drawn to the same height.",
        tables=("morphometrics", "samples"),
        body=shapes.shapes,
    ),
    Section(
        key="writers",
        group="Data",
        short="Writers",
        title="Writers",
        lead="Samples by one writer resemble each other: a model should be tested on writers that it was not trained "
        "on.",
        tables=("writers", "writer_measures", "samples"),
        body=writers.writers,
    ),
    Section(
        key="correlations",
        group="Data",
        short="Correlations",
        title="Correlations",
        lead="Which of the measures of a sample vary together.",
        tables=("correlations",),
        body=structure.correlations,
    ),
    Section(
        key="components",
        group="Data",
        short="Components",
        title="Principal components",
        lead="The directions in which the images vary most.",
        tables=("components", "component_pixels"),
        body=structure.components,
        empty="Principal components need a split of at least two samples.",
    ),
    Section(
        key="separability",
        group="Data",
        short="Closest classes",
        title="Closest classes",
        lead="Which classes overlap, before any model is trained: this is where it will find them hard to separate.",
        tables=("separability", "dimension"),
        body=structure.separability,
        empty="There is only one class.",
    ),
    Section(
        key="audit",
        group="Data",
        short="Audit",
        title="Audit",
        lead="Every sample was compared with its class and with all other samples. A flag is a reason to look, not a "
        "verdict.",
        tables=("checks",),
        body=audit.audit,
    ),
    Section(
        key="claims",
        group="Data",
        short="Claims",
        title="What is said of it",
        lead="Each claim was tested against the data, and is true, not so or undecided.",
        tables=("claims",),
        body=claims.claims,
        empty="Nothing is known to be said of this dataset.",
    ),
    Section(
        key="versions",
        group="Data",
        short="Versions",
        title="From A to B",
        lead="Samples are matched by id and pixels, then by pixels, then by id.",
        tables=("changes",),
        body=versions.versions,
    ),
    Section(
        key="drift",
        group="Data",
        short="Drift",
        title="Drift from A to B",
        lead="Each distance with its 95 % interval, compared with the distance that chance alone gives and with that "
        "of MNIST's test split from its train split.",
        tables=("drift", "drift_histograms", "drift_means"),
        body=drift.drift,
    ),
)

PREPARATION: tuple[Section, ...] = (
    Section(
        key="prepared",
        group="Preparation",
        short="Photos",
        title="From photos to samples",
        lead="Each photo, and the digits that were found in it, in reading order.",
        tables=("photos", "prepared"),
        body=photos.before_after,
    ),
    Section(
        key="set-aside",
        group="Preparation",
        short="Set aside",
        title="Set aside",
        lead="What was found in the photos and taken for no digit, with the reason; look whether a digit is among it.",
        tables=("set_aside",),
        body=photos.set_aside,
    ),
    Section(
        key="cleaning",
        group="Preparation",
        short="Cleaning",
        title="Cleaning",
        lead="Every sample was kept, changed or removed; the counts add up.",
        tables=("cleaning_totals",),
        body=changes.cleaning,
    ),
    Section(
        key="quarantine",
        group="Preparation",
        short="Quarantine",
        title="Quarantine",
        lead="Samples that a rule found. Rules make mistakes, so look at them.",
        tables=("quarantine",),
        body=changes.quarantine,
        empty="No sample was removed or changed.",
    ),
    Section(
        key="augmentation",
        group="Preparation",
        short="Augmentation",
        title="Augmented copies",
        lead="Trained on rotated, shifted and deformed copies, a model learns what does not matter.",
        tables=("augmentation",),
        body=changes.augmentation,
    ),
    Section(
        key="transforms",
        group="Preparation",
        short="Transforms",
        title="Transforms one by one",
        lead="Each transform that a copy may go through, from its weakest to its strongest.",
        tables=("transforms",),
        body=changes.transforms,
    ),
    Section(
        key="corruptions",
        group="Preparation",
        short="Corruptions",
        title="Corruptions",
        lead="The corruptions of MNIST-C, from the weakest to the strongest.",
        tables=("corrupted_samples",),
        body=changes.corruptions,
    ),
)

MODEL: tuple[Section, ...] = (
    Section(
        key="predictions",
        group="Model",
        short="Predictions",
        title="Predictions",
        lead="What the model says of these images, and which to look at first.",
        tables=("predicted", "predicted_counts"),
        body=predictions.predictions,
    ),
    Section(
        key="comparison",
        group="Model",
        short="Comparison",
        title="A and B on the same samples",
        lead="Both predicted the same samples, so only those count that one predicts correctly and the other not.",
        tables=("comparison",),
        body=comparison.comparison,
    ),
    Section(
        key="sweep",
        group="Model",
        short="Sweep",
        title="Settings, tried one by one",
        lead="Each point of the grid was trained and validated; the test split was not read.",
        tables=("sweep",),
        body=sweep.sweep,
    ),
    Section(
        key="compression",
        group="Model",
        short="Compression",
        title="Smaller files",
        lead="Each file is compared with the original on the same samples; times are of this machine.",
        tables=("compression",),
        body=sweep.compression,
    ),
    Section(
        key="results",
        group="Model",
        short="Results",
        title="Results",
        lead="The accuracy of each model. The test samples took no part in the training.",
        tables=("evaluation",),
        body=training.results,
    ),
    Section(
        key="training",
        group="Model",
        short="Learning curves",
        title="Learning curves",
        lead="Loss and accuracy from the first epoch to the last.",
        tables=("history",),
        body=training.training,
    ),
    Section(
        key="confusions",
        group="Model",
        short="Confusion matrix",
        title="Confusion matrix",
        lead="Which classes the model confuses.",
        tables=("confusion",),
        body=training.confusions,
    ),
    Section(
        key="difficulty",
        group="Model",
        short="By class and thickness",
        title="Accuracy by class and stroke thickness",
        lead="The same accuracy, broken down by class, and from thin to thick strokes.",
        tables=("class_scores", "thickness_scores"),
        body=scores.breakdown,
        empty="No sample was tested.",
    ),
    Section(
        key="mistakes",
        group="Model",
        short="Misclassified",
        title="Misclassified samples",
        lead="Some of these are hard for people too, and some labels may be wrong.",
        tables=("misclassified",),
        body=training.mistakes,
        empty="The model misclassified no sample.",
    ),
    Section(
        key="calibration",
        group="Model",
        short="Calibration",
        title="Calibration",
        lead="Of the predictions with a confidence of 90 %, nine in ten should be correct. A temperature, fitted on "
        "the validation samples, makes all predictions more or less confident and changes none.",
        tables=("calibration", "reliability"),
        body=scores.calibration,
        empty="No sample was tested.",
    ),
    Section(
        key="groups",
        group="Model",
        short="By writer",
        title="Accuracy by writer",
        lead="The same accuracy, broken down by series and by writer.",
        tables=("groups",),
        body=writers.groups,
    ),
    Section(
        key="robustness",
        group="Model",
        short="Robustness",
        title="Robustness",
        lead="The test samples once more, under fifteen corruptions at five severities; the model was trained on none "
        "of them.",
        tables=("robustness",),
        body=robustness.robustness,
    ),
    Section(
        key="explained",
        group="Model",
        short="Explanations",
        title="Explanations",
        lead="Some samples with attribution maps: the pixels that the prediction depends on.",
        tables=("explained", "explanations"),
        body=explanations.explanations,
    ),
    Section(
        key="filters",
        group="Model",
        short="First layer",
        title="First layer",
        lead="The weights that are applied to the pixels; all that the model computes starts from these.",
        tables=("filters",),
        body=explanations.first_layer,
    ),
)

SECTIONS = (FINDINGS, *DATA, *PREPARATION, *MODEL)
"""The sections in the order of the page."""
