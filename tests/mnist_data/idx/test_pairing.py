"""Names give the pairs, contents check them."""

from __future__ import annotations

import gzip
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mnist_data.errors import MismatchedPair, NoDataset, NotIdx, WrongUse
from mnist_data.idx import format as idx
from mnist_data.idx.names import parse_name
from mnist_data.idx.pairing import Pair, check_pair, explicit_pairs, find_pairs, pair_of
from tests.conftest import real_folder

IMAGES, LABELS = np.zeros((4, 5, 5), np.uint8), np.arange(4, dtype=np.uint8)


def fill(folder: Path, *names: str) -> Path:
    """Write a small file under each name: images where the name says so, else labels."""
    for name in names:
        array = IMAGES if "image" in name or name.startswith("X") else LABELS
        if "idx2" in name:
            array = np.zeros((4, 8), np.int32)
        idx.write(folder / "draft", array)
        content = (folder / "draft").read_bytes()
        (folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    (folder / "draft").unlink()
    return folder


@pytest.mark.parametrize(
    ("names", "dataset", "splits"),
    [
        (["train-images-idx3-ubyte", "train-labels-idx1-ubyte"], "", ["train"]),
        (["t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz", "train-images-idx3-ubyte.gz",
          "train-labels-idx1-ubyte.gz"], "", ["train", "test"]),
        (["train-images.idx3-ubyte", "train-labels.idx1-ubyte"], "", ["train"]),
        (["emnist-letters-test-images-idx3-ubyte.gz", "emnist-letters-test-labels-idx1-ubyte.gz"], "emnist-letters", ["test"]),  # noqa: E501
        (["qmnist-train-images-idx3-ubyte.gz", "qmnist-train-labels-idx2-int.gz"], "qmnist", ["train"]),
        (["X_kannada_MNIST_train-idx3-ubyte.gz", "y_kannada_MNIST_train-idx1-ubyte.gz"], "kannada_MNIST", ["train"]),
        (["digits-images.idx", "digits-labels.idx"], "digits", ["train"]),
        (["val_images.idx3-ubyte", "val_labels.idx1-ubyte"], "", ["validation"]),
    ],
)  # fmt: skip
def test_the_usual_names_are_paired(names: list[str], dataset: str, splits: list[str], tmp_path: Path) -> None:
    """Every spelling that publishers and loaders use, with a README beside the files."""
    (tmp_path / "README.md").write_text("about")

    pairs = find_pairs(fill(tmp_path, *names))

    assert splits == [pair.split for pair in pairs]
    assert {dataset} == {pair.dataset for pair in pairs}


@pytest.mark.parametrize(
    ("word", "split"),
    [("train", "train"), ("training", "train"), ("test", "test"), ("t10k", "test"), ("validation", "validation"),
     ("valid", "validation"), ("val", "validation"), ("dev", "validation")],
)  # fmt: skip
def test_a_split_is_known_by_every_usual_word(word: str, split: str, tmp_path: Path) -> None:
    """Before and after the role, whatever the case."""
    for place, name in enumerate((f"{word}-{{}}.idx", f"{{}}-{word}.idx", f"{word.upper()}_{{}}.idx")):
        folder = tmp_path / str(place)
        folder.mkdir()
        pairs = find_pairs(fill(folder, name.format("images"), name.format("labels")))

        assert [pair.split for pair in pairs] == [split], name


def test_names_without_a_role_are_paired_by_content(tmp_path: Path) -> None:
    """The rank tells images from labels where the name does not."""
    idx.write(tmp_path / "train-idx3-ubyte", IMAGES)
    idx.write(tmp_path / "train-idx1-ubyte", LABELS)

    assert [Pair("train", str(tmp_path / "train-idx3-ubyte"), str(tmp_path / "train-idx1-ubyte"))] == find_pairs(
        tmp_path
    )


def test_the_unpacked_form_is_read_where_both_lie_side_by_side(tmp_path: Path) -> None:
    """Torchvision keeps both; reading the raw one saves the unpacking."""
    fill(tmp_path, "train-images-idx3-ubyte", "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz")

    assert find_pairs(tmp_path)[0].images.endswith("train-images-idx3-ubyte")


def test_several_datasets_in_one_folder_need_a_choice(tmp_path: Path) -> None:
    """EMNIST's archive unpacks into one folder of six."""
    for part in ("letters", "digits"):
        fill(tmp_path, f"emnist-{part}-train-images-idx3-ubyte", f"emnist-{part}-train-labels-idx1-ubyte")

    with pytest.raises(WrongUse, match="emnist-digits, emnist-letters; choose one with --dataset"):
        find_pairs(tmp_path)

    assert find_pairs(tmp_path, "emnist-letters")[0].dataset == "emnist-letters"


PAIR = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")


def test_files_one_folder_down_are_found(tmp_path: Path) -> None:
    """Torchvision's lie in MNIST/raw, packed and unpacked; Kaggle's in a folder each."""
    raw = tmp_path / "torchvision/MNIST/raw"
    raw.mkdir(parents=True)
    fill(raw, *PAIR, *(f"{name}.gz" for name in PAIR))
    for name in PAIR:
        (tmp_path / "kaggle" / name).mkdir(parents=True)
        fill(tmp_path / "kaggle" / name, name)

    for root, folders in (("torchvision", [raw, raw]), ("kaggle", [tmp_path / "kaggle" / name for name in PAIR])):
        (pair,) = find_pairs(tmp_path / root)
        assert [Path(file) for file in (pair.images, pair.labels)] == [
            folder / name for folder, name in zip(folders, PAIR, strict=True)
        ]


def test_several_datasets_below_a_folder_are_listed_with_their_commands(tmp_path: Path) -> None:
    """Each line can be run as it stands."""
    for name in ("mnist", "fashion mnist"):
        (tmp_path / name / "raw").mkdir(parents=True)
        fill(tmp_path / name / "raw", *PAIR)

    with pytest.raises(NoDataset) as raised:
        find_pairs(tmp_path)
    for command in str(raised.value).split("Convert one of them: ")[1].rstrip(".").split("; "):
        assert len(find_pairs(shlex.split(command)[2])) == 1


def test_an_empty_folder_says_what_is_looked_for(tmp_path: Path) -> None:
    """By the names that are recognised."""
    with pytest.raises(NoDataset, match=r"no IDX file lies in it.*train-images-idx3-ubyte\.gz"):
        find_pairs(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        lambda name: f"{name} (1).gz",
        lambda name: f"{name}.gz (2)",
        lambda name: f"{name} - Copy",
        lambda name: f"{name} copy 2.gz",
        lambda name: f"Copy of {name}",
        lambda name: f"Kopie von {name}",
        lambda name: f"{name} - Kopie (2).gz",
        lambda name: f"{name} - 副本",
        lambda name: f"{name}.gz.1",
        lambda name: f"{name}_2.gz",
        lambda name: f"{name}[1].bz2",
        lambda name: f"{name}.bin",
        lambda name: name.replace("-", " "),
        lambda name: f" {name}",
    ],
)
def test_names_as_browsers_and_file_managers_leave_them_are_read(change: Callable[[str], str], tmp_path: Path) -> None:
    """Of both splits."""
    names = [*PAIR, "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]
    fill(tmp_path, *names)
    for name in names:
        (tmp_path / name).rename(tmp_path / change(name))

    assert [(pair.split, pair.dataset) for pair in find_pairs(tmp_path)] == [("train", ""), ("test", "")]


def test_two_files_of_one_split_are_fine_where_their_contents_are_equal(tmp_path: Path) -> None:
    """Packed and unpacked, or downloaded twice; the unpacked one costs nothing to read."""
    fill(tmp_path, *PAIR, "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte (1)")

    (pair,) = find_pairs(tmp_path)

    assert Path(pair.images).name == PAIR[0]


@pytest.mark.parametrize("stale", ["train-images-idx3-ubyte.gz", "training-images-idx3-ubyte"])
def test_two_files_of_one_split_that_differ_are_refused_with_the_choice(stale: str, tmp_path: Path) -> None:
    """A stale copy, or a file of another spelling, must not win in silence; the options that choose are given."""
    fill(tmp_path, *PAIR, stale)
    idx.write(tmp_path / "draft", IMAGES + 1)
    content = (tmp_path / "draft").read_bytes()
    (tmp_path / "draft").unlink()
    (tmp_path / stale).write_bytes(gzip.compress(content) if stale.endswith(".gz") else content)

    with pytest.raises(MismatchedPair) as raised:
        find_pairs(tmp_path)
    assert PAIR[0] in str(raised.value)
    assert stale in str(raised.value)
    options = shlex.split(str(raised.value).split("convert OUT ")[1])
    assert [Path(options[place]).name for place in (1, 3)] == list(PAIR)


def test_a_file_is_paired_with_the_one_spelled_as_it_is(tmp_path: Path) -> None:
    """t10k-images with t10k-labels, whatever else is a test split there."""
    fill(tmp_path, "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", "test-labels-idx1-ubyte")
    idx.write(tmp_path / "test-labels-idx1-ubyte", LABELS[::-1].copy())

    assert Path(pair_of(tmp_path / "t10k-images-idx3-ubyte").labels).name == "t10k-labels-idx1-ubyte"


def test_crossed_test_splits_of_real_images_are_refused() -> None:
    """As reported: t10k-images without labels next to another test split gave 39 wrong labels of 40."""
    folder = real_folder("wild") / "crossed-t10k-test"

    with pytest.raises(
        MismatchedPair, match=r"t10k-images.*test-images.*--images .*test-images.*--labels .*test-labels"
    ):
        find_pairs(folder)


def test_labels_without_images_are_refused(real_odd: Path, tmp_path: Path) -> None:
    """As found in the wild: KMNIST's training labels alone."""
    (tmp_path / "kmnist-train-labels-idx1-ubyte.gz").write_bytes(
        (real_odd / "kmnist-train-labels-idx1-ubyte.gz").read_bytes()
    )

    with pytest.raises(MismatchedPair, match="labels of the split 'train' without images; expected both"):
        find_pairs(tmp_path)


def test_a_file_that_claims_to_be_idx_and_is_not_is_an_error(tmp_path: Path) -> None:
    """An HTML page saved under MNIST's name must not be passed over in silence."""
    fill(tmp_path, "train-labels-idx1-ubyte.gz")
    (tmp_path / "train-images-idx3-ubyte.gz").write_text("<html>404</html>")

    with pytest.raises(NotIdx, match="train-images-idx3-ubyte.gz: .*web page"):
        find_pairs(tmp_path)


def test_counts_and_roles_are_checked(tmp_path: Path) -> None:
    """No other loader notices 10,000 images beside 9,999 labels, or labels in the images' place."""
    images, labels, three = (str(tmp_path / name) for name in ("images", "labels", "three"))
    idx.write(images, IMAGES)
    idx.write(labels, LABELS)
    idx.write(three, LABELS[:3])

    with pytest.raises(MismatchedPair, match="three: 3 labels for 4 images in images"):
        check_pair(Pair("train", images, three))
    with pytest.raises(MismatchedPair, match="labels: an array of 4 ubytes instead of images"):
        check_pair(Pair("train", labels, labels))
    with pytest.raises(MismatchedPair, match="images: an array of 4×5×5 ubytes instead of labels"):
        check_pair(Pair("train", images, images))


def test_a_name_that_lies_about_its_role_is_refused(tmp_path: Path) -> None:
    """Labels saved under the images' name."""
    idx.write(tmp_path / "train-images-idx3-ubyte", LABELS)
    idx.write(tmp_path / "train-labels-idx1-ubyte", LABELS)

    with pytest.raises(MismatchedPair, match="instead of images"):
        find_pairs(tmp_path)


def test_explicit_files_need_one_label_file_and_one_name_each() -> None:
    """A missing or doubled --labels or --split is told before any file is read."""
    with pytest.raises(WrongUse, match="2 --images, 1 --labels"):
        explicit_pairs(["a", "b"], ["c"], [])
    with pytest.raises(WrongUse, match="not all different"):
        explicit_pairs(["a", "b"], ["c", "d"], [])
    with pytest.raises(WrongUse, match="cannot name a folder"):
        explicit_pairs(["a"], ["c"], ["../x"])

    assert [Pair("test", "t10k-images", "c")] == explicit_pairs(["t10k-images"], ["c"], [])


def test_emnist_mnist_is_not_taken_for_mnist() -> None:
    """Its images are transposed; the longer name counts."""
    from mnist_data.known.catalog import by_name

    known = by_name(parse_name("emnist-mnist-train-images-idx3-ubyte.gz").dataset)

    assert known is not None
    assert (known.name, known.transposed) == ("emnist-mnist", True)


def test_one_file_finds_its_partner_whatever_else_lies_there(tmp_path: Path) -> None:
    """A broken stranger in the folder is no matter; a missing partner is."""
    fill(tmp_path, "kmnist-t10k-images-idx3-ubyte.gz", "kmnist-t10k-labels-idx1-ubyte", "train-labels-idx1-ubyte")
    (tmp_path / "empty.idx").write_bytes(b"")

    pair = pair_of(tmp_path / "kmnist-t10k-labels-idx1-ubyte")

    assert pair.images.endswith("kmnist-t10k-images-idx3-ubyte.gz")
    with pytest.raises(MismatchedPair, match="train-labels-idx1-ubyte: labels of the split 'train' without images"):
        pair_of(tmp_path / "train-labels-idx1-ubyte")
