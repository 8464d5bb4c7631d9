"""The training stage: a dataset in; models, learning curves, and scores on the test split out.

`fit` never sees the test split: it is read here, once, after every network is fixed.
"""

from __future__ import annotations

import json
import math
import re
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pandas as pd

from mnist_data import storage
from mnist_data.errors import DataWarning, UnreadableInput, WrongUse
from mnist_data.known.label_tables import WRITER
from mnist_data.parquet.dataset import Dataset, read_columns
from mnist_data.parquet.records import convert_record, read_json
from mnist_data.parquet.schema import Metadata
from mnist_data.parquet.seal import UNSEALED, sealed
from mnist_data.parquet.tables import provenance, remove_table, require_folder, write_table
from mnist_data.version import __version__
from pipelines.engine.execution import Progress, Report, silent
from pipelines.engine.map_dataset import require_images
from pipelines.images.levels import levels_of
from pipelines.images.thumbnails import thumbnail_table
from pipelines.networks.data.loader import Augmentation, Loader
from pipelines.networks.data.samples import Samples, open_samples
from pipelines.networks.evaluation.classes import find_class_problems
from pipelines.networks.evaluation.corrections import CORRECTIONS, Corrections, read_corrections
from pipelines.networks.evaluation.cost import with_cost
from pipelines.networks.evaluation.diagnosis import diagnose
from pipelines.networks.evaluation.finding import Finding, diagnosis_table, in_words
from pipelines.networks.evaluation.out_of_distribution import fit_detector, save_detector
from pipelines.networks.evaluation.predictions import Probabilities, predict
from pipelines.networks.evaluation.report import TABLES as REPORT
from pipelines.networks.evaluation.report import SplitPredictions, report_tables, seed_tables
from pipelines.networks.evaluation.robustness import TABLES as ROBUSTNESS
from pipelines.networks.evaluation.robustness import robustness_tables
from pipelines.networks.evaluation.scores import confusion_table, evaluate, group_table, prediction_table
from pipelines.networks.training.checkpoint import Plan, load_checkpoint, other_plan, save_checkpoint
from pipelines.networks.training.device import require_torch, resolved
from pipelines.networks.training.fit import EpochRecord, Fit, State, fit, fresh, history_table
from pipelines.networks.training.model_file import load_model, save_model
from pipelines.settings.model_header import Model, not_a_model
from pipelines.settings.training import Train
from pipelines.stages.split import choose_writers
from pipelines.stages.validation import split_validation

if TYPE_CHECKING:
    from pipelines.networks.training.transfer import StartNetwork

OURS = re.compile(rf"({'|'.join(get_args(Model))})(-seed\d+)?\.(safetensors|ood\.npz|checkpoint|seconds\.json)")
"""File names of a training's models, their detectors, checkpoints and times."""

MISTAKES = 60
"""Most misclassified samples kept with their images, the most confident first."""

MOST_OUTPUTS = 4
"""Outputs of a network for each class that occurs: more mean labels that are no numbers of classes."""


@dataclass(frozen=True)
class Member:
    """One network of a run. seed: its own. path: of its model file. plan: what determines it."""

    seed: int
    path: str
    plan: Plan

    @property
    def checkpoint(self) -> str:
        """The path of its checkpoint while it is being trained."""
        return self.path.removesuffix(".safetensors") + ".checkpoint"

    @property
    def seconds(self) -> str:
        """The path of the times of its epochs: next to the model, whose bytes depend on the plan alone."""
        return self.path.removesuffix(".safetensors") + ".seconds.json"


