"""A dataset goes to other programs with all that is known of it, and what people tag there comes back as decisions."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from sklearn.decomposition import PCA

import mnist_data
from mnist_data.errors import MnistDataError, OutputExists, WrongUse
from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.decisions import decisions_file, read_decisions
from tests.mnist_data.parquet.test_decisions import dataset_at

Cli = Callable[..., tuple[int, str, str]]

IDS = [3, 5, 8, 13, 21, 34]


@pytest.fixture
def letters(tmp_path: Path) -> Dataset:
    """Give six images of three classes, an audit of them, and two decisions."""
    images = np.random.default_rng(0).integers(0, 255, (6, 5, 4), np.uint8)
    dataset = dataset_at(tmp_path / "letters", images, [0, 1, 2, 0, 1, 2], IDS)
    mnist_data.audit(dataset, labels=False, progress=False)
    mnist_data.decide(dataset, 5, "relabel", label=2, who="Ana", note='<b>"tail"</b>', check="blurred")
    mnist_data.decide(dataset, 8, "remove", who="Bo")
    return dataset


def pixels(files: Any) -> np.ndarray:
    """Decode PNG files as another program does."""
    return np.array([np.asarray(Image.open(io.BytesIO(file))) for file in files])


@pytest.mark.parametrize("viewer", ["spotlight", "embedding-atlas"])
def test_a_table_of_samples_has_pixels_scores_decisions_and_places(
    letters: Dataset, tmp_path: Path, viewer: str
) -> None:
    """The pixels are the dataset's, the map is scikit-learn's, the scores are the audit's."""
    mnist_data.export(letters, tmp_path / "out", to=viewer)  # type: ignore[arg-type]

    table = pd.read_parquet(tmp_path / "out/samples.parquet").set_index("id")
    images = [file["bytes"] if viewer == "embedding-atlas" else file for file in table["image"]]
    truth, labels = mnist_data.to_numpy(letters)
    np.testing.assert_array_equal(pixels(images), truth)
    assert table.index.tolist() == IDS
    assert table["label"].tolist() == labels.tolist()
    assert table["name"].tolist() == ["a", "b", "c"] * 2
    expected = PCA(2).fit_transform(truth.reshape(6, -1).astype(float))
    np.testing.assert_allclose(table[["x", "y"]].abs(), np.abs(expected), rtol=1e-6)
    audit = pd.read_parquet(f"{letters.location}-audit/audit.parquet").set_index("id")
    pd.testing.assert_series_equal(table["blurred_score"], audit["blurred_score"])
    assert table.loc[5, ["decision", "decided_label", "decided_by"]].tolist() == ["relabel", 2, "Ana"]
    assert table.loc[5, "decision_note"] == '<b>"tail"</b>'
    assert table["decision"].isna().sum() == 4


def test_hugging_faces_datasets_reads_images_classes_and_splits(letters: Dataset, tmp_path: Path) -> None:
    """By `load_dataset` on the folder, with nothing said: the features are in the files."""
    datasets = pytest.importorskip("datasets")
    mnist_data.export(letters, tmp_path / "out", to="huggingface")

    loaded = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))

    assert list(loaded) == ["train"]
    assert loaded["train"].features["label"].names == ["a", "b", "c"]
    np.testing.assert_array_equal(np.array([np.asarray(row["image"]) for row in loaded["train"]])[2], image(letters, 2))
    assert [row["decision"] for row in loaded["train"]] == [None, "relabel", "remove", None, None, None]


def image(dataset: Dataset, row: int) -> np.ndarray:
    return mnist_data.to_numpy(dataset)[0][row]


