"""The command line as a user meets it: what is printed where, and what it ends with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer
from PIL import Image

from mnist_data import cli
from mnist_data.errors import CheckFailed, MissingExtra, NotIdx, WrongUse
from mnist_data.idx import format as idx
from mnist_data.parquet.dataset import Dataset
from pipelines.settings.stages import CORRUPTIONS

Outcome = tuple[int, str, str]
Cli = Callable[..., Outcome]


@pytest.fixture
def run(command_line: Cli) -> Cli:
    """Give the command line under a short name."""
    return command_line


COMMANDS = sorted(typer.main.get_command(cli.app).commands)  # type: ignore[attr-defined]
"""All commands there are, taken from the command line itself."""


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(run: Cli, command: str) -> None:
    """A user who is lost sees one line to copy."""
    code, out, _ = run(command, "--help")

    assert code == 0
    assert f"Example: mnist-data {command}" in " ".join(out.split())


def test_convert_says_what_it_wrote_and_what_to_do_next(run: Cli, sample_idx: Path, tmp_path: Path) -> None:
    """The counts, that this is not MNIST, and the line for pandas."""
    code, out, err = run("convert", sample_idx, tmp_path / "out")

    assert (code, err) == (0, "")
    assert "1,437" in out
    assert "This is not MNIST" in out
    assert f'pandas.read_parquet("{tmp_path}/out")' in out.replace("\n", "")


def test_json_is_one_object_and_nothing_else(run: Cli, sample_idx: Path, tmp_path: Path) -> None:
    """A script reads stdout whole."""
    code, out, _ = run("convert", sample_idx, tmp_path / "out", "--json")
    described = json.loads(out)

    assert code == 0
    assert described["splits"] == {"train": 1437, "test": 360}
    assert described["warnings"] == []


def test_explicit_files_and_split(run: Cli, sample_idx: Path, tmp_path: Path) -> None:
    """For files whose names say nothing."""
    files = [sample_idx / f"sklearn-digits-test-{kind}" for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")]

    code, _, _ = run(
        "convert",
        "--images",
        files[0],
        "--labels",
        files[1],
        "--split",
        "validation",
        tmp_path / "out",
        "--layout",
        "list",
    )

    assert code == 0
    assert pd.read_parquet(tmp_path / "out")["split"].unique().tolist() == ["validation"]


def test_one_file_finds_its_partner(run: Cli, sample_idx: Path, tmp_path: Path) -> None:
    """Naming the images is enough where the labels lie beside them."""
    code, out, _ = run("convert", sample_idx / "sklearn-digits-test-images-idx3-ubyte", tmp_path / "out", "--json")

    assert code == 0
    assert json.loads(out)["splits"] == {"test": 360}


def test_export_gives_the_source_back(run: Cli, digits: Dataset, sample_idx: Path, tmp_path: Path) -> None:
    """Byte for byte, and a second time only with leave."""
    code, _, _ = run("export", digits.location, tmp_path / "idx")
    names = {"train": "train", "test": "t10k"}

    assert code == 0
    for split, name in names.items():
        for kind in ("images-idx3-ubyte", "labels-idx1-ubyte"):
            original = (sample_idx / f"sklearn-digits-{split}-{kind}").read_bytes()
            assert original == (tmp_path / "idx" / f"{name}-{kind}").read_bytes()
    code, _, err = run("export", digits.location, tmp_path / "idx")
    assert code == 2
    assert "exists already" in err


def test_info_on_an_idx_file_a_folder_a_dataset_and_one_of_its_files(
    run: Cli, digits: Dataset, sample_idx: Path
) -> None:
    """Whatever is given, it is named for what it is."""
    kinds = [
        json.loads(run("info", path, "--json")[1])["kind"]
        for path in (
            sample_idx / "sklearn-digits-test-labels-idx1-ubyte",
            sample_idx,
            digits.location,
            digits.files[0][1],
        )
    ]

    assert kinds == ["IDX file", "folder of IDX files", "dataset", "dataset"]


def test_info_knows_real_mnist(run: Cli, real_mnist: Path) -> None:
    """By its content: this copy's training images were packed again."""
    code, out, _ = run("info", real_mnist / "train-images-idx3-ubyte.gz")

    assert code == 0
    assert "MNIST, train images" in out
    assert "60,000 × 28 × 28" in out
    assert "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db" in out


def test_info_compares_with_an_original(run: Cli, digits: Dataset, sample_idx: Path, tmp_path: Path) -> None:
    """Named after its folder; and a folder without one is refused."""
    code, out, _ = run("info", digits.location, "--original", sample_idx)
    refused, _, err = run("info", digits.location, "--original", tmp_path)

    assert (code, refused) == (0, 2)
    assert f"train: {sample_idx.name}, train images" in out
    assert "nothing in it is a form of labelled images" in err