def train(
    source: Dataset,
    folder: str | Path,
    params: Train | None = None,
    *,
    corrections: str | Path | None = None,
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
    MODEL.ood.npz, by which `predict` knows images of none of the classes, and the tables
    history, evaluation, predictions, confusion, misclassified and those of `report_tables`, of several seeds also
    seeds, with `params.corruptions` also robustness and corrupted, where writers or series are known also groups; gives
    the tables. The prediction of several seeds is that of their ensemble, the mean of their probabilities. After each
    epoch a checkpoint is written, which is removed when the network is finished; with `resume` the training continues
    from the files in the folder. corrections: a table of corrected labels, with which the run is evaluated, too.

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
    corrected = None if corrections is None else read_corrections(corrections)
    from pipelines.networks.training.memory import require_training_memory

    require_training_memory(source, params)
    training, validation, calibration = _divided(source, params)
    classes = class_count(source, training)
    start = _start(source, folder, params, classes)
    problems = _class_problems(source, training, validation, classes, params)
    if not resume:
        _remove_models(str(folder))
    augmentation = Augmentation(params.recipe, levels_of(source.metadata))
    loaders = training.loader(augmentation), validation.loader(), calibration.loader(augmentation)
    fits = [
        _trained(member, *loaders, classes, params, source.metadata, start, resume, report)
        for member in members(source, folder, params)
    ]
    tables = {"history": _by_seed([history_table(result.history) for result in fits], params)}
    tables["diagnosis"] = _diagnosis(fits, training, validation, classes, params, start, problems)
    tables |= _score(source, fits, params, validation, corrected, report)
    inputs = {source.metadata.dataset: source.content}
    inputs |= {"start": start.digest} if start else {}
    inputs |= {CORRECTIONS: corrected.digest} if corrected else {}
    made = provenance(params.stage, inputs, params.recorded())
    for name in {"groups", *REPORT, *ROBUSTNESS} - set(tables):  # of an earlier training into this folder
        remove_table(f"{folder}/{name}")
    for name, table in tables.items():
        write_table(table, f"{folder}/{name}", made)
    return tables


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


def _start(source: Dataset, folder: str | Path, params: Train, classes: int) -> StartNetwork | None:
    """Read the network to begin from, if any. Raises WrongUse for one in the run's own folder, which is overwritten."""
    from pipelines.networks.training.transfer import read_start

    start = read_start(params, source.metadata, classes)
    if start is not None and Path(str(params.start)).resolve().parent == Path(folder).resolve():
        raise WrongUse(f"{params.start} is in the output folder {folder}; write to another one.")
    return start


def _remove_models(folder: str) -> None:
    """Remove the networks of an earlier training, which would be mistaken for this one's; no other files."""
    if not storage.is_remote(folder):
        for path in Path(folder).glob("*"):
            if OURS.fullmatch(path.name):
                storage.remove(path)


def members(source: Dataset, folder: str | Path, params: Train) -> list[Member]:
    """List the networks of a run; other numbers of seeds, or other scores, do not change their plans."""
    networks = []
    for seed in range(params.seed, params.seed + params.seeds):
        name = params.model if params.seeds == 1 else f"{params.model}-seed{seed}"
        alone = params.replace(seed=seed, seeds=1, corruptions=False, precision=resolved(params.precision))
        plan = {
            "input": source.content,
            "parameters": alone.recorded(),
            "validation_seed": params.seed,
            "version": __version__,
        }
        networks.append(Member(seed, f"{folder}/{name}.safetensors", plan))
    return networks


def _trained(
    member: Member,
    training: Loader,
    validation: Loader,
    calibration: Loader,
    classes: int,
    params: Train,
    metadata: Metadata,
    start: StartNetwork | None,
    resume: bool,
    report: Report,
) -> Fit:
    """Give a network of the run: read from its file, resumed from its checkpoint, or trained from the beginning."""
    if resume and storage.exists(member.path):
        return _finished(member)

    def after_epoch(state: State) -> None:
        save_checkpoint(state, member.checkpoint, member.plan)
        record, samples = state.history[-1], len(training.labels)
        name = params.model if params.seeds == 1 else f"{params.model} {member.seed}"
        report(Progress(f"train {name}", record.epoch * samples, record.epochs * samples))

    def resumed(state: State) -> State:
        interrupted = resume and storage.exists(member.checkpoint)
        return load_checkpoint(state, member.checkpoint, member.plan) if interrupted else state

    settings = params.replace(seed=member.seed)
    initial = start.network(member.seed) if start else None
    result = fit(training, validation, classes, settings, after_epoch, start=initial, resumed=resumed)
    detector = fit_detector(result.model, training, calibration, member.seed)
    _save(result, member, metadata, settings, classes, start)
    if detector is not None:
        save_detector(detector, member.path)
    storage.remove(member.checkpoint)
    return result


def _finished(member: Member) -> Fit:
    """Read a network that an interrupted run had finished."""
    network, configuration = load_model(member.path)
    if configuration.get("plan") != member.plan:
        raise other_plan(member.path, configuration.get("plan", {}), member.plan)
    history = _history(member, configuration.get("history", []))
    parameters = sum(tensor.numel() for tensor in network.parameters())
    return Fit(network, history, configuration["best_epoch"], parameters)


def _history(member: Member, recorded: Sequence[Mapping[str, Any]]) -> tuple[EpochRecord, ...]:
    """Join the epochs of a network's file with their times; those of 0.1.0 have them, of lost ones nothing is known."""

    def refuse(found: str, expected: str) -> UnreadableInput:
        return not_a_model(member.path, f"its history holds {found}", expected)

    seconds = [math.nan] * len(recorded)
    with suppress(ValueError):
        stored = read_json(storage.read_bytes(member.seconds) or b"{}", lambda found, _: ValueError(found))
        times = stored.get("seconds", []) if isinstance(stored, dict) else []
        seconds[: len(times)] = [float(value) for value in times][: len(recorded)]
    epochs = ({"seconds": time, **record} for record, time in zip(recorded, seconds, strict=True))
    return tuple(convert_record(epoch, EpochRecord, refuse) for epoch in epochs)


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
) -> pd.DataFrame:
    """Tabulate the problems of each training, if there are any. problems: those that all have."""
    findings = {}
    for seed, result in enumerate(fits, params.seed):
        settings = params.replace(seed=seed)
        initial = fresh(training.images.shape[1:], classes, settings) if start is None else start.network(seed)
        findings[seed] = [*problems, *diagnose(result, training, validation.labels, classes, settings, initial)]
    return diagnosis_table(findings)


