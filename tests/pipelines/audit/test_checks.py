"""The checks of single samples: planted faults are found, whatever the pixels' type, and whatever is usual is not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from mnist_data.cli import app
from mnist_data.idx import format as idx
from mnist_data.idx.pairing import find_pairs
from mnist_data.parquet.dataset import Dataset
from pipelines.audit import faults
from pipelines.audit.findings import counted
from pipelines.audit.run import audit
from pipelines.engine.engine import Cluster, Threads
from pipelines.engine.execution import Execution
from pipelines.settings.analysis import Audit
from pipelines.settings.checks import CHECKS
from pipelines.settings.stages import Convert
from pipelines.stages.convert import convert

Array = npt.NDArray[Any]
QUICK = Audit(labels=False)


def dataset(folder: Path, images: Array, labels: Array) -> Dataset:
    """Write one training split."""
    folder.mkdir()
    idx.write(folder / "train-images", images)
    idx.write(folder / "train-labels", labels.astype(np.uint8))
    return convert(find_pairs(folder), folder / "dataset").dataset


def strokes(count: int, seed: int = 0) -> tuple[Array, Array]:
    """Draw upright and slanted strokes of varied length in the middle of 20×20, two classes."""
    generator = np.random.default_rng(seed)
    images, labels = np.zeros((count, 20, 20), np.uint8), np.arange(count) % 2
    for image, label in zip(images, labels, strict=True):
        size = generator.integers(4, 7)
        for step in np.linspace(-size, size, 60):
            row, column = round(10 + step), round(10 + (step * generator.uniform(0.4, 0.5) if label else 0))
            image[row, column : column + 2] = generator.integers(180, 256)
    return images, labels


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Give 300 strokes without fault."""
    return dataset(tmp_path_factory.mktemp("small") / "d", *strokes(300))


def flagged(source: Dataset, folder: Path, execution: Execution | None = None, params: Audit = QUICK) -> pd.DataFrame:
    """Audit, and give the per-sample table."""
    audit(source, folder, params, execution=execution)
    return pd.read_parquet(folder / "audit.parquet").set_index("id")


@pytest.mark.parametrize("kind", ["blank", "constant", "inverted", "cropped", "off_centre", "noisy", "blurred"])
@pytest.mark.parametrize("change", [np.uint8, np.int16, np.float32, "dark"])
def test_a_planted_fault_is_found_in_any_type_of_pixels(kind: str, change: Any, tmp_path: Path) -> None:
    """Of bytes, of 16-bit values, of floats from 0 to 1, and of bytes that reach a quarter of their range."""
    images, labels = strokes(200)
    generator = np.random.default_rng(1)
    for row in range(5):
        planted = faults.ALONE[kind](images[row].astype(np.float64), generator)
        assert planted is not None
        images[row] = np.rint(planted)
    scaled = {
        np.uint8: images,
        np.int16: images.astype(np.int16) * 100,
        np.float32: images.astype(np.float32) / 255,
        "dark": images // 4,
    }[change]

    found = flagged(dataset(tmp_path / "d", scaled, labels), tmp_path / "a")

    assert found[f"is_{kind}"].head(5).all()
    assert not found[f"is_{kind}"].iloc[5:].any()
    assert (found[f"{kind}_score"].head(5) <= 0.5).all()


def test_pixels_that_are_no_numbers_are_found_and_counted(tmp_path: Path) -> None:
    """And such a sample is judged by nothing else."""
    images, labels = strokes(40)
    floats = images.astype(np.float32)
    floats[3, :2, 0] = np.nan, np.inf

    found = flagged(dataset(tmp_path / "d", floats, labels), tmp_path / "a")

    checks = found.filter(regex="^is_")
    assert found.index[found["is_not_finite"]].tolist() == [3]
    assert found["not_finite_value"][3] == 2
    assert checks.loc[3].sum() == 1


@pytest.mark.slow
def test_a_picture_without_fault_is_not_flagged_for_what_all_of_them_are(fashion: Dataset, tmp_path: Path) -> None:
    """Clothes touch the frame in 99.97 % of the images; that is no fault of theirs; 0.3 % are copies."""
    checks = audit(fashion, tmp_path / "a", QUICK, execution=Execution(Threads(2)))["checks"]

    assert (checks["fraction"] < 0.006).all()


