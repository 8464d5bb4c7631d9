"""What a score rests on: samples that the network has seen in training, planted by the test, and all others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("torch", reason="the extra `train` is not installed")

import mnist_data
from mnist_data.errors import UnreadableInput
from mnist_data.parquet.dataset import Dataset
from pipelines.images.digests import digest
from pipelines.networks.data.trained_on import TrainedOn, trained_on_dataset
from pipelines.networks.predict import predict_images

COPIES = 40


@pytest.fixture(scope="module")
def leaky(digits: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the sample with forty training images once more at the end of its test split."""
    folder = tmp_path_factory.mktemp("leaky")
    images, labels = mnist_data.to_numpy(digits, split="train")
    test, test_labels = mnist_data.to_numpy(digits, split="test")
    np.savez(
        folder / "leaky.npz",
        x_train=images,
        y_train=labels,
        x_test=np.concatenate([test, images[:COPIES]]),
        y_test=np.concatenate([test_labels, labels[:COPIES]]),
    )
    mnist_data.convert(folder / "leaky.npz", folder / "data", progress=False)
    return folder / "data"


@pytest.fixture(scope="module")
def trained(leaky: Path) -> mnist_data.Result:
    """Give a training on it."""
    return mnist_data.train(leaky, leaky.parent / "models", model="mlp", epochs=3, plot=True, progress=False)


def test_the_report_gives_the_score_without_what_was_seen_in_training(trained: mnist_data.Result) -> None:
    """As the predictions of the planted samples and of all others say themselves; a warning, and a card on the page."""
    correct = trained["predictions"].sort_values("id")["correct"].to_numpy()
    scores = trained["leak_scores"].set_index("part")

    assert scores["samples"].tolist() == [len(correct), COPIES, len(correct) - COPIES]
    assert scores.loc["leaked", "accuracy"] == correct[-COPIES:].mean()
    assert scores.loc["others", "accuracy"] == correct[:-COPIES].mean()
    assert [text for text in trained.warnings if f"{COPIES} of 400 test samples (10.00%)" in text]
    page = Path(str(trained.page)).read_text(encoding="utf-8")
    assert "without samples of the training data" in page
    assert f"{scores.loc['others', 'accuracy']:.2%}".replace("%", "") in page


def test_predictions_say_which_images_were_seen_in_training(trained: mnist_data.Result, leaky: Path) -> None:
    """By the table next to the model; without it by the dataset itself, if that is what was trained on."""
    by_table = predict_images(str(trained.out), leaky, ["test"])
    table = Path(str(trained.out), "trained_on.parquet")
    hidden = table.rename(table.with_name("hidden"))
    try:
        by_dataset = predict_images(str(trained.out), leaky, ["test"])
    finally:
        hidden.rename(table)

    seen = by_table.table.sort_values("id")["in_training_data"].tolist()
    assert seen == [False] * (len(seen) - COPIES) + [True] * COPIES
    columns = ["part", "samples", "correct"]
    expected = trained["leak_scores"][columns]
    assert by_table.leaks[columns].equals(expected)
    assert by_dataset.leaks[columns].equals(expected)


def test_it_is_undecided_where_the_training_data_are_not_at_hand(
    trained: mnist_data.Result, leaky: Path, digits: Dataset, tmp_path: Path, command_line: Callable[..., tuple]
) -> None:
    """Of a model alone, or next to the table of another training; a damaged table is named."""
    model = tmp_path / "mlp.safetensors"
    model.write_bytes(Path(str(trained.out), "mlp.safetensors").read_bytes())
    alone = mnist_data.predict(model, digits, split="test")
    code, out, _ = command_line("predict", model, digits.location)
    mnist_data.train(digits, tmp_path / "other", model="tiny", epochs=1, progress=False)
    other = tmp_path / "other/trained_on.parquet"
    (tmp_path / "trained_on.parquet").write_bytes(other.read_bytes())

    assert alone.findings["in_training_data"] is None
    assert alone["predictions"]["in_training_data"].isna().all()
    assert alone["leak_scores"].empty
    assert (code, "Undecided whether the images are in the training data" in out) == (0, True)
    assert predict_images(model, digits.location).table["in_training_data"].isna().all()
    (tmp_path / "trained_on.parquet").write_bytes(other.read_bytes()[:-9])
    with pytest.raises(UnreadableInput, match=r"trained_on\.parquet"):
        predict_images(model, leaky)


def test_constant_images_are_copies_of_none(digits: Dataset) -> None:
    """Of any value; all others of a training are known, and those of its test split are not."""
    images, _ = mnist_data.to_numpy(digits, split="train")
    flat = np.full((3, *images.shape[1:]), 7, np.uint8)
    both = np.concatenate([images, flat])
    seen = TrainedOn(np.sort(digest(both)[:, 0]))

    assert seen.holds(both).tolist() == [True] * len(images) + [False] * len(flat)
    assert not seen.holds(mnist_data.to_numpy(digits, split="test")[0]).any()
    assert trained_on_dataset(digits).digests.tolist() == np.sort(digest(images)[:, 0]).tolist()


def test_a_clean_split_is_said_to_be_one(digits: Dataset, tmp_path: Path) -> None:
    """Without a warning, and with the rows of the leaked part empty."""
    result = mnist_data.train(digits, tmp_path, model="mlp", epochs=1, progress=False)
    scores = result["leak_scores"].set_index("part")

    assert scores["samples"].tolist() == [360, 0, 360]
    assert pd.isna(scores.loc["leaked", "accuracy"])
    assert not [text for text in result.warnings if "training data" in text]
