"""Tables of other makes, in Parquet, Arrow and memory, give the pixels and labels put in, or are refused by name."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from PIL import Image

import mnist_data
from mnist_data.errors import MnistDataError
from mnist_data.images_in.open import open_source
from mnist_data.images_in.stream import ImageStream, Options
from mnist_data.images_in.tables.frames import frame_streams

Array = npt.NDArray[Any]
SIDE = 12

ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE]
CENTRES = np.random.default_rng(7).uniform(3, 9, (30, 2, 1, 1))
IMAGES = (255 * np.exp(-(((ROWS - CENTRES[:, 0]) / 2) ** 2) - (((COLUMNS - CENTRES[:, 1]) / 4) ** 2))).astype(np.uint8)
COLOUR = np.stack([IMAGES, IMAGES // 2, 255 - IMAGES], axis=-1)
LABELS = np.arange(30) % 7
FLAT = IMAGES.reshape(30, -1)


def png(image: Array) -> bytes:
    """Pack an image as PNG."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def hugging_face(images: Array = IMAGES, labels: Any = LABELS, name: str = "label") -> pa.Table:
    """Make a table as the datasets library writes it: structs with bytes and path, class names in the metadata."""
    features = {"image": {"_type": "Image"}, name: {"names": list("abcdefg"), "_type": "ClassLabel"}}
    structs = pa.array([{"bytes": png(image), "path": None} for image in images])
    table = pa.table({"image": structs, name: pa.array(labels)})
    return table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})


def pixel_columns(images: Array = IMAGES, order: Any = None) -> dict[str, Array]:
    """Name a column for each pixel."""
    flat = images.reshape(len(images), -1)
    return {f"pixel{place}": flat[:, place] for place in (range(flat.shape[1]) if order is None else order)}


NESTED = pa.array(IMAGES.tolist(), pa.list_(pa.list_(pa.uint8())))

TABLES: dict[str, Callable[[], pa.Table]] = {
    "Hugging Face": hugging_face,
    "bytes of PNG": lambda: pa.table({"label": LABELS, "image": [png(image) for image in IMAGES]}),
    "raw bytes": lambda: pa.table({"label": LABELS, "image": [image.tobytes() for image in IMAGES]}),
    "raw bytes of one length": lambda: pa.table(
        {"label": LABELS, "image": pa.array([image.tobytes() for image in IMAGES], pa.binary(144))}
    ),
    "lists": lambda: pa.table({"image": FLAT.tolist(), "label": LABELS}),
    "fixed lists": lambda: pa.table({"img": pa.array(FLAT.tolist(), pa.list_(pa.uint8(), 144)), "y": LABELS}),
    "lists of lists": lambda: pa.table({"image": NESTED, "target": LABELS}),
    "tensors": lambda: pa.table({"image": pa.FixedShapeTensorArray.from_numpy_ndarray(IMAGES), "label": LABELS}),
    "columns": lambda: pa.table({"label": LABELS} | pixel_columns()),
    "columns in the order of text": lambda: pa.table(
        pixel_columns(order=sorted(range(144), key=str)) | {"class": LABELS}
    ),
    "columns of several types": lambda: pa.table(
        {name: values.astype(np.int16 if name == "pixel3" else np.int64) for name, values in pixel_columns().items()}
        | {"label": LABELS.astype(np.float64)}
    ),
    "float columns of whole numbers": lambda: pa.table(
        {"label": LABELS} | {name: values.astype(np.float64) for name, values in pixel_columns().items()}
    ),
    "label by another name": lambda: pa.table({"image": NESTED, "my_digit_of_old": LABELS}),
    "texts as labels": lambda: pa.table({"image": NESTED, "label": [str(label) for label in LABELS]}),
    "a dictionary of texts": lambda: pa.table(
        {"image": NESTED, "label": pa.array([str(label) for label in LABELS]).dictionary_encode()}
    ),
    "one-byte labels": lambda: pa.table({"image": NESTED, "label": LABELS.astype(np.uint8), "id": np.arange(30)}),
}


