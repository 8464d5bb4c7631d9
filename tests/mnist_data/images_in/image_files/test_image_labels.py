"""Labels in a table next to image files are joined by name, and nothing that does not fit is passed over."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from mnist_data.errors import MismatchedPair, MnistDataError, UnreadableInput, WrongUse
from mnist_data.images_in.open import open_source
from mnist_data.images_in.stream import Options

RNG = np.random.default_rng(3)


def put(root: Path, files: str, **tables: str | bytes) -> Path:
    """Write images of these names, and tables, whose names have a - for the dot."""
    for name in files.split():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(RNG.integers(0, 255, (8, 8), dtype=np.uint8)).save(root / name)
    for name, text in tables.items():
        content = text.replace(" ", "\n").encode() if isinstance(text, str) else text
        (root / name.replace("__", "/").replace("-", ".")).write_bytes(content)
    return root


def parquet(**columns: list[Any]) -> bytes:
    """Write a table of these columns."""
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def read(root: Path, **options: Any) -> str:
    """Give split:name=label of each image, in words; a label by its class where it has one."""
    words = []
    for stream in open_source(str(root), Options(**options)).streams:
        for rows in stream.rows(3):
            for name, label in zip(rows.columns["file"], rows.labels, strict=True):
                words.append(f"{stream.split}:{name}={stream.classes[label] if stream.classes else label}")
    return " ".join(words)


TABLES: dict[str, tuple[str, dict[str, str | bytes], str]] = {
    "names with endings": (
        "a.png b.png",
        {"labels-csv": "filename,class a.png,7 b.png,3"},
        "train:a.png=7 train:b.png=3",
    ),
    "names without": ("a.png b.png", {"labels-csv": "id,label b,3 a,7"}, "train:a.png=7 train:b.png=3"),
    "numbers without zeros": ("0008.png 0010.png", {"l-csv": "id,label 8,1 10,2"}, "train:0008.png=1 train:0010.png=2"),
    "another case": ("A.PNG b.png", {"l-csv": "image,label a.png,1 B,2"}, "train:A.PNG=1 train:b.png=2"),
    "words are classes": ("a.png b.png", {"l-csv": "id,label a,dog b,cat"}, "train:a.png=dog train:b.png=cat"),
    "lines of name and label": ("a.png b.png", {"labels-txt": b"a.png 7\nb.png\t3\n"}, "train:a.png=7 train:b.png=3"),
    "a header is not needed": ("a.png b.png", {"labels-tsv": b"a\t7\nb\t3\n"}, "train:a.png=7 train:b.png=3"),
    "images below": ("img/a.png img/b.png", {"l-csv": "f,y a.png,1 b.png,2"}, "train:img/a.png=1 train:img/b.png=2"),
    "backslashes, UTF-16": (
        "train/a.png test/a.png",
        {"l-csv": "path;label\r\ndata\\train\\a.png;1\r\ndata\\test\\a.png;2\r\n".encode("utf-16")},
        "train:train/a.png=1 test:test/a.png=2",
    ),
    "a table a split": (
        "train/1.png train/2.png test/1.png",
        {"trainLabels-csv": "id,label 1,5 2,6", "test-csv": "id,label 1,7"},
        "train:train/1.png=5 train:train/2.png=6 test:test/1.png=7",
    ),
    "Kaggle's test has none, and its example is none": (
        "train/1.png test/1.png",
        {"train-csv": "id,label 1,5", "sample_submission-csv": "id,label 1,0"},
        "train:train/1.png=5 unlabelled:test/1.png=-1",
    ),
    "tables divide one folder": (
        "1.png 2.png 3.png",
        {"train-csv": "id,label 1,5 2,6", "test-csv": "id,label 3,7"},
        "train:1.png=5 train:2.png=6 test:3.png=7",
    ),
    "a list without labels": (
        "1.png 2.png",
        {"train-csv": "id,label 1,5", "test-csv": "id 2"},
        "train:1.png=5 unlabelled:2.png=-1",
    ),
    "an empty cell is no label": ("a.png b.png", {"l-csv": "id,label a,5 b,"}, "train:a.png=5 unlabelled:b.png=-1"),
    "a column of splits": (
        "a.png b.png",
        {"l-csv": "id,label,split a,5,train b,6,val"},
        "train:a.png=5 validation:b.png=6",
    ),
    "labels that are names of images, too": (
        "0.png 1.png",
        {"l-csv": "id,label 0,1 1,1"},
        "train:0.png=1 train:1.png=1",
    ),
    "class folders say the same": ("a/x.png b/y.png", {"l-csv": "id,label x,a y,b"}, "train:a/x.png=a train:b/y.png=b"),
    "lines of JSON": (
        "a.png b.png",
        {"metadata-jsonl": '{"file_name":"a.png","label":7}  {"label":3.0,"file_name":"b.png"}'},
        "train:a.png=7 train:b.png=3",
    ),
    "lines of JSON in the folder of each split, with boxes": (
        "train/a.png test/a.png",
        {
            "train__metadata-jsonl": '{"file_name":"a.png","objects":{"bbox":[[1,2,3,4]]},"label":"dog"}',
            "test__metadata-jsonl": '{"file_name":"a.png","objects":{},"label":"cat"}',
        },
        "train:train/a.png=dog test:test/a.png=cat",
    ),
    "lines of JSON, one without a label": (
        "a.png b.png c.png",
        {"labels-ndjson": '{"image":"a","digit":7} {"image":"b"} {"image":"c","digit":null}'},
        "train:a.png=7 unlabelled:b.png=-1 unlabelled:c.png=-1",
    ),
    "metadata in CSV": (
        "train/a.png train/b.png",
        {"metadata-csv": "file_name,label train/a.png,7 train/b.png,3"},
        "train:train/a.png=7 train:train/b.png=3",
    ),
    "metadata in Parquet": (
        "a.png b.png",
        {"metadata-parquet": parquet(file_name=["b.png", "a.png"], boxes=[[1], [2, 3]], label=[3, 7])},
        "train:a.png=7 train:b.png=3",
    ),
    "a folder that is no class": (
        "train/w/x.png train/w/y.png",
        {"l-csv": "id,label x,1 y,2"},
        "train:train/w/x.png=1 train:train/w/y.png=2",
    ),
}


@pytest.mark.parametrize("case", TABLES)
def test_labels_are_joined_by_name(case: str, tmp_path: Path) -> None:
    """Whatever the spelling, in a folder and in an archive of it."""
    files, tables, expected = TABLES[case]
    root = put(tmp_path / "in", files, **tables)

    assert read(root) == expected
    assert read(Path(shutil.make_archive(str(tmp_path / "packed"), "zip", root))) == expected


REFUSED: dict[str, tuple[str, dict[str, str | bytes], type[MnistDataError], str]] = {
    "an image without a row": (
        "a.png b.png",
        {"l-csv": "id,label a,1"},
        MismatchedPair,
        r"1 image without a row \(b\.png\)",
    ),
    "a row without an image": ("a.png", {"l-csv": "id,label a,1 z,2"}, MismatchedPair, r"1 row without .*line 3: z"),
    "two labels": ("a.png", {"l-csv": "id,label a,1 a,2"}, MismatchedPair, "line 3.*'2' for a.png, which has '1'"),
    "one name in two folders": ("train/a.png test/a.png", {"l-csv": "id,label a,1"}, WrongUse, "line 2: 'a' could be"),
    "no name fits": ("a.png", {"l-csv": "id,label x,1 y,1"}, MismatchedPair, "no image of a name that .*, as x"),
    "a line that is no JSON": (
        "a.png b.png",
        {"metadata-jsonl": '{"file_name":"a.png","label":7} {"file_name":"b.png","lab'},
        UnreadableInput,
        r"metadata\.jsonl, line 2: no JSON",
    ),
    "a line that is no object": (
        "a.png",
        {"metadata-jsonl": '[] {"file_name":"a.png","label":7}'},
        UnreadableInput,
        r"line 1: a list instead of an object",
    ),
    "nothing but damage": ("a.png", {"metadata-jsonl": "%&"}, UnreadableInput, r"metadata\.jsonl, line 1: no JSON"),
    "a label that is several": (
        "a.png b.png",
        {"metadata-jsonl": '{"file_name":"a.png","label":1} {"file_name":"b.png","label":[1,2]}'},
        UnreadableInput,
        r"line 2: the label 'label' is a list",
    ),
    "a line without a name": (
        "a.png",
        {"metadata-jsonl": '{"file_name":"a.png","label":1} {"label":1}'},
        MismatchedPair,
        r"1 row without an image \(metadata\.jsonl, line 2: no name\)",
    ),
    "a line of three cells": (
        "a.png b.png",
        {"metadata-csv": "file_name,label a.png,1 b.png,2,3"},
        UnreadableInput,
        r"metadata\.csv, line 3: 3 cells; expected 2, as the first line has: file_name, label",
    ),
    "half a Parquet file": (
        "a.png",
        {"metadata-parquet": parquet(file_name=["a.png"], label=[3])[:-30]},
        UnreadableInput,
        r"metadata\.parquet: it cannot be read",
    ),
    "a row of Parquet without an image": (
        "a.png",
        {"metadata-parquet": parquet(file_name=["a.png", "b.png"], label=[3, 4])},
        MismatchedPair,
        r"metadata\.parquet, row 2: b\.png",
    ),
    "two columns": ("a.png", {"l-csv": "id,colour,form a,1,2"}, WrongUse, "'colour', 'form'.*--label-column NAME"),
    "folders say otherwise": (
        "u/a.png u/b.png v/c.png v/d.png",
        {"l-csv": "id,label a,1 b,2 c,1 d,2"},
        WrongUse,
        "say different classes: u/b.png has the label '2' and u/a.png, .*--label-column",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_named(case: str, tmp_path: Path) -> None:
    """No image becomes unlabelled, or gets the label of another, without a word."""
    files, tables, error, words = REFUSED[case]
    with pytest.raises(error, match=words):
        read(put(tmp_path, files, **tables))


def test_the_user_chooses_what_is_left_out_and_which_column_it_is(tmp_path: Path) -> None:
    """Images without a row and rows without an image are left out on request, and said."""
    root = put(tmp_path / "in", "a.png b.png c.png", **{"l-csv": "id,colour,form a,1,2 b,3,4 z,5,6"})

    assert read(root, label_column="Form", skip_unreadable=True) == "train:a.png=2 train:b.png=4"
    (stream,) = open_source(str(root), Options(label_column="colour", skip_unreadable=True)).streams
    assert stream.left_out == ("c.png",)
    assert any("1 image without a row" in note for note in stream.notes)
    assert any("1 row without an image" in note for note in stream.notes)
    with pytest.raises(WrongUse, match=r"none of its columns is called 'size'; it has 'colour', 'form'"):
        read(root, label_column="size")


@pytest.mark.parametrize(
    "table", ["id,width,height x,8,8 y,8,8", "id,label x,1 x,2 y,3", "id,note x,1 x,2 y,3", "file,age y,5"]
)
def test_a_table_of_other_things_does_not_disturb_class_folders(table: str, tmp_path: Path) -> None:
    """Sizes, boxes or writers of images whose folders are their classes."""
    root = put(tmp_path / "in", "a/x.png b/y.png", **{"about-csv": table})

    assert read(root) == "train:a/x.png=a train:b/y.png=b"


def test_another_label_is_another_dataset(tmp_path: Path) -> None:
    """The hash of what was read covers the table, not only the images."""
    hashes = set()
    for label in "12":
        root = put(tmp_path / "in", "a.png" if label == "1" else "", **{"l-csv": f"id,label a,{label}"})
        (stream,) = open_source(str(root)).streams
        list(stream.rows(1))
        hashes.add(stream.sha256)
    assert len(hashes) == 2
