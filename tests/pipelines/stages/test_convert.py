"""IDX → Parquet: what is recorded, put right, warned of, and given back byte for byte."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mnist_data
from mnist_data.errors import MismatchedPair, OutputExists, TruncatedIdx, UnreadableInput, WrongUse
from mnist_data.idx import format as idx
from mnist_data.idx.pairing import Pair, find_pairs
from mnist_data.parquet.dataset import Dataset, open_dataset
from pipelines.engine.engine import Cluster, Serial, Threads
from pipelines.engine.execution import Execution
from pipelines.settings.stages import Convert
from pipelines.stages.convert import convert, unlikely_labels
from pipelines.stages.export import export
from tests.conftest import real_folder


def pair_of(folder: Path, images: np.ndarray, labels: np.ndarray, prefix: str = "train") -> list[Pair]:
    """Write two IDX files and pair them."""
    kind = {"uint8": "ubyte", "int32": "int", "float32": "float", "int16": "short"}
    folder.mkdir(exist_ok=True)
    idx.write(folder / f"{prefix}-images-idx{images.ndim}-{kind.get(images.dtype.name, 'x')}", images)
    idx.write(folder / f"{prefix}-labels-idx{labels.ndim}-{kind[labels.dtype.name]}", labels)
    return find_pairs(folder)


def sha256(path: Path) -> str:
    with idx.open_idx(path) as reader:
        list(reader.batches(10_000))
        return reader.sha256


def test_mnist_is_known_by_its_content(mnist: Dataset) -> None:
    """Class names, licence and counts come with it, though the training images were packed again."""
    assert mnist.splits == {"train": 60_000, "test": 10_000}
    assert mnist.metadata.title == "MNIST"
    assert mnist.metadata.licence == "CC BY-SA 3.0"


def test_fashion_mnist_is_not_taken_for_mnist_though_the_names_are_the_same(fashion: Dataset) -> None:
    """Its four files are named as MNIST's are; the content tells them apart."""
    assert fashion.metadata.dataset == "fashion-mnist"
    assert fashion.metadata.classes[9] == "Ankle boot"