def read_streams(streams: Any) -> dict[str, tuple[Array, list[Any]]]:
    """Read streams in batches of 7: pixels, and labels by the names of their classes where they have some."""
    parts = {}
    for stream in streams:
        batches = list(stream.rows(7))
        assert all(len(batch.labels) <= 7 for batch in batches)
        labels = np.concatenate([batch.labels for batch in batches]).tolist()
        named = [stream.classes[label] for label in labels] if stream.classes else labels
        parts[stream.split] = (np.concatenate([batch.images for batch in batches]), named)
        assert len(stream.sha256) == 64
    return parts


def read(path: Path, split: str | None = None, size: str | None = None) -> dict[str, tuple[Array, list[Any]]]:
    """Read a file or folder."""
    return read_streams(open_source(str(path), Options(split, size)).streams)


def write(table: pa.Table, path: Path) -> Path:
    """Write a table as its ending says; Parquet in several row groups."""
    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=8)
    elif path.suffix == ".feather":
        pyarrow.feather.write_feather(table, str(path), chunksize=8)
    else:
        with pa.ipc.new_stream(str(path), table.schema) as writer:
            writer.write_table(table, 8)
    return path


@pytest.mark.parametrize("ending", [".parquet", ".feather", ".arrow"])
@pytest.mark.parametrize("form", TABLES)
def test_every_table_gives_its_pixels_and_labels(form: str, ending: str, tmp_path: Path) -> None:
    """However the images and labels are put into columns."""
    ((split, (pixels, labels)),) = read(write(TABLES[form](), tmp_path / f"a{ending}")).items()

    assert split == "train"
    np.testing.assert_array_equal(IMAGES, pixels, strict=True)
    assert ([*"abcdefg"[:7] * 5][:30] if form == "Hugging Face" else LABELS.tolist()) == labels


def test_images_in_colour_and_floats_keep_their_values(tmp_path: Path) -> None:
    """As files, as lists of lists of lists, channels first, and between 0 and 1."""
    lists = pa.array((IMAGES / 255).tolist(), pa.list_(pa.list_(pa.float32())))
    tables = {
        "files": (hugging_face(COLOUR), COLOUR),
        "lists": (pa.table({"image": COLOUR.tolist(), "label": LABELS}), COLOUR),
        "first": (pa.table({"image": COLOUR.transpose(0, 3, 1, 2).tolist(), "label": LABELS}), COLOUR),
        "floats": (pa.table({"image": lists, "label": LABELS}), (IMAGES / 255).astype(np.float32)),
        "one channel": (pa.table({"image": IMAGES[..., None].tolist(), "label": LABELS}), IMAGES),
    }
    for name, (table, expected) in tables.items():
        pixels = read(write(table, tmp_path / f"{name}.parquet"))["train"][0]
        np.testing.assert_array_equal(expected, pixels, strict=True)


def test_shards_of_a_split_follow_one_another_and_none_may_be_missing(tmp_path: Path) -> None:
    """As Hugging Face names them."""
    names = [f"train-{number:05d}-of-00003.parquet" for number in range(3)]
    for number, name in enumerate(names):
        write(hugging_face(IMAGES[number::3], LABELS[number::3]), tmp_path / name)
    write(hugging_face(IMAGES[:4], LABELS[:4]), tmp_path / "test-00000-of-00001.parquet")

    parts = read(tmp_path)

    assert list(parts) == ["train", "test"]
    np.testing.assert_array_equal(np.concatenate([IMAGES[number::3] for number in range(3)]), parts["train"][0])
    (tmp_path / names[1]).unlink()
    with pytest.raises(MnistDataError, match="2 of 3 files, without number 1"):
        read(tmp_path)


