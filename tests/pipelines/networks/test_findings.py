"""What predictions, comparisons, sweeps and compressions say first: the figures of their tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mnist_data.parquet.schema import Metadata
from mnist_data.parquet.tables import provenance, write_table
from pipelines.images.thumbnails import thumbnail_table
from pipelines.networks.compare import compare, page_tables
from pipelines.networks.evaluation.scores import prediction_table
from pipelines.networks.findings import compression_findings, prediction_findings, sweep_findings
from pipelines.networks.predict import Predictions
from pipelines.networks.predicted_samples import MOST, PredictedSamples


def said(findings: pd.DataFrame) -> list[tuple[str, str]]:
    """Give the severity and the sentence of each finding."""
    return list(zip(findings["severity"], findings["finding"], strict=True))


def predicted(rejected: int, correct: list[Any], probability: float = 0.9, seen: int = 0) -> Predictions:
    """Make predictions of zeros, of which some are correct, rejected, and in the training data."""
    rows = np.arange(len(correct))
    table = pd.DataFrame({"id": rows, "label_name": "zero", "name": "six", "probability": probability})
    table["correct"] = pd.array(correct, "boolean")
    table["ood_score"] = rows / 10
    table["in_distribution"] = pd.array(rows >= rejected, "boolean")
    table["in_training_data"] = pd.array(rows < seen, "boolean")
    return Predictions(table, pd.DataFrame(), pd.DataFrame(), 0, rejected)


def test_predictions_say_what_is_wrong_rejected_and_seen_before() -> None:
    """The worst first: from a fifth of none of the classes on, the images are of another kind."""
    few = said(
        prediction_findings(predicted(1, [True, False, True, False, True, True, True, True, True, True], seen=2))
    )
    many = said(prediction_findings(predicted(4, [pd.NA] * 10, probability=0.3)))

    assert [severity for severity, _ in few] == ["warning", "warning", "note"]
    assert few[2][1] == "2 of 10 predictions with a known label are wrong, 2 of them zero → six."
    assert "2 of 10 images have the pixels of a training sample" in few[1][1]
    assert many[0] == ("problem", "4 of 10 images are probably of none of the classes.")
    assert "most often six (10)" in many[1][1]
    assert many[2][1] == "10 of 10 predictions have a confidence below 50 %."


def test_a_sweep_names_its_best_point_what_matters_and_what_diverged() -> None:
    """By mean validation accuracy; a point without a score has none."""
    scores = {"validation_accuracy": [0.95, 0.9, np.nan], "low": np.nan, "high": np.nan, "runs": 1}
    points = pd.DataFrame({"point": [1, 2, 3], "model": ["small", "mlp", "mlp"], "epochs": 3, **scores})
    effects = pd.DataFrame({"setting": "model", "value": ["small", "mlp"], "below_best": [0.0, 0.05]})

    assert said(sweep_findings(points, effects)) == [
        ("warning", "1 of 3 points diverged."),
        ("note", "Best: model small."),
        ("note", "model matters most: small is 5.00 points better than mlp."),
    ]


def test_a_compression_names_the_smallest_file_and_the_smallest_that_loses_nothing_certain() -> None:
    """A variant is as good where its interval holds the original's accuracy."""
    table = pd.DataFrame(
        {"variant": ["a", "b", "c"], "bytes": [100, 50, 10], "ratio": [1.0, 0.5, 0.1], "accuracy": [0.9, 0.89, 0.7],
         "high": [0.93, 0.92, 0.75], "low": 0.6, "difference": [0.0, -1.0, -20.0], "samples": 100, "split": "test"}
    )  # fmt: skip

    sentences = [words for _, words in said(compression_findings(table))]

    assert [words.split(" is ")[1][0] for words in sentences] == ["c", "b"]
    assert "10% of the bytes, -20.00 points" in sentences[0]


def test_the_images_that_a_page_of_predictions_shows_are_the_extremes_of_all_batches() -> None:
    """Of each reason the first MOST, however the images come; none for two reasons."""
    rng = np.random.default_rng(0)
    table = predicted(0, [bool(value) for value in rng.random(400) > 0.2]).table
    table["probability"] = rng.permutation(400) / 400
    images = np.arange(400, dtype=np.uint16)[:, None, None] * np.ones((1, 2, 2), np.uint16)
    whole, parts = PredictedSamples(), PredictedSamples()
    whole.add(table, images)
    for first in range(0, 400, 30):
        parts.add(table.iloc[first : first + 30], images[first : first + 30])

    shown = whole.table()
    wrong = table[~table["correct"].astype(bool)].nlargest(MOST, "probability")

    assert shown.loc[shown["reason"] == "wrong", "id"].tolist() == wrong["id"].tolist()
    assert parts.table().loc[lambda rows: rows["reason"] == "wrong", "id"].tolist() == wrong["id"].tolist()
    assert not shown["id"].duplicated().any()
    assert [np.frombuffer(image, np.uint16)[0] for image in shown["image"]] == shown["id"].tolist()


def test_trainings_on_images_of_two_types_are_compared_on_one_page(tmp_path: Path) -> None:
    """Where one was normalized to floats: each image is drawn by its own type, and all of one size."""
    labels = np.arange(40) % 4
    for name, shift, images in (
        ("a", 4, np.full((4, 3, 3), 200, np.uint8)),
        ("b", 8, np.ones((8, 3, 3), np.float32)),
        ("c", 8, np.ones((8, 5, 5), np.float32)),
    ):
        guessed = np.where(np.arange(40) < shift, (labels + 1) % 4, labels)
        probabilities = np.eye(4, dtype=np.float32)[guessed]
        made = provenance("train", {"mnist": "abc"}, {})
        write_table(prediction_table(np.arange(40), labels, probabilities), str(tmp_path / name / "predictions"), made)
        wrong = np.arange(shift)
        columns = {"id": wrong, "label": labels[wrong], "name": "x", "predicted": guessed[wrong], "predicted_name": "y"}
        table = thumbnail_table(columns, images, Metadata("d", images.shape[1:], images.dtype.name))
        write_table(table, str(tmp_path / name / "misclassified"), made)

    shown = {
        name: page_tables(compare(tmp_path / "a", tmp_path / name), tmp_path / "a", tmp_path / name) for name in "bc"
    }

    assert shown["b"]["disagreement_samples"]["id"].tolist() == [4, 5, 6, 7]
    assert {len(image) for image in shown["b"]["disagreement_samples"]["image"]} == {9}
    assert {len(image) for image in shown["c"]["disagreement_samples"]["image"]} == {25}
