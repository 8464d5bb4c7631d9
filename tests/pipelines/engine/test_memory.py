"""What a stage needs at least is known before it starts; what cannot fit is refused, and nothing else is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import mnist_data
from mnist_data.errors import WrongUse
from mnist_data.parquet.dataset import Dataset
from pipelines.audit.run import audit
from pipelines.engine import memory
from pipelines.engine.engine import Serial, Threads
from pipelines.engine.execution import Execution
from pipelines.networks.data.stored import parts_of
from pipelines.networks.training.memory import require_training_memory, training_bytes
from pipelines.settings.training import Train
from pipelines.stages.clean import clean
from pipelines.statistics.stats import stats


def larger(source: Dataset, shape: tuple[int, ...], rows: int = 1_000_000, dtype: str = "uint8") -> Dataset:
    """Give a dataset as if its images were of another shape and type, and there were as many of them."""
    return replace(source, metadata=replace(source.metadata, shape=shape, dtype=dtype), splits={"train": rows})


def test_a_plan_that_cannot_fit_is_refused_before_anything_is_written(digits: Dataset, tmp_path: Path) -> None:
    """It names what is needed and what is there, and a number of tasks that fits; with that it is not refused."""
    there = memory.available_bytes()
    if there is None:
        pytest.skip("what is available is not known here")
    huge, many = larger(digits, (16_000, 16_000)), Execution(Threads(1 + there // 1_000_000_000))

    with pytest.raises(
        WrongUse, match=r"clean of .* needs at least .* GB of memory .* available.* --workers \d"
    ) as refusal:
        clean(huge, tmp_path / "out", execution=many)
    assert "16000×16000 uint8" in str(refusal.value)
    fitting = int(str(refusal.value).split("--workers ")[1].split(",")[0])
    assert memory.planned_bytes("clean", huge, many, max(1, fitting)) <= there
    with pytest.raises(WrongUse, match="stats of .* sums of each pixel of 10 classes"):
        stats(huge, tmp_path / "out", execution=many)
    assert list(tmp_path.iterdir()) == []


def test_usual_work_is_never_refused(digits: Dataset) -> None:
    """MNIST, a hundred million of its images, and photos in colour, on two cores with 4 GB."""
    for shape, rows in (((28, 28), 70_000), ((28, 28), 100_000_000), ((1000, 1500, 3), 10_000)):
        for stage in memory.STAGES:
            planned = memory.planned_bytes(stage, larger(digits, shape, rows), Execution(Threads(2)), 2)
            assert planned < 4_000_000_000, (stage, shape)
    assert training_bytes(larger(digits, (28, 28), 10_000_000), Train(model="large", batch_size=512)) < 1_000_000_000


def test_the_plan_grows_with_tasks_at_once_and_with_bytes_and_not_with_rows(digits: Dataset) -> None:
    """A split of one task needs one, however many could run; ten times as many images need no more."""
    few, more = larger(digits, (28, 28), 10_000), larger(digits, (28, 28), 1_000_000)
    plan = memory.planned_bytes

    assert plan("clean", few, Execution(), 8) == plan("clean", few, Execution(), 1)
    assert plan("clean", more, Execution(), 1) == plan("clean", few, Execution(), 1)
    assert plan("clean", more, Execution(), 2) > plan("clean", more, Execution(), 1)
    assert plan("clean", replace(more, splits={}), Execution(), 2) == memory.BASE
    wide = larger(digits, (4096, 4096), dtype="float64")
    assert plan("clean", wide, Execution(), 1) > plan("clean", larger(digits, (4096, 4096)), Execution(), 1)
    assert memory.tasks_at_once(Serial()) == 1


@pytest.mark.parametrize("model", ["mlp", "lenet5", "tiny", "small", "large"])
def test_a_network_for_images_of_any_size_is_refused_where_its_batch_cannot_fit(model: str, digits: Dataset) -> None:
    """As soon as the call is made; the message says how to take less."""
    there = memory.available_bytes()
    if there is None:
        pytest.skip("what is available is not known here")
    side = 16_000 if model in ("mlp", "lenet5") else 8_000
    params = Train(model=model, batch_size=max(64, there // 1_000_000_000 * 2) // 2 * 2)  # type: ignore[arg-type]

    with pytest.raises(WrongUse, match="train of .* needs at least .*--batch-size"):
        require_training_memory(larger(digits, (side, side)), params)


def test_the_limit_of_a_container_counts(tmp_path: Path) -> None:
    """The least that is left in a control group and those above it; pages of files that were read count as free."""
    inner = tmp_path / "outer" / "inner"
    inner.mkdir(parents=True)
    for folder, limit, used in ((inner, "max", "300"), (inner.parent, "1000", "900")):
        (folder / "memory.max").write_text(f"{limit}\n")
        (folder / "memory.current").write_text(f"{used}\n")
        (folder / "memory.stat").write_text("anon 5\ninactive_file 250\n")

    assert memory._left_in_groups(tmp_path, "/outer/inner") == [350]
    assert memory._left_in_groups(tmp_path, "/elsewhere") == []
    left = memory.available_bytes()
    assert left is None or left > 0


def test_a_stage_of_any_call_asks(digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With no memory left every command that works on pixels refuses, and writes nothing."""
    monkeypatch.setattr(memory, "available_bytes", lambda: 1_000_000)
    calls = {
        "clean": lambda out: mnist_data.clean(digits, out),
        "normalize": lambda out: mnist_data.normalize(digits, out),
        "split": lambda out: mnist_data.split(digits, out, by="label"),
        "augment": lambda out: mnist_data.augment(digits, out),
        "corrupt": lambda out: mnist_data.corrupt(digits, out),
        "stats": lambda out: mnist_data.stats(digits, out),
        "audit": lambda out: mnist_data.audit(digits, out),
        "drift": lambda out: mnist_data.drift(digits, digits, out=out),
        "diff": lambda out: mnist_data.diff(digits, digits, out=out),
    }
    assert calls.keys() == memory.STAGES.keys()
    for name, call in calls.items():
        with pytest.raises(WrongUse, match=f"{name} of .* needs at least 0.1 GB of memory"):
            call(tmp_path / "out")
        assert [path for path in tmp_path.rglob("*") if path.is_file() and not path.name.endswith("lock")] == [], name
    with pytest.raises(WrongUse, match=r"preview of .* needs at least .* of memory \(\d+ images of 28×28 uint8\)"):
        mnist_data.augment(digits, tmp_path / "out", preview=True)


def test_an_audit_of_labels_holds_all_images_and_is_refused_where_they_cannot_fit(
    digits: Dataset, tmp_path: Path
) -> None:
    """A million photos are measured one after another, and cross-validated together."""
    if memory.available_bytes() is None:
        pytest.skip("what is available is not known here")
    many = larger(digits, (512, 512), 10_000_000)

    with pytest.raises(WrongUse, match=r"audit of .* \(all 10,000,000 images of 512×512 uint8 at once.* --no-labels"):
        audit(many, tmp_path / "out", execution=Execution(Serial()))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("side", [8, 700, 9_000])
def test_a_network_takes_as_many_images_at_once_as_have_64_mb(side: int) -> None:
    """Of small ones as many as are asked for, of large ones fewer, and of the largest one; none is left out."""
    images = np.broadcast_to(np.zeros((), np.uint8), (150, side, side))

    parts = [images[part] for part in parts_of(images, 100)]

    assert [len(part) for part in parts] == {8: [100, 50], 700: [100, 50], 9_000: [1] * 150}[side]
    assert all(len(part) == 1 or part.size <= 1 << 26 for part in parts)