def test_what_the_datasets_library_saves_is_read(tmp_path: Path) -> None:
    """Arrow streams in a folder a split, and a clone of a repository with its files in data/."""
    import datasets

    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=list("abcdefg"))})
    rows = {"image": [Image.fromarray(image) for image in IMAGES], "label": LABELS.tolist()}
    whole = datasets.Dataset.from_dict(rows, features)
    split = datasets.DatasetDict({"train": whole.select(range(20)), "test": whole.select(range(20, 30))})
    split.save_to_disk(tmp_path / "saved")
    (tmp_path / "clone/data").mkdir(parents=True)
    for name, part in split.items():
        part.to_parquet(tmp_path / f"clone/data/{name}-00000-of-00001.parquet")

    for folder in ("saved", "clone"):
        parts = read(tmp_path / folder)
        assert list(parts) == ["train", "test"]
        np.testing.assert_array_equal(IMAGES[20:], parts["test"][0], strict=True)
        assert ["abcdefg"[label] for label in LABELS[:20]] == parts["train"][1]


def test_texts_are_numbered_alike_in_all_splits(tmp_path: Path) -> None:
    """Although the test split has not all of them."""
    names = np.array(["ten", "two", "a10", "a9"])
    write(pa.table({"image": NESTED[:8], "label": names[[0, 1, 2, 3] * 2]}), tmp_path / "train.parquet")
    write(pa.table({"image": NESTED[:2], "label": ["two", "a10"]}), tmp_path / "test.parquet")

    streams = open_source(str(tmp_path)).streams

    assert {stream.classes for stream in streams} == {("a9", "a10", "ten", "two")}
    assert read(tmp_path)["test"][1] == ["two", "a10"]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> mnist_data.Dataset:
    """Give a dataset of ours with two splits and class names."""
    folder = tmp_path_factory.mktemp("ours")
    table = hugging_face().append_column("split", pa.array(["train"] * 20 + ["test"] * 10))
    write(table.append_column("writer", pa.array(LABELS * 3)), folder / "a.parquet")
    result = mnist_data.convert(folder / "a.parquet", folder / "out", progress=False)
    assert result.dataset is not None
    return result.dataset


def test_a_column_named_split_divides_a_table(dataset: mnist_data.Dataset) -> None:
    """And other columns are kept."""
    assert dict(dataset.splits) == {"train": 20, "test": 10}
    assert dataset.metadata.classes == tuple("abcdefg")
    assert mnist_data.load(dataset)["writer"].tolist() == (LABELS * 3).tolist()
    np.testing.assert_array_equal(IMAGES[20:], mnist_data.to_numpy(dataset, split="test")[0])


@pytest.mark.parametrize("way", ["pandas", "pandas without attributes", "load", "one part", "polars"])
def test_our_own_rows_come_back_after_a_filter(way: str, dataset: mnist_data.Dataset, tmp_path: Path) -> None:
    """With their ids, whoever filtered them, though the metadata may be lost."""
    import polars

    kept = [3, 5, 21, 28]
    source: Any = tmp_path / "kept.parquet"
    if way == "load":
        frame = mnist_data.load(dataset)
        source = frame[frame["id"].isin(kept)]
    elif way == "one part":
        source = Path(next(path for split, path in dataset.files if split == "train"))
        kept = list(range(20))
    elif way == "polars":
        source = polars.read_parquet(f"{dataset.location}/**/*.parquet").filter(polars.col("id").is_in(kept)).sort("id")
    else:
        frame = pd.read_parquet(dataset.location).query("id in @kept")
        frame = frame if way == "pandas" else pd.DataFrame(frame.to_dict("list"))
        frame.to_parquet(source)

    result = mnist_data.convert(source, tmp_path / "out", progress=False)

    again = mnist_data.load(tmp_path / "out")
    assert again["id"].tolist() == kept
    assert again["label"].tolist() == LABELS[kept].tolist()
    np.testing.assert_array_equal(IMAGES[kept], mnist_data.images(again))
    assert result.dataset is not None


