"""Datasets: what other readers see, and that nobody ever sees half of one."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import mnist_data
from mnist_data import storage
from mnist_data.batch import Batch
from mnist_data.errors import DamagedArchive, NoDataset, OutputExists, TruncatedIdx, WrongUse
from mnist_data.idx import format as idx
from mnist_data.idx.pairing import Pair, find_pairs
from mnist_data.parquet.dataset import Dataset, open_dataset, read_batches, read_sample
from mnist_data.parquet.schema import Metadata
from mnist_data.parquet.writer import Draft, PartWriter
from pipelines.settings.stages import Convert
from pipelines.stages.convert import convert

LAYOUTS = ["binary", "list", "pixels", "png"]


@pytest.fixture(params=LAYOUTS)
def layout(request: pytest.FixtureRequest, sample_idx: Path, tmp_path: Path) -> Dataset:
    """Give the sample in each layout."""
    return convert(find_pairs(sample_idx), tmp_path / "data", Convert(layout=request.param)).dataset


def truth(sample_idx: Path, split: str) -> np.ndarray:
    return idx.read(sample_idx / f"sklearn-digits-{split}-images-idx3-ubyte")


def test_every_layout_gives_the_same_pixels(layout: Dataset, sample_idx: Path) -> None:
    """The layout is a matter of taste and speed, never of content."""
    images, labels = mnist_data.to_numpy(layout.location, "test")
    frame = mnist_data.load(layout.location, "test")

    np.testing.assert_array_equal(truth(sample_idx, "test"), images)
    np.testing.assert_array_equal(truth(sample_idx, "test"), mnist_data.images(frame))
    np.testing.assert_array_equal(labels, frame["label"])


def test_plain_pandas_reads_every_layout(layout: Dataset) -> None:
    """`pandas.read_parquet` with no import of ours: the columns, and the shape in the frame's attributes."""
    frame = pd.read_parquet(layout.location)

    assert {"id", "split", "label"} <= set(frame.columns)
    assert frame["split"].value_counts().to_dict() == {"train": 1437, "test": 360}
    assert frame.attrs["image_shape"] == [28, 28]
    assert frame.attrs["dataset"] == "sklearn-digits"


def test_the_one_documented_line_works_in_plain_pandas(digits: Dataset, sample_idx: Path) -> None:
    """What the README tells users without our package to write."""
    frame = pd.read_parquet(digits.location).query("split == 'train'")

    images = np.frombuffer(b"".join(frame["image"]), np.uint8).reshape(-1, 28, 28)

    np.testing.assert_array_equal(truth(sample_idx, "train"), images)
    np.testing.assert_array_equal(images, mnist_data.images(frame))


def test_polars_and_duckdb_read_the_folder(digits: Dataset) -> None:
    """Both take the folder as it is, and find the split in the folders' names."""
    duckdb, polars = pytest.importorskip("duckdb"), pytest.importorskip("polars")

    frame = polars.read_parquet(digits.location)
    counts = duckdb.sql(
        f"select split, count(*) from read_parquet('{digits.location}/**/*.parquet') group by 1"
    ).fetchall()

    assert frame.columns == ["id", "label", "image", "split"]
    assert len(frame) == 1797
    assert {("train", 1437), ("test", 360)} == set(counts)


def test_hugging_face_shows_pictures_and_class_names(
    sample_idx: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`load_dataset("parquet")` on the PNG layout gives PIL images and a ClassLabel."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    hugging_face = pytest.importorskip("datasets")
    convert(find_pairs(sample_idx), tmp_path / "data", Convert(layout="png"))

    files = {"test": str(tmp_path / "data/split=test/*.parquet")}
    rows = hugging_face.load_dataset("parquet", data_files=files, cache_dir=str(tmp_path / "cache"))["test"]

    np.testing.assert_array_equal(truth(sample_idx, "test")[0], np.asarray(rows[0]["image"]))
    assert list("0123456789") == rows.features["label"].names


def test_files_hold_what_the_format_promises(digits: Dataset) -> None:
    """Fixed-size binary without nulls, page checksums, zstd, no pandas key, and where it all came from."""
    path = digits.files[0][1]
    schema = pq.read_schema(path)
    stored = json.loads(schema.metadata[b"mnist_data"])

    assert str(schema.field("image").type) == "fixed_size_binary[784]"
    assert not schema.field("image").nullable
    assert b"pandas" not in schema.metadata
    assert pq.ParquetFile(path).metadata.row_group(0).column(2).compression == "ZSTD"
    assert {"images", "labels"} == {source["role"] for source in stored["sources"]}
    assert stored["stages"][0]["stage"] == "convert"
    assert stored["shape"] == [28, 28]


def test_only_parquet_files_lie_in_the_folder(digits: Dataset) -> None:
    """A manifest or a lock inside would break the readers that take every file."""
    assert {".parquet"} == {path.suffix for path in Path(digits.location).rglob("*") if path.is_file()}
    assert Path(f"{digits.location}.manifest.json").is_file()


def test_an_altered_byte_is_noticed(sample_idx: Path, tmp_path: Path) -> None:
    """Without page checksums most altered bits of a Parquet file are read in silence."""
    dataset = convert(find_pairs(sample_idx), tmp_path / "data").dataset
    path = Path(dataset.files[0][1])
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)

    with pytest.raises(DamagedArchive, match="part-00000.parquet: it cannot be read"):
        mnist_data.to_numpy(dataset.location)


