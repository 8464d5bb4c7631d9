"""The page: a list of sections, rendered once into a single HTML file that needs nothing else, not even a network."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from string import Template

import pandas as pd
from plotly.offline import get_plotlyjs

from dashboards.blocks import Block, script_json
from dashboards.sections import (
    audit,
    changes,
    data,
    drift,
    explanations,
    photos,
    robustness,
    scores,
    shapes,
    structure,
    training,
    writers,
)
from dashboards.theme import asset, css, template

Tables = Mapping[str, pd.DataFrame]

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; "
    "connect-src 'none'; form-action 'none'; base-uri 'none'"
)
"""A second wall: even if a text were escaped wrongly, nothing could be fetched or sent. Plotly needs no eval."""


@dataclass(frozen=True)
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

    def html(self, tables: Tables) -> str:
        """Write the section; its tables must be there."""
        empty = any(tables[name].empty for name in self.tables)
        blocks = f"<p>{escape(self.empty)}</p>" if empty else "".join(block.html() for block in self.body(tables))
        lead = "" if empty else f'<p class="lead">{escape(self.lead)}</p>'
        return f'<section id="{escape(self.key)}"><h2>{escape(self.title)}</h2>{lead}{blocks}</section>'


PAGE: tuple[Section, ...] = (
    Section(
        "glance",
        "Data",
        "At a glance",
        "At a glance",
        "The dataset in a few numbers.",
        ("summary",),
        data.at_a_glance,
    ),
    Section(
        "samples",
        "Data",
        "Samples",
        "What the samples look like",
        "The first samples of each class, as they are stored: 0 is black, the highest value white.",
        ("sample_grid",),
        data.sample_grid,
    ),
    Section(
        "classes",
        "Data",
        "Classes",
        "How many samples each class has",
        "A model learns best what it sees often, so classes should not differ much.",
        ("classes",),
        data.classes,
    ),
    Section(
        "averages",
        "Data",
        "Average pictures",
        "The average picture",
        "What the samples of a class have in common, and where they differ.",
        ("pixels",),
        data.average_pictures,
    ),
    Section(
        "intensity",
        "Data",
        "Intensity",
        "How bright the pixels are",
        "Ink and background, and how much lies between them.",
        ("intensity",),
        data.intensity,
    ),
    Section(
        "ink",
        "Data",
        "Ink and position",
        "How much ink there is, and where",
        "What was done to the pictures before they came here leaves its traces in these three charts.",
        ("samples",),
        data.ink,
    ),
    Section(
        "shapes",
        "Data",
        "Shape of the strokes",
        "The shape of the strokes",
        "How long, thick and slanted the strokes are, measured as Morpho-MNIST does. Each row is a class; all rows are "
        "drawn equally high.",
        ("morphometrics", "samples"),
        shapes.shapes,
    ),
    Section(
        "writers",
        "Data",
        "Writers",
        "Who wrote the samples",
        "A model knows the hand of a writer that it has learnt from; what it is tested with should be by others.",
        ("writers", "writer_measures", "samples"),
        writers.writers,
    ),
    Section(
        "correlations",
        "Data",
        "Correlations",
        "Which measures go together",
        "What is measured of each sample, two by two.",
        ("correlations",),
        structure.correlations,
    ),
    Section(
        "components",
        "Data",
        "Components",
        "In what the samples differ",
        "The principal components: the pictures by which most of the differences can be told.",
        ("components", "component_pixels"),
        structure.components,
        "A split needs at least two samples.",
    ),
    Section(
        "separability",
        "Data",
        "Closest classes",
        "Which classes are closest",
        "Before any model is trained: where it will find it hard.",
        ("separability", "dimension"),
        structure.separability,
        "There is only one class.",
    ),
    Section(
        "audit",
        "Data",
        "Audit",
        "What may be wrong with samples",
        "Every sample was held against its class and against all others. Flags are for a person to look at.",
        ("checks",),
        audit.audit,
    ),
    Section(
        "drift",
        "Data",
        "Drift",
        "How far B is from A",
        "Each distance with its 95 % interval, beside chance and what MNIST's train and test split differ by.",
        ("drift", "drift_histograms", "drift_means"),
        drift.drift,
    ),
    Section(
        "prepared",
        "Preparation",
        "Pictures",
        "From pictures to samples",
        "Each picture, and the digits that were found in it, in reading order.",
        ("photos", "prepared"),
        photos.before_after,
    ),
    Section(
        "cleaning",
        "Preparation",
        "Cleaning",
        "What the cleaning did",
        "Every sample that came in was kept, changed or removed; the numbers add up.",
        ("cleaning_totals",),
        changes.cleaning,
    ),
    Section(
        "quarantine",
        "Preparation",
        "Set aside",
        "Which samples stood out",
        "Rules make mistakes too: look for yourself.",
        ("quarantine",),
        changes.quarantine,
        "No sample was removed or changed.",
    ),
    Section(
        "augmentation",
        "Preparation",
        "Augmentation",
        "Copies with small changes",
        "A model that sees each sample turned, moved and bent learns what does not matter.",
        ("augmentation",),
        changes.augmentation,
    ),
    Section(
        "transforms",
        "Preparation",
        "Transforms",
        "Each transform alone",
        "What a copy may go through, one at a time, from its weakest to its strongest.",
        ("transforms",),
        changes.transforms,
    ),
    Section(
        "results",
        "Model",
        "Results",
        "How good the models are",
        "How often each model is right; the test samples were no part of the training.",
        ("evaluation",),
        training.results,
    ),
    Section(
        "training",
        "Model",
        "Training",
        "How the model learned",
        "From the first epoch to the last.",
        ("history",),
        training.training,
    ),
    Section(
        "confusions",
        "Model",
        "Confusions",
        "What is taken for what",
        "Some classes look alike, to a model as to people.",
        ("confusion",),
        training.confusions,
    ),
    Section(
        "difficulty",
        "Model",
        "By class and stroke",
        "Where the model errs most",
        "The same accuracy, of each class and of thin and thick strokes by themselves.",
        ("class_scores", "thickness_scores"),
        scores.breakdown,
        "No sample was tested.",
    ),
    Section(
        "mistakes",
        "Model",
        "Mistakes",
        "Where the model is wrong",
        "Some of these are hard for people too, and some labels may be wrong.",
        ("misclassified",),
        training.mistakes,
        "The model made no mistake.",
    ),
    Section(
        "calibration",
        "Model",
        "Sureness",
        "Whether the model knows when it errs",
        "A model that is 90 % sure should be right nine times in ten. A temperature, found on the validation samples, "
        "makes it surer or less sure of everything.",
        ("calibration", "reliability"),
        scores.calibration,
        "No sample was tested.",
    ),
    Section(
        "groups",
        "Model",
        "By writer",
        "On whose samples the model errs",
        "The same accuracy, of each series and each writer by themselves.",
        ("groups",),
        writers.groups,
    ),
    Section(
        "robustness",
        "Model",
        "Robustness",
        "What the model can bear",
        "The test samples once more, under fifteen corruptions at five severities; it was trained on none of them.",
        ("robustness",),
        robustness.robustness,
    ),
    Section(
        "explained",
        "Model",
        "Explained",
        "Why the model says what it says",
        "Some samples, each with maps of the pixels that its answer hangs on.",
        ("explained", "explanations"),
        explanations.explanations,
    ),
    Section(
        "filters",
        "Model",
        "First layer",
        "What the first layer looks for",
        "All that the model does begins with these weights, by which the pixels are multiplied.",
        ("filters",),
        explanations.first_layer,
    ),
)
"""The sections in the order of the page."""


def render(tables: Tables, title: str, subtitle: str, note: str | None, reproduction: Mapping[str, str]) -> str:
    """Give the whole page as HTML.

    tables: by name, as the stages write them; sections whose tables are missing are left out. title: of the dataset.
    note: what a reader must know before all else, shown as a banner. reproduction: what it takes to make the
    page again, as names and values.
    """
    sections = [section for section in PAGE if all(name in tables for name in section.tables)]
    parts = {
        "policy": escape(CONTENT_SECURITY_POLICY),
        "title": escape(title),
        "subtitle": escape(subtitle),
        "note": f'<p class="note" role="note">{escape(note)}</p>' if note else "",
        "css": css(),
        "navigation": _navigation(sections, reproduction),
        "sections": "\n".join(section.html(tables) for section in sections),
        "reproduction": _reproduction(reproduction),
        "templates": script_json(json.dumps({name: template(name).to_plotly_json() for name in ("light", "dark")})),
        "plotly": get_plotlyjs(),
        "script": asset("page.js"),
    }
    return Template(asset("page.html")).substitute(parts)


def _navigation(sections: Sequence[Section], reproduction: Mapping[str, str]) -> str:
    """Write links to the sections, grouped, in the order of the page."""
    links: dict[str, list[str]] = {}
    for section in sections:
        links.setdefault(section.group, []).append(_link(section.key, section.short))
    if reproduction:
        links["About"] = [_link("reproduction", "Make it again")]
    return "".join(f"<li><span>{escape(group)}</span><ul>{''.join(found)}</ul></li>" for group, found in links.items())


def _link(key: str, words: str) -> str:
    return f'<li><a href="#{escape(key)}">{escape(words)}</a></li>'


def _reproduction(reproduction: Mapping[str, str]) -> str:
    """Write what the page was made from, as names and values."""
    if not reproduction:
        return ""
    rows = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(str(value))}</dd></div>" for name, value in reproduction.items()
    )
    return (
        '<section id="reproduction"><h2>How to make this again</h2><p class="lead">The same inputs and settings give '
        f'the same page.</p><div class="panel"><dl class="facts">{rows}</dl></div></section>'
    )
