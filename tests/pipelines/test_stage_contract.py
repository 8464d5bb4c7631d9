"""One contract for every stage and every analysis, so that a new one is tested the moment it exists.

Whatever a dataset holds and however it is cut into tasks: the same outcome, whoever works on it; nothing that is given
is changed; and what the metadata record of the settings is enough to do it again.
"""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

import mnist_data
import pipelines
from mnist_data.batch import Batch
from mnist_data.errors import MnistDataError
from mnist_data.idx import format as idx
from mnist_data.idx import sample
from mnist_data.idx.pairing import find_pairs
from mnist_data.parquet.dataset import Dataset, read_partition
from mnist_data.parquet.tables import read_tables
from pipelines.audit.run import audit
from pipelines.claims.check import check_claims
from pipelines.claims.claim import Claim
from pipelines.drift.compare import drift
from pipelines.drift.gather import Choice
from pipelines.drift.versions.compare import diff
from pipelines.engine.engine import Threads
from pipelines.engine.execution import Execution
from pipelines.images.levels import levels_of
from pipelines.images.scaling import measure
from pipelines.settings import analysis, stages
from pipelines.settings.analysis import Audit, Drift, Stats
from pipelines.settings.base import Settings
from pipelines.settings.recipe import load_recipe
from pipelines.settings.stages import Augment, Clean, Corrupt, Normalize, Split
from pipelines.stages.augment import augment, augment_batch
from pipelines.stages.clean import Findings, PixelLimits, clean, clean_batch
from pipelines.stages.convert import convert
from pipelines.stages.corrupt import corrupt, corrupt_batch
from pipelines.stages.normalize import normalize, normalize_batch
from pipelines.stages.split import split
from pipelines.statistics.stats import stats

pytestmark = pytest.mark.slow

Arrays = tuple[npt.NDArray[Any], npt.NDArray[Any]]
Tables = dict[str, pd.DataFrame]

REPAIRING = Clean(inverted="repair", transposed="repair", outlier_pixels="repair", allow_loss=True)
CENTRED = Normalize(center=True, dtype="uint8")
UPRIGHT = Normalize(scale="standardize", deskew=True, center=True)
LIGHT = Augment(copies=2, seed=4)
HEAVY = Augment(copies=2, seed=5, recipe=load_recipe("heavy"))
FEW = Corrupt(corruptions=("shot_noise", "fog", "shear"), severities=(1, 5), split="test", seed=3)