def test_mnist_goes_to_parquet_and_back_byte_for_byte(mnist: Dataset, tmp_path: Path) -> None:
    """The exported files have the hashes that MNIST's decoded files were published with."""
    paths = export(mnist, tmp_path)

    published = {
        "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    }
    assert published == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def test_qmnist_tables_bring_writer_and_series(real_mnist: Path, tmp_path: Path) -> None:
    """QMNIST's training table belongs to MNIST's training images in order: all 60,000 labels agree, 539 writers."""
    table = real_mnist.parent / "qmnist/qmnist-train-labels-idx2-int.gz"
    if not table.is_file():
        pytest.skip("the folder of real data has no QMNIST tables")
    pair = Pair("train", str(real_mnist / "train-images-idx3-ubyte.gz"), str(table))

    dataset = convert([pair], tmp_path / "q").dataset
    frame = mnist_data.load(dataset.location)

    with idx.open_idx(real_mnist / "train-labels-idx1-ubyte.gz") as reader:
        np.testing.assert_array_equal(np.concatenate(list(reader.batches(60_000))), frame["label"])
    assert frame["writer_id"].nunique() == 539
    assert frame["hsf_series"].value_counts().sort_index().to_dict() == {0: 30_950, 4: 29_050}
    exported = export(dataset, tmp_path / "back")[1]
    assert exported.name == "train-labels-idx2-int"
    assert sha256(table) == sha256(exported)


def test_emnist_letters_are_put_right_recorded_and_given_back(tmp_path: Path) -> None:
    """Its images come transposed and its labels begin at 1."""
    letters = np.arange(5 * 3 * 3, dtype=np.uint8).reshape(5, 3, 3)
    labels = np.array([1, 26, 2, 3, 1], np.uint8)
    idx.write(tmp_path / "emnist-letters-test-images-idx3-ubyte", letters)
    idx.write(tmp_path / "emnist-letters-test-labels-idx1-ubyte", labels)

    conversion = convert(find_pairs(tmp_path), tmp_path / "out")
    images, found = mnist_data.to_numpy(tmp_path / "out")

    np.testing.assert_array_equal(letters.swapaxes(1, 2), images)
    assert found.tolist() == [0, 25, 1, 2, 0]
    assert conversion.dataset.metadata.class_name(25) == "z"
    parameters = conversion.dataset.metadata.stages[0].parameters
    assert (parameters["transpose"], parameters["first_label"]) == (True, 1)
    assert "holds 5 images, EMNIST letters has 20,800" in conversion.warnings[0]
    back = export(conversion.dataset, tmp_path / "back")
    assert back[0].name == "emnist-letters-test-images-idx3-ubyte"  # the name says that it is turned
    np.testing.assert_array_equal(letters, idx.read(back[0]))
    np.testing.assert_array_equal(labels, idx.read(back[1]))
    stored = export(conversion.dataset, tmp_path / "stored", as_stored=True)
    np.testing.assert_array_equal(images, idx.read(stored[0]))


def test_flags_stand_over_what_is_known(tmp_path: Path) -> None:
    """A mirror may have put EMNIST right already; and any other set may need it."""
    images = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    pairs = pair_of(tmp_path / "in", images, np.array([3, 4], np.uint8))

    convert(pairs, tmp_path / "out", Convert(transpose=True, first_label=3))
    turned, labels = mnist_data.to_numpy(tmp_path / "out")

    np.testing.assert_array_equal(images.swapaxes(1, 2), turned)
    assert labels.tolist() == [0, 1]


@pytest.mark.parametrize("kind", ["uint8", "int16", "int32", "float32", "float64", "int8"])
@pytest.mark.parametrize("shape", [(4, 7), (1, 1), (3, 3, 3), (2, 3, 4, 5)])
def test_every_type_and_shape_comes_through(kind: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    """Non-square, one pixel, colour, volumes, wide integers and floats."""
    values = np.random.default_rng(0).integers(-100 if kind[0] != "u" else 0, 100, (5, *shape)).astype(kind)
    (tmp_path / "in").mkdir()
    idx.write(tmp_path / "in/train-images", values)
    idx.write(tmp_path / "in/train-labels", np.arange(5, dtype=np.uint8))
    pair = Pair("train", str(tmp_path / "in/train-images"), str(tmp_path / "in/train-labels"))

    dataset = convert([pair], tmp_path / "out", Convert(row_group_rows=2)).dataset
    images, _ = mnist_data.to_numpy(dataset.location)

    np.testing.assert_array_equal(values, images, strict=True)
    back = export(dataset, tmp_path / "back")
    np.testing.assert_array_equal(values, idx.read(back[0]), strict=True)


def test_an_empty_set_is_a_set(tmp_path: Path) -> None:
    """Zero images are legal IDX, and become a dataset with columns and no rows."""
    convert(pair_of(tmp_path / "in", np.empty((0, 28, 28), np.uint8), np.empty(0, np.uint8)), tmp_path / "out")

    assert mnist_data.to_numpy(tmp_path / "out")[0].shape == (0, 28, 28)
    assert list(pd.read_parquet(tmp_path / "out").columns) == ["id", "label", "image", "split"]


def test_a_label_that_is_no_class_is_warned_of(tmp_path: Path) -> None:
    """No other loader says a word about a label of 200."""
    labels = np.tile(np.arange(10, dtype=np.uint8), 50)
    labels[77] = 200

    warnings = convert(pair_of(tmp_path / "in", np.zeros((500, 2, 2), np.uint8), labels), tmp_path / "out").warnings

    assert "200 (1 times)" in warnings[0]


@pytest.mark.parametrize(
    ("counts", "classes", "strange"),
    [
        ({0: 10, 1: 10}, 0, {}),
        ({}, 10, {}),
        ({3: 5, 11: 1}, 10, {11: 1}),
        ({-1: 2, 0: 600, 1: 600}, 0, {-1: 2}),
        ({1: 100, 2: 90, 3: 1, 4: 120}, 0, {}),
        ({0: 1, 1: 1, 2: 1}, 0, {}),
    ],
)
def test_which_labels_are_no_class(counts: dict[int, int], classes: int, strange: dict[int, int]) -> None:
    """A rare class between two common ones is a class; one far outside is not."""
    assert strange == unlikely_labels(counts, classes)


@pytest.mark.parametrize("engine", [Serial(), Threads(2), "cluster"], ids=str)
def test_the_bytes_written_do_not_depend_on_the_engine(
    engine: Serial | Threads | str,
    sample_idx: Path,
    digits: Dataset,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    """One thread, several, or processes: the same files."""
    chosen: Serial | Threads | Cluster = request.getfixturevalue("cluster") if isinstance(engine, str) else engine

    assert (
        digits.content == convert(find_pairs(sample_idx), tmp_path / "out", execution=Execution(chosen)).dataset.content
    )


def test_an_error_of_a_worker_arrives_whole(sample_idx: Path, tmp_path: Path, cluster: Cluster) -> None:
    """Class, message and exit code survive the way from another process."""
    pairs = find_pairs(sample_idx)
    cut = tmp_path / "cut-images-idx3-ubyte"
    cut.write_bytes(Path(pairs[0].images).read_bytes()[:-1])

    with pytest.raises(TruncatedIdx, match="holds 1,436 whole items"):
        convert([Pair("train", str(cut), pairs[0].labels)], tmp_path / "out", execution=Execution(cluster))


def test_splits_of_different_sizes_are_refused(tmp_path: Path) -> None:
    """One dataset has images of one shape."""
    pair_of(tmp_path / "in", np.zeros((2, 3, 3), np.uint8), np.zeros(2, np.uint8))
    pairs = pair_of(tmp_path / "in", np.zeros((2, 4, 4), np.uint8), np.zeros(2, np.uint8), "test")

    with pytest.raises(WrongUse, match="different shapes"):
        convert(pairs, tmp_path / "out")


def test_images_without_pixels_are_refused(tmp_path: Path) -> None:
    """Parquet has no column of width 0."""
    with pytest.raises(WrongUse, match="hold 0 bytes"):
        convert(pair_of(tmp_path / "in", np.zeros((2, 0, 3), np.uint8), np.zeros(2, np.uint8)), tmp_path / "out")


def test_large_files_are_cut_into_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part holds whole row groups, and ids run on from part to part."""
    monkeypatch.setattr("mnist_data.parquet.writer.ROWS_IN_A_PART", 100)
    pairs = pair_of(tmp_path / "in", np.zeros((250, 2, 2), np.uint8), np.zeros(250, np.uint8))

    dataset = convert(pairs, tmp_path / "out", Convert(row_group_rows=10)).dataset

    assert [Path(path).stem for _, path in dataset.files] == ["part-00000", "part-00001", "part-00002"]
    np.testing.assert_array_equal(np.arange(250), mnist_data.load(dataset.location)["id"])


def test_other_images_under_mnists_labels_are_told(real_mnist: Path, tmp_path: Path) -> None:
    """A corrupted or deformed edition keeps the labels; it is not MNIST."""
    images = 255 - idx.read(real_mnist / "t10k-images-idx3-ubyte.gz")
    idx.write(tmp_path / "t10k-images-idx3-ubyte", images)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes((real_mnist / "t10k-labels-idx1-ubyte.gz").read_bytes())

    warnings = convert(find_pairs(tmp_path), tmp_path / "out").warnings

    assert "not the published images of MNIST, though its labels are" in warnings[0]


def test_a_name_that_begins_like_a_known_one_is_another_dataset(tmp_path: Path) -> None:
    """Kuzushiji-49 has 49 classes; taken for KMNIST it would lose most of its samples to cleaning."""
    pairs = pair_of(tmp_path / "in", np.zeros((49, 2, 2), np.uint8), np.arange(49, dtype=np.uint8))

    conversion = convert(pairs, tmp_path / "out", dataset="kmnist-49")

    assert (conversion.dataset.metadata.dataset, conversion.dataset.metadata.classes) == ("kmnist-49", ())
    assert conversion.warnings == ()


MEASURED = """
import sys
from pathlib import Path
from mnist_data.idx.pairing import Pair
from pipelines.stages.convert import convert
convert([Pair("train", sys.argv[1], sys.argv[2])], sys.argv[3])
print(int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) // 1024)
"""


# ru_maxrss would not do: a process begins with its parent's peak, here that of all tests before.
@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="only Linux tells a process its own peak")
@pytest.mark.slow
def test_two_million_images_take_less_than_a_gibibyte(tmp_path: Path) -> None:
    """1.6 GB of pixels stream through; the peak is measured in a process of its own."""
    noise = np.random.default_rng(0).integers(0, 256, (10_000, 28, 28), np.uint8)
    with (tmp_path / "images").open("wb") as file:
        writer = idx.Writer(file, idx.Header(np.dtype("u1"), (2_000_000, 28, 28)))
        for _ in range(200):
            writer.write(noise)
        writer.close()
    idx.write(tmp_path / "labels", np.zeros(2_000_000, np.uint8))

    command = [
        sys.executable,
        "-c",
        MEASURED,
        *(str(tmp_path / name) for name in ("images", "labels", "out")),
    ]
    measured = subprocess.run(command, capture_output=True, text=True, check=True)

    assert int(measured.stdout) < 1024
    assert len(open_dataset(tmp_path / "out")) == 2_000_000


def test_no_split_is_lost_where_two_would_get_one_name(sample_idx: Path, tmp_path: Path) -> None:
    """The split "test" is exported as t10k, unless there is a split of that name."""
    pairs = [
        Pair(name, pair.images, pair.labels)
        for name, pair in zip(("t10k", "test"), find_pairs(sample_idx), strict=True)
    ]

    paths = export(convert(pairs, tmp_path / "data").dataset, tmp_path / "idx")

    assert len({path.name for path in paths}) == 4


def wild(name: str) -> Path:
    """Give one of the folders rebuilt from public bug reports."""
    return real_folder("wild") / name


def same_as_mnist(dataset: Dataset, split: str, mnist_folder: Path) -> None:
    """Every image is one of MNIST's of that split, under its label."""
    images, labels = mnist_data.to_numpy(dataset.location, split=split)
    prefix = "train" if split == "train" else "t10k"
    originals = idx.read(next(mnist_folder.glob(f"{prefix}-images*")))
    known = dict(
        zip(map(bytes, originals), idx.read(next(mnist_folder.glob(f"{prefix}-labels*"))).tolist(), strict=True)
    )

    assert labels.tolist() == [known[bytes(image)] for image in images]


@pytest.mark.parametrize("name", ["flat-784", "float-labels", "column-labels-n-by-1", "browser-copy (1)"])
def test_files_as_people_have_them_are_read(name: str, real_mnist: Path, tmp_path: Path) -> None:
    """The same digits under the same labels as in MNIST, and export gives the files back."""
    converted = convert(find_pairs(wild(name)), tmp_path / "out")

    assert converted.dataset.metadata.shape == (28, 28)
    for split in converted.dataset.splits:
        same_as_mnist(converted.dataset, split, real_mnist)
    export(converted.dataset, tmp_path / "back")
    contents = {source.sha256 for source in converted.dataset.metadata.sources}
    assert {sha256(path) for path in (tmp_path / "back").iterdir()} == contents


def test_labels_in_the_other_byte_order_are_refused_and_read_when_asked(real_mnist: Path, tmp_path: Path) -> None:
    """As they came out before: 0 … 150,994,944."""
    pairs = find_pairs(wild("little-endian-int-labels"))

    with pytest.raises(UnreadableInput, match=r"labels-idx1-int.*little-endian.*--byte-order little"):
        convert(pairs, tmp_path / "refused")
    assert not list(tmp_path.iterdir())
    dataset = convert(pairs, tmp_path / "read", Convert(byte_order="little")).dataset
    for split in dataset.splits:
        same_as_mnist(dataset, split, real_mnist)


def test_known_files_that_contradict_each_other_are_refused(
    real_mnist: Path, real_fashion: Path, tmp_path: Path
) -> None:
    """Fashion's training files next to MNIST's test files must not become Fashion-MNIST."""
    (tmp_path / "mixed").mkdir()
    for folder, pattern in ((real_fashion, "train-*"), (real_mnist, "t10k-*")):
        for file in folder.glob(pattern):
            (tmp_path / "mixed" / file.name).symlink_to(file)
    pairs = find_pairs(tmp_path / "mixed")

    with pytest.raises(MismatchedPair, match=r"of Fashion-MNIST.*of MNIST.*--dataset NAME"):
        convert(pairs, tmp_path / "refused")
    assert not (tmp_path / "refused").exists()
    converted = convert(pairs, tmp_path / "kept", dataset="mine")
    assert "Fashion-MNIST" in converted.dataset.metadata.note
    assert any("Fashion-MNIST" in warning for warning in converted.warnings)


@pytest.mark.parametrize(
    ("labels", "advice"),
    [
        ([65, 66, 90], "--relabel"),
        ([1, 2, 3], "--first-label 1"),
        ([5, 900, 70_000], "--relabel"),
    ],
)
def test_labels_that_are_no_classes_from_0_are_named_with_the_remedy(
    labels: list[int], advice: str, tmp_path: Path
) -> None:
    """Letters, counts from one, identifiers; --relabel numbers them and names the classes."""
    idx.write(tmp_path / "train-images-idx3-ubyte", np.random.default_rng(0).integers(0, 9, (30, 8, 8), np.uint8))
    idx.write(tmp_path / "train-labels-idx1-int", np.repeat(labels, 10).astype(np.int32))

    converted = convert(find_pairs(tmp_path), tmp_path / "out")
    relabelled = convert(find_pairs(tmp_path), tmp_path / "relabelled", Convert(relabel=True))

    assert any(advice in warning for warning in converted.warnings)
    assert np.repeat([0, 1, 2], 10).tolist() == mnist_data.load(relabelled.dataset.location)["label"].tolist()
    assert len(relabelled.dataset.metadata.classes) == 3
    export(relabelled.dataset, tmp_path / "back")
    assert idx.read(tmp_path / "back/train-labels-idx1-int").tolist() == np.repeat(labels, 10).tolist()


def test_an_export_replaces_no_file_unless_asked(digits: Dataset, tmp_path: Path) -> None:
    """Not even one of the four: the others are left alone, too."""
    export(digits, tmp_path / "idx")
    kept = tmp_path / "idx/t10k-labels-idx1-ubyte"
    for path in (tmp_path / "idx").iterdir():
        path.write_bytes(b"mine") if path == kept else path.unlink()

    with pytest.raises(OutputExists):
        export(digits, tmp_path / "idx")

    assert [(path.name, path.read_bytes()) for path in (tmp_path / "idx").iterdir()] == [(kept.name, b"mine")]
    assert len(export(digits, tmp_path / "idx", overwrite=True)) == 4


def test_files_that_are_little_endian_throughout_are_read_when_asked(tmp_path: Path) -> None:
    """Headers and values; the command that the refusal gives must not be refused itself."""
    images = np.random.default_rng(0).integers(0, 256, (30, 8, 8), np.uint8)
    labels = (np.arange(30) % 3).astype("<i4")
    for name, code, array in (("images-idx3-ubyte", 8, images), ("labels-idx1-int", 12, labels)):
        header = bytes([array.ndim, code, 0, 0]) + np.array(array.shape, "<u4").tobytes()
        (tmp_path / f"train-{name}").write_bytes(header + array.tobytes())

    with pytest.raises(UnreadableInput, match="--byte-order little"):
        mnist_data.convert(tmp_path, tmp_path / "refused", progress=False)
    result = mnist_data.convert(tmp_path, tmp_path / "out", byte_order="little", progress=False)
    read, found = mnist_data.to_numpy(result)

    np.testing.assert_array_equal(images, read)
    assert labels.tolist() == found.tolist()


def test_relabelled_labels_begin_at_0_wherever_those_of_the_dataset_begin(tmp_path: Path) -> None:
    """EMNIST's letters are counted from 1; to count from there again would make the first of them -1."""
    idx.write(tmp_path / "emnist-letters-train-images-idx3-ubyte", np.zeros((6, 4, 4), np.uint8))
    idx.write(tmp_path / "emnist-letters-train-labels-idx1-ubyte", np.array([1, 2, 26] * 2, np.uint8))

    dataset = convert(find_pairs(tmp_path), tmp_path / "out", Convert(relabel=True)).dataset

    assert mnist_data.load(dataset.location)["label"].tolist() == [0, 1, 2] * 2
    with pytest.raises(WrongUse, match="leave out one of the two"):
        Convert(relabel=True, first_label=1)