@pytest.mark.parametrize(
    "shape", [(1, 1), (2, 2), (3, 3), (1, 9), (9, 1, 3), (12, 12, 3)], ids=lambda shape: "x".join(map(str, shape))
)
def test_any_size_is_audited(shape: tuple[int, ...], tmp_path: Path) -> None:
    """Down to one pixel, and in colour; noise is no fault where all is noise."""
    images = np.random.default_rng(0).integers(0, 256, (60, *shape), np.uint8)

    checks = audit(dataset(tmp_path / "d", images, np.arange(60) % 3), tmp_path / "a", QUICK)["checks"]

    quiet = checks[~checks["check"].isin(["blank", "constant", "exact_duplicate", "near_duplicate", "label_conflict"])]
    assert (quiet["fraction"] < 0.1).all()


@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_few_samples_of_one_class_are_audited(count: int, tmp_path: Path) -> None:
    """Where nothing is usual, nothing is unusual."""
    images, _ = strokes(count)

    tables = audit(dataset(tmp_path / "d", images, np.zeros(count, np.uint8)), tmp_path / "a", QUICK)

    assert tables["checks"].loc[tables["checks"]["check"] != "class_imbalance", "flagged"].sum() <= count
    assert len(pd.read_parquet(tmp_path / "a/audit.parquet")) == count


@pytest.mark.slow
def test_the_engine_does_not_change_the_tables(small: Dataset, cluster: Cluster, tmp_path: Path) -> None:
    """Processes give what one thread gives."""
    audit(small, tmp_path / "one", QUICK)
    audit(small, tmp_path / "two", QUICK, execution=Execution(cluster))

    for name in ("audit", "checks"):
        one, two = (pd.read_parquet(tmp_path / folder / f"{name}.parquet") for folder in ("one", "two"))
        pd.testing.assert_frame_equal(one, two)


def test_how_the_files_are_cut_does_not_change_the_findings(small: Dataset, tmp_path: Path) -> None:
    """Row groups of 70 samples, instead of one of all, and tasks of one group."""
    folder = Path(small.location).parent
    cut = convert(find_pairs(folder), tmp_path / "cut", Convert(row_group_rows=70)).dataset

    found = flagged(cut, tmp_path / "two", Execution(task_rows=70))

    pd.testing.assert_frame_equal(flagged(small, tmp_path / "one"), found)


def run(command: list[str]) -> Any:
    """Run the command line."""
    from typer.testing import CliRunner

    return CliRunner().invoke(app, command)


def test_a_limit_that_is_broken_ends_with_one_after_all_is_written(small: Dataset, tmp_path: Path) -> None:
    """So that the tables can be looked at where a CI has failed."""
    thresholds = tmp_path / "thresholds.toml"
    thresholds.write_text("[thresholds]\nblurred = 0.5\n[fail-if]\nblurred = 10\nblank = 0\n")

    limits = ["--threshold", str(thresholds), "--fail-if", str(thresholds)]
    ended = run(["audit", small.location, "--no-labels", *limits, "--out", str(tmp_path / "a")])

    checks = pd.read_parquet(tmp_path / "a/checks.parquet")
    assert ended.exit_code == 1
    assert str(ended.exception).startswith("audit: blurred is ")
    assert str(ended.exception).endswith(" of 300, at most 10 is allowed.")
    assert (checks.loc[checks["check"] == "blurred", "threshold"] == 0.5).all()


def test_limits_that_hold_end_with_nought(small: Dataset, tmp_path: Path) -> None:
    """A fraction is of all samples, a whole number counts them."""
    limits = ["--fail-if", "low_ink=0.05", "--fail-if", "exact_duplicate=300"]

    ended = run(["audit", small.location, "--no-labels", *limits, "--out", str(tmp_path / "a")])

    assert ended.exit_code == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[fail-if]\nblured = 1", "no check 'blured'. Did you mean 'blurred'?"),
        ("[thresholds]\nexact_duplicate = 1", "no check with a threshold 'exact_duplicate'"),
        ("[thresholds]\nblurred = -1", "blurred is -1.0; it must be a number above 0"),
        ("[fail-if]\nblank = 1.5", "a whole number of samples, or a fraction below 1"),
        ("[fail-if]\nblank = true", "blank is True; it must be"),
        ("[fail-it]\nblank = 1", "no table 'fail-it'. Did you mean 'fail-if'?"),
        ("thresholds = 3", "it must be a table"),
    ],
)
def test_limits_and_thresholds_that_make_no_sense_are_refused(
    text: str, message: str, small: Dataset, tmp_path: Path
) -> None:
    """With the file's name, before any work."""
    file = tmp_path / "ci.toml"
    file.write_text(text)
    flag = "--threshold" if text.startswith("[thresholds]") else "--fail-if"

    ended = run(["audit", small.location, flag, str(file)])

    assert getattr(ended.exception, "exit_code", None) == 2
    assert "ci.toml" in str(ended.exception)
    assert message in str(ended.exception)