def training_samples(source: Dataset, params: Train) -> tuple[Samples, Samples]:
    """Give the training samples and the validation samples."""
    training, validation, _ = _divided(source, params)
    return training, validation


def _divided(source: Dataset, params: Train) -> tuple[Samples, Samples, Samples]:
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


def _by_seed(tables: Sequence[pd.DataFrame], params: Train) -> pd.DataFrame:
    """Concatenate the networks' tables, with the seed as the first column."""
    seeds = range(params.seed, params.seed + params.seeds)
    return pd.concat(
        [table.assign(seed=seed)[["seed", *table.columns]] for seed, table in zip(seeds, tables, strict=True)],
        ignore_index=True,
    )


def _score(
    source: Dataset,
    fits: Sequence[Fit],
    params: Train,
    validation: Samples,
    corrections: Corrections | None,
    report: Report,
) -> dict[str, pd.DataFrame]:
    """Evaluate on the validation samples and, now that all networks are fixed, on the test split in detail."""
    parts = [("validation", validation)]
    if "test" in source.splits:
        test = open_samples(source, "test")
        parts.append(("test", test.take(test.copies == 0)))
    rows: list[dict[str, Any]] = []
    evaluated: list[SplitPredictions] = []
    for split, samples in parts:
        each = [predict(result.model, samples.images) for result in fits]
        evaluated.append(SplitPredictions(split, samples, np.mean(each, axis=0)))
        if len(samples.ids):
            rows += _evaluations(each, samples, fits, params, split)
    # In detail the last of them: the test split, where there is one.
    by_seed = [prediction_table(samples.ids, samples.labels, own).assign(**samples.groups) for own in each]
    tables = {"evaluation": pd.DataFrame(rows), "predictions": _by_seed(by_seed, params)}
    if rows:
        images = next(part.samples.images for part in evaluated if len(part.samples.ids))
        tables["evaluation"] = with_cost(tables["evaluation"].astype({"seed": "Int64"}), fits[0].model, images)
    tables |= seed_tables(tables["evaluation"])
    tables |= report_tables(params.model, evaluated[-1], evaluated[0], source.metadata, corrections)
    return tables | _details(evaluated[-1], fits, params, source.metadata, report)


