"""What the stages share: a dataset in, a function over its partitions, a dataset out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnist_data.batch import Batch, shape_text
from mnist_data.errors import WrongUse
from mnist_data.parquet.dataset import Dataset, Partition, read_partition
from mnist_data.parquet.schema import COPYING, Metadata, Stage, require_storable
from mnist_data.parquet.writer import Draft, Part, PartWriter
from mnist_data.storage import is_remote
from mnist_data.version import __version__
from pipelines.engine.execution import Execution
from pipelines.engine.memory import require_memory
from pipelines.settings.base import Settings

BatchFunction = Callable[[Batch], tuple[Iterable[Batch], Any]]
"""A stage's work on one partition: the batches it becomes, and a small record of what was found (None for nothing).

It must pickle, as it travels to workers."""


@dataclass(frozen=True)
class Position:
    """Where a partition stands in its dataset: its split, and its number among the partitions of that split, from 0."""

    split: str
    index: int


def positions(partitions: Iterable[Partition]) -> list[Position]:
    """Give each partition its position, in the order given.

    >>> [place.index for place in positions(Partition("", split, (), 0) for split in ("train", "train", "test"))]
    [0, 1, 0]
    """
    counts: Counter[str] = Counter()
    places = []
    for partition in partitions:
        places.append(Position(partition.split, counts[partition.split]))
        counts[partition.split] += 1
    return places


@dataclass(frozen=True)
class _Task:
    source: Partition
    position: Position
    outputs: int
    location: str
    metadata: Metadata
    compression: str
    function: BatchFunction

    @property
    def rows(self) -> int:
        return self.source.rows * self.outputs


def plan_of(source: Dataset, params: Settings, execution: Execution | None = None, **more: Any) -> dict[str, Any]:
    """Describe a stage's run: what it reads, its parameters, the cut, the version; equal plans give equal files."""
    return {
        "stage": params.stage,
        "input": source.content,
        "parameters": params.recorded(),
        "partition_rows": (execution or Execution()).rows_per_task(source),
        "version": __version__,
        **more,
    }


def apply_stage(
    source: Dataset,
    target: str | Path,
    params: Settings,
    function_for: Callable[[Position], BatchFunction],
    *,
    execution: Execution | None = None,
    overwrite: bool = False,
    compression: str = "zstd",
    changes: Mapping[str, Any] | None = None,
    before_commit: Callable[[list[Any]], None] | None = None,
    fitted: Mapping[str, Any] | None = None,
    outputs: Callable[[str], int] = lambda _split: 1,
) -> Dataset:
    """Map a function over the partitions of a dataset, and write what it gives as a new dataset.

    function_for: gives each partition its function, so that only what it needs travels with it.
    changes: fields of the metadata that the stage changes (dtype, shape). fitted: what the stage has fitted to the
    training split, recorded apart from its parameters. before_commit: is given the partitions' records before the
    dataset takes its place. It needs all of them, so without it only, parts that an interrupted attempt at the same
    plan has finished are kept. outputs: gives for a split how many samples each of its samples becomes; tasks are cut,
    and progress is counted, by these.
    """
    require_images(source)
    require_other_place(source, target)
    stage = Stage(params.stage, params.recorded(), input=source.content, fitted=fitted or {})
    metadata = source.metadata.after(stage, layout="binary", **(changes or {}))
    require_storable(metadata)
    execution = execution or Execution()
    require_memory(params.stage, source, execution)
    with Draft(target, plan_of(source, params, execution, compression=compression), overwrite) as draft:
        tasks = [
            _Task(partition, position, outputs(split), draft.location, metadata, compression, function_for(position))
            for split in source.splits
            for partitions in [execution.partitions(source, [split], outputs(split))]
            for partition, position in zip(partitions, positions(partitions), strict=True)
        ]
        kept = [_finished(draft, task) if before_commit is None else None for task in tasks]
        missing = [task for task, part in zip(tasks, kept, strict=True) if part is None]
        written = execution.run(_run, missing, params.stage)
        if before_commit is not None:
            before_commit([record for _, record in written])
        added = iter(written)  # parts stand in the manifest in the order of the tasks, whoever wrote them
        return draft.commit([part or next(added)[0] for part in kept], metadata)


def _finished(draft: Draft, task: _Task) -> Part | None:
    return draft.finished(task.position.split, task.position.index)


def in_slices(batch: Batch, outputs: int, rows: int) -> Iterator[Batch]:
    """Cut a batch whose samples become `outputs` each, so that what they become stays small compared with memory.

    Each slice's outputs make a row group: at most `rows` of them, or what one sample becomes. An empty batch gives one
    empty slice.
    """
    size = max(1, rows // outputs)
    for first in range(0, max(1, len(batch)), size):
        yield batch.take(slice(first, first + size))


def _run(task: _Task) -> tuple[Part, Any]:
    batches, record = task.function(read_partition(task.source))
    split, index = task.position.split, task.position.index
    return PartWriter(task.location, split, index, task.metadata, task.compression).write_all(batches), record


def require_other_place(source: Dataset, target: str | Path) -> None:
    """Refuse to write a dataset over the one that is being read."""
    places = [str(place) if is_remote(place) else str(Path(place).resolve()) for place in (source.location, target)]
    if places[0].rstrip("/") == places[1].rstrip("/"):
        raise WrongUse(f"{target} is read and written at once; name another output.")


def require_images(source: Dataset) -> None:
    """Refuse what no stage can treat: items that are not height × width, with or without channels."""
    if len(source.metadata.shape) not in (2, 3):
        shape = shape_text(source.metadata.shape)
        raise WrongUse(
            f"{source.location}: its items have the shape {shape}; the stages work on height×width[×channels]. "
            "If they are images, convert their source again with their size, as in --size 28x28."
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