def test_fiftyone_gets_a_folder_of_images_and_their_labels(letters: Dataset, tmp_path: Path) -> None:
    """As its FiftyOneImageClassificationDataset; what it has names for itself is called otherwise; no NaN in JSON."""
    mnist_data.export(letters, tmp_path / "out", to="fiftyone")

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    known = json.loads((tmp_path / "out/labels.json").read_text("utf-8"), parse_constant=refuse)
    assert known["classes"] == ["a", "b", "c"]
    assert known["labels"]["5"]["label"] == "b"
    attributes = known["labels"]["5"]["attributes"]
    assert (attributes["sample_id"], attributes["sample_label"], attributes["decided_by"]) == (5, 1, "Ana")
    assert not {"id", "label", "confidence", "tags"} & set(attributes)
    assert sorted(path.name for path in (tmp_path / "out/data").iterdir()) == sorted(f"{sample}.png" for sample in IDS)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out/data/5.png")), image(letters, 1))


def test_what_was_exported_comes_back_as_nothing_new(letters: Dataset, tmp_path: Path) -> None:
    """From each program's files, unchanged: nobody decides a second time what they have decided."""
    before = read_decisions(letters)
    for viewer, file in (
        ("spotlight", "samples.parquet"),
        ("embedding-atlas", "samples.parquet"),
        ("huggingface", "data/train-00000-of-00001.parquet"),
        ("fiftyone", "labels.json"),
    ):
        mnist_data.export(letters, tmp_path / viewer, to=viewer)  # type: ignore[arg-type]
        assert mnist_data.decisions(letters, import_=tmp_path / viewer / file, who="Eve").findings["imported"] == 0

    assert read_decisions(letters) == before


def write_back(form: str, exported: pd.DataFrame, place: Path) -> Path:
    """Write rows as another program does."""
    if form == "jsonl":
        exported.to_json(path := place / "metadata.jsonl", orient="records", lines=True)
    elif form == "json":
        exported.to_json(path := place / "selected.json", orient="records")
    elif form == "csv":
        exported.to_csv(path := place / "selected.csv", index=False)
    else:
        pq.write_table(pa.Table.from_pandas(exported, preserve_index=False), path := place / "edited.parquet")
    return path


@pytest.mark.parametrize("form", ["jsonl", "json", "csv", "parquet"])
def test_decisions_that_are_edited_elsewhere_come_back(letters: Dataset, tmp_path: Path, form: str) -> None:
    """One changed, one new; whoever the row names has decided so."""
    mnist_data.export(letters, tmp_path / "out", to="spotlight")
    table = pd.read_parquet(tmp_path / "out/samples.parquet").drop(columns="image").set_index("id")
    table.loc[5, ["decision", "decided_label"]] = ["keep", None]
    table.loc[34, ["decision", "decided_label"]] = ["relabel", 0]

    result = mnist_data.decisions(letters, import_=write_back(form, table.reset_index(), tmp_path), who="Eve")

    assert result.findings["imported"] == 2
    assert [(one.id, one.decision, one.label, one.who) for one in read_decisions(letters)[2:]] == [
        (5, "keep", None, "Ana"),
        (34, "relabel", 0, "Eve"),
    ]


@pytest.mark.parametrize("form", ["jsonl", "json", "csv", "parquet"])
def test_a_selection_is_decided_as_one(letters: Dataset, tmp_path: Path, command_line: Cli, form: str) -> None:
    """Embedding Atlas writes the rows that were selected; what they mean is said as they are read."""
    mnist_data.export(letters, tmp_path / "out", to="embedding-atlas")
    table = pd.read_parquet(tmp_path / "out/samples.parquet").drop(columns="image")
    file = write_back(form, table[table["label"] == 2], tmp_path)

    code, _, err = command_line("decisions", letters.location, "--import", file, "--decision", "unsure", "--who", "Eve")

    assert (code, err) == (0, "")
    assert [(one.id, one.decision, one.who) for one in read_decisions(letters)[2:]] == [
        (8, "unsure", "Eve"),
        (34, "unsure", "Eve"),
    ]


def fiftyone_sample(sample: int, tags: list[str], label: str) -> dict[str, Any]:
    """Give a sample as FiftyOne 1.22 writes it into samples.json."""
    truth = {"_id": {"$oid": "0"}, "_cls": "Classification", "tags": [], "label": label, "sample_id": sample}
    return {"_id": {"$oid": "0"}, "filepath": f"/home/x/out/data/{sample}.png", "tags": tags, "ground_truth": truth}


