"""The networks of a run: one for each seed, trained, resumed or read, with its files."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from mnist_data import storage
from mnist_data.errors import UnreadableInput
from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.records import convert_record, read_json
from mnist_data.parquet.schema import Metadata
from mnist_data.parquet.seal import UNSEALED, sealed
from mnist_data.version import __version__
from pipelines.engine.execution import Progress, Report
from pipelines.networks.data.loader import Loader
from pipelines.networks.evaluation.out_of_distribution import fit_detector, save_detector
from pipelines.networks.training.checkpoint import Plan, load_checkpoint, other_plan, save_checkpoint
from pipelines.networks.training.device import resolved
from pipelines.networks.training.fit import EpochRecord, Fit, State, fit
from pipelines.networks.training.model_file import load_model, save_model
from pipelines.settings.model_header import Model, not_a_model
from pipelines.settings.training import Train

if TYPE_CHECKING:
    from pipelines.networks.training.transfer import StartNetwork

OURS = re.compile(rf"({'|'.join(get_args(Model))})(-seed\d+)?\.(safetensors|ood\.npz|checkpoint|seconds\.json)")
"""File names of a training's models, their detectors, checkpoints and times."""


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


def remove_models(folder: str) -> None:
    """Remove the networks of an earlier training, which would be mistaken for this one's; no other files."""
    if not storage.is_remote(folder):
        for path in Path(folder).glob("*"):
            if OURS.fullmatch(path.name):
                storage.remove(path)


def train_member(
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
    with suppress(ValueError, TypeError, OverflowError):
        stored = read_json(storage.read_bytes(member.seconds) or b"{}", lambda found, _: ValueError(found))
        times = stored.get("seconds", []) if isinstance(stored, dict) else []
        seconds[: len(times)] = [float(value) for value in times][: len(recorded)]
    epochs = ({"seconds": time, **record} for record, time in zip(recorded, seconds, strict=True))
    return tuple(convert_record(epoch, EpochRecord, refuse) for epoch in epochs)


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
    storage.write_text(member.seconds, times_text([record.seconds for record in result.history]))
    save_model(result.model, member.path, configuration)


def times_text(seconds: Sequence[float]) -> str:
    """Write the times of a training's epochs as the file next to its network holds them, with its hash."""
    return sealed(json.dumps({"seconds": list(seconds), "sha256": UNSEALED}).encode()).decode()


def _without_time(record: EpochRecord) -> dict[str, float]:
    """Give the record of an epoch as it is in every training of the same plan."""
    return {name: value for name, value in asdict(record).items() if name != "seconds"}
