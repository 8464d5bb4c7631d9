"""Which samples a network is trained on, which validate it, and which classes it distinguishes."""

from __future__ import annotations

import numpy as np

from mnist_data.errors import WrongUse
from mnist_data.known.label_tables import WRITER
from mnist_data.parquet.dataset import Dataset
from pipelines.networks.data.samples import Samples, open_samples
from pipelines.settings.training import Train
from pipelines.stages.split import choose_writers
from pipelines.stages.validation import split_validation

MOST_OUTPUTS = 4
"""Outputs of a network for each class that occurs: more mean labels that are no numbers of classes."""


def class_count(source: Dataset, training: Samples) -> int:
    """Count the classes that a network of the dataset distinguishes.

    Raises WrongUse where there are none to learn, and where the labels are no numbers of classes: a network has an
    output for each number up to the largest.
    """
    labels = np.unique(training.labels)
    if len(labels) and labels[-1] < 0:
        raise WrongUse(
            f"{source.location}: its training samples have no labels; put the files into a folder for each class and "
            "convert or prepare that."
        )
    if len(labels) < 2:
        problem = "its training samples are of one class" if len(training.ids) else "it has no training samples"
        raise WrongUse(f"{source.location}: {problem}; there is nothing to learn.")
    named, outputs = len(source.metadata.classes), int(labels[-1]) + 1
    if labels[0] < 0 or outputs > max(named, MOST_OUTPUTS * len(labels) + 16):
        raise WrongUse(
            f"{source.location}: its {len(labels):,} different labels go from {labels[0]:,} to {labels[-1]:,}, which "
            "are no classes from 0; convert it with --relabel, or take the others out with mnist-data clean."
        )
    return max(named, outputs)


def training_samples(source: Dataset, params: Train) -> tuple[Samples, Samples]:
    """Give the training samples and the validation samples."""
    training, validation, _ = divided(source, params)
    return training, validation


def divided(source: Dataset, params: Train) -> tuple[Samples, Samples, Samples]:
    """Give the training samples, the validation samples, and these with their copies, as far as there are any."""
    samples = open_samples(source, source.training_split)
    if "validation" in source.splits:
        validation = open_samples(source, "validation")
        return samples, validation.take(validation.copies == 0), validation
    writers = samples.groups.get(WRITER)
    original = samples.copies == 0
    if writers is not None and len(np.unique(writers)) > 1:
        chosen = choose_writers(writers[original], samples.labels[original], params.validation_fraction, params.seed)
        held_out = np.isin(writers, chosen)
        return samples.take(~held_out), samples.take(held_out & original), samples.take(held_out)
    training, validating = split_validation(samples.ids, samples.labels, samples.ids, params, samples.copies)
    return samples.take(training), samples.take(validating), samples.take(~training)