def test_tags_and_changed_labels_of_fiftyone_are_decisions(letters: Dataset, tmp_path: Path) -> None:
    """Other tags, and labels as they were, are none; a label that was changed is a new one."""
    samples = [
        fiftyone_sample(3, ["keep", "checked"], "a"),
        fiftyone_sample(5, ["checked"], "b"),
        fiftyone_sample(13, [], "c"),
        fiftyone_sample(21, ["relabel"], "a"),
    ]
    (tmp_path / "samples.json").write_text(json.dumps({"samples": samples}))

    mnist_data.decisions(letters, import_=tmp_path / "samples.json", who="Eve")

    assert [(one.id, one.decision, one.label) for one in read_decisions(letters)[2:]] == [
        (3, "keep", None),
        (13, "relabel", 2),
        (21, "relabel", 0),
    ]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("samples.json", {"samples": [fiftyone_sample(3, ["keep", "remove"], "a")]}, "has the tags keep and remove"),
        ("samples.json", {"samples": [fiftyone_sample(3, [], "z")]}, "has the label 'z'; expected one of"),
        ("samples.json", {"samples": [fiftyone_sample(99, ["keep"], "a")]}, "no samples with these ids: 99"),
        ("samples.json", {"samples": [{"filepath": "a/b.png", "tags": ["keep"]}]}, "a file 'a/b.png'"),
        ("samples.json", {"samples": [3]}, "neither 'samples' nor 'labels'"),
        ("labels.json", "[" * 5_000, "lists or objects nested"),
        ("rows.jsonl", "[1]\n", "line 1 is no object"),
        ("rows.jsonl", '{"id": 3}\n', "its columns are id"),
        ("rows.jsonl", '{"id": "a", "decision": "keep"}\n', "id is not a column of integers"),
        ("rows.parquet", "PAR1", "rows.parquet"),
    ],
)
def test_files_of_other_kinds_are_refused_by_name(
    letters: Dataset, tmp_path: Path, name: str, text: Any, words: str
) -> None:
    """And nothing of them is recorded."""
    (tmp_path / name).write_text(text if isinstance(text, str) else json.dumps(text))
    before = read_decisions(letters)

    with pytest.raises(MnistDataError, match=words) as error:
        mnist_data.decisions(letters, import_=tmp_path / name)

    assert error.value.exit_code == 2
    assert read_decisions(letters) == before


def test_an_export_replaces_nothing_but_an_export(letters: Dataset, tmp_path: Path, command_line: Cli) -> None:
    """Not a folder of other things, even with --overwrite; and what PNG cannot hold is said."""
    mnist_data.export(letters, tmp_path / "out", to="spotlight")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.tex").write_text("years")

    with pytest.raises(OutputExists):
        mnist_data.export(letters, tmp_path / "out", to="fiftyone")
    mnist_data.export(letters, tmp_path / "out", to="fiftyone", overwrite=True)
    with pytest.raises(WrongUse, match=r"mine holds thesis\.tex"):
        mnist_data.export(letters, tmp_path / "mine", to="fiftyone", overwrite=True)
    with pytest.raises(WrongUse, match="leave out --form"):
        mnist_data.export(letters, tmp_path / "new", to="fiftyone", form="csv")
    code, _, err = command_line("export", letters.location, letters.location, "--to", "fiftyone", "--overwrite")
    scaled = mnist_data.normalize(letters, tmp_path / "scaled", dtype="float32", progress=False)
    with pytest.raises(WrongUse, match="holds float32 images"):
        mnist_data.export(scaled, tmp_path / "new", to="fiftyone")

    assert code == 2
    assert "is a dataset" in err
    assert not (tmp_path / "out/samples.parquet").exists()
    assert not (tmp_path / "new").exists()
    assert Path(decisions_file(letters)).exists()
