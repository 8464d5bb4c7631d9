"""Claims: the published facts of real datasets, and each test true, false and undecided on data made for it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from typer.testing import CliRunner

from mnist_data.cli import app
from mnist_data.errors import CheckFailed, UnreadableInput, WrongUse
from mnist_data.idx import format as idx
from mnist_data.idx.pairing import find_pairs
from mnist_data.known.catalog import CATALOG
from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.schema import Source
from mnist_data.parquet.tables import provenance, read_table, table_provenance, write_table
from pipelines.claims.check import check_claims, read_predictions
from pipelines.claims.claim import TESTS, Claim, known_claims, load_claims, read_claims
from pipelines.claims.facts import Facts, gather_facts
from pipelines.claims.identity import Identity, dataset_named, identify_dataset, identity_of
from pipelines.claims.outcomes import Outcome
from pipelines.engine.engine import Threads
from pipelines.engine.execution import Execution
from pipelines.settings.stages import Convert
from pipelines.stages.convert import convert

Array = npt.NDArray[Any]
Make = Callable[..., Facts]

EVEN = np.tile(np.arange(4, dtype=np.int32), 10)


def blobs(samples: int, row: int = 13, seed: int = 0) -> Array:
    """Draw images of 28×28 with 4×4 pixels of random ink, whose upper left corner lies in this row and column 12."""
    images = np.zeros((samples, 28, 28), np.uint8)
    images[:, row : row + 4, 12:16] = np.random.default_rng(seed).integers(200, 255, (samples, 4, 4))
    images[:, row, 12] = 255
    return images


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Dataset]:
    """Give a function that makes a dataset of (images, labels) for each split."""

    def make(**splits: tuple[Array, Array]) -> Dataset:
        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        for split, (images, labels) in splits.items():
            idx.write(folder / f"{split}-images", images)
            idx.write(folder / f"{split}-labels", labels)
        return convert(find_pairs(folder), folder / "made", Convert(row_group_rows=16), dataset="made").dataset

    return make


@pytest.fixture
def facts(made: Callable[..., Dataset]) -> Make:
    """Give a function that gathers the facts of such a dataset."""
    return lambda **splits: gather_facts(made(**splits), Execution())


def outcome(test: str, facts: Facts, **parameters: Any) -> Outcome:
    """Put a claim to a test."""
    return TESTS[test].function(facts, **parameters)


def by_test(table: pd.DataFrame) -> dict[str, str]:
    """Give the verdict of each test; those of a table have one claim each."""
    return dict(zip(table["test"], table["verdict"], strict=True))


def test_what_is_said_of_mnist_is_judged_as_published(mnist: Dataset) -> None:
    """Against the counts, boxes and centres that are known of the 70,000 images."""
    table = check_claims(mnist, load_claims("mnist"), execution=Execution(Threads(2)))
    numbers = {row.test: json.loads(str(row.numbers)) for row in table.itertuples()}
    train = np.array([5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949])

    assert by_test(table) == {
        "sample_counts": "true",
        "image_shape": "true",
        "pixel_range": "true",
        "background_is_zero": "true",
        "even_classes": "false",
        "samples_per_class": "false",
        "no_faults": "undecided",
        "no_duplicates": "true",
        "ink_in_box": "true",
        "ink_centred": "true",
        "different_writers": "undecided",
        "labels_beside_images": "false",
        "first_half_easier": "undecided",
    }
    assert numbers["even_classes"]["train_chi2"] == pytest.approx(((train - 6000.0) ** 2 / 6000).sum())
    assert [numbers["even_classes"][f"train_{end}"] for end in ("smallest", "largest")] == [5421, 6742]
    assert numbers["ink_in_box"] == {"train_20": 59_987, "train_19": 13, "test_20": 9_997, "test_19": 3}
    assert numbers["ink_centred"]["train_outside_by_row"] == numbers["ink_centred"]["train_outside_by_column"] == 1
    assert numbers["ink_centred"]["test_outside_by_row"] == numbers["ink_centred"]["test_outside_by_column"] == 0
    assert numbers["no_duplicates"] == {"train_copies": 0, "test_copies": 0, "across": 0}
    assert "15 have fewer than 3 of 5 votes" in table.set_index("test")["note"]["no_faults"]


def test_mnists_writers_are_those_that_qmnist_names(real_mnist: Path, tmp_path: Path) -> None:
    """539 have written the training split, 297 others the test split, whose first half is all by students."""
    tables = real_mnist.parent / "qmnist"
    if not tables.is_dir():
        pytest.skip("the folder of real data has no qmnist")
    for split, rows, images in (("train", 60_000, "train"), ("test", 10_000, "t10k")):
        table = idx.read(tables / f"qmnist-{split}-labels-idx2-int.gz")[:rows]
        idx.write(tmp_path / f"{split}-labels-idx2-int", table)
        (tmp_path / f"{split}-images-idx3-ubyte.gz").symlink_to(real_mnist / f"{images}-images-idx3-ubyte.gz")
    source = convert(find_pairs(tmp_path), tmp_path / "mnist", dataset="mnist").dataset

    known = gather_facts(source, Execution(Threads(2)))
    writers = outcome("different_writers", known, splits=["train", "test"])
    halves = outcome("first_half_easier", known, split="test", level=0.01)

    assert (writers.verdict, writers.numbers) == (True, {"train_writers": 539, "test_writers": 297, "shared": 0})
    assert halves.figure.endswith("first: 5,000 of series 4; second: 4,999 of series 0, 1 of series 4")


def test_what_is_said_of_fashion_mnist_is_judged_as_published(fashion: Dataset) -> None:
    """It is exactly even and without duplicates, and its clothes fill the field."""
    table = check_claims(fashion, load_claims("fashion-mnist"), execution=Execution(Threads(2)))

    assert by_test(table) == {
        "image_format": "true",
        "samples_per_class": "true",
        "pixel_range": "true",
        "background_is_zero": "true",
        "no_duplicates": "true",
        "ink_in_box": "false",
    }


def test_what_is_said_of_the_embedded_sample_is_true(digits: Dataset) -> None:
    """By any engine, the same."""
    table = check_claims(digits, load_claims("sklearn-digits"))

    assert set(table["verdict"]) == {"true"}
    pd.testing.assert_frame_equal(
        table, check_claims(digits, load_claims("sklearn-digits"), execution=Execution(Threads(2)))
    )


OTHER_COUNTS = {"emnist-letters": "the paper counts fewer than the files hold", "dig-mnist": "it is not catalogued"}


@pytest.mark.parametrize("name", known_claims())
def test_the_known_claims_are_of_known_datasets(name: str) -> None:
    """Each file reads, each claim has a source, and the numbers in it agree with the catalogue's and each other."""
    claims = load_claims(name)
    stated: dict[str, list[Any]] = {}
    for claim in claims:
        for key, value in claim.parameters.items():
            stated.setdefault(f"{claim.test}.{key}", []).append(value)

    assert all(claim.source for claim in claims)
    if name in OTHER_COUNTS:
        return
    known = CATALOG[name]
    counts = stated.get("sample_counts.counts", []) + stated.get("image_format.counts", [])
    assert counts
    assert all(value == dict(known.counts) for value in counts)
    assert stated.get("total_samples.samples", [sum(known.counts.values())]) == [sum(known.counts.values())]
    assert stated.get("class_count.classes", [len(known.classes)]) == [len(known.classes)]
    assert stated.get("published_files.dataset", [name]) == [name]
    if name != "mnist":  # whose card is wrong about it, as the test of its claims shows
        for per_class in stated.get("samples_per_class.counts", []):
            assert {split: count * len(known.classes) for split, count in per_class.items()} == dict(known.counts)