def wrong_uses(tmp: Path, dataset: str) -> list[tuple[list[object], str]]:
    """List calls that cannot be met, and words of the answer."""
    (tmp / "empty").mkdir()
    (tmp / "cut-images-idx3-ubyte").write_bytes(idx.Header(np.dtype("u1"), (5, 2, 2)).encode() + bytes(7))
    idx.write(tmp / "cut-labels-idx1-ubyte", np.zeros(5, np.uint8))
    (tmp / "bad.toml").write_text("[augment]\ncopy = 3\n")
    (tmp / "range.toml").write_text("[augment.recipe]\nrotation = [0, 300]\n")
    (tmp / "broken.toml").write_text("[augment\n")
    out = tmp / "out"
    return [
        (["convert", tmp / "none", out], "no such file or folder, nor a known dataset"),
        (["convert", "mnits", out], "Did you mean 'mnist'?"),
        (["convert", tmp / "empty", out], "nothing in it is a form of labelled"),
        (["convert", tmp / "cut-images-idx3-ubyte", out], "holds 1 whole items"),
        (["convert", tmp], "The output is missing; name it as the last argument or by --out"),
        (["convert", "--images", "x", "--labels", "y", "a", "b"], "name one path: OUT"),
        (["convert", "sample", out, "--layout", "jpeg"], "jpeg"),
        (["convert", "sample", out, "--row-group-rows", "0"], "convert.row_group_rows is 0"),
        (["clean", dataset, out, "--out", out], "The output is named twice"),
        (["train", dataset], "The output is missing"),
        (["clean", tmp / "empty", out], "no Parquet files lie in it"),
        (["clean", dataset, dataset, "--overwrite"], "is read and written at once"),
        (["export", dataset, "s3://x/y"], "written to a local folder"),
        (["run", "--out", "s3://x/y"], "must be a local folder"),
        (["clean", dataset, out, "--blank", "repair"], "nothing to repair it from"),
        (["normalize", dataset, out, "--scale", "standardize", "--dtype", "uint8"], "cannot hold standardized values"),
        (["augment", dataset, out, "--recipe", "heavey"], "Did you mean 'heavy'?"),
        (["augment", dataset, out, "--copies", "0"], "augment.copies is 0"),
        (["corrupt", dataset, out, "--corruption", "fogg"], "no corruption 'fogg'. Did you mean 'fog'?"),
        (["corrupt", dataset, out, "--severity", "6"], "no severity 6; it can be 1, 2, 3, 4, 5"),
        (["corrupt", dataset, out, "--split", "tets"], "Did you mean 'test'?"),
        (["train", dataset, out, "--epochs", "0"], "train.epochs is 0"),
        (["run", "--config", tmp / "bad.toml"], "no setting 'copy'. Did you mean 'copies'?"),
        (["run", "--config", tmp / "range.toml"], "rotation.range is 300; it must be a number from -180 to 180"),
        (["run", "--config", tmp / "broken.toml"], "expected a TOML file"),
        (["run", "--config", tmp / "none.toml"], "none.toml: there is no such file"),
        (["run", "--until", "dance"], "dance"),
        (["info", tmp / "none"], "no such file or folder"),
        (["stats", dataset, "--workers", "1", "--scheduler", "tcp://127.0.0.1:1"], "exclude each other"),
        (["convert", "sample", "/proc/nowhere/out"], "/proc/nowhere"),
        (["dance"], "No such command 'dance'"),
    ]


def test_wrong_use_ends_with_2_one_message_and_no_traceback(run: Cli, digits: Dataset, tmp_path: Path) -> None:
    """Each message says what was wrong; stdout stays empty, and no output appears."""
    for arguments, words in wrong_uses(tmp_path, digits.location):
        code, out, err = run(*arguments)

        assert code == 2, (arguments, out, err)
        assert words in " ".join(err.split()), (arguments, err)
        assert "Traceback" not in err
        assert out == ""
        assert not (tmp_path / "out").exists()


def test_the_version_is_that_of_the_package(run: Cli) -> None:
    """One place knows it."""
    from mnist_data import __version__

    assert (0, f"mnist-data {__version__}\n", "") == run("--version")


