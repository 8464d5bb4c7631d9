"""What the tests share: real data where it is present, the sample everywhere, a real cluster."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from mnist_data.idx import sample
from mnist_data.idx.pairing import find_pairs
from mnist_data.parquet.tables import read_tables
from pipelines.stages.convert import convert

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mnist_data.parquet.dataset import Dataset
    from pipelines.engine.engine import Cluster


def pytest_configure() -> None:
    """Keep each process of the tests to a core of its own, so that none of their threads wait for those of another.

    Two trainings at once on two cores, each with a thread for both, took up to nine times as long as one.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker and hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[int(worker.removeprefix("gw")) % len(cores)]})


LONGEST = (
    "test_the_labels_of_mnist_that_human_raters_reject_rank_at_the_top",
    "test_the_checks_reach_their_bars_on_mnist",
    "test_no_page_breaks_a_rule_of_axe_at_any_width_in_either_theme",
    "test_the_installed_wheel_runs_the_whole_pipeline",
    "test_commands_of_analyses_make_their_tables_again",
    "test_random_halves_of_mnist_are_covered_and_not_flagged",
    "test_figures_draw_what_the_commands_write_today",
    "test_the_promise_holds",
)
"""Tests of a minute and more, the longest first."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest tests, or one process ends minutes after the others."""
    names = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: names.get(getattr(item, "originalname", item.name), len(names)))


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep what is measured in a folder of this test run, and leave the user's own cache alone."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MNIST_DATA_CACHE", str(folder))
        yield folder


def real_folder(name: str) -> Path:
    """Give a folder of real data, or skip the test and say why."""
    root = os.environ.get("MNIST_DATA_REAL")
    if not root:
        pytest.skip("the variable MNIST_DATA_REAL names no folder of real data")
    folder = Path(root) / name
    if not folder.is_dir():
        pytest.skip(f"the folder of real data has no {name}")
    return folder


@pytest.fixture(scope="session")
def real_mnist() -> Path:
    """Give the folder of MNIST's four original files."""
    return real_folder("mnist")


@pytest.fixture(scope="session")
def real_fashion() -> Path:
    """Give the folder of Fashion-MNIST's four original files."""
    return real_folder("fashion-mnist")


@pytest.fixture(scope="session")
def real_odd() -> Path:
    """Give the folder of IDX files found damaged."""
    return real_folder("odd-idx")


@pytest.fixture(scope="session")
def sample_idx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with the embedded sample as IDX files."""
    return sample.write_sample(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="session")
def digits(sample_idx: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Give the embedded sample as a dataset."""
    return convert(find_pairs(sample_idx), tmp_path_factory.mktemp("digits") / "digits").dataset


@pytest.fixture(scope="session")
def mnist(real_mnist: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Give real MNIST as a dataset."""
    return convert(find_pairs(real_mnist), tmp_path_factory.mktemp("mnist") / "mnist").dataset


@pytest.fixture(scope="session")
def mnist_tables(mnist: Dataset, tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    """Give all tables of MNIST's statistics."""
    from pipelines.engine.engine import Threads
    from pipelines.engine.execution import Execution
    from pipelines.statistics.stats import stats

    folder = tmp_path_factory.mktemp("mnist-stats")
    stats(mnist, folder, execution=Execution(Threads(2)))
    return read_tables(folder)


@pytest.fixture(scope="session")
def fashion(real_fashion: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Give real Fashion-MNIST as a dataset."""
    return convert(find_pairs(real_fashion), tmp_path_factory.mktemp("fashion") / "fashion").dataset


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Give an engine of two real worker processes."""
    from pipelines.engine.engine import open_engine

    with open_engine(workers=2) as engine:
        yield engine  # type: ignore[misc]


Outcome = tuple[int, str, str]


@pytest.fixture
def command_line(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Give a function that runs `mnist-data` in this process: exit code, stdout, stderr."""
    from mnist_data import cli

    def call(*arguments: object) -> Outcome:
        monkeypatch.setattr("sys.argv", ["mnist-data", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "200")
        capfd.readouterr()
        code = 0
        try:
            cli.main()
        except SystemExit as end:
            code = int(end.code or 0)
        return code, *capfd.readouterr()

    return call