def test_what_publishers_state_is_true_false_or_open(facts: Make) -> None:
    """Totals, classes, balance, leaks and writers, each on data made for it."""
    uneven = np.repeat(EVEN[:4], [25, 5, 5, 5])
    even, skewed = facts(train=(blobs(40), EVEN)), facts(train=(blobs(40), uneven))
    copied = blobs(40, seed=1)
    copied[3] = blobs(40)[9]
    both, leaking = (facts(train=(blobs(40), EVEN), test=(test, EVEN)) for test in (blobs(40, seed=1), copied))
    known = facts(train=(blobs(40), written_by(1, 2, 3)))
    cases = [
        ("total_samples", {"samples": 80}, (both, True), (even, False)),
        ("class_count", {"classes": 4}, (even, True), (facts(train=(blobs(40), EVEN % 2)), False)),
        ("balanced_classes", {}, (even, True), (skewed, False)),
        ("uneven_classes", {"level": 0.01}, (skewed, True), (even, False)),
        ("no_leaks", {}, (both, True), (leaking, False), (even, None)),
        ("writer_count", {"writers": 3}, (known, True), (even, None)),
        ("writer_count", {"writers": 65}, (known, False)),
    ]

    for test, parameters, *expected in cases:
        for on, verdict in expected:
            found = outcome(test, on, **parameters)
            assert (test, found.verdict) == (test, verdict)
            assert bool(found.needs) or verdict is not None