def test_an_interruption_ends_with_130(run: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """As shells expect of a command that was stopped."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mnist_data.known.info.describe", interrupted)

    assert run("info", ".")[:2] == (130, "")


def test_marks_in_a_path_are_printed_as_they_are(run: Cli, tmp_path: Path) -> None:
    """Square brackets are no markup here."""
    code, out, _ = run("convert", "sample", tmp_path / "a[b]c [/v1]")

    assert code == 0
    assert "a[b]c [/v1]" in out


def test_controls_in_a_strangers_names_are_shown_and_not_obeyed(run: Cli, tmp_path: Path) -> None:
    """One could clear the screen, set the title, or write a line backwards; in results, warnings, errors and JSON."""
    name = "a\x1b[2J\x1b]0;owned\x07\x9b5m\u202egnp"
    for number in range(3):
        for label in ("b", name):
            (tmp_path / "images" / label).mkdir(parents=True, exist_ok=True)
            Image.new("L", (8, 8), 40 * number).save(tmp_path / "images" / label / f"{number}.png")
    commands = [
        ("convert", tmp_path / "images", tmp_path / "data"),
        ("info", tmp_path / "data"),
        ("info", tmp_path / "data", "--json"),
        ("show", tmp_path / "data"),
        ("info", tmp_path / name),
        ("convert", "sample", tmp_path / name / "out"),
        ("stats", tmp_path / "data", "--out", tmp_path / f"{name} stats"),
    ]

    ended = [run(*command) for command in commands]

    assert [code for code, _, _ in ended] == [0, 0, 0, 0, 2, 0, 0]
    for command, (_, out, err) in zip(commands, ended, strict=True):
        assert not set("\x1b\x07\x9b\u202e") & {*out, *err}, command
    assert name in json.loads(ended[2][1])["classes"]
    assert r"a\x1b[2J\x1b]0;owned\x07\x9b5m\u202egnp: there is no such file" in ended[4][2]


def test_a_terminal_without_our_signs_gets_question_marks(tmp_path: Path) -> None:
    """Not a traceback after the work is done."""
    command = [sys.executable, "-m", "mnist_data", "convert", "sample", str(tmp_path / "out")]

    ended = subprocess.run(command, capture_output=True, check=False, env={**os.environ, "PYTHONIOENCODING": "ascii"})

    assert (ended.returncode, ended.stderr) == (0, b"")


def test_statistics_do_not_settle_inside_a_dataset(run: Cli, digits: Dataset) -> None:
    """A folder of tables there would break every reader of the dataset."""
    code, _, err = run("stats", digits.files[0][1])

    assert code == 2
    assert "lies within a dataset" in err
    assert not Path(f"{digits.files[0][1]}-stats").exists()


def test_train_warns_of_what_went_wrong(run: Cli, digits: Dataset, tmp_path: Path) -> None:
    """On stderr, so that stdout stays the result; the training is kept, so the exit code is 0."""
    pytest.importorskip("torch")
    options = ["--model", "mlp", "--epochs", "1", "--learning-rate", "1e-9", "--json"]
    code, printed, err = run("train", digits.location, tmp_path / "m", *options)

    assert code == 0
    assert err.startswith(
        "mnist-data: warning: mlp, seed 0: accuracy at chance. Accuracy on 143 validation samples is 9.8%"
    )
    assert [row["finding"] for row in json.loads(printed)["diagnosis"]] == ["accuracy at chance"]


@pytest.mark.slow
def test_train_prints_its_accuracy_under_corruption(run: Cli, digits: Dataset, tmp_path: Path) -> None:
    """A line for each corruption and one for all; as JSON a record for each severity, too."""
    pytest.importorskip("torch")
    options = ["--model", "mlp", "--epochs", "1", "--corruptions"]
    code, out, _ = run("train", digits.location, tmp_path / "m", *options)
    json_code, printed, _ = run("train", digits.location, tmp_path / "j", *options, "--json")
    table = out.split("Accuracy under corruption")[1]

    assert (code, json_code) == (0, 0)
    assert [name for name in (*CORRUPTIONS, "all") if f"│ {name} " not in table] == []
    assert len(json.loads(printed)["robustness"]) == 76


def test_train_writes_a_page_where_it_is_asked(run: Cli, digits: Dataset, tmp_path: Path) -> None:
    """With what was learnt and mistaken; a sweep has no one error to fail by."""
    pytest.importorskip("torch")
    code, out, _ = run("train", digits.location, tmp_path / "m", "--model", "mlp", "--epochs", "1", "--plot")
    grid = tmp_path / "grid.toml"
    refused, _, message = run("train", digits.location, tmp_path / "s", "--sweep", grid, "--fail-if", "error=0.1")
    page = (tmp_path / "m/dashboard.html").read_text(encoding="utf-8")

    assert (code, refused) == (0, 2)
    assert "dashboard.html" in out
    assert all(heading in page for heading in ("Confusion matrix", "Misclassified samples"))
    assert "--sweep makes many trainings; leave out --fail-if" in message


def plant_writers(sample_idx: Path, folder: Path) -> None:
    """Write label tables as QMNIST's that give the embedded sample two series and thirty writers."""
    for name in ("train", "test"):
        labels = idx.read(sample_idx / f"sklearn-digits-{name}-labels-idx1-ubyte").astype(np.int32)
        places = np.arange(len(labels), dtype=np.int32)
        rest = np.zeros((5, len(labels)), np.int32)
        idx.write(folder / f"{name}-labels-idx2-int", np.column_stack([labels, places % 2 * 4, places % 30, *rest]))


def test_split_prints_what_writers_the_splits_share(
    run: Cli, sample_idx: Path, digits: Dataset, tmp_path: Path
) -> None:
    """Joined before or on the way; without tables it says what is missing and ends with 2."""
    plant_writers(sample_idx, tmp_path)
    assert run("convert", "sample", tmp_path / "known", "--label-tables", tmp_path)[0] == 0

    code, out, _ = run("split", tmp_path / "known", tmp_path / "a")
    json_code, printed, _ = run("split", digits.location, tmp_path / "b", "--label-tables", tmp_path, "--json")
    wrong, _, err = run("split", digits.location, tmp_path / "c")
    unknown = run("split", digits.location, tmp_path / "d", "--by", "label")[1]
    assert (code, json_code, wrong) == (0, 0, 2)
    assert "0 of validation" in out
    assert json.loads(printed)["writers"][0]["shared_writers"] == 27  # of thirty: three are held out
    assert "--label-tables DIR" in err
    assert "Who wrote the samples is not known" in unknown


def test_train_prints_its_accuracy_by_series_and_writer(
    run: Cli, sample_idx: Path, digits: Dataset, tmp_path: Path
) -> None:
    """A line a series, and how the writers are spread; nothing of either where they are not known."""
    pytest.importorskip("torch")
    plant_writers(sample_idx, tmp_path)
    run("convert", "sample", tmp_path / "known", "--label-tables", tmp_path)
    options = ["--model", "mlp", "--epochs", "1"]

    out = run("train", tmp_path / "known", tmp_path / "m", *options)[1]
    plain = run("train", digits.location, tmp_path / "n", *options)[1]
    assert [line.split()[3] for line in out.split("Accuracy in each series")[1].splitlines() if "│ test" in line] == [
        "0",
        "4",
    ]
    assert "30 writers: no mistake with" in out
    assert "series" not in plain


def test_the_exit_code_tells_bad_data_from_wrong_use(
    run: Cli, digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the help promises: 1 where a check failed, 2 where nothing could be checked."""
    for code, error in (
        (1, CheckFailed("too many")),
        (2, WrongUse("no such thing")),
        (2, NotIdx("x", "y", "z", "Look.")),
        (2, MissingExtra("onnx", "onnx", "this")),
        (2, PermissionError(13, "denied", "x")),
    ):

        def fail(*_: object, problem: Exception = error, **__: object) -> None:
            raise problem

        monkeypatch.setattr("mnist_data.known.info.describe", fail)
        ended, out, err = run("info", digits.location)

        assert (ended, out) == (code, "")
        assert err.startswith("mnist-data: ")


def test_a_run_says_of_each_step_whether_it_was_done_or_kept(run: Cli, tmp_path: Path) -> None:
    """The second time everything is kept; --json leaves the lines out."""
    pytest.importorskip("torch")
    command = ("run", "--out", tmp_path / "w", "--until", "stats")
    steps = ["convert", "clean", "normalize", "augment", "stats"]
    first, second, third = run(*command)[1], run(*command)[1], run(*command, "--json")[1]

    for step in steps:
        assert [line.split()[1:] for line in first.splitlines() if line.split()[:1] == [step]] == [["done"]]
        kept = [line for line in second.splitlines() if line.split()[:1] == [step]]
        assert [line.split(maxsplit=1)[1] for line in kept] == ["kept, nothing changed"]
    assert isinstance(json.loads(third), dict)


@pytest.mark.parametrize("where", ["flag", "file", "both"])
def test_a_flag_of_run_overrides_the_file_and_else_the_file_counts(
    run: Cli, sample_idx: Path, tmp_path: Path, where: str
) -> None:
    """Source, out and label_tables; a run without any of them takes the embedded sample."""
    plant_writers(sample_idx, tmp_path)
    given = {"source": "sample", "out": f"{tmp_path}/w", "label_tables": str(tmp_path)}
    other = {"source": f"{tmp_path}/no", "out": f"{tmp_path}/other", "label_tables": f"{tmp_path}/no"}
    in_file = {"flag": {}, "file": given, "both": other}[where]
    (tmp_path / "run.toml").write_text("".join(f"{name} = {value!r}\n" for name, value in in_file.items()))
    flags = ["sample", "--out", given["out"], "--label-tables", tmp_path]
    chosen = [] if where == "file" else flags

    code, _, err = run("run", *chosen, "--config", tmp_path / "run.toml", "--until", "convert")

    assert (code, err) == (0, "")
    assert {"writer_id", "hsf_series"} <= set(pd.read_parquet(tmp_path / "w/convert").columns)
    assert not (tmp_path / "other").exists()