FRAMES: dict[str, Callable[[], pd.DataFrame]] = {
    "arrays": lambda: pd.DataFrame({"image": list(IMAGES), "label": LABELS}),
    "flat arrays": lambda: pd.DataFrame({"image": list(FLAT), "label": LABELS}),
    "PIL images": lambda: pd.DataFrame({"image": [Image.fromarray(image) for image in IMAGES], "label": LABELS}),
    "bytes": lambda: pd.DataFrame({"image": [png(image) for image in IMAGES], "label": LABELS}),
    "lists": lambda: pd.DataFrame({"image": IMAGES.tolist(), "label": LABELS}),
    "columns": lambda: pd.DataFrame({"label": LABELS, **pixel_columns()}),
    "columns that are numbers": lambda: pd.DataFrame(FLAT).assign(label=LABELS),
    "categories": lambda: pd.DataFrame({"image": list(IMAGES), "label": pd.Categorical([str(x) for x in LABELS])}),
    "nullable integers": lambda: pd.DataFrame({"image": list(IMAGES), "label": pd.array(LABELS, "Int64")}),
    "a filtered index": lambda: pd.DataFrame({"image": [*IMAGES, None], "label": [*LABELS, 1]}).dropna(),
}


@pytest.mark.parametrize("form", FRAMES)
def test_a_frame_is_converted_as_its_file_would_be(form: str, tmp_path: Path) -> None:
    """By the public call."""
    result = mnist_data.convert(FRAMES[form](), tmp_path / "out", split="test", progress=False)

    assert result.dataset is not None
    assert dict(result.dataset.splits) == {"test": 30}
    pixels, labels = mnist_data.to_numpy(tmp_path / "out", split="test")
    np.testing.assert_array_equal(IMAGES, pixels, strict=True)
    assert LABELS.tolist() == labels.tolist()