def test_conversion_does_not_depend_on_how_files_are_packed(sample_idx: Path, digits: Dataset, tmp_path: Path) -> None:
    """The same bytes in, the same Parquet bytes out, whatever gzip had done to them."""
    import gzip

    for path in sample_idx.iterdir():
        (tmp_path / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))

    packed = convert(find_pairs(tmp_path), tmp_path / "out").dataset

    for (_, one), (_, other) in zip(digits.files, packed.files, strict=True):
        assert pq.read_table(one).equals(pq.read_table(other))


def test_an_existing_output_stays_unless_it_is_to_be_replaced(sample_idx: Path, tmp_path: Path) -> None:
    """A dataset is replaced with leave; an empty folder is no output yet."""
    (tmp_path / "data").mkdir()
    convert(find_pairs(sample_idx), tmp_path / "data")

    with pytest.raises(OutputExists, match="by --overwrite"):
        convert(find_pairs(sample_idx), tmp_path / "data")
    assert len(convert(find_pairs(sample_idx), tmp_path / "data", overwrite=True).dataset) == 1797


def test_a_folder_that_is_no_dataset_is_never_replaced(sample_idx: Path, tmp_path: Path) -> None:
    """Nor is the folder of the source files, nor a plain file, with leave or without."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home/thesis.txt").write_text("months of work")

    for target in (tmp_path / "home", sample_idx, tmp_path / "home/thesis.txt"):
        with pytest.raises(WrongUse, match="holds more than a dataset, so it is not replaced"):
            convert(find_pairs(sample_idx), target, overwrite=True)
    assert (tmp_path / "home/thesis.txt").read_text() == "months of work"
    assert len(find_pairs(sample_idx)) == 2


def test_bad_input_leaves_nothing_behind(sample_idx: Path, tmp_path: Path) -> None:
    """No output, no draft, no manifest, no folder for them: a damaged file found at its very end included."""
    pairs = find_pairs(sample_idx)
    cut = tmp_path / "cut-images-idx3-ubyte"
    cut.write_bytes(Path(pairs[0].images).read_bytes()[:-1])

    with pytest.raises(TruncatedIdx):
        convert([Pair("train", str(cut), pairs[0].labels), pairs[1]], tmp_path / "out/data")

    assert list(tmp_path.iterdir()) == [cut]


def test_the_old_dataset_stays_when_its_replacement_fails(sample_idx: Path, tmp_path: Path) -> None:
    """A reader sees the old one or the new one."""
    pairs = find_pairs(sample_idx)
    before = convert(pairs, tmp_path / "data").dataset.content
    cut = tmp_path / "cut-images-idx3-ubyte"
    cut.write_bytes(Path(pairs[0].images).read_bytes()[:-1])

    with pytest.raises(TruncatedIdx):
        convert([Pair("train", str(cut), pairs[0].labels)], tmp_path / "data", overwrite=True)

    assert before == open_dataset(tmp_path / "data").content


KILLED = """
import os, pathlib, sys
from mnist_data import storage
from mnist_data.idx.pairing import find_pairs
from pipelines.stages.convert import convert
calls = []
def deadly(real):
    def call(*args):
        calls.append(args)
        if len(calls) == int(sys.argv[3]):
            os._exit(9)
        return real(*args)
    return call