def test_the_table_of_checks_names_each_of_them(small: Dataset, tmp_path: Path) -> None:
    """Once for each split; label errors only where they are looked for."""
    checks = audit(small, tmp_path / "a", QUICK)["checks"]

    assert list(checks["check"].unique()) == [check for check in CHECKS if check != "label_error"]
    assert checks.groupby("check")["split"].agg(list).map(lambda splits: splits == ["train"]).all()


def test_a_class_that_is_rare_is_named_imbalance(tmp_path: Path) -> None:
    """Of three classes one has 2 of 202 samples, a thirty-fourth of an equal share."""
    images, labels = strokes(202)
    labels[:2] = 2

    checks = audit(dataset(tmp_path / "d", images, labels), tmp_path / "a", QUICK)["checks"].set_index("check")

    assert checks.loc["class_imbalance", "flagged"] == 1
    assert "most frequent / rarest 50.00" in checks.loc["class_imbalance", "meaning"]


@pytest.mark.parametrize(("rare", "flagged"), [(9, 1), (10, 0)])
def test_a_class_is_too_rare_below_a_tenth_of_an_equal_share(rare: int, flagged: int, tmp_path: Path) -> None:
    """Of 300 samples in three classes, an equal share is 100, and a tenth of that is 10."""
    images, labels = strokes(300)
    labels[: 2 * rare : 2] = 2

    checks = audit(dataset(tmp_path / "d", images, labels), tmp_path / "a", QUICK)["checks"].set_index("check")

    assert (labels == 2).sum() == rare
    assert checks.loc["class_imbalance", "flagged"] == flagged


def test_tables_and_page_lie_beside_the_dataset_unless_told(
    command_line: Callable[..., tuple[int, str, str]], small: Dataset, tmp_path: Path
) -> None:
    """In DATASET-audit, as the help says; a second run replaces nothing unless asked to."""
    copy = tmp_path / "strokes"
    shutil.copytree(small.location, copy)

    code, out, _ = command_line("audit", copy, "--no-labels", "--plot")
    again, _, err = command_line("audit", copy, "--no-labels")
    _, text, _ = command_line("audit", "--help")

    folder = tmp_path / "strokes-audit"
    assert (code, again) == (0, 2)
    assert {"audit.parquet", "checks.parquet", "dashboard.html"} <= {path.name for path in folder.iterdir()}
    assert str(folder) in out
    assert "strokes-audit" in err
    assert "DATASET-audit" in text


def test_data_with_a_bright_ground_are_judged_by_that(tmp_path: Path) -> None:
    """Not all of them are inverted then, but the three that are bright on dark."""
    images, labels = strokes(200)
    images[3:] = 255 - images[3:]

    found = flagged(dataset(tmp_path / "d", images, labels), tmp_path / "a")

    assert found.index[found["is_inverted"]].tolist() == [0, 1, 2]
    assert not found["is_blurred"].any()


def test_each_check_that_flags_says_what_it_measures(
    command_line: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    """Of a single sample, too; of checks that flag nothing only the row is printed."""
    images, labels = strokes(100)
    images[7] = 255 - images[7]
    source = dataset(tmp_path / "d", images, labels)

    code, out, _ = command_line("audit", source.location, "--no-labels", "--out", tmp_path / "a")

    checks = pd.read_parquet(tmp_path / "a/checks.parquet").set_index("check")
    said = {line.split(":")[0] for line in out.splitlines() if line.split(":")[0] in checks.index}
    rows = {cells[1]: cells[2] for line in out.splitlines() if len(cells := [c.strip() for c in line.split("│")]) > 4}
    assert code == 0
    assert checks.loc["inverted", "flagged"] == 1
    assert said == set(checks.index[checks["flagged"] > 0])
    assert rows.items() >= {(check, str(count)) for check, count in checks["flagged"].items()}


def test_leaks_are_counted_in_the_split_that_they_spoil() -> None:
    """161 of 1,591 test samples are a tenth of them, though a fortieth of all; without a test split the worst one."""
    counts = [("train", 5_280, 150), ("validation", 100, 0), ("test", 1_591, 161)]
    rows = pd.DataFrame(counts, columns=["split", "samples", "flagged"]).assign(check="leaked")
    rows["fraction"] = rows["flagged"] / rows["samples"]

    assert counted(rows) == (161, 1_591, "test")
    assert counted(rows.assign(check="blank")) == (311, 6_971, "")
    assert counted(rows.head(1).assign(split="left")) == (150, 5_280, "left")