def with_row(values: list[Any], value: Any, row: int = 17) -> list[Any]:
    """Put another value into a row."""
    return [*values[:row], value, *values[row + 1 :]]


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "no image": (lambda: {"label": LABELS, "image": with_row([png(i) for i in IMAGES], None)}, "row 17: no image"),
    "no label": (lambda: {"image": NESTED, "label": with_row(LABELS.tolist(), None)}, "row 17: no label"),
    "a broken file": (lambda: {"label": LABELS, "image": with_row([png(i) for i in IMAGES], png(IMAGES[0])[:60])},
                      "row 17: bytes that are no image"),
    "another size": (lambda: {"label": LABELS, "image": with_row([png(i) for i in IMAGES], png(IMAGES[0][:9]))},
                     "row 17: an image of 9×12"),
    "fewer bytes": (lambda: {"label": LABELS, "image": with_row([i.tobytes() for i in IMAGES], b"x" * 100)},
                    "row 17: 100 bytes"),
    "a shorter list": (lambda: {"label": LABELS, "image": with_row(FLAT.tolist(), [1] * 9)}, "row 17: a list of 9"),
    "a shorter row": (lambda: {"label": LABELS, "image": with_row(IMAGES.tolist(), [[1] * 12] * 11 + [[1]])},
                      "row 17: a list of 1"),
    "a pixel without a value": (lambda: {"label": LABELS, "image": with_row(FLAT.tolist(), [None] * 144)}, "row 17"),
    "a hole in a column": (lambda: {"label": LABELS, **pixel_columns(), "pixel5": with_row([1] * 30, None)},
                           "row 17: no value in 'pixel5'"),
    "paths": (lambda: {"image": ["a.png"] * 30, "label": LABELS}, "text in the column 'image'"),
    "several images": (lambda: {"left": NESTED, "right": NESTED, "label": LABELS}, "left, right could each"),
    "no columns of images": (lambda: {"a": LABELS, "b": LABELS}, r"no column of images among a \(int64\)"),
    "labels that are lists": (lambda: {"image": NESTED, "label": [[1.5, 2.0]] * 30}, "no label|labels of the type"),
    "labels that are fractions": (lambda: {"image": NESTED, "label": LABELS / 2}, "0.5"),
    "no rows": (lambda: {"image": NESTED[:0], "label": LABELS[:0]}, "no rows"),
    "no square": (lambda: {"image": [b"abc" * 20] * 30, "label": LABELS}, "--size"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_table_is_refused_by_its_row(case: str, tmp_path: Path) -> None:
    """Rather than read wrongly."""
    make, message = REFUSED[case]
    path = write(pa.table(make()), tmp_path / "a.parquet")

    with pytest.raises(MnistDataError, match=message):
        read(path)


@pytest.mark.parametrize("names", [("image", "label", "label"), ("image", "image", "label"), ("", "", "label")])
@pytest.mark.parametrize("ending", [".parquet", ".feather", ".arrow", ""])
def test_columns_of_one_name_are_refused(names: tuple[str, ...], ending: str, tmp_path: Path) -> None:
    """As a join leaves them: which of them is meant cannot be said. Without an ending the table is in memory."""
    columns = {"image": NESTED, "label": LABELS, "": LABELS}
    table = pa.table([pa.array(columns[name]) for name in names], list(names))

    with pytest.raises(MnistDataError, match="several columns of the name"):
        if ending:
            read(write(table, tmp_path / f"a{ending}"))
        else:
            frame_streams(table, Options())


def test_a_pixel_beyond_what_the_first_rows_hold_is_named(tmp_path: Path) -> None:
    """Far behind them; it would be cut to 8 bits."""
    many = np.tile(FLAT.astype(np.int64), (40, 1))
    many[1_150, 7] = 300
    path = write(pa.table({"image": many.tolist(), "label": np.tile(LABELS, 40)}), tmp_path / "a.parquet")

    with pytest.raises(MnistDataError, match="row 1,150: the pixel 300; expected a uint8"):
        read(path)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([*IMAGES[:3], IMAGES[0][:5]], r"row 3, column 'image': an array of \(5, 12\)"),
        ([*IMAGES[:3], None], "row 3, column 'image': no array"),
        ([b"x", 3, "text", 1.5], "cells that do not go together"),
        ([object()] * 4, "cells that do not go together"),
    ],
)
def test_a_frame_that_cannot_be_converted_says_why(cells: list[Any], message: str) -> None:
    """With the row, where it is one."""
    frame = pd.DataFrame({"image": pd.Series(cells, dtype=object), "label": range(4)})

    with pytest.raises(MnistDataError, match=message):
        read_streams(frame_streams(frame, Options()))


def test_unlabelled_rows_are_a_split_of_that_name(tmp_path: Path) -> None:
    """Kaggle's test file has none, others have a column of nothing."""
    for name, table in (("a", {"image": NESTED}), ("b", {"image": NESTED, "label": pa.nulls(30, pa.int64())})):
        assert list(read(write(pa.table(table), tmp_path / f"{name}.parquet"))) == ["unlabelled"]


def test_memory_is_bounded_by_a_batch(tmp_path: Path) -> None:
    """Reading a few rows of many unpacks little of the file."""
    table = pa.table({"label": np.tile(LABELS, 2_000), "image": [image.tobytes() for image in IMAGES] * 2_000})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=4_000)
    del table
    (stream,) = open_source(str(tmp_path / "a.parquet")).streams
    before, peak = pa.total_allocated_bytes(), 0

    for _ in stream.rows(500):
        peak = max(peak, pa.total_allocated_bytes() - before)

    assert peak < 4 * 4_000 * 144


