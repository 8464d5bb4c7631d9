"""Explanations of a trained model's answers: which samples are chosen, and what is written of each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mnist_data
from mnist_data import cli
from mnist_data.errors import UnreadableInput, WrongUse
from mnist_data.idx import format as idx
from mnist_data.idx.pairing import find_pairs
from mnist_data.parquet.dataset import Dataset, open_dataset
from mnist_data.parquet.tables import read_tables, table_provenance
from pipelines.networks.explain import CORRECT, choose_samples, explain
from pipelines.networks.predict import predict
from pipelines.networks.train import train
from pipelines.run.report import write_report
from pipelines.settings.stages import Convert, Normalize
from pipelines.settings.training import Train
from pipelines.stages.convert import convert
from pipelines.stages.normalize import normalize

pytest.importorskip("torch")

Tables = dict[str, pd.DataFrame]


@pytest.fixture(scope="module")
def standardized(digits: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Give the sample with the training split's mean 0 and deviation 1, so that no ink is not 0."""
    return normalize(digits, tmp_path_factory.mktemp("explain") / "scaled", Normalize(scale="standardize"))


@pytest.fixture(scope="module")
def model(standardized: Dataset) -> Path:
    """Give a perceptron that is wrong now and then."""
    folder = Path(standardized.location).parent / "model"
    train(standardized, folder, Train(model="mlp", epochs=3))
    return folder / "mlp.safetensors"


@pytest.fixture(scope="module")
def folder(model: Path, standardized: Dataset) -> Path:
    """Give what was written of the samples that tell most."""
    target = model.parent.parent / "explained"
    explain(model, standardized, target)
    return target


@pytest.fixture(scope="module")
def tables(folder: Path) -> Tables:
    """Give the tables as they are read again."""
    return read_tables(folder)


def test_what_is_said_of_a_sample_is_what_predict_says(tables: Tables, model: Path, standardized: Dataset) -> None:
    """Its class and the probability, of the class that is explained."""
    expected = predict(model, standardized.location, ["test"]).set_index("id")

    for row in tables["explained"].to_dict("records"):
        said = expected.loc[row["id"]]
        assert (row["label"], row["predicted"]) == (said["label"], said["predicted"])
        assert row["probability"] == pytest.approx(said[f"p_{row['target']}"], abs=1e-5)


def test_the_surest_of_each_class_are_chosen(tables: Tables, model: Path, standardized: Dataset) -> None:
    """Right ones by their class, wrong ones by their label, each the surest of all; a wrong one has two rows."""
    every = predict(model, standardized.location, ["test"])
    chosen = tables["explained"].drop_duplicates("id").set_index("id")
    right = every[every["correct"]].groupby("predicted")["probability"].max()
    wrong = every[~every["correct"]].groupby("label")["probability"].max().nlargest(8)
    found = tables["explained"]

    assert (chosen["chosen"] == "most confident correct").sum() == CORRECT
    probabilities = every.set_index("id").loc[chosen.index, "probability"].to_numpy()
    np.testing.assert_allclose(probabilities, [*right, *wrong], atol=1e-5)
    for _, rows in found[found["chosen"] == "most confident error"].groupby("id"):
        assert rows["target"].tolist() == [rows["predicted"].iloc[0], rows["label"].iloc[0]]