storage.sync = deadly(storage.sync)
pathlib.Path.rename = deadly(pathlib.Path.rename)
convert(find_pairs(sys.argv[1]), sys.argv[2], overwrite=True)
print(len(calls))
"""


@pytest.mark.slow
def test_a_killed_writer_leaves_the_old_or_the_new(sample_idx: Path, tmp_path: Path) -> None:
    """It is ended without warning at each flush and each rename in turn; whoever writes next finds the dataset whole.

    Only between the two renames there is none, and the old one is put back from beside it.
    """
    target = tmp_path / "data"
    convert(find_pairs(sample_idx), target)
    for death in range(1, 30):
        command = [sys.executable, "-c", KILLED, str(sample_idx), str(target), str(death)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        storage.recover_folder(target)
        assert open_dataset(target).splits == {"train": 1437, "test": 360}
        if ended.returncode == 0:
            break

    assert ended.returncode == 0, ended.stderr
    assert death > 3
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_finished_parts_of_an_interrupted_draft_are_kept(tmp_path: Path) -> None:
    """The next attempt at the same plan goes on where this one was stopped; another plan begins anew."""
    metadata = Metadata("x", (2, 2), "uint8")
    batch = Batch(np.arange(3), np.zeros(3, np.int64), np.zeros((3, 2, 2), np.uint8))
    with pytest.raises(KeyboardInterrupt), Draft(tmp_path / "data", {"plan": 1}) as draft:
        PartWriter(draft.location, "train", 0, metadata).write_all([batch])
        raise KeyboardInterrupt

    with Draft(tmp_path / "data", {"plan": 1}) as draft:
        part = draft.finished("train", 0)
        assert part is not None
        dataset = draft.commit([part], metadata)
    assert len(dataset) == 3

    with Draft(tmp_path / "data", {"plan": 2}, overwrite=True) as draft:
        assert draft.finished("train", 0) is None


def test_two_writers_of_one_dataset_exclude_each_other(tmp_path: Path) -> None:
    """The second is told so at once; neither mixes its parts into the other's."""
    with Draft(tmp_path / "data", {}), pytest.raises(WrongUse, match="another process is writing it"):
        Draft(tmp_path / "data", {}).__enter__()


def test_batches_give_the_rows_in_order(digits: Dataset) -> None:
    """Ids run through the splits, train first."""
    ids = np.concatenate([batch.ids for split in digits.splits for batch in read_batches(digits, split)])

    np.testing.assert_array_equal(np.arange(1797), ids)


@pytest.mark.parametrize("name", ["digits.npz", "a folder", "digits.csv"])
def test_the_advice_for_other_forms_makes_a_dataset(
    name: str, digits: Dataset, tmp_path: Path, command_line: Callable[..., tuple[int, str, str]]
) -> None:
    """It is run as it is printed, by the shell's rules, with OUT replaced; so is what convert says to do next."""
    images, labels = mnist_data.to_numpy(digits, split="test")
    place = tmp_path / "with spaces" / name
    (place if name == "a folder" else place.parent).mkdir(parents=True)
    if place.suffix == ".csv":
        np.savetxt(place, np.column_stack([labels, images.reshape(len(labels), -1)]), "%d", ",")
    else:
        np.savez(place / "digits.npz" if place.is_dir() else place, x_test=images, y_test=labels)
    for command in (("audit", place, "--no-labels"), ("stats", place)):
        code, _, words = command_line(*command)
        advised = shlex.split(words.strip().split("mnist-data ")[-1])
        assert (code, advised[0]) == (2, "convert")

    code, said, _ = command_line(*[str(tmp_path / "an out") if word == "OUT" else word for word in advised])

    assert (code, len(open_dataset(tmp_path / "an out"))) == (0, len(labels))
    assert command_line(*shlex.split(said.strip().split("mnist-data ")[-1]))[0] == 0


def test_what_is_no_dataset_is_said_so(tmp_path: Path) -> None:
    """An empty folder, and a Parquet file of another make."""
    with pytest.raises(NoDataset, match="no Parquet files lie in it"):
        open_dataset(tmp_path)
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "other.parquet")
    with pytest.raises(NoDataset, match="without our metadata"):
        open_dataset(tmp_path / "other.parquet")


def test_an_exception_while_writing_publishes_nothing(tmp_path: Path) -> None:
    """Neither the file nor its draft is there afterwards, on a disk or in a store."""
    for target in (str(tmp_path / "a.txt"), "memory://store/a.txt"):
        with pytest.raises(ZeroDivisionError), storage.new_file(target) as draft:
            draft.write_text("half")
            _ = 1 / 0
        assert not storage.exists(target)
    assert list(tmp_path.iterdir()) == []


def test_images_of_a_frame_that_lost_its_shape_need_it_again(digits: Dataset) -> None:
    """Some pandas operations drop the attributes; the error says what to write."""
    frame = mnist_data.load(digits.location, "test")
    frame.attrs = {}

    with pytest.raises(WrongUse, match=r"shape=\(28, 28\)"):
        mnist_data.images(frame)
    assert mnist_data.images(frame, shape=(28, 28)).shape == (360, 28, 28)


def test_chosen_rows_of_a_frame_give_their_own_images(digits: Dataset, sample_idx: Path) -> None:
    """Filtering, slicing and sorting in pandas carry the images along."""
    frame = mnist_data.load(digits.location, "train")
    chosen = frame[frame["label"] == 7].sort_values("id", ascending=False)[2:9]

    np.testing.assert_array_equal(truth(sample_idx, "train")[chosen["id"]], mnist_data.images(chosen))