def test_copies_within_a_split_are_no_leaks(facts: Make) -> None:
    """Only what two splits share counts."""
    train = blobs(40)
    train[3] = train[4]

    assert outcome("no_leaks", facts(train=(train, EVEN), test=(blobs(40, seed=1), EVEN))).verdict is True


def test_files_are_compared_with_those_that_were_published(facts: Make) -> None:
    """By their unpacked contents: the same, another, and one of which no hash is published."""
    known = facts(train=(blobs(40), EVEN))
    labels = next(sha256 for sha256, part in CATALOG["kmnist"].contents.items() if part == "train labels")

    def of(name: str, *files: tuple[str, str, str]) -> Outcome:
        sources = tuple(Source(file, "train", role, sha256, "|u1", (40,)) for file, role, sha256 in files)
        metadata = known.metadata.after(known.metadata.stages[0], sources=sources)
        return outcome("published_files", Facts(metadata, known.splits, known.samples, known.pixels), dataset=name)

    images = ("train-images-idx3-ubyte.gz", "images", "0" * 64)
    assert of("kmnist", ("train-labels-idx1-ubyte.gz", "labels", labels)).verdict is True
    assert of("kmnist", ("train-labels-idx1-ubyte.gz", "labels", "0" * 64)).verdict is False
    assert of("kmnist", ("train.csv", "labels", "0" * 64)).verdict is None
    undecided = of("kmnist", images, ("train-labels-idx1-ubyte.gz", "labels", labels))
    assert undecided.verdict is None
    assert undecided.figure == "as published: train labels; nothing to compare with: train images"
    assert "mnist-data fetch kmnist" in undecided.needs
    assert of("kmnist").needs == "a dataset converted from its files"


@pytest.mark.parametrize(
    ("name", "dataset"),
    [
        ("KannadaMNIST (2)", "kannada-mnist"),
        ("X_kannada_MNIST_train-idx3-ubyte.gz", "kannada-mnist"),
        ("Dig-MNIST", "dig-mnist"),
        ("EMNIST Balanced v2", "emnist-balanced"),
        ("emnist_by_class", "emnist-byclass"),
        ("emnist-digits-train-images-idx3-ubyte", "emnist-digits"),
        ("emnist-mnist", "emnist-mnist"),
        ("kuzushiji-49", "k49"),
        ("Kuzushiji_MNIST", "kmnist"),
        ("fashionMNIST-png", "fashion-mnist"),
        ("my-mnist-copy", "mnist"),
        ("train-images-idx3-ubyte.gz", None),
        ("oracle-mnist", None),
        ("notMNIST", None),
        ("FEMNIST digits", None),
        ("mnist_c", None),
    ],
)
def test_a_dataset_is_known_by_names_of_any_spelling(name: str, dataset: str | None) -> None:
    """But not where the name may as well be another dataset's."""
    assert dataset_named(name) == dataset


def test_a_dataset_is_recognised_however_its_folder_is_called(digits: Dataset, tmp_path: Path) -> None:
    """By contents, else by names, else by counts, else by pixels; a name that the user gives overrides all of them."""

    def like(name: str, **changes: Any) -> Dataset:
        metadata = replace(digits.metadata, dataset=name, sources=changes.pop("sources", ()))
        return replace(digits, metadata=metadata, **changes)

    kannada = Source("y_kannada_MNIST_train-idx1-ubyte.gz", "train", "labels", "0" * 64, "|u1", (40,))
    labels = next(sha256 for sha256, part in CATALOG["kmnist"].contents.items() if part == "train labels")
    kmnist = replace(kannada, sha256=labels)
    nowhere = tmp_path / "downloaded"

    def known(source: Dataset) -> tuple[str, str] | None:
        identity = identify_dataset(source)
        return identity and (identity.name, identity.known_by)

    assert known(like("x", sources=(kmnist,))) == ("kmnist", "the contents of its files")
    assert known(like("x", sources=(kannada,))) == ("kannada-mnist", f"the name {kannada.name}")
    assert known(like("EMNIST_letters")) == ("emnist-letters", "its name")
    assert known(like("x", location=str(tmp_path / "k-49" / "K49.parquet"))) == ("k49", "the name K49.parquet")
    assert known(like("x")) == ("sklearn-digits", "its counts of samples and classes")
    halved = like("x", splits={"train": digits.splits["train"]}, files=digits.files[:1], location=str(nowhere))
    assert known(halved) == ("sklearn-digits", "its pixels")
    assert identity_of(halved, "Kannada_MNIST") == Identity("kannada-mnist", "--of")
    with pytest.raises(WrongUse, match="Did you mean 'kannada-mnist'"):
        identity_of(halved, "kanada-mnist")