def test_neither_order_nor_parts_change_the_choice() -> None:
    """What was chosen from parts can be chosen from again; of equals the lower id wins."""
    generator = np.random.default_rng(5)
    label, predicted = generator.integers(0, 12, (2, 3000))
    table = pd.DataFrame({"id": generator.permutation(3000), "split": "test", "label": label})
    table["predicted"] = np.where(generator.random(3000) < 0.8, label, predicted)
    table["probability"] = generator.choice([0.5, 0.7, 0.9], 3000).astype(np.float32)
    table["correct"] = (table["label"] == table["predicted"]).astype("boolean")
    expected = choose_samples(table)

    for seed, parts in enumerate((1, 7, 30)):
        best = [table.iloc[:0]]
        shuffled = table.sample(frac=1, random_state=seed)
        for start in range(0, 3000, 3000 // parts):
            best = [choose_samples(pd.concat([*best, shuffled.iloc[start : start + 3000 // parts]]))]
        pd.testing.assert_frame_equal(best[0], expected)
    assert len(expected) == 18
    assert expected["id"].iloc[0] == table.query("correct and label == 0 and probability > 0.8")["id"].min()


def test_row_groups_change_nothing(tables: Tables, model: Path, sample_idx: Path, tmp_path: Path) -> None:
    """However the dataset is cut, the same samples get the same maps, bit for bit; raw pixels are normalized first."""
    cut = convert(find_pairs(sample_idx), tmp_path / "cut", Convert(row_group_rows=77)).dataset

    found = explain(model, cut, tmp_path / "out")

    for name in ("explanations", "occlusion", "filters"):
        pd.testing.assert_frame_equal(found[name], tables[name], check_dtype=False)
    np.testing.assert_array_equal(mnist_data.images(found["explained"]), mnist_data.images(tables["explained"]))


def test_integrated_gradients_account_for_the_score(tables: Tables) -> None:
    """Against a picture without ink, whose value is not 0 here; a row's sum is that of its pixels."""
    explained = tables["explained"]
    difference = explained["logit"] - explained["background_logit"]
    pixels = tables["explanations"]
    sums = pixels.groupby(["id", "target"], sort=False)["integrated_gradients"].sum()
    background = mnist_data.images(explained).min()
    images = dict(zip(explained["id"], mnist_data.images(explained).reshape(len(explained), -1), strict=True))
    credited = pixels.groupby("id", sort=False).head(28 * 28).groupby("id")["integrated_gradients"]

    np.testing.assert_allclose(explained["attributed"], difference, atol=0.05)
    np.testing.assert_allclose(sums, explained["attributed"], atol=1e-3)
    assert background < -0.3
    for sample, values in credited:
        assert not values.to_numpy()[images[sample] == background].any()


def test_tables_are_long_and_know_what_they_were_made_from(tables: Tables, folder: Path, standardized: Dataset) -> None:
    """A row a pixel, a row a patch, a row a weight; without feature maps there is no Grad-CAM."""
    targets = len(tables["explained"])
    columns = ["id", "target", "row", "column", "saliency", "integrated_gradients", "occlusion"]

    assert list(tables["explanations"]) == columns
    assert len(tables["explanations"]) == targets * 28 * 28
    assert len(tables["occlusion"]) == targets * 144
    assert len(tables["filters"]) == 128 * 28 * 28
    made = table_provenance(f"{folder}/explanations.parquet")
    assert made["stage"] == "explain"
    assert standardized.content in made["inputs"].values()
    assert len(pd.read_csv(folder / "explained.csv")) == targets
    page = Path(write_report(tables, standardized, folder / "page.html")).read_text(encoding="utf-8")
    assert page.count('<section id="explained">') == page.count('<section id="filters">') == 1


def test_named_samples_are_explained_in_their_order(model: Path, standardized: Dataset, tmp_path: Path) -> None:
    """Of any split, each once."""
    ids = mnist_data.load(standardized.location)["id"].iloc[[1500, 3]].tolist()

    found = explain(model, standardized, tmp_path / "out", ids=[*ids, ids[0]])["explained"]

    assert found["id"].drop_duplicates().tolist() == ids
    assert found.drop_duplicates("id")["split"].tolist() == ["test", "train"]
    assert set(found["chosen"]) == {"named"}


def test_colour_pictures_whose_labels_nobody_knows_are_explained(tmp_path: Path) -> None:
    """Nothing is called right or wrong, and only the answer is explained; a convolution has Grad-CAM."""
    images = np.random.default_rng(0).integers(0, 100, (60, 6, 9, 3)).astype(np.uint8)
    images[1::2] += 100
    idx.write(tmp_path / "train-images-idx4-ubyte", images)
    idx.write(tmp_path / "train-labels-idx1-ubyte", np.arange(60, dtype=np.uint8) % 2)
    train(convert(find_pairs(tmp_path), tmp_path / "known").dataset, tmp_path / "model", Train(epochs=1))
    idx.write(tmp_path / "train-labels-idx1-ubyte", np.zeros(60, np.uint8))
    unknown = convert(find_pairs(tmp_path), tmp_path / "unknown", Convert(first_label=1)).dataset

    found = explain(next((tmp_path / "model").glob("*.safetensors")), unknown, tmp_path / "explained")

    assert set(found["explained"]["label"]) == {-1}
    assert set(found["explained"]["chosen"]) == {"most confident"}
    assert (found["explained"]["target"] == found["explained"]["predicted"]).all()
    assert found["explained"].attrs["image_shape"] == [6, 9, 3]
    assert "grad_cam" in found["explanations"]
    assert set(found["filters"]["channel"]) == {0, 1, 2}


def test_what_cannot_be_explained_is_refused_in_words(
    model: Path, standardized: Dataset, sample_idx: Path, tmp_path: Path
) -> None:
    """Unknown samples and splits, images of another shape, what is no model; nothing is written."""
    small = np.zeros((20, 8, 8), np.uint8)
    idx.write(tmp_path / "train-images-idx3-ubyte", small)
    idx.write(tmp_path / "train-labels-idx1-ubyte", np.arange(20, dtype=np.uint8) % 2)
    other = convert(find_pairs(tmp_path), tmp_path / "small").dataset
    target = tmp_path / "explained"

    with pytest.raises(WrongUse, match=r"no sample with the id 999999 in any split \(train, test\)"):
        explain(model, standardized, target, ids=[3, 999_999])
    with pytest.raises(WrongUse, match="no sample with the id 3 in split 'test'"):
        explain(model, standardized, target, "test", [3])
    with pytest.raises(WrongUse, match="no split 'tset'. Did you mean 'test'"):
        explain(model, standardized, target, "tset")
    with pytest.raises(WrongUse, match="The images are 8×8, and mlp was trained on 28×28"):
        explain(model, other, target)
    with pytest.raises(UnreadableInput, match="no.safetensors"):
        explain(tmp_path / "no.safetensors", standardized, target)
    assert not target.exists()


def test_pixels_that_are_no_numbers_are_passed_over_or_refused(
    model: Path, standardized: Dataset, tmp_path: Path
) -> None:
    """Such a sample is never chosen; asked for by name, it is refused."""
    images, labels = mnist_data.to_numpy(standardized.location, "test")
    broken = images[:30].copy()
    broken[:10, 3, 4] = np.nan
    idx.write(tmp_path / "train-images-idx3-float", broken.astype(">f4"))
    idx.write(tmp_path / "train-labels-idx1-ubyte", labels[:30].astype(np.uint8))
    plain = convert(find_pairs(tmp_path), tmp_path / "out").dataset
    source = replace(plain, metadata=replace(plain.metadata, stages=standardized.metadata.stages))

    assert explain(model, source, tmp_path / "explained")["explained"]["id"].min() >= 10
    with pytest.raises(WrongUse, match="Sample 3 of .* has NaN or infinite pixels"):
        explain(model, source, tmp_path / "other", ids=[3])


def test_the_command_writes_a_page_and_ends_with_2_where_it_cannot(
    model: Path, digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One message on stderr names what is wrong; an output that is there is not replaced unasked."""

    def run(*arguments: object) -> int:
        monkeypatch.setattr("sys.argv", ["mnist-data", "explain", str(model), digits.location, *map(str, arguments)])
        try:
            cli.main()
        except SystemExit as end:
            return int(end.code or 0)
        return 0

    assert run(tmp_path / "out", "--id", 1500, "--plot") == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"file://{tmp_path}/out/dashboard.html"
    assert run(tmp_path / "out") == 2
    assert "exists already" in capsys.readouterr().err
    assert run(tmp_path / "other", "--id", 99_999) == 2
    assert "no sample with the id 99999" in capsys.readouterr().err
    assert open_dataset(digits.location).content == digits.content