@pytest.fixture(autouse=True)
def nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure anew each time: a kept table of measures would be that of another cut."""
    monkeypatch.setenv("MNIST_DATA_CACHE", "off")


def cleaned(batch: Batch, _: Dataset) -> Batch:
    """Invert the first sample, transpose the next where it is square, and remove the third."""
    turn = "transposed" if batch.images.shape[1] == batch.images.shape[2] else "inverted"
    reasons, actions = np.array(["inverted", turn, "blank"], object), np.array(["repair", "repair", "remove"], object)
    count = min(3, len(batch))
    details = np.full(count, "", object)
    findings = Findings(np.arange(count), reasons[:count], actions[:count], details, batch.labels[:count])
    return clean_batch(batch, findings, PixelLimits(0, 255), REPAIRING)[0]


@dataclass(frozen=True)
class Stage:
    """A stage with settings under which all of it works, and its batch function where it has a pure one."""

    run: Callable[..., Any]
    settings: Settings
    batch: Callable[[Batch, Dataset], Batch] | None = None


STAGES: Mapping[str, Stage] = {
    "clean": Stage(clean, REPAIRING, cleaned),
    "center": Stage(normalize, CENTRED, lambda batch, _: normalize_batch(batch, CENTRED, measure(batch.images))),
    "normalize": Stage(normalize, UPRIGHT, lambda batch, _: normalize_batch(batch, UPRIGHT, measure(batch.images))),
    "augment": Stage(augment, LIGHT, lambda batch, source: augment_batch(batch, LIGHT, levels_of(source.metadata))),
    "augment heavily": Stage(
        augment, HEAVY, lambda batch, source: augment_batch(batch, HEAVY, levels_of(source.metadata))
    ),
    "corrupt": Stage(corrupt, FEW, lambda batch, source: corrupt_batch(batch, FEW, levels_of(source.metadata))),
    "split": Stage(split, Split(by="label", fraction=0.25, seed=2)),
}
"""What makes a dataset of a dataset."""

CLAIMS = [
    Claim(text=test, source="us", test=test, parameters=parameters)
    for test, parameters in {
        "image_shape": {"shape": [10, 10]},
        "pixel_range": {"low": 0.0, "high": 255.0},
        "background_is_zero": {},
        "even_classes": {"level": 0.05},
        "no_duplicates": {},
        "ink_centred": {"low": 4.0, "high": 6.0, "tolerance": 0.1},
    }.items()
]


def stats_of(source: Dataset, folder: Path, execution: Execution) -> Tables:
    """Count a dataset; with the table of samples, which is only written."""
    stats(source, folder, Stats(grid=2), execution=execution)
    return read_tables(folder)


def audit_of(source: Dataset, folder: Path, execution: Execution) -> Tables:
    """Audit a dataset, without training; with the table of samples, which is only written."""
    audit(source, folder, Audit(labels=False), execution=execution)
    return read_tables(folder)


def drift_of(source: Dataset, _: Path, execution: Execution) -> Tables:
    """Compare the two splits of a dataset."""
    first, second = (Choice(source, (name,), name) for name in source.splits)
    return drift(first, second, Drift(samples=24, resamples=20), execution=execution)


def diff_of(source: Dataset, _: Path, execution: Execution) -> Tables:
    """Compare a dataset with itself, and keep what is drawn of it."""
    return diff(source, source, execution=execution).tables


def claims_of(source: Dataset, _: Path, execution: Execution) -> Tables:
    """Hold claims against a dataset."""
    return {"claims": check_claims(source, CLAIMS, execution=execution)}


ANALYSES: Mapping[str, Callable[[Dataset, Path, Execution], Tables]] = {
    "stats": stats_of,
    "audit": audit_of,
    "drift": drift_of,
    "diff": diff_of,
    "check_claims": claims_of,
}
"""What makes tables of a dataset."""

OTHERS = {
    "convert": "reads IDX files, a task a split",
    "convert_images": "reads other files, a task a split",
    "prepare": "reads photos, a task each",
    "find_duplicates": "a part of audit",
    "selftest": "audit, twice",
    "draw_faults": "a part of selftest",
    "run": "all stages, one after another",
    "apply_stage": "what the stages share",
    "plan_of": "describes a run and does nothing",
    "verify": "reads files and compares sums, a task a file",
}
"""What takes an execution and is no stage or analysis of its own, and why."""


def test_every_stage_and_analysis_is_here() -> None:
    """A new function that takes an execution fails here, until it has a row above."""
    found = set()
    for module in pkgutil.walk_packages(pipelines.__path__, "pipelines."):
        if module.name.startswith("pipelines.networks"):
            continue  # they train on one device, and take none
        for name, function in inspect.getmembers(importlib.import_module(module.name), inspect.isfunction):
            parameter = inspect.signature(function).parameters.get("execution")
            optional = parameter is not None and parameter.default is None
            if optional and function.__module__ == module.name and not name.startswith("_"):
                found.add(name)

    assert found == {*(stage.run.__name__ for stage in STAGES.values()), *ANALYSES, *OTHERS}


@cache
def _digits() -> Arrays:
    return sample.digits()


def digits(first: int) -> Arrays:
    """Give 24 real digits, every second pixel of the box of their ink: (24, 10, 10) uint8, and their labels."""
    images, labels = _digits()
    rows = slice(first, first + 24)
    return images[rows, 4:24:2, 4:24:2].copy(), labels[rows].copy()


def faulty(first: int) -> Arrays:
    """Give digits among which stand a blank image, a bright one and a copy."""
    images, labels = digits(first)
    images[3], images[4], images[5] = 0, 255 - images[4], images[6]
    return images, labels


def not_finite(first: int) -> Arrays:
    """Give digits as doubles from 0 to 1, in one of which a pixel is NaN, in one infinite."""
    images, labels = digits(first)
    doubles = images / 255
    doubles[3, 2, 2], doubles[7, 1, 1] = np.nan, np.inf
    return doubles, labels


def colour(first: int) -> Arrays:
    """Give digits in three channels."""
    images, labels = digits(first)
    return np.stack([images, images // 2, images // 3], axis=3), labels


KINDS: Mapping[str, Callable[[int], Arrays]] = {
    "bytes": digits,
    "faulty": faulty,
    "16 bits": lambda first: (digits(first)[0].astype(np.int16) * 128, digits(first)[1]),
    "floats": lambda first: ((digits(first)[0] / 255).astype(np.float32), digits(first)[1]),
    "unit floats": digits,  # normalized, so that their white level is known
    "not finite": not_finite,
    "colour": colour,
    "not square": lambda first: (digits(first)[0][:, 2:7], digits(first)[1]),
    "tiny": lambda first: (digits(first)[0][:, 4:5, 4:6], digits(first)[1]),
    "one class": lambda first: (digits(first)[0], np.full(24, 3, np.uint8)),
    "one image": lambda first: (digits(first)[0][:1], digits(first)[1][:1]),
    "blank": lambda first: (np.zeros((24, 10, 10), np.uint8), digits(first)[1]),
    "empty": lambda first: (digits(first)[0][:0], digits(first)[1][:0]),
}
"""What datasets hold: images and labels of a split, from the sample of this number on."""

NO_LEVEL = "white level"

REFUSED: Mapping[tuple[str, str], str] = {
    ("center", "not finite"): "not finite .* clean the dataset first",
    ("normalize", "not finite"): "not finite .* clean the dataset first",
    ("augment heavily", "16 bits"): NO_LEVEL,
    ("augment heavily", "floats"): NO_LEVEL,
    ("augment heavily", "not finite"): NO_LEVEL,
    ("corrupt", "16 bits"): NO_LEVEL,
    ("corrupt", "floats"): NO_LEVEL,
    ("corrupt", "not finite"): f"{NO_LEVEL}|NaN or infinite",
    ("drift", "one image"): "at least 20",
    ("drift", "empty"): "at least 20",
}
"""What cannot be done with what, and words of the message that says so; all else must work."""


@pytest.fixture(scope="module")
def source_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Dataset]:
    """Give a dataset of each kind, of two splits, train and test."""

    @cache
    def written(kind: str) -> Dataset:
        folder = tmp_path_factory.mktemp(kind.replace(" ", "-"))
        if kind == "unit floats":
            return normalize(written("bytes"), folder / "d", Normalize())
        for name, first in (("train", 0), ("t10k", 24)):
            images, labels = KINDS[kind](first)
            idx.write(folder / f"{name}-images-idx{images.ndim}-ubyte", images)
            idx.write(folder / f"{name}-labels-idx1-ubyte", labels)
        return convert(find_pairs(folder), folder / "d", dataset="contract").dataset

    return written


def refused_or(name: str, kind: str, function: Callable[[], Any]) -> Any:
    """Give what a function gives; None where it refuses, as it must, what stands in REFUSED."""
    words = REFUSED.get((name, kind))
    if words is None:
        return function()
    with pytest.raises(MnistDataError, match=words):
        function()
    return None


BY_THREADS = Execution(Threads(2))

OTHER_CUTS = {
    "5 samples a task": Execution(Threads(2), task_rows=5),
    "9 images of bytes a task": Execution(task_bytes=9 * 10 * 10 + 3),
}
"""Which must agree with `Execution()`, the definition of right."""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", STAGES)
def test_a_stage_makes_the_same_of_a_dataset_however_it_is_cut(
    name: str, kind: str, source_of: Callable[[str], Dataset], tmp_path: Path
) -> None:
    """The same bytes by the same cut, the same samples by any; and the settings it records are those it was given."""
    stage, source = STAGES[name], source_of(kind)

    def run(label: str, execution: Execution) -> Dataset | None:
        outcome = refused_or(
            name, kind, partial(stage.run, source, tmp_path / label, stage.settings, execution=execution)
        )
        return outcome if outcome is None or isinstance(outcome, Dataset) else outcome.dataset

    whole = run("whole", Execution())
    if whole is None:
        return
    again = run("again", BY_THREADS)
    others = [run(label, execution) for label, execution in OTHER_CUTS.items()]

    assert again is not None
    assert again.content == whole.content
    expected = mnist_data.load(whole.location)
    for label, other in zip(OTHER_CUTS, others, strict=True):
        assert other is not None
        pd.testing.assert_frame_equal(expected, mnist_data.load(other.location), check_exact=True, obj=label)
    assert len(source) < 5 or len(others[0].files) > len(whole.files)  # type: ignore[union-attr]
    recorded = json.loads(json.dumps(whole.metadata.stages[-1].parameters))
    assert type(stage.settings).from_recorded(recorded) == stage.settings


def batches(source: Dataset) -> Iterator[Batch]:
    """Give the training samples of a dataset as read-only batches: all, one, none."""
    [partition] = Execution().partitions(source, ["train"])
    whole = read_partition(partition)
    for rows in (slice(0, None), slice(0, 1), slice(0, 0)):
        batch = whole.take(rows)
        columns = {"writer_id": batch.ids * 2}
        for values in (batch.ids, batch.labels, batch.images, columns["writer_id"]):
            values.flags.writeable = False
        yield Batch(batch.ids, batch.labels, batch.images, columns)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [name for name, stage in STAGES.items() if stage.batch])
def test_a_batch_function_changes_nothing_that_it_is_given(
    name: str, kind: str, source_of: Callable[[str], Dataset]
) -> None:
    """Not an array, which are read-only here, and not by leaving traces: twice the same, of all, one or no samples."""
    stage, source = STAGES[name], source_of(kind)
    assert stage.batch is not None
    if (name, kind) in REFUSED:
        return  # the stage refuses it before any batch
    for batch in batches(source):
        kept = batch.images.copy()

        first, again = stage.batch(batch, source), stage.batch(batch, source)

        np.testing.assert_array_equal(kept, batch.images)
        for one, other in ((first.ids, again.ids), (first.labels, again.labels), (first.images, again.images)):
            np.testing.assert_array_equal(one, other)
        assert first.images.shape == (len(first), *batch.images.shape[1:])
        assert all(len(values) == len(first) for values in (first.ids, first.labels, *first.columns.values()))
        assert "writer_id" in first.columns


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ANALYSES)
def test_an_analysis_gives_the_same_tables_however_a_dataset_is_cut(
    name: str, kind: str, source_of: Callable[[str], Dataset], tmp_path: Path
) -> None:
    """Counts to the last one; what is computed from sums of floats to nine digits."""
    analyse, source = ANALYSES[name], source_of(kind)

    whole = refused_or(name, kind, partial(analyse, source, tmp_path / "whole", Execution()))
    if whole is None:
        return
    other = analyse(source, tmp_path / "other", OTHER_CUTS["5 samples a task"])

    assert whole.keys() == other.keys()
    for table, frame in other.items():
        pd.testing.assert_frame_equal(whole[table], frame, rtol=1e-9, atol=1e-9, obj=table)


ALL_SETTINGS = [
    *(stage.settings for stage in STAGES.values()),
    *(
        kind()
        for module in (stages, analysis)
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, Settings) and kind.stage
    ),
    Stats(bins=16, grid=3, morphometrics=False),
    Drift(samples=50, resamples=30, seed=4, by_class=True),
    Audit(labels=False, thumbnails=3, seed=1, thresholds={"blurred": 0.25}),
]


@pytest.mark.parametrize("settings", ALL_SETTINGS, ids=lambda settings: settings.stage)
def test_recorded_settings_are_enough_to_run_again(settings: Settings) -> None:
    """Through JSON, as the metadata hold them, and back to an equal object."""
    assert type(settings).from_recorded(json.loads(json.dumps(settings.recorded()))) == settings