def test_what_is_not_recognised_is_asked_for(command_line: Callable[..., Any], made: Callable[..., Dataset]) -> None:
    """The message names the option, and what it can be; with it, the claims of that dataset are tested."""
    source = made(train=(blobs(40), EVEN))

    code, _, err = command_line("claims", source.location)
    of_code, printed, _ = command_line("claims", source.location, "--of", "dig-mnist", "--json")

    assert code == 2
    assert "not recognised" in err
    assert "--of" in err
    assert (of_code, json.loads(printed)["known_as"], json.loads(printed)["known_by"]) == (0, "dig-mnist", "--of")
    assert {claim["verdict"] for claim in json.loads(printed)["claims"]} == {"true", "false"}


def test_samples_are_counted(facts: Make) -> None:
    """A split that is not there leaves it open, unless another one is wrong."""
    known = facts(train=(blobs(40), EVEN))

    assert outcome("sample_counts", known, counts={"train": 40}).verdict is True
    assert outcome("sample_counts", known, counts={"train": 41, "test": 10}).verdict is False
    assert outcome("sample_counts", known, counts={"train": 40, "test": 10}).verdict is None
    assert "the split test" in outcome("sample_counts", known, counts={"test": 10}).needs


def test_shape_and_format_are_compared(facts: Make) -> None:
    """Channels are part of the shape."""
    known = facts(train=(blobs(40)[..., None], EVEN))
    form = {"shape": [28, 28, 1], "dtype": "uint8", "classes": 4, "counts": {"train": 40}}

    assert outcome("image_shape", known, shape=[28, 28, 1]).verdict is True
    assert outcome("image_shape", known, shape=[28, 28]).verdict is False
    assert outcome("image_format", known, **form).verdict is True
    assert outcome("image_format", known, **{**form, "classes": 10}).verdict is False
    assert outcome("image_format", known, **{**form, "counts": {"test": 40}}).verdict is None


def test_pixels_and_ground_are_looked_at(facts: Make) -> None:
    """Inverted images have another ground; without any pixel nothing can be said."""
    known = facts(train=(blobs(40), EVEN))

    assert outcome("pixel_range", known, low=0, high=255).verdict is True
    assert outcome("pixel_range", known, low=0, high=1).verdict is False
    assert outcome("background_is_zero", known).verdict is True
    assert outcome("background_is_zero", facts(train=(255 - blobs(40), EVEN))).verdict is False


def test_pixels_that_are_no_numbers_are_outside_every_range(facts: Make) -> None:
    """And their samples have no centre and no box."""
    images = blobs(40).astype(np.float32)
    images[3, 0, 0] = np.nan
    known = facts(train=(images, EVEN))

    assert outcome("pixel_range", known, low=0, high=255).verdict is False
    assert "1 are no numbers" in outcome("pixel_range", known, low=0, high=255).figure
    assert known.samples["side"].tolist().count(0) == known.samples["row"].isna().sum() == 1


def test_nothing_is_decided_of_a_dataset_without_samples(facts: Make) -> None:
    """No test fails on it."""
    known = facts(train=(blobs(0), EVEN[:0]))
    tests = {"pixel_range": (0, 255), "ink_in_box": (20,), "ink_centred": (13.5, 14.5, 0), "even_classes": (0.01,)}
    tests |= {"samples_per_class": ({"train": 6000},), "background_is_zero": (), "no_duplicates": ()}

    for test, parameters in tests.items():
        found = TESTS[test].function(known, *parameters)
        assert (test, found.verdict) == (test, None)
        assert found.needs


