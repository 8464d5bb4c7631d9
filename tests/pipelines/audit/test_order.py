"""Orders planted by the test: what is found of them, what is said, and that the advice is a command that helps."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mnist_data
from mnist_data.idx import format as idx
from mnist_data.known.order import find_order, order_in_words
from mnist_data.parquet.dataset import Dataset, open_dataset, read_columns
from pipelines.audit.order import find_orders, ranks_within
from pipelines.engine.execution import Execution
from pipelines.images.measures.table import measure_dataset

RANDOM = np.random.default_rng(8)
HALVES = np.concatenate([RANDOM.integers(0, 5, 600), RANDOM.integers(5, 10, 600)])


@pytest.mark.parametrize(
    ("labels", "kind", "words"),
    [
        (np.arange(10).repeat(120), "sorted", "train is sorted by classes: its last tenth holds 1 of 10."),
        (np.arange(10).repeat(120)[::-1], "sorted", "its last tenth holds 1 of 10."),
        (np.tile(np.arange(10).repeat(12), 10), "runs", "come in runs of 12.0 samples on average (1.1 at random)."),
        (np.tile(np.arange(10), 120), "cyclic", "The classes of train repeat every 10 samples"),
        (np.tile([3, 1, 4, 1, 5, 9, 2, 6], 99), "cyclic", "repeat every 8 samples"),
        (HALVES, "uneven", "its last tenth holds 5 of 10."),
        (np.zeros(500, np.int64), "undecided", ""),
        (np.arange(40) // 4, "undecided", ""),
    ],
)
def test_an_order_is_found_and_said(labels: np.ndarray, kind: str, words: str) -> None:
    """With what a split by position loses; too few samples, or one class, say nothing."""
    order = find_order(labels)

    assert order.kind == kind
    assert words in order_in_words(order, "train")
    assert bool(words) == bool(order_in_words(order, "train"))


def test_random_orders_are_called_random() -> None:
    """Of any number of classes of any sizes; and a few exchanged samples leave a cycle a cycle."""
    for seed in range(300):
        random = np.random.default_rng(seed)
        sizes = random.dirichlet(np.ones(random.integers(2, 60)) * random.choice([0.2, 1, 10]))
        labels = random.choice(len(sizes), random.integers(50, 3000), p=sizes)
        assert find_order(labels).kind in ("random", "undecided"), seed
    cycle = np.tile(np.arange(10), 200)
    cycle[np.random.default_rng(1).random(2000) < 0.1] = 3

    assert (find_order(cycle).kind, find_order(cycle).period) == ("cyclic", 10)


def ordered_digits(digits: Dataset, folder: Path, order: np.ndarray) -> Dataset:
    """Write the training samples of the sample in another order, as files and as a dataset."""
    images, labels = mnist_data.to_numpy(digits, split="train")
    idx.write(folder / "train-images-idx3-ubyte", images[order])
    idx.write(folder / "train-labels-idx1-ubyte", labels[order].astype(np.uint8))
    return open_dataset(mnist_data.convert(folder, folder / "a set", progress=False).dataset)


def test_the_advice_for_a_sorted_set_splits_it_at_random(
    digits: Dataset, tmp_path: Path, command_line: Callable[..., tuple[int, str, str]]
) -> None:
    """As it is printed, with OUT replaced: validation has every class then. `info` says the order, too."""
    labels = read_columns(digits, "train", ("label",))["label"]
    source = ordered_digits(digits, tmp_path, np.argsort(labels, kind="stable"))

    code, out, _ = command_line("audit", source.location, "--no-labels", "--plot")
    command = next(line for line in out.splitlines() if "To hold back" in line).split(": mnist-data ")[1]
    _, described, _ = command_line("info", source.location)

    assert (code, "train is sorted by classes: its last tenth holds 1 of 10." in out) == (0, True)
    assert "train is sorted by classes" in described
    assert (
        f"To hold back samples of each class alike, at random, by the hash of their ids: mnist-data {command}"
        in (command_line("stats", source.location)[1])
    )
    assert "train is sorted by classes" in Path(f"{source.location}-audit/dashboard.html").read_text(encoding="utf-8")
    made = tmp_path / "out"
    assert command_line(*[str(made) if word == "OUT" else word for word in shlex.split(command)])[0] == 0
    assert len(np.unique(read_columns(open_dataset(made), "validation", ("label",))["label"])) == 10


def test_alike_neighbours_are_found_and_shuffled_ones_are_not(digits: Dataset, tmp_path: Path) -> None:
    """Of the sample's writers, who wrote one after another; within classes, so that sorting alone is no likeness."""
    shuffled = np.random.default_rng(4).permutation(digits.splits["train"])
    labels = read_columns(digits, "train", ("label",))["label"]
    orders = {"as written": np.arange(len(labels)), "shuffled": shuffled}
    orders["sorted"] = shuffled[np.argsort(labels[shuffled], kind="stable")]
    kinds = {}
    for name, order in orders.items():
        (tmp_path / name).mkdir()
        table = measure_dataset(ordered_digits(digits, tmp_path / name, order), Execution(), strokes=True)
        kinds[name] = find_orders(table).set_index("by")["order"].to_dict()

    assert kinds["as written"]["neighbours"] == "alike"
    assert kinds["shuffled"] == {"classes": "random", "neighbours": "random"}
    assert kinds["sorted"] == {"classes": "sorted", "neighbours": "random"}


def test_writers_in_runs_are_found_and_split_by_whole_writers(
    digits: Dataset, sample_idx: Path, tmp_path: Path, command_line: Callable[..., tuple[int, str, str]]
) -> None:
    """In runs of forty samples; dealt at random they are in none."""
    for place, name in (("runs", "in runs"), ("random", "dealt at random")):
        (tmp_path / name).mkdir()
        for split, rows in digits.splits.items():
            table = np.zeros((rows, 8), np.int32)
            table[:, 0], table[:, 2] = (
                read_columns(digits, split, ("label",))["label"],
                (np.arange(rows) // 40 * 7) % 37,
            )
            if place == "random":
                np.random.default_rng(2).shuffle(table[:, 2])
            idx.write(tmp_path / name / f"digits-{split}-labels-idx2-int", table)
        source = mnist_data.convert(sample_idx, tmp_path / place, label_tables=tmp_path / name, progress=False).dataset
        assert source is not None
        orders = find_orders(measure_dataset(source, Execution(), strokes=True)).set_index(["split", "by"])
        assert orders.loc[("train", "writers"), "order"] == place
        if place == "runs":
            row = orders.loc[("train", "writers")]
            assert row["measured"] == pytest.approx(digits.splits["train"] / 36)
            assert "The writers of train come in runs of 39.9 samples on average (1.0 at random)" in row["evidence"]
            words = shlex.split(row["advice"].split(": mnist-data ")[1])
            assert command_line(*[str(tmp_path / "out") if word == "OUT" else word for word in words])[0] == 0
            made = open_dataset(tmp_path / "out")
            writers = [set(read_columns(made, split, ("writer_id",))["writer_id"]) for split in ("train", "validation")]
            assert not writers[0] & writers[1]


def test_ranks_within_classes_know_no_class() -> None:
    """Whatever its level; NaN and single samples have no rank."""
    values = np.array([5.0, 7, 100, 300, 6, np.nan, 1])
    labels = np.array([0, 0, 1, 1, 0, 0, 2])

    expected = pd.Series([-2 / 3, 2 / 3, -0.5, 0.5, 0, np.nan, np.nan])
    pd.testing.assert_series_equal(expected, pd.Series(ranks_within(values, labels)))
