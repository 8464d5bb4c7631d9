"""The training stage: a dataset in; models, learning curves, and scores on the test split out.

`fit` never sees the test split: it is read here, once, after every network is fixed.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from mnist_data.errors import DataWarning, WrongUse
from mnist_data.parquet.corrections import CORRECTIONS, Corrections, read_corrections
from mnist_data.parquet.dataset import Dataset, read_columns
from mnist_data.parquet.tables import provenance, remove_table, require_folder, write_table
from pipelines.engine.execution import Report, silent
from pipelines.engine.map_dataset import require_images
from pipelines.images.levels import levels_of
from pipelines.networks.data.division import class_count, divided
from pipelines.networks.data.loader import Augmentation
from pipelines.networks.data.samples import Samples
from pipelines.networks.data.trained_on import TABLE as TRAINED_ON
from pipelines.networks.data.trained_on import write_trained_on
from pipelines.networks.evaluation.classes import find_class_problems
from pipelines.networks.evaluation.diagnosis import diagnose
from pipelines.networks.evaluation.findings import diagnosis_table, in_words, training_findings
from pipelines.networks.evaluation.leaks import find_leak
from pipelines.networks.evaluation.report import TABLES as REPORT
from pipelines.networks.evaluation.robustness import TABLES as ROBUSTNESS
from pipelines.networks.evaluation.slice_report import TABLES as SLICES
from pipelines.networks.members import members, remove_models, train_member
from pipelines.networks.score import by_seed, score
from pipelines.networks.training.device import require_torch
from pipelines.networks.training.fit import Fit, fresh, history_table
from pipelines.settings.training import Train
from pipelines.statistics.findings import Finding

if TYPE_CHECKING:
    from pipelines.networks.training.transfer import StartNetwork


def train(
    source: Dataset,
    folder: str | Path,
    params: Train | None = None,
    *,
    corrections: str | Path | Corrections | None = None,
    resume: bool = False,
    overwrite: bool = False,
    report: Report = silent,
) -> dict[str, pd.DataFrame]:
    """Train networks on a dataset's training split, and score them on its test split, if it has one.

    Validation samples are the split "validation" where there is one, else a fraction of the training samples: whole
    writers where they are known, else of each class alike. In an augmented dataset only originals are used for
    validation and test, and copies of validation samples are not trained on. Images of more than IN_MEMORY bytes stay
    in the files.

    Writes into the folder MODEL.safetensors, or MODEL-seedN.safetensors for each of several seeds, next to each
    MODEL.ood.npz, by which `predict` knows images of none of the classes, trained_on, by which it knows images of the
    training data, and the tables history, evaluation, predictions, confusion, misclassified and those of
    `report_tables`, of several seeds also seeds, with `params.corruptions` also robustness and corrupted, where writers
    or series are known also groups; gives the tables but trained_on. The prediction of several seeds is that of their
    ensemble, the mean of their probabilities. After each epoch a checkpoint is written, which is removed when the
    network is finished; with `resume` the training continues from the files in the folder. corrections: a table of
    corrected labels, with which the run is evaluated, too.

    Raises OutputExists where the folder is not empty, unless `overwrite` or `resume` is set; MissingExtra without
    PyTorch, WrongUse for a dataset of one class, for corruptions where the white level is not known, where the files in
    the folder are of another training, and where the network to start from does not fit. Warns at once (DataWarning)
    of classes that cannot be learned from these samples.
    """
    require_torch()
    require_images(source)
    params = params or Train()
    require_folder(folder, overwrite or resume)
    if params.corruptions:
        levels_of(source.metadata).width()  # raises now, and not after an hour of training
    corrected = _corrected(source, corrections)
    from pipelines.networks.training.memory import require_training_memory

    require_training_memory(source, params)
    training, validation, calibration = divided(source, params)
    classes = class_count(source, training)
    start = _start(source, folder, params, classes)
    problems = _class_problems(source, training, validation, classes, params)
    if not resume:
        remove_models(str(folder))
    augmentation = Augmentation(params.recipe, levels_of(source.metadata))
    loaders = training.loader(augmentation), validation.loader(), calibration.loader(augmentation)
    fits = [
        train_member(member, *loaders, classes, params, source.metadata, start, resume, report)
        for member in members(source, folder, params)
    ]
    inputs = {source.metadata.dataset: source.content}
    inputs |= {"start": start.digest} if start else {}
    inputs |= {CORRECTIONS: corrected.digest} if corrected else {}
    made = provenance(params.stage, inputs, params.recorded())
    roles = {"training": training, "validation": calibration}
    seen = write_trained_on(roles, f"{folder}/{TRAINED_ON}", made)
    tables = {"history": by_seed([history_table(result.history) for result in fits], params)}
    tables |= score(source, fits, params, validation, corrected, seen, report)
    if "leak_scores" in tables:
        problems += find_leak(tables["leak_scores"], source.location)
    diagnosed = _diagnosis(fits, training, validation, classes, params, start, problems)
    tables["diagnosis"] = diagnosis_table(diagnosed)
    tables["findings"] = training_findings(tables, diagnosed)
    for name in {"groups", *REPORT, *ROBUSTNESS, *SLICES} - set(tables):  # of an earlier training into this folder
        remove_table(f"{folder}/{name}")
    for name, table in tables.items():
        write_table(table, f"{folder}/{name}", made)
    return tables


def _corrected(source: Dataset, corrections: str | Path | Corrections | None) -> Corrections | None:
    """Read what of the corrections is about samples as they are, and warn of the rest."""
    if corrections is None:
        return None
    known = corrections if isinstance(corrections, Corrections) else read_corrections(corrections)
    valid, matched = known.about(source, originals=True)
    if matched.stale:
        warnings.warn(matched.notes[0], DataWarning, stacklevel=3)
    return valid


def _start(source: Dataset, folder: str | Path, params: Train, classes: int) -> StartNetwork | None:
    """Read the network to begin from, if any. Raises WrongUse for one in the run's own folder, which is overwritten."""
    from pipelines.networks.training.transfer import read_start

    start = read_start(params, source.metadata, classes)
    if start is not None and Path(str(params.start)).resolve().parent == Path(folder).resolve():
        raise WrongUse(f"{params.start} is in the output folder {folder}; write to another one.")
    return start


def _class_problems(
    source: Dataset, training: Samples, validation: Samples, classes: int, params: Train
) -> list[Finding]:
    """Find what the labels alone show, and warn of it now: an hour of training would not change it."""
    evaluated = {"validation": validation.labels}
    if "test" in source.splits:
        evaluated["test"] = read_columns(source, "test", ["label"])["label"]
    problems = find_class_problems(training.labels, evaluated, classes, source.metadata.classes)
    seeds = range(params.seed, params.seed + params.seeds)
    for text in in_words(params.model, diagnosis_table(dict.fromkeys(seeds, problems))):
        warnings.warn(text, DataWarning, stacklevel=3)
    return problems


def _diagnosis(
    fits: Sequence[Fit],
    training: Samples,
    validation: Samples,
    classes: int,
    params: Train,
    start: StartNetwork | None,
    problems: Sequence[Finding],
) -> dict[int, list[Finding]]:
    """Give the problems of each training, by its seed. problems: those that all have."""
    findings = {}
    for seed, result in enumerate(fits, params.seed):
        settings = params.replace(seed=seed)
        initial = fresh(training.images.shape[1:], classes, settings) if start is None else start.network(seed)
        findings[seed] = [*problems, *diagnose(result, training, validation.labels, classes, settings, initial)]
    return findings