def test_classes_are_even_or_not(facts: Make) -> None:
    """With fewer than five samples a class chance allows nearly anything."""
    uneven = np.repeat(EVEN[:4], [25, 5, 5, 5])

    assert outcome("even_classes", facts(train=(blobs(40), EVEN)), level=0.01).verdict is True
    assert outcome("even_classes", facts(train=(blobs(40), uneven)), level=0.01).verdict is False
    assert outcome("even_classes", facts(train=(blobs(8), EVEN[:8])), level=0.01).verdict is None
    assert outcome("even_classes", facts(train=(blobs(40), EVEN * 0)), level=0.01).verdict is None


def test_how_much_larger_the_largest_class_is_is_said(facts: Make) -> None:
    """In percent of the smallest; nothing where all are as large."""
    uneven = np.repeat(EVEN[:4], [15, 10, 12, 13])

    said = outcome("even_classes", facts(train=(blobs(50), uneven)), level=0.01).figure
    even = outcome("even_classes", facts(train=(blobs(40), EVEN)), level=0.01).figure

    assert "the largest 50.0% above the smallest" in said
    assert "above the smallest" not in even


def test_samples_of_each_class_are_counted(facts: Make) -> None:
    """Exactly."""
    known = facts(train=(blobs(40), EVEN))

    assert outcome("samples_per_class", known, counts={"train": 10}).verdict is True
    assert outcome("samples_per_class", known, counts={"train": 9}).verdict is False
    assert outcome("samples_per_class", known, counts={"train": 10, "test": 1}).verdict is None


def test_duplicates_are_counted_within_splits_and_across(facts: Make) -> None:
    """Blank images are the same, too; one image alone repeats nothing."""
    train, test = blobs(40), blobs(40, seed=1)
    train[[3, 4]] = 0
    test[7] = train[9]
    found = outcome("no_duplicates", facts(train=(train, EVEN), test=(test, EVEN)))

    assert found.verdict is False
    assert found.numbers == {"train_copies": 1, "test_copies": 0, "across": 1}
    assert outcome("no_duplicates", facts(train=(blobs(40), EVEN), test=(blobs(40, seed=1), EVEN))).verdict is True
    assert outcome("no_duplicates", facts(train=(blobs(1), EVEN[:1]), test=(blobs(0), EVEN[:0]))).verdict is None


def test_an_audit_beside_the_dataset_decides_on_faults(made: Callable[..., Dataset]) -> None:
    """If it has the checks, and is of the dataset as it stands."""
    source = made(train=(blobs(40), EVEN))
    claim = Claim(text="clean", source="nobody", test="no_faults", parameters={"checks": ["noisy", "label_error"]})

    def audited(content: str, **columns: bool) -> pd.Series[Any]:
        table = pd.DataFrame({"id": range(40), **{f"is_{check}": flagged for check, flagged in columns.items()}})
        write_table(table, f"{source.location}-audit/audit", provenance("audit", {"made": content}, {}))
        return check_claims(source, [claim]).iloc[0]

    assert audited(source.content, noisy=False, label_error=False)["verdict"] == "true"
    assert audited(source.content, noisy=False, label_error=True)["figure"] == "suspected: noisy 0, label_error 40"
    assert audited(source.content, noisy=False, label_error=True)["verdict"] == "false"
    assert audited(source.content, noisy=False)["verdict"] == "undecided"
    assert "mnist-data audit" in audited("another", noisy=False, label_error=True)["needs"]


def test_ink_is_measured(facts: Make) -> None:
    """The box is of 4×4 pixels, its middle 1.5 from its corner; blank samples do not count."""
    images = blobs(40)
    images[5] = 0
    known, aside = facts(train=(images, EVEN)), facts(train=(blobs(40, row=2), EVEN))
    blank = facts(train=(images * 0, EVEN))

    assert outcome("ink_in_box", known, side=4).verdict is True
    assert outcome("ink_in_box", known, side=3).verdict is False
    assert outcome("ink_in_box", blank, side=3).verdict is None
    assert outcome("ink_centred", known, low=13, high=15, tolerance=0).verdict is True
    assert outcome("ink_centred", aside, low=13, high=15, tolerance=0).verdict is False
    assert outcome("ink_centred", blank, low=13, high=15, tolerance=0).verdict is None


def test_samples_may_be_off_centre_up_to_the_tolerance(facts: Make) -> None:
    """One of 40 is 2.5 %."""
    images = blobs(40)
    images[7] = np.roll(images[7], -9, axis=0)
    known = facts(train=(images, EVEN))

    assert outcome("ink_centred", known, low=13, high=15, tolerance=0.025).verdict is True
    assert outcome("ink_centred", known, low=13, high=15, tolerance=0.02).verdict is False


