"""What the stages fraction: a dataset in, a function over its partitions, a dataset out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnist_data.batch import Batch
from mnist_data.errors import WrongUse
from mnist_data.parquet.dataset import Dataset, Partition, read_partition
from mnist_data.parquet.schema import Metadata, Stage
from mnist_data.parquet.writer import Draft, Part, write_part
from mnist_data.storage import is_remote
from mnist_data.version import __version__
from pipelines.engine.engine import Engine, Report, Serial, run_tasks, silent
from pipelines.settings.base import Settings

PARTITION_ROWS = 10_000
"""Samples in one task: 8 MB of MNIST, small beside memory and large beside a task's cost of about a millisecond."""

TASK_OUTPUTS = 100_000
"""Samples that one task writes at most, so that an interrupted run loses seconds and not minutes."""

SLICE_ROWS, SLICE_BYTES = 10_000, 1 << 26
"""Most of the samples in memory together, where a task writes more than it reads."""

COPYING = {"augment": "augmented", "corrupt": "corrupted"}
"""Stages after which a dataset holds copies, whose ids are no longer those of the samples."""

BatchFunction = Callable[[Batch, Partition], tuple[Iterable[Batch], Any]]
"""A stage's work on one partition: the batches it becomes, and a small record of what was found (None for nothing).

It must pickle, as it travels to workers."""


@dataclass(frozen=True)
class _Task:
    source: Partition
    index: int
    location: str
    metadata: Metadata
    compression: str
    function: BatchFunction


def plan_of(source: Dataset, params: Settings, **more: Any) -> dict[str, Any]:
    """Describe a stage's run: what it reads, its parameters, the version; equal plans give equal files."""
    return {
        "stage": params.stage,
        "input": source.content,
        "parameters": params.recorded(),
        "partition_rows": PARTITION_ROWS,
        "version": __version__,
        **more,
    }


def apply_stage(
    source: Dataset,
    target: str | Path,
    params: Settings,
    function_for: Callable[[Partition], BatchFunction],
    *,
    engine: Engine | None = None,
    overwrite: bool = False,
    report: Report = silent,
    compression: str = "zstd",
    changes: Mapping[str, Any] | None = None,
    before_commit: Callable[[list[Any]], None] | None = None,
    fitted: Mapping[str, Any] | None = None,
    outputs: Callable[[str], int] = lambda _split: 1,
) -> Dataset:
    """Map a function over the partitions of a dataset, and write what it gives as a new dataset.

    function_for: gives each partition its function, so that only what it needs travels with it.
    changes: fields of the metadata that the stage changes (dtype, shape). fitted: what the stage has learnt from the
    training split, recorded beside its parameters. before_commit: is given the partitions' records before the dataset
    takes its place. It needs all of them, so without it only, parts that an interrupted attempt at the same plan has
    finished are kept. outputs: gives for a split how many samples each of its samples becomes; tasks are cut, and
    progress is counted, by these.
    """
    require_images(source)
    require_other_place(source, target)
    parameters = params.recorded() | ({"fitted": dict(fitted)} if fitted else {})
    metadata = source.metadata.after(
        Stage(params.stage, parameters, input=source.content), layout="binary", **(changes or {})
    )
    with Draft(target, plan_of(source, params, compression=compression), overwrite) as draft:
        tasks = [
            _Task(partition, index, draft.location, metadata, compression, function_for(partition))
            for index, partition in _numbered(_partitions(source, outputs))
        ]
        kept = [draft.finished(task.source.split, task.index) if before_commit is None else None for task in tasks]
        missing = [task for task, part in zip(tasks, kept, strict=True) if part is None]
        written = run_tasks(
            engine or Serial(),
            _run,
            missing,
            params.stage,
            lambda task: task.source.rows * outputs(task.source.split),
            report,
        )
        if before_commit is not None:
            before_commit([record for _, record in written])
        parts = [*(part for part in kept if part is not None), *(part for part, _ in written)]
        return draft.commit(parts, metadata)


def _partitions(source: Dataset, outputs: Callable[[str], int]) -> list[Partition]:
    """Cut a dataset into tasks, of fewer samples where each becomes many."""
    return [
        partition
        for split in source.splits
        for partition in source.partitions(
            max(1, min(PARTITION_ROWS, TASK_OUTPUTS // outputs(split))), [split], within_groups=outputs(split) > 1
        )
    ]


def in_slices(batch: Batch, outputs: int) -> Iterator[Batch]:
    """Cut a batch whose samples become `outputs` each, so that what they become stays small beside memory.

    Each slice's outputs make a row group: at most 10,000 of them and 64 MB, or what one sample becomes. An empty batch
    gives one empty slice.
    """
    most = max(1, min(SLICE_ROWS, SLICE_BYTES // max(1, batch.flat[:1].nbytes)))
    rows = max(1, most // outputs)
    for first in range(0, max(1, len(batch)), rows):
        yield batch.take(slice(first, first + rows))


def _numbered(partitions: Sequence[Partition]) -> list[tuple[int, Partition]]:
    """Count the partitions of each split from 0."""
    counts: dict[str, int] = {}
    numbered = []
    for partition in partitions:
        numbered.append((counts.get(partition.split, 0), partition))
        counts[partition.split] = counts.get(partition.split, 0) + 1
    return numbered


def _run(task: _Task) -> tuple[Part, Any]:
    batches, record = task.function(read_partition(task.source), task.source)
    part = write_part(task.location, task.source.split, task.index, batches, task.metadata, task.compression)
    return part, record


def require_other_place(source: Dataset, target: str | Path) -> None:
    """Refuse to write a dataset over the one that is being read."""
    places = [str(place) if is_remote(place) else str(Path(place).resolve()) for place in (source.location, target)]
    if places[0].rstrip("/") == places[1].rstrip("/"):
        raise WrongUse(f"{target} is read and written at once; name another output.")


def require_images(source: Dataset) -> None:
    """Refuse what no stage can treat: items that are not height × width, with or without channels."""
    if len(source.metadata.shape) not in (2, 3):
        shape = "×".join(map(str, source.metadata.shape))
        raise WrongUse(
            f"{source.location}: its items have the shape {shape}; the stages work on height×width[×channels]."
        )


def require_originals(source: Dataset, verb: str) -> None:
    """Refuse a dataset of copies: their ids are not the samples', and what is done to them would add up.

    verb: what was to be done, for the message.
    """
    for stage in source.metadata.stages:
        if stage.stage in COPYING:
            raise WrongUse(
                f"{source.location} is {COPYING[stage.stage]} already; {verb} the dataset that it was made from."
            )