def _evaluations(
    each: Sequence[Probabilities], samples: Samples, fits: Sequence[Fit], params: Train, split: str
) -> list[dict[str, Any]]:
    """Evaluate each network, and the ensemble of several, whose seed is missing."""
    rows: list[dict[str, Any]] = []
    seconds = [sum(record.seconds for record in result.history) for result in fits]
    for place, probabilities in enumerate(each):
        scored = {"model": params.model, "split": split, "seed": params.seed + place}
        cost = {"parameters": fits[place].parameters, "epochs": len(fits[place].history), "seconds": seconds[place]}
        rows.append({**scored, **asdict(evaluate(probabilities, samples.labels)), **cost})
    if len(each) > 1:
        scored = {"model": params.model, "split": split, "seed": None}
        cost = {
            "parameters": sum(result.parameters for result in fits),
            "epochs": sum(len(result.history) for result in fits),
            "seconds": sum(seconds),
        }
        rows.append({**scored, **asdict(evaluate(np.mean(each, axis=0), samples.labels)), **cost})
    return rows


def _details(
    evaluated: SplitPredictions, fits: Sequence[Fit], params: Train, metadata: Metadata, report: Report
) -> dict[str, pd.DataFrame]:
    """Tabulate the confusion matrix, the mistakes, and scores by group and corruption."""
    samples, probabilities = evaluated.samples, evaluated.probabilities
    names = [metadata.class_name(label) for label in range(probabilities.shape[1])]
    tables = {
        "confusion": confusion_table(samples.labels, probabilities.argmax(axis=1), names),
        "misclassified": _misclassified(samples, probabilities, metadata),
    }
    if samples.groups and len(samples.ids):
        groups = group_table(probabilities, samples.labels, samples.groups)
        tables["groups"] = groups.assign(model=params.model, split=evaluated.split)[["model", "split", *groups.columns]]
    if params.corruptions and len(samples.ids):
        arrays = samples.images, samples.ids, samples.labels
        networks = [result.model for result in fits]
        tables |= robustness_tables(networks, params.model, *arrays, metadata, report)
    return tables


def _misclassified(samples: Samples, probabilities: Probabilities, metadata: Metadata) -> pd.DataFrame:
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != samples.labels)
    wrong = wrong[np.argsort(-confidence[wrong], kind="stable")][:MISTAKES]
    columns = {
        "id": samples.ids[wrong],
        "label": samples.labels[wrong],
        "name": [metadata.class_name(int(label)) for label in samples.labels[wrong]],
        "predicted": predicted[wrong],
        "predicted_name": [metadata.class_name(int(label)) for label in predicted[wrong]],
        "probability": confidence[wrong],
    }
    return thumbnail_table(columns, samples.images[wrong], metadata)


def _save(
    result: Fit, member: Member, metadata: Metadata, params: Train, classes: int, start: StartNetwork | None
) -> None:
    configuration = {
        "name": params.model,
        "shape": list(metadata.shape),
        "classes": classes,
        "class_names": list(metadata.classes),
        "dataset": metadata.dataset,
        "dtype": metadata.dtype,
        "stages": [stage.recorded() for stage in metadata.stages],
        "parameters": params.recorded(),
        "plan": member.plan,
        "history": [_without_time(record) for record in result.history],
        "best_epoch": result.best_epoch,
        **({"start": start.recorded(), **start.layers} if start else {}),
    }
    seconds = {"seconds": [record.seconds for record in result.history], "sha256": UNSEALED}
    storage.write_text(member.seconds, sealed(json.dumps(seconds).encode()).decode())
    save_model(result.model, member.path, configuration)


def _without_time(record: EpochRecord) -> dict[str, float]:
    """Give the record of an epoch as it is in every training of the same plan."""
    return {name: value for name, value in asdict(record).items() if name != "seconds"}