def written_by(*writers: int) -> Array:
    """Make a label table as QMNIST's: label, series and writer of 40 samples, and five more columns."""
    table = np.zeros((40, 8), np.int32)
    table[:, 0], table[:, 1], table[:, 2] = EVEN, 4, np.resize(writers, 40)
    return table


def test_writers_are_compared_where_they_are_known(facts: Make) -> None:
    """By the columns of QMNIST's tables."""
    train = (blobs(40), written_by(1, 2, 3))
    apart = outcome(
        "different_writers", facts(train=train, test=(blobs(40), written_by(4, 5))), splits=["train", "test"]
    )
    mixed = outcome(
        "different_writers", facts(train=train, test=(blobs(40), written_by(3, 4))), splits=["train", "test"]
    )

    assert (apart.verdict, apart.numbers) == (True, {"train_writers": 3, "test_writers": 2, "shared": 0})
    assert (mixed.verdict, mixed.numbers["shared"]) == (False, 1)


def test_unknown_writers_decide_nothing(facts: Make) -> None:
    """And it says where to get them; one split alone is not enough."""
    unknown = outcome("different_writers", facts(train=(blobs(40), EVEN)), splits=["train", "test"])
    alone = outcome("different_writers", facts(train=(blobs(40), written_by(1, 2))), splits=["train", "test"])

    assert (unknown.verdict, alone.verdict) == (None, None)
    assert "mnist-data convert … --label-tables DIR" in unknown.needs
    assert "the split test" in alone.needs


def test_labels_beside_images_is_read_from_the_sources(facts: Make) -> None:
    """Two files; one file; none that is known."""
    known = facts(train=(blobs(40), EVEN))
    both = tuple(Source("data.bin", "train", role, "", "|u1", (40,)) for role in ("images", "labels"))

    def of(sources: tuple[Source, ...]) -> Outcome:
        metadata = known.metadata.after(known.metadata.stages[0], sources=sources)
        return outcome("labels_beside_images", Facts(metadata, known.splits, known.samples, known.pixels))

    assert of(known.metadata.sources).verdict is False
    assert of(known.metadata.sources).figure == "train-images and train-labels"
    assert of(both).verdict is True
    assert of(()).verdict is None


def test_predictions_decide_which_half_is_easier(facts: Make) -> None:
    """All right in one half, and a half in the other; 20 samples with one error more decide nothing."""
    known = facts(test=(blobs(40), written_by(1, 2)))
    good, poor, fair = np.ones(20, bool), np.arange(20) < 10, np.arange(20) < 19

    def of(*halves: Array, samples: int = 40, shift: int = 0) -> Outcome:
        right = np.concatenate(halves)
        table = pd.DataFrame({"id": range(40), "label": (EVEN + shift) % 4, "correct": right})[:samples][::-1]
        known_too = Facts(known.metadata, known.splits, known.samples, known.pixels, predictions=table)
        return outcome("first_half_easier", known_too, split="test", level=0.01)

    assert of(good, poor).verdict is True
    assert of(poor, good).verdict is False
    assert of(good, fair).verdict is None
    assert of(good, poor, samples=39).verdict is None
    assert of(good, poor, shift=1).figure.startswith("the predictions have other labels")
    assert outcome("first_half_easier", known, split="test", level=0.01).verdict is None
    assert "first: 20 of series 4" in of(good, poor).figure
    # Wilson's interval of 20 of 20 by hand: z² / (n + z²) is missing.
    assert of(good, poor).numbers["first_low"] == pytest.approx(20 / (20 + 1.959964**2), rel=1e-6)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[claim]]\ntext = 'a'\nsource = 'b'\ntest = 'sample_count'", "Did you mean 'sample_counts'"),
        (
            "[[claim]]\ntext = 'a'\nsource = 'b'\ntest = 'ink_in_box'\nparameters = { sides = 20 }",
            "Did you mean 'side'",
        ),
        ("[[claim]]\ntext = 'a'\nsource = 'b'\ntest = 'no_duplicates'\nparameters = { side = 20 }", "can be none"),
        ("[[claim]]\ntext = 'a'\nsource = 'b'\ntest = 'ink_in_box'", "'side' is missing"),
        ("[[claim]]\ntext = 'a'\nsource = 'b'\ntest = 'ink_in_box'\nparameters = { side = 'x' }", "side is 'x'"),
        ("[[claim]]\ntext = 'a'\nsource = 'b'\ntest = 'ink_in_box'\nparameters = 20", "must be a table"),
        ("[[claim]]\ntext = 'a'\ntest = 'no_duplicates'", "source is missing; it must be a text"),
        ("[[claim]]\ntext = 'a'\nsource = 'b'\ntest = ['x']", r"test is \['x'\]; it must be a text"),
        ("[[claim]]\ntxt = 'a'", "Did you mean 'text'"),
        ("[[claims]]\ntext = 'a'", "Did you mean 'claim'"),
        ("claim = 3", "holds no claims"),
        ("", "holds no claims"),
    ],
)
def test_a_wrong_claim_is_named(tmp_path: Path, text: str, words: str) -> None:
    """With its file, and the nearest name there is."""
    file = tmp_path / "mine.toml"
    file.write_text(text)

    with pytest.raises(WrongUse, match=f"mine.toml.*{words}"):
        read_claims(file)