def test_images_are_not_copied_one_by_one(digits: Dataset) -> None:
    """The array is a view of the memory that Parquet was read into."""
    frame = mnist_data.load(digits.location, "train")
    chunk = frame["image"].array.__arrow_array__().chunk(0)

    assert np.shares_memory(mnist_data.images(frame), np.frombuffer(chunk.buffers()[1], np.uint8))


def test_a_newer_format_is_refused_by_its_number(digits: Dataset, tmp_path: Path) -> None:
    """And not by a traceback about a field."""
    table = pq.read_table(digits.files[1][1], partitioning=None)
    values = {"format": 2, "something": "new"}
    pq.write_table(table.replace_schema_metadata({b"mnist_data": json.dumps(values)}), tmp_path / "new.parquet")

    with pytest.raises(NoDataset, match="a dataset of format 2; expected format 1"):
        open_dataset(tmp_path / "new.parquet")


def test_a_dataset_goes_to_any_fsspec_store(sample_idx: Path, digits: Dataset) -> None:
    """Here the one in memory."""
    dataset = convert(find_pairs(sample_idx), "memory://anywhere/digits").dataset

    assert dataset.content == digits.content
    assert len(mnist_data.load("memory://anywhere/digits", "test")) == 360


def test_a_split_that_is_not_there_is_named(digits: Dataset) -> None:
    """With the splits there are."""
    with pytest.raises(WrongUse, match="no split 'validation'; it has train, test"):
        mnist_data.load(digits.location, "validation")


def test_one_sample_is_read_by_its_id(digits: Dataset, sample_idx: Path, tmp_path: Path) -> None:
    """Wherever it lies: in the first, a middle and the last row group of either split; one that is not there is not."""
    cut = convert(find_pairs(sample_idx), tmp_path / "cut", Convert(row_group_rows=100)).dataset
    frame = mnist_data.load(digits.location).set_index("id")

    for sample in (0, 99, 100, 777, 1436, 1437, 1796):
        batch = read_sample(cut, sample)

        assert (batch.ids.tolist(), batch.labels.tolist()) == ([sample], [frame.loc[sample, "label"]])
        assert batch.images[0].tobytes() == frame.loc[sample, "image"]
    for sample in (-1, 1797):
        with pytest.raises(WrongUse, match=f"has no sample with the id {sample}"):
            read_sample(cut, sample)


def test_what_a_killed_worker_has_left_of_a_part_goes_into_no_dataset(tmp_path: Path) -> None:
    """Another worker writes the part again, from the beginning, in the same draft."""
    metadata = Metadata(dataset="small", shape=(2, 2), dtype="uint8")
    batch = Batch(np.arange(3), np.zeros(3, np.int64), np.zeros((3, 2, 2), np.uint8))
    with Draft(tmp_path / "d", {}) as draft:
        part = PartWriter(draft.location, "train", 0, metadata).write_all([batch])
        (Path(draft.location) / f".part-00000.parquet.x{storage.DRAFT}").write_bytes(b"half of it")
        (Path(draft.location) / f"split=train/.part-00000.parquet.x{storage.DRAFT}").write_bytes(b"half of it")
        draft.commit([part], metadata)

    assert [path.name for path in (tmp_path / "d").rglob("*") if path.is_file()] == ["part-00000.parquet"]


def test_a_writer_finishes_what_one_killed_between_two_renames_has_begun(sample_idx: Path, tmp_path: Path) -> None:
    """The old dataset had made room for the new one: it is put back, and stays unless it is to be replaced."""
    target = tmp_path / "out"
    content = convert(find_pairs(sample_idx), target).dataset.content
    target.rename(tmp_path / ".out.old")

    with pytest.raises(OutputExists):
        convert(find_pairs(sample_idx), target)

    assert open_dataset(target).content == content
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".old")] == []


@pytest.mark.parametrize("shape", [(6, 5), (6, 5, 1), (6, 5, 3)])
def test_pictures_hold_one_channel_or_three(shape: tuple[int, ...], tmp_path: Path) -> None:
    """A channel written out is none of its own for PNG; the pixels come back in the shape that they had."""
    images = np.random.default_rng(0).integers(0, 256, (7, *shape), np.uint8)
    idx.write(tmp_path / "train-images", images)
    idx.write(tmp_path / "train-labels", np.arange(7, dtype=np.uint8))

    dataset = convert(find_pairs(tmp_path), tmp_path / "out", Convert(layout="png")).dataset

    np.testing.assert_array_equal(mnist_data.to_numpy(dataset.location, "train")[0], images)