def test_altered_tables_are_read_or_refused(tmp_path: Path) -> None:
    """Bytes changed, cut off and put in, by a fixed seed: never a traceback, never a wrong number of labels."""
    generator = random.Random(5)
    wholes = [
        write(TABLES[form](), tmp_path / f"{number}{ending}")
        for number, form in enumerate(
            ("Hugging Face", "raw bytes", "lists of lists", "columns", "a dictionary of texts")
        )
        for ending in (".parquet", ".feather", ".arrow")
    ]
    for round_ in range(90):
        whole = wholes[round_ % len(wholes)]
        content = bytearray(whole.read_bytes())
        for _ in range(generator.randint(1, 6)):
            content[generator.randrange(len(content))] = generator.randrange(256)
        if generator.random() < 0.2:
            del content[generator.randrange(len(content)) :]
        altered = tmp_path / f"altered{whole.suffix}"
        altered.write_bytes(content)
        try:
            parts = read(altered)
        except MnistDataError:
            continue
        assert all(len(pixels) == len(labels) for pixels, labels in parts.values())


def stream_of(table: pa.Table, tmp_path: Path) -> ImageStream:
    """Open a table."""
    return open_source(str(write(table, tmp_path / "a.parquet"))).streams[0]


def test_ids_that_are_not_in_order_are_kept_under_another_name(tmp_path: Path) -> None:
    """A shuffled frame: those of the new dataset ascend."""
    order = np.random.default_rng(1).permutation(30)

    mnist_data.convert(pd.DataFrame({"id": order, "image": list(IMAGES), "label": LABELS}), tmp_path / "out")

    assert mnist_data.load(tmp_path / "out")["source_id"].tolist() == order.tolist()


def test_columns_that_are_not_whole_are_left_out_and_named(tmp_path: Path) -> None:
    """A note says which."""
    table = pa.table({"image": NESTED, "label": LABELS, "age": with_row([1] * 30, None), "who": ["x"] * 30})

    stream = stream_of(table, tmp_path)

    assert set(next(stream.rows(5)).columns) == {"who"}
    assert any("age" in note for note in stream.notes)


NAMES: dict[str, Any] = {
    "one twice": list("abcdefa"),
    "fewer than labels": list("abc"),
    "half a character": ["\ud800", *"abcdef"],
    "an empty one": ["", *"abcdef"],
    "numbers": list(range(7)),
    "no list": {"a": 0},
    "a list in it": [["a"], *"bcdefg"],
}


@pytest.mark.parametrize("case", NAMES)
def test_names_of_classes_that_are_none_are_left_out(case: str, tmp_path: Path) -> None:
    """What a table's metadata say is anybody's; labels stay numbers, and a note says why."""
    described = json.dumps({"info": {"features": {"label": {"names": NAMES[case], "_type": "ClassLabel"}}}})
    table = hugging_face().replace_schema_metadata({b"huggingface": described.encode()})

    result = mnist_data.convert(write(table, tmp_path / "a.parquet"), tmp_path / "out", progress=False)

    assert result.dataset is not None
    assert result.dataset.metadata.classes == ()
    assert case == "no list" or any("names" in note or "name the classes" in note for note in result.warnings)


def test_more_classes_than_a_footer_holds_are_refused_before_they_are_written(tmp_path: Path) -> None:
    """200,000 names are no classes; the dataset could not be read again."""
    names = [str(number) for number in range(200_000)]
    described = json.dumps({"info": {"features": {"label": {"names": names, "_type": "ClassLabel"}}}})
    table = hugging_face().replace_schema_metadata({b"huggingface": described.encode()})

    with pytest.raises(MnistDataError, match="the names of 200,000 classes"):
        mnist_data.convert(write(table, tmp_path / "a.parquet"), tmp_path / "out", progress=False)

    assert [path.name for path in tmp_path.iterdir()] == ["a.parquet"]


def test_a_class_that_is_half_a_character_is_refused(tmp_path: Path) -> None:
    """Arrays of NumPy's texts, and JSON, can hold what UTF-8 and so Parquet cannot."""
    labels = np.array(["\ud800", *"abcd"] * 6)
    np.savez(tmp_path / "a.npz", x_train=IMAGES, y_train=labels)

    with pytest.raises(MnistDataError, match=r"'\\ud800' in its metadata|ud800"):
        mnist_data.convert(tmp_path / "a.npz", tmp_path / "out", progress=False)

    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]
