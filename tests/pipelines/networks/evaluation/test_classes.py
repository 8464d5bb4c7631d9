"""Labels that no training can learn from as they are, are reported before the first epoch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mnist_data.errors import DataWarning
from mnist_data.parquet.dataset import Dataset, open_dataset
from pipelines.networks.evaluation.classes import find_class_problems

TEN = np.repeat(np.arange(10), 100)


def test_every_class_that_cannot_be_learned_is_named() -> None:
    """None in training but some in test; fewer than a tenth of an equal share; none anywhere."""
    training = np.concatenate([TEN[(TEN != 7) & (TEN != 3)], [3] * 8])
    names = [*"0123456789", "dragon"]

    missing, few, unused = find_class_problems(training, {"validation": TEN[:0], "test": TEN}, 11, names)

    assert (missing.finding, few.finding) == ("classes without training samples", "classes with few training samples")
    assert "class 7 (100 in test):" in missing.evidence
    assert "of class 3 (8)," in few.evidence
    assert unused.evidence == "The network has 11 outputs, but no split has a sample of class 10 (dragon)."


@pytest.mark.parametrize("labels", [TEN, np.concatenate([TEN, TEN[:500]]), np.concatenate([TEN[TEN > 0], [0] * 15])])
def test_classes_of_any_usual_number_raise_no_alarm(labels: np.ndarray) -> None:
    """Equal ones, twice as many of some, and one with a sixth of an equal share."""
    assert find_class_problems(labels, {"validation": TEN, "test": np.concatenate([TEN, [-1]])}, 10, []) == []


def test_many_classes_are_counted_and_not_all_listed() -> None:
    """A thousand missing classes make no message of a thousand lines."""
    [missing] = find_class_problems(np.zeros(5, np.int64), {"test": np.arange(1000)}, 1000, [])

    assert "class 12 (1 in test) and 987 more classes:" in missing.evidence


def test_a_training_says_so_before_it_begins(
    digits: Dataset, tmp_path: Path, command_line: Callable[..., tuple[int, str, str]]
) -> None:
    """The command prints it once, the call warns, the table of problems and the result have it."""
    pytest.importorskip("torch", reason="the extra `train` is not installed")
    import mnist_data

    without = tmp_path / "without.npz"
    images, labels = mnist_data.to_numpy(digits.location, "train")
    tests, truth = mnist_data.to_numpy(digits.location, "test")
    np.savez(without, x_train=images[labels != 7], y_train=labels[labels != 7], x_test=tests, y_test=truth)
    mnist_data.convert(without, tmp_path / "data")
    assert open_dataset(tmp_path / "data").splits["test"] == len(truth)

    code, _, err = command_line("train", tmp_path / "data", tmp_path / "a", "--model", "mlp", "--epochs", "1")
    with pytest.warns(DataWarning, match=r"class 7 \(36 in test\)"):
        result = mnist_data.train(tmp_path / "data", tmp_path / "b", model="mlp", epochs=1, seeds=2)

    assert (code, err.count("classes without training samples")) == (0, 1)
    assert result.tables["diagnosis"]["finding"].tolist().count("classes without training samples") == 2
    assert sum("mlp, seeds 0, 1: classes without training samples" in text for text in result.warnings) == 1
