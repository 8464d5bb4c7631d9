"""Memory: what a stage needs at least, known before it starts, and how much there is.

A stage holds as many tasks at once as the engine has threads or workers, and of each the pixels of one task a few times
over. The figures are lower bounds, held by `benchmarks/stage_memory.py`: what is refused here cannot have ended well,
and what is not refused may still need more. docs/memory.md has them next to measured peaks.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mnist_data.batch import shape_text
from mnist_data.errors import WrongUse
from mnist_data.parquet.dataset import Dataset
from pipelines.engine.engine import Cluster, Engine, Serial, Threads
from pipelines.engine.execution import Execution

BASE = 120_000_000
"""Bytes of a process with its libraries, before it has read anything."""

CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class StageMemory:
    """What one stage holds at once, at least, in bytes.

    fixed, times: of each pixel value of a task `fixed + times · size of its type`. image: of each pixel value of one
    image in each task, whatever the task: what is measured one image at a time; `STROKES` instead where strokes are,
    too. classes: whether sums are kept for each pixel of each class, as `fixed + times · size` of `CLASS_SUMS`.
    """

    fixed: int
    times: int
    image: int = 0
    strokes: bool = False
    classes: bool = False


CLASS_SUMS = (24, 2)
"""Bytes of each pixel of a class: sum, sum of squares and count, 8 bytes each, and the lowest and highest value."""

STROKES = 240
"""Bytes of each pixel of an image whose strokes are measured, which is enlarged four times each way for it.

Two planes of 4 bytes a pixel, one of 1 and one of 4 for the distances make 208; 36 more are on the way there. What the
strokes themselves need, up to 300 more where all is ink, is not known before.
"""

STAGES: dict[str, StageMemory] = {
    "clean": StageMemory(2, 4),
    "split": StageMemory(0, 3),
    "normalize": StageMemory(4, 3),
    "augment": StageMemory(4, 5),
    "corrupt": StageMemory(4, 3),
    "stats": StageMemory(2, 2, image=8, strokes=True, classes=True),
    "audit": StageMemory(8, 2, image=8, strokes=True),
    "drift": StageMemory(2, 2, image=8),
    "diff": StageMemory(0, 2),
}

MAPPED = StageMemory(0, 2)
"""Of any other that maps a dataset: the pixels as they are read, and as they are written."""


def planned_bytes(stage: str, source: Dataset, execution: Execution, at_once: int, strokes: bool = True) -> int:
    """Give the bytes that a stage needs at least on a dataset, with `at_once` tasks at the same time.

    strokes: False where the settings leave them out. The tasks are those of the largest split; there are never more at
    once than there are. Without images it is `BASE`.
    """
    needs, metadata = STAGES.get(stage, MAPPED), source.metadata
    size, values = np.dtype(metadata.dtype).itemsize, math.prod(metadata.shape)
    most = max(source.splits.values(), default=0)
    rows = min(execution.rows_per_task(source), most)
    tasks = min(at_once, -(-most // max(1, rows)))
    image = STROKES * math.prod(metadata.shape[:2]) if needs.strokes and strokes else needs.image * values
    one = values * rows * (needs.fixed + needs.times * size) + (image if rows else 0)
    classes = len(metadata.classes) if needs.classes and most else 0
    return BASE + tasks * one + classes * values * (CLASS_SUMS[0] + CLASS_SUMS[1] * size)


def require_memory(stage: str, source: Dataset, execution: Execution, strokes: bool = True) -> None:
    """Raise WrongUse where a stage cannot end for want of memory, before it has written anything.

    strokes: as in `planned_bytes`. It says what is needed at least, what is available, and the way on. A cluster
    somewhere else is not asked.
    """
    at_once, there = tasks_at_once(execution.engine), available_bytes()

    def planned(tasks: int) -> int:
        return planned_bytes(stage, source, execution, tasks, strokes)

    if at_once is None or there is None or planned(at_once) <= there:
        return
    fitting = next((n for n in range(at_once - 1, 0, -1) if planned(n) <= there), 0)
    ways = [f"run fewer tasks at once: --workers {fitting if fitting > 1 else 0}"] if fitting else []
    if stage == "stats" and strokes and planned_bytes(stage, source, execution, at_once, False) <= there:
        ways.append("leave the strokes out: --no-morphometrics")
    sums = (
        f", and sums of each pixel of {len(source.metadata.classes)} classes"
        if STAGES.get(stage, MAPPED).classes
        else ""
    )
    refuse(
        f"{stage} of {source.location}",
        planned(at_once),
        there,
        f"tasks at once: {at_once}, of {execution.rows_per_task(source):,} images of "
        f"{shape_text(source.metadata.shape)} {source.metadata.dtype} each{sums}",
        ways,
    )


def require_whole(stage: str, source: Dataset, times: int, ways: list[str]) -> None:
    """Raise WrongUse where a stage that holds all images of a dataset at once, so many times, cannot end."""
    rows, metadata = sum(source.splits.values()), source.metadata
    of = f"all {rows:,} images of {shape_text(metadata.shape)} {metadata.dtype} at once"
    require_bytes(f"{stage} of {source.location}", BASE + times * rows * metadata.image_bytes, of, ways)


def require_bytes(what: str, needed: int, why: str, ways: list[str]) -> None:
    """Raise WrongUse where fewer bytes are available on this machine than are needed; see `refuse`."""
    there = available_bytes()
    if there is not None and needed > there:
        refuse(what, needed, there, why, ways)


def refuse(what: str, needed: int, there: int, why: str, ways: list[str]) -> None:
    """Raise WrongUse that names both sides, in GB. why: what takes the memory. ways: what to do first."""
    ways = [*ways, "make the images smaller before they are converted", "take a machine with more memory, or a cluster"]
    raise WrongUse(
        f"{what} needs at least {needed / 1e9:,.1f} GB of memory ({why}), and {there / 1e9:,.1f} GB are available. "
        f"To go on, {', '.join(ways[:-1])}, or {ways[-1]} (--scheduler)."
    )


def tasks_at_once(engine: Engine) -> int | None:
    """Count the tasks that an engine holds in this machine's memory at once; None of a cluster somewhere else."""
    if isinstance(engine, Serial):
        return 1
    if isinstance(engine, Threads):
        return engine.count
    if isinstance(engine, Cluster) and "127.0.0.1" in engine.address:
        return len(engine.client.scheduler_info(n_workers=-1)["workers"])
    return None


def available_bytes() -> int | None:
    """Give the bytes that this process can still take: of the machine's memory, or of its container where less is left.

    Linux only; None where it is not known.
    """
    if not sys.platform.startswith("linux"):
        return None
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        [left] = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
        own = Path("/proc/self/cgroup").read_text().splitlines()
    except (OSError, ValueError):
        return None
    below = next((line.split(":", 2)[2] for line in own if line.startswith("0::")), "/")
    return min([left, *_left_in_groups(CGROUPS, below)])


def _left_in_groups(root: Path, below: str) -> list[int]:
    """Give the bytes left in a control group and those that it is in; none where they have no limit.

    Pages of files that were read (inactive_file) are given up for others, so they count as free.
    """
    left = []
    folder = root / below.strip("/")
    for group in (folder, *folder.parents):
        try:
            limit, used = ((group / name).read_text().strip() for name in ("memory.max", "memory.current"))
            pages = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
            if limit != "max":
                left.append(int(limit) - int(used) + int(pages.get("inactive_file", 0)))
        except (OSError, ValueError):
            continue
    return left