def test_what_is_no_toml_or_no_table_of_predictions_is_named(tmp_path: Path) -> None:
    """Before the dataset is looked at."""
    for name in ("a.toml", "a.parquet"):
        (tmp_path / name).write_text("[[")
    write_table(pd.DataFrame({"x": [1]}), str(tmp_path / "other"), {})

    with pytest.raises(UnreadableInput, match="a TOML file"):
        read_claims(tmp_path / "a.toml")
    with pytest.raises(UnreadableInput, match="no such file"):
        read_claims(tmp_path / "none.toml")
    with pytest.raises(UnreadableInput, match=r"a\.parquet"):
        read_predictions(tmp_path / "a.parquet")
    with pytest.raises(UnreadableInput, match="its columns are x; expected id, label and correct"):
        read_predictions(tmp_path / "other.parquet")
    with pytest.raises(WrongUse, match="no such file"):
        read_predictions(tmp_path / "none.parquet")


def test_an_unknown_dataset_needs_claims_of_ones_own(tmp_path: Path) -> None:
    """And a known one gets them besides."""
    file = tmp_path / "mine.toml"
    file.write_text("[[claim]]\ntext = 'small'\nsource = 'me'\ntest = 'image_shape'\nparameters = { shape = [2, 2] }")

    with pytest.raises(WrongUse, match="No claims are known of the dataset 'made'"):
        load_claims("made")
    with pytest.raises(WrongUse, match="By its counts it may be kmnist or kannada-mnist. Say by --of"):
        load_claims(None, likely=["kmnist", "kannada-mnist"])

    assert [claim.text for claim in load_claims("made", file)] == ["small"]
    assert [claim.text for claim in load_claims("mnist", file)] == [*(c.text for c in load_claims("mnist")), "small"]


def test_the_command_prints_writes_and_is_strict(digits: Dataset, tmp_path: Path) -> None:
    """One JSON object, a table with where it comes from, and an error where a claim is false."""
    file, out = tmp_path / "mine.toml", tmp_path / "out"
    file.write_text("[[claim]]\ntext = 'small'\nsource = 'me'\ntest = 'image_shape'\nparameters = { shape = [2, 2] }")
    runner = CliRunner()

    printed = runner.invoke(app, ["claims", digits.location, "--claims", str(file), "--json", "--out", str(out)])
    strict = runner.invoke(app, ["claims", digits.location, "--claims", str(file), "--fail-if", "false=0"])
    fine = runner.invoke(app, ["claims", digits.location, "--fail-if", "false=0"])
    again = runner.invoke(app, ["claims", digits.location, "--out", str(out)])
    found = json.loads(printed.stdout)["claims"]
    table = read_table(f"{out}/claims.parquet")

    assert printed.exit_code == fine.exit_code == 0
    assert (found[-1]["claim"], found[-1]["verdict"], found[-1]["numbers"]) == (
        "small",
        "false",
        {"height": 28, "width": 28},
    )
    assert table["verdict"].tolist() == [claim["verdict"] for claim in found]
    assert (out / "claims.csv").is_file()
    assert table_provenance(f"{out}/claims.parquet")["inputs"] == {"sklearn-digits": digits.content}
    assert isinstance(strict.exception, CheckFailed)
    assert "false is 1 of 6, at most 0 is allowed" in str(strict.exception)
    assert "exists already" in str(again.exception)
