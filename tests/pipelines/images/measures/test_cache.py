"""The cache of measures: a warm, a damaged and a foreign one give what none gives, and none of them stops the work."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from mnist_data.parquet.dataset import Dataset, open_dataset
from pipelines.audit.run import audit
from pipelines.claims.facts import gather_facts
from pipelines.drift.compare import drift
from pipelines.drift.gather import Choice
from pipelines.engine.execution import Execution
from pipelines.images.measures import cache, table
from pipelines.images.measures.pixels import PIXEL_COLUMNS
from pipelines.images.measures.strokes import STROKE_COLUMNS
from pipelines.images.measures.table import measure_dataset
from pipelines.settings.analysis import Audit, Drift, Stats
from pipelines.stages.clean import clean
from pipelines.statistics.stats import stats


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty cache of this test's own, by the folder of its tables."""
    monkeypatch.setenv("MNIST_DATA_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "mnist-data" / "measures"


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give the kinds of measures that are taken from pixels while the test runs."""
    kinds: list[str] = []
    for kind in ("pixels", "strokes"):
        original = getattr(table, f"_measure_{kind}")

        def measure(*args: object, original: object = original, kind: str = kind, **more: object) -> object:
            kinds.append(kind)
            return original(*args, **more)  # type: ignore[operator]

        monkeypatch.setattr(table, f"_measure_{kind}", measure)
    return kinds


def written(source: Dataset, out: Path) -> dict[str, bytes]:
    """Run every command that rests on the measures, and give the bytes of what they write."""
    stats(source, out / "stats", Stats(grid=2))
    audit(source, out / "audit", Audit(labels=False))
    clean(source, out / "clean")
    sides = [Choice(source, (split,), split) for split in ("train", "test")]
    tables = drift(sides[0], sides[1], Drift(samples=100, resamples=20))
    facts = gather_facts(source, Execution())
    found = {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*.*")) if path.is_file()}
    found |= {f"drift/{name}": frame.to_csv().encode() for name, frame in tables.items()}
    return found | {"facts": facts.samples.to_csv().encode() + repr(facts.pixels).encode()}


def values(source: Dataset) -> pd.DataFrame:
    """Give all measures of a dataset."""
    measures = measure_dataset(source, Execution(), strokes=True)
    names = (*PIXEL_COLUMNS, *STROKE_COLUMNS)
    return pd.DataFrame(dict(zip(names, measures.columns(*names), strict=True)))


@pytest.mark.slow
def test_all_commands_write_the_same_bytes_with_a_cold_a_warm_and_no_cache(
    digits: Dataset, folder: Path, tmp_path: Path, measured: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And with a warm one nothing is measured."""
    cold = written(digits, tmp_path / "cold")
    assert set(measured) == {"pixels", "strokes"}
    measured.clear()

    warm = written(digits, tmp_path / "warm")
    assert measured == []
    monkeypatch.setenv("MNIST_DATA_CACHE", "off")
    off = written(digits, tmp_path / "off")

    assert cold == warm == off
    assert len(list(folder.iterdir())) == 2


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _rewrite(path: Path, change: Callable[[bytes], bytes]) -> None:
    """Change the identity in a table's schema, under a name that holds the right hash."""
    content = pq.read_table(path)
    metadata = {key: change(value) for key, value in content.schema.metadata.items()}
    path.unlink()
    identity = path.stem.rpartition("-")[0]
    draft = path.parent / "draft"
    pq.write_table(content.replace_schema_metadata(metadata), draft)
    draft.rename(path.parent / f"{identity}-{cache.storage.sha256_of(draft)}.parquet")


DAMAGES: dict[str, Callable[[Path], None]] = {
    "a bit is another": _flip,
    "the end is missing": _cut,
    "it is empty": lambda path: path.write_bytes(b""),
    "it is of another content": lambda path: _rewrite(
        path, lambda text: text.replace(b'"content": "', b'"content": "0')
    ),
    "it is of another version": lambda path: _rewrite(path, lambda text: text.replace(b'"version": ', b'"version": 9')),
    "it says nothing of itself": lambda path: _rewrite(path, lambda _: b"{}"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_table_that_cannot_be_trusted_is_measured_anew(
    damage: str, digits: Dataset, folder: Path, measured: list[str]
) -> None:
    """Whatever stands there under the right name; afterwards a good one does."""
    right = values(digits)
    for path in list(folder.iterdir()):
        DAMAGES[damage](path)
    measured.clear()

    pd.testing.assert_frame_equal(right, values(digits))
    assert set(measured) == {"pixels", "strokes"}
    measured.clear()
    values(digits)
    assert measured == []


def test_another_dataset_under_the_same_name_has_measures_of_its_own(
    digits: Dataset, folder: Path, tmp_path: Path
) -> None:
    """The content counts, and not the place."""
    place = tmp_path / "data"
    clean(digits, place)
    before = values(open_dataset(place))
    shutil.rmtree(place / "split=test")
    Path(f"{place}.manifest.json").unlink()

    after = values(open_dataset(place))

    assert (len(before), len(after)) == (1797, 1437)
    pd.testing.assert_frame_equal(before.head(1437), after)


@pytest.mark.parametrize("hindrance", ["read-only", "a file in its place", "a full disk"])
def test_a_cache_that_cannot_be_written_hinders_nothing(
    hindrance: str, digits: Dataset, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The measures are then taken, used, and not kept."""
    right = values(digits)
    shutil.rmtree(folder)
    if hindrance == "a full disk":

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(cache.shutil, "copyfile", full)
    elif hindrance == "a file in its place":
        folder.write_text("")
    else:
        folder.mkdir()
        monkeypatch.setattr(cache.storage, "new_file", _refuse)

    pd.testing.assert_frame_equal(right, values(digits))
    assert not folder.is_dir() or list(folder.iterdir()) == []


def _refuse(*_: object) -> None:
    raise PermissionError(13, "Permission denied")


def test_two_writers_at_once_leave_one_good_table(digits: Dataset, folder: Path) -> None:
    """Neither sees half of the other's, and both have the same measures."""
    tables: list[pd.DataFrame] = []
    threads = [threading.Thread(target=lambda: tables.append(values(digits))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for other in tables[1:]:
        pd.testing.assert_frame_equal(tables[0], other)
    assert sorted(path.name.split("-")[1] for path in folder.iterdir()) == ["pixels", "strokes"]


def test_the_cache_is_bounded_and_the_oldest_table_goes_first(
    digits: Dataset, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was just used stays."""
    values(digits)
    size = sum(path.stat().st_size for path in folder.iterdir())
    monkeypatch.setattr(cache, "MOST_BYTES", int(1.5 * size))

    cleaned = clean(digits, tmp_path / "clean").dataset
    values(cleaned)

    contents = {path.name.partition("-")[0] for path in folder.iterdir()}
    assert cleaned.content in contents
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 1.5 * size


def test_the_cut_does_not_change_a_measure(digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither that of the tasks nor that of the chunks."""
    monkeypatch.setenv("MNIST_DATA_CACHE", "off")
    whole = values(digits)
    monkeypatch.setattr("pipelines.images.measures.pixels.CHUNK_BYTES", 50_000)
    monkeypatch.setattr(table, "TASKS_TOGETHER", 3)
    measures = measure_dataset(digits, Execution(task_rows=101), strokes=True)

    for name, column in whole.items():
        np.testing.assert_array_equal(column.to_numpy(), measures.column(str(name)))
    pieces = list(measures.pieces(100))
    assert [len(piece["id"]) for piece in pieces] == [100] * 17 + [97]
    np.testing.assert_array_equal(np.concatenate([piece["area"] for piece in pieces]), whole["area"])
