"""The whole pipeline: what it leaves, what a second run redoes, and what it learns."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mnist_data
from mnist_data.errors import CheckFailed, WrongUse
from mnist_data.idx import format as idx
from mnist_data.idx.pairing import find_pairs
from mnist_data.parquet.dataset import Dataset, open_dataset
from mnist_data.parquet.frames import to_numpy
from pipelines.engine.engine import Threads
from pipelines.engine.execution import Execution
from pipelines.networks.data.division import training_samples
from pipelines.networks.train import train
from pipelines.run.run import RunResult, run
from pipelines.settings.analysis import Stats
from pipelines.settings.run import Config, read_config
from pipelines.settings.stages import Augment, Clean, Convert, Normalize
from pipelines.settings.training import Train
from pipelines.stages.augment import augment
from pipelines.stages.convert import convert


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, RunResult]:
    """Give a run of the embedded sample with the defaults, as `make run` does it."""
    pytest.importorskip("torch")
    config = Config(out=str(tmp_path_factory.mktemp("run") / "workspace"))
    return config, run(config, execution=Execution(Threads(2)))


def test_the_run_leaves_datasets_tables_models_and_a_dashboard(finished: tuple[Config, RunResult]) -> None:
    """Each where its name says."""
    _, outcome = finished
    names = {path.name for path in outcome.workspace.iterdir()}

    assert {"convert", "clean", "normalize", "augment", "stats", "train", "dashboard.html"} <= names
    assert (outcome.workspace / "train/small/small.safetensors").is_file()
    assert outcome.kept == ()
    assert [name for name in names if name.endswith((".draft", ".tmp"))] == []


def test_the_page_of_a_run_shows_what_each_step_has_found(finished: tuple[Config, RunResult]) -> None:
    """Statistics, cleaning, copies and both networks."""
    page = (finished[1].workspace / "dashboard.html").read_text(encoding="utf-8")
    sections = set(re.findall(r'<section id="([\w-]+)"', page))

    assert {"overview", "samples", "classes", "cleaning", "augmentation", "training", "reproduction"} <= sections
    assert "accuracy of small on test" in page
    assert "mlp" in page


def test_the_network_learns_the_sample(finished: tuple[Config, RunResult]) -> None:
    """At least 95 % of the held-out digits, which are by other writers; and better than the MLP."""
    _, outcome = finished
    scores = {
        model: pd.read_parquet(outcome.workspace / f"train/{model}/evaluation.parquet").set_index("split")["accuracy"]
        for model in ("small", "mlp")
    }

    assert scores["small"]["test"] >= 0.95
    assert scores["small"]["test"] > scores["mlp"]["test"]


def test_a_second_run_does_nothing(finished: tuple[Config, RunResult]) -> None:
    """Every step is kept, and no file is written."""
    config, outcome = finished
    before = {path: path.stat().st_mtime_ns for path in outcome.workspace.rglob("*") if path.is_file()}

    again = run(config, execution=Execution(Threads(2)))

    assert {"convert", "clean", "normalize", "augment", "stats", "train small", "train mlp", "dashboard"} == set(
        again.kept
    )
    assert before == {path: path.stat().st_mtime_ns for path in outcome.workspace.rglob("*") if path.is_file()}


def test_a_changed_setting_redoes_its_step_and_what_follows(finished: tuple[Config, RunResult], tmp_path: Path) -> None:
    """More copies leave the cleaning and the statistics alone; another place of the source is read again."""
    import shutil

    config, outcome = finished
    shutil.copytree(outcome.workspace, tmp_path / "workspace")
    changed = config.replace(out=str(tmp_path / "workspace"), augment=Augment(copies=2))

    again = run(changed, execution=Execution(Threads(2)), until="stats")

    assert {"clean", "normalize", "stats"} == set(again.kept)
    assert open_dataset(tmp_path / "workspace/augment").splits["train"] == 1437 * 3


def test_a_run_stops_where_it_is_told(tmp_path: Path) -> None:
    """--until names the last step; later ones leave nothing."""
    outcome = run(Config(out=str(tmp_path / "w")), execution=Execution(Threads(2)), until="clean")

    assert outcome.dashboard is None
    assert not (tmp_path / "w/normalize").exists()
    with pytest.raises(WrongUse, match="no step 'dance'"):
        run(Config(out=str(tmp_path / "w")), execution=Execution(Threads(2)), until="dance")


def test_a_run_takes_any_form(digits: Dataset, tmp_path: Path) -> None:
    """Images and labels as .npz here; the second run keeps what has been converted."""
    images, labels = to_numpy(digits.location, "test")
    np.savez(tmp_path / "mine.npz", images=images, labels=labels)
    config = Config(source=str(tmp_path / "mine.npz"), out=str(tmp_path / "w"))

    first, second = (run(config, until="convert") for _ in range(2))

    assert dict(first.dataset.splits) == {"train": 360}
    assert (first.kept, second.kept) == ((), ("convert",))
    with pytest.raises(WrongUse, match="Label tables are joined to IDX files"):
        run(config.replace(label_tables=str(tmp_path)), until="convert")


def test_the_settings_in_the_documentation_are_the_defaults() -> None:
    """docs/settings.md is what a user copies: each value there is the default."""
    page = Path(__file__).parent.parent.parent / "docs/settings.md"
    if not page.is_file():
        pytest.skip("the documentation is not next to the tests")
    text = page.read_text().split("```toml")[1].split("```")[0]

    import tomllib

    config = Config.from_table(tomllib.loads(text), "docs")

    assert Config(source="downloads/mnist", out="work") == config
    for parameters in (Convert, Clean, Normalize, Augment, Stats, Train):
        for name in parameters.__struct_fields__:
            assert f"{name} =" in text, name


def test_a_setting_that_does_not_exist_is_named_with_those_that_do(tmp_path: Path) -> None:
    """A misspelt option must never pass silently."""
    path = tmp_path / "run.toml"
    path.write_text("[clean]\nblanks = 'keep'\n")

    with pytest.raises(WrongUse, match=r"run.toml, \[clean\]: there is no setting 'blanks'. Did you mean 'blank'"):
        read_config(path)


def small(folder: Path, count: int, labels: list[int]) -> Config:
    """Write a training split of noise, and give the settings of a run on it."""
    folder.mkdir()
    idx.write(folder / "train-images", np.random.default_rng(0).integers(0, 99, (count, 9, 7), np.uint8))
    idx.write(folder / "train-labels", np.array(labels, np.uint8))
    return Config(source=str(folder), out=str(folder / "w"), train=Train(epochs=1))


def test_three_samples_without_a_test_split_are_a_dataset(tmp_path: Path) -> None:
    """The page shows what there is."""
    pytest.importorskip("torch")
    outcome = run(small(tmp_path / "tiny", 3, [0, 1, 1]), execution=Execution(Threads(2)))

    assert outcome.dashboard is not None
    assert outcome.dashboard.stat().st_size > 1_000_000


@pytest.mark.parametrize(("count", "labels"), [(0, []), (30, [4] * 30)])
def test_nothing_to_learn_is_said_so_after_the_statistics(count: int, labels: list[int], tmp_path: Path) -> None:
    """No samples, or samples of one class: everything up to the training works."""
    pytest.importorskip("torch")
    config = small(tmp_path / "poor", count, labels)

    with pytest.raises(WrongUse, match="there is nothing to learn"):
        run(config, execution=Execution(Threads(2)))
    assert (tmp_path / "poor/w/stats/summary.parquet").is_file()


def test_a_copy_of_a_held_out_sample_is_not_learnt_from(digits: Dataset, tmp_path: Path) -> None:
    """Validation by originals only; no source sample stands on both sides."""
    pytest.importorskip("torch")
    augmented = augment(digits, tmp_path / "more", Augment(copies=2))

    learn, hold = training_samples(augmented, Train())

    assert not set(learn.ids) & set(hold.ids)
    assert hold.copies.max() == 0
    assert 3 * (1437 - len(hold.ids)) == len(learn.ids)


def test_what_cleaning_has_emptied_stays_empty(tmp_path: Path) -> None:
    """Thirty blanks leave nothing, which has to be allowed; the statistics are of that, not of the blanks."""
    config = small(tmp_path / "blank", 30, [1] * 30)
    idx.write(tmp_path / "blank/train-images", np.zeros((30, 9, 7), np.uint8))

    with pytest.raises(CheckFailed, match=r"would remove 30 of the 30 samples .*\(blank: 30\)"):
        run(config, until="stats")
    outcome = run(config.replace(clean=Clean(allow_loss=True)), execution=Execution(Threads(2)), until="stats")

    assert len(outcome.dataset) == 0
    assert pd.read_parquet(tmp_path / "blank/w/stats/summary.parquet")["samples"].tolist() == [0]


def test_a_lost_quarantine_is_made_again(tmp_path: Path) -> None:
    """Cleaning is done only where its tables stand, too."""
    config = small(tmp_path / "d", 30, [1] * 30)
    run(config, execution=Execution(Threads(2)), until="clean")
    (tmp_path / "d/w/clean.quarantine.parquet").unlink()

    again = run(config, execution=Execution(Threads(2)), until="clean")

    assert again.kept == ("convert",)
    assert (tmp_path / "d/w/clean.quarantine.parquet").is_file()


@pytest.mark.parametrize(
    "values", [{"normalize": {"deskew": "no"}}, {"augment": {"copies": 2.5}}, {"train": {"seed": True}}]
)
def test_a_setting_of_another_kind_is_refused(values: dict[str, dict[str, object]]) -> None:
    """A text is not false, and half a copy is none."""
    with pytest.raises(WrongUse, match="it (can be true or false|must be a whole number)"):
        Config.from_table(values, "x.toml")


def test_an_empty_test_split_is_no_error(sample_idx: Path, tmp_path: Path) -> None:
    """Of no test samples there is no score and no prediction; the validation is scored all the same."""
    pytest.importorskip("torch")
    for role, kind in (("images", "idx3-ubyte"), ("labels", "idx1-ubyte")):
        array = idx.read(sample_idx / f"sklearn-digits-train-{role}-{kind}")
        idx.write(tmp_path / f"train-{role}", array[:300])
        idx.write(tmp_path / f"test-{role}", array[:0])
    source = convert(find_pairs(tmp_path), tmp_path / "data").dataset

    tables = train(source, tmp_path / "model", Train(model="mlp", epochs=1))

    assert tables["evaluation"]["split"].tolist() == ["validation"]
    assert len(tables["predictions"]) == 0


def test_a_changed_statistic_makes_a_new_page_and_no_new_network(
    finished: tuple[Config, RunResult], tmp_path: Path
) -> None:
    """The page shows the tables, so it is made anew with them; the networks are kept."""
    import shutil

    config, outcome = finished
    shutil.copytree(outcome.workspace, tmp_path / "workspace")
    changed = config.replace(out=str(tmp_path / "workspace"), stats=Stats(grid=2))
    page = (tmp_path / "workspace/dashboard.html").read_text(encoding="utf-8")

    again = run(changed, execution=Execution(Threads(2)))

    # Converted again, because the embedded sample lies in the workspace.
    assert {"convert", "stats", "dashboard"} == {
        "convert", "clean", "normalize", "augment", "stats", "train small", "train mlp", "dashboard"
    } - set(again.kept)  # fmt: skip
    assert (tmp_path / "workspace/dashboard.html").read_text(encoding="utf-8") != page


def test_what_a_killed_writer_has_left_of_a_kept_dataset_goes(tmp_path: Path) -> None:
    """It was killed when the dataset was in place, but before its draft was removed."""
    first = mnist_data.run("sample", tmp_path / "out", until="convert", progress=False)
    draft = tmp_path / "out/.convert.draft"
    draft.mkdir()
    (draft / "manifest").write_text("{}")
    (tmp_path / "out/.convert.draft.lock").write_text("")

    again = mnist_data.run("sample", tmp_path / "out", until="convert", progress=False)

    assert again.findings["kept"] == ["convert"]
    assert not [path for path in (tmp_path / "out").iterdir() if "draft" in path.name]
    assert first.dataset is not None
    assert again.dataset is not None
    assert again.dataset.content == first.dataset.content
