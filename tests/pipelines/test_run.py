"""The whole pipeline: what it leaves, what a second run redoes, and what it learns."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pandas as pd
import pytest

from mnist_data.errors import WrongUse
from mnist_data.store import open_dataset
from pipelines.config import Config, configure, read_config
from pipelines.engine import Threads
from pipelines.parameters import Augment, Clean, Convert, Normalize, Stats, Train
from pipelines.run import Outcome, run


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, Outcome]:
    """Give a run of the embedded sample with the defaults, as `make run` does it."""
    pytest.importorskip("torch")
    config = Config(workspace=str(tmp_path_factory.mktemp("run") / "workspace"))
    return config, run(config, Threads(2))


def test_the_run_leaves_datasets_tables_models_and_a_dashboard(finished: tuple[Config, Outcome]) -> None:
    """Each where its name says."""
    _, outcome = finished
    names = {path.name for path in outcome.workspace.iterdir()}

    assert {"convert", "clean", "normalize", "augment", "stats", "train", "dashboard.html"} <= names
    assert (outcome.workspace / "train/cnn/cnn.safetensors").is_file()
    assert outcome.kept == ()
    assert [name for name in names if name.endswith((".draft", ".tmp"))] == []


def test_the_network_learns_the_sample(finished: tuple[Config, Outcome]) -> None:
    """At least 95 % of the held-out digits, which are by other hands; and better than the perceptron."""
    _, outcome = finished
    scores = {
        model: pd.read_parquet(outcome.workspace / f"train/{model}/evaluation.parquet").set_index("split")["accuracy"]
        for model in ("cnn", "mlp")
    }

    assert scores["cnn"]["test"] >= 0.95
    assert scores["cnn"]["test"] > scores["mlp"]["test"]


def test_a_second_run_does_nothing(finished: tuple[Config, Outcome]) -> None:
    """Every step is kept, and no file is written."""
    config, outcome = finished
    before = {path: path.stat().st_mtime_ns for path in outcome.workspace.rglob("*") if path.is_file()}

    again = run(config, Threads(2))

    assert {"convert", "clean", "normalize", "augment", "stats", "train cnn", "train mlp", "dashboard"} == set(
        again.kept
    )
    assert before == {path: path.stat().st_mtime_ns for path in outcome.workspace.rglob("*") if path.is_file()}


def test_a_changed_setting_redoes_its_step_and_what_follows(finished: tuple[Config, Outcome], tmp_path: Path) -> None:
    """More copies leave the conversion, the cleaning and the statistics alone."""
    import shutil

    config, outcome = finished
    shutil.copytree(outcome.workspace, tmp_path / "workspace")
    changed = replace(config, workspace=str(tmp_path / "workspace"), augment=Augment(copies=2))

    again = run(changed, Threads(2), until="stats")

    assert {"convert", "clean", "normalize", "stats"} == set(again.kept)
    assert open_dataset(tmp_path / "workspace/augment").splits["train"] == 1437 * 3


def test_a_run_stops_where_it_is_told(tmp_path: Path) -> None:
    """--until names the last step; later ones leave nothing."""
    outcome = run(Config(workspace=str(tmp_path / "w")), Threads(2), until="clean")

    assert outcome.dashboard is None
    assert not (tmp_path / "w/normalize").exists()
    with pytest.raises(WrongUse, match="no step 'dance'"):
        run(Config(workspace=str(tmp_path / "w")), Threads(2), until="dance")


def test_the_settings_in_the_documentation_are_the_defaults() -> None:
    """docs/settings.md is what a user copies: each value there is the default."""
    page = Path(__file__).parent.parent.parent / "docs/settings.md"
    if not page.is_file():
        pytest.skip("the documentation is not beside the tests")
    text = page.read_text().split("```toml")[1].split("```")[0]

    import tomllib

    config = configure(tomllib.loads(text), "docs")

    assert Config(source="downloads/mnist", workspace="work") == config
    for parameters in (Convert, Clean, Normalize, Augment, Stats, Train):
        for name in (field.name for field in fields(parameters)):
            assert f"{name} =" in text, name


def test_a_setting_that_does_not_exist_is_named_with_those_that_do(tmp_path: Path) -> None:
    """A misspelt option must never pass silently."""
    path = tmp_path / "run.toml"
    path.write_text("[clean]\nblanks = 'keep'\n")

    with pytest.raises(WrongUse, match=r"run.toml, \[clean\]: there is no setting 'blanks'. Did you mean 'blank'"):
        read_config(path)
