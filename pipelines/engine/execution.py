"""How the work of a stage or an analysis is done: on which engine, in tasks of what size, and who hears of progress."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Literal

from mnist_data.errors import WrongUse
from mnist_data.parquet.dataset import Dataset, Partition
from pipelines.engine.engine import Engine, Result, Serial, Task, open_engine

TASK_ROWS = 10_000
"""Samples in one task: 8 MB of MNIST, small compared with memory and large compared with a task's own millisecond."""

TASK_BYTES = 1 << 26
"""Bytes of pixels in one task: of images above 6.7 kB fewer than TASK_ROWS samples make one."""

TASK_OUTPUTS = 100_000
"""Samples that one task writes at most, so that an interrupted run loses seconds and not minutes."""


@dataclass(frozen=True)
class Progress:
    """One more task is done; rows: how many samples are done so far, of `total_rows`, None where that is not known.

    unit: what the rows are: images, or bytes of a download.
    """

    stage: str
    rows: int
    total_rows: int | None
    unit: Literal["images", "bytes"] = "images"


Report = Callable[[Progress], None]


def downloading(report: Report) -> Callable[[str, int, int | None], None]:
    """Give what a download reports to: of each file its name, and how many of how many bytes are there."""
    return lambda file, done, total: report(Progress(file, done, total, "bytes"))


def silent(_: Progress) -> None:
    """Report nothing."""


def rows_of(task: object) -> int:
    """Give how many samples a task stands for in the progress: its `rows`, or 1 where it has none."""
    return int(getattr(task, "rows", 1))


@dataclass(frozen=True)
class Execution:
    """An engine, a cut and a reporter, handed through every stage and analysis as one argument.

    `Execution()` runs everything in this thread, silently and in tasks of the default size. It is the definition of
    right: no table and no pixel depends on the engine or on the cut, and files written with the same cut have the same
    bytes.

    task_rows: the most samples that one task reads. task_bytes: the most bytes of their pixels, as they lie in memory;
    a task holds at least one sample. Both also cut row groups that are larger. Raises WrongUse where either is below 1.
    """

    engine: Engine = field(default_factory=Serial)
    report: Report = silent
    task_rows: int = TASK_ROWS
    task_bytes: int = TASK_BYTES

    def __post_init__(self) -> None:
        for name in ("task_rows", "task_bytes"):
            if getattr(self, name) < 1:
                raise WrongUse(f"{name} is {getattr(self, name)}; it must be a whole number from 1.")

    def rows_per_task(self, dataset: Dataset) -> int:
        """Give the most samples of a dataset that one task reads: by their number, and by their bytes."""
        return max(1, min(self.task_rows, self.task_bytes // max(1, dataset.metadata.image_bytes)))

    def partitions(self, dataset: Dataset, splits: Sequence[str] | None = None, outputs: int = 1) -> list[Partition]:
        """Cut a dataset, or some of its splits, into what one task each reads, in the order of the samples.

        outputs: how many samples a task writes for each that it reads.
        """
        rows = max(1, min(self.rows_per_task(dataset), TASK_OUTPUTS // outputs))
        return dataset.partitions(rows, splits, within_groups=True)

    def run(
        self,
        function: Callable[[Task], Result],
        tasks: Sequence[Task],
        stage: str,
        rows: Callable[[Task], int] = rows_of,
    ) -> list[Result]:
        """Run a function over the tasks of one stage; give the results in their order, and report progress in rows."""
        total, finished = sum(map(rows, tasks)), 0
        counting = Lock()  # several threads end tasks at once

        def done(task: Task) -> None:
            nonlocal finished
            with counting:
                finished += rows(task)
                self.report(Progress(stage, finished, total))

        self.report(Progress(stage, 0, total))
        return self.engine.map(function, tasks, done)


@contextmanager
def open_execution(
    workers: int | None = None, scheduler: str | None = None, report: Report = silent
) -> Iterator[Execution]:
    """Open the engine that `open_engine` gives for these, in tasks of the default size, and close it after."""
    with open_engine(workers, scheduler) as engine:
        yield Execution(engine, report)
