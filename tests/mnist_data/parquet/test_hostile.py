"""Foreign, damaged and hostile files in a dataset's place: refused by name, with exit code 2, by every command."""

from __future__ import annotations

import io
import json
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import mnist_data
from mnist_data.batch import Batch
from mnist_data.errors import DamagedArchive, MnistDataError, NoDataset, UnreadableInput
from mnist_data.parquet.dataset import Dataset, open_dataset, read_columns
from mnist_data.parquet.files import open_parquet
from mnist_data.parquet.manifest import read_manifest
from mnist_data.parquet.schema import Metadata
from mnist_data.parquet.writer import Draft, PartWriter, is_current

Cli = Callable[..., tuple[int, str, str]]

ROWS = 12
IMAGES = np.random.default_rng(0).integers(0, 256, (ROWS, 8, 8), np.uint8)
LABELS = np.arange(ROWS) % 3
IDS = np.arange(ROWS)
COMMANDS = (
    "export {} out",
    "clean {} out",
    "normalize {} out",
    "augment {} out",
    "corrupt {} out --corruption fog",
    "split {} out --by label",
    "stats {} --out out",
    "audit {} --no-labels --out out",
)


def png(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def ours(
    path: Path,
    metadata: Metadata | None = None,
    image: object = None,
    column_id: object = IDS,
    label: object = LABELS,
    **more: object,
) -> None:
    """Write a Parquet file with our metadata, whatever its columns are."""
    metadata = metadata or Metadata("x", (8, 8), "uint8")
    pixels = pa.array([pixels.tobytes() for pixels in IMAGES], pa.binary(64)) if image is None else image
    table = pa.table({"id": column_id, "label": label, "image": pixels, **more})
    pq.write_table(table.replace_schema_metadata(metadata.key_values()), path)


def without(row: int, values: Any, kind: pa.DataType) -> pa.Array:
    """Give values with one missing."""
    return pa.array([None if place == row else value for place, value in enumerate(values)], kind)


def files(*values: bytes | None) -> pa.Array:
    """Give PNG files as Hugging Face lays them out; the first ones are `values`."""
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    content = [*values, *(png(image) for image in IMAGES[len(values) :])]
    return pa.array([{"bytes": file, "path": None} for file in content], kind)


PNG = Metadata("x", (8, 8), "uint8", layout="png")
LISTED = Metadata("x", (8, 8), "uint8", layout="list")
FIXED = pa.list_(pa.field("element", pa.uint8()), 64)

FOREIGN: dict[str, Callable[[Path], object]] = {
    "Hugging Face": lambda path: pq.write_table(pa.table({"image": files(), "label": LABELS}), path),
    "bytes": lambda path: pq.write_table(pa.table({"image": [png(image) for image in IMAGES]}), path),
    "pandas": lambda path: pd.DataFrame({"id": IDS, "label": LABELS, "image": [b"x"] * ROWS}).to_parquet(path),
    "lists": lambda path: pq.write_table(pa.table({"image": IMAGES.tolist(), "label": LABELS}), path),
    "no rows": lambda path: pq.write_table(pa.table({"image": files(), "label": LABELS}).slice(0, 0), path),
    "no row groups": lambda path: pq.ParquetWriter(path, pa.schema([("label", pa.int64())])).close(),
    "no columns": lambda path: pq.write_table(pa.table({}), path),
}
"""Parquet files without our metadata: what a user should do is convert them."""

BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "a file of text": (lambda path: path.write_text("a,b\n1,2\n"), "cannot be read"),
    "a footer of noise": (lambda path: path.write_bytes(b"PAR1" + b"x" * 99 + b"PAR1"), "cannot be read"),
    "labels as text": (lambda path: ours(path, label=[str(label) for label in LABELS]), "'label' of type string"),
    "labels as floats": (lambda path: ours(path, label=LABELS.astype(float)), "'label' of type double"),
    "ids without sign": (lambda path: ours(path, column_id=IDS.astype("u8")), "'id' of type uint64"),
    "images as lists": (lambda path: ours(path, image=IMAGES.reshape(ROWS, -1).tolist()), "fixed_size_binary[64]"),
    "images of another size": (lambda path: ours(path, Metadata("x", (8, 9), "uint8")), "fixed_size_binary[72]"),
    "images of another type": (lambda path: ours(path, Metadata("x", (8, 8), "uint16")), "fixed_size_binary[128]"),
    "a column of lists": (lambda path: ours(path, more=[[1.0]] * ROWS), "'more' of type list"),
    "pixels by the billion": (lambda path: ours(path, Metadata("x", (2**13, 2**13), "uint8", "pixels")), "pixels"),
    "PNG files of floats": (lambda path: ours(path, Metadata("x", (8, 8), "float32", "png"), files()), "png"),
    "a type that is none": (lambda path: ours(path, Metadata("x", (8, 4), ">u2")), "'>u2' as dtype"),
    "no image": (
        lambda path: ours(path, image=without(5, map(bytes, IMAGES.reshape(ROWS, 64)), pa.binary(64))),
        "row 5",
    ),
    "no label": (lambda path: ours(path, label=without(3, LABELS, pa.int64())), "row 3"),
    "no id": (lambda path: ours(path, column_id=without(0, IDS, pa.int64())), "row 0"),
    "no number": (lambda path: ours(path, writer=without(7, IDS, pa.int64())), "row 7, counted from 0, has no writer"),
    "no text": (lambda path: ours(path, name=without(7, map(str, IDS), pa.string())), "row 7"),
    "no list": (lambda path: ours(path, LISTED, without(2, IMAGES.reshape(ROWS, -1).tolist(), FIXED)), "row 2"),
    "no item": (lambda path: ours(path, LISTED, pa.array([[1] * 64] * 4 + [[None] * 64] * 8, FIXED)), "row 4"),
    "no file": (lambda path: ours(path, PNG, files(png(IMAGES[0]), None)), "row 1"),
    "no PNG": (lambda path: ours(path, PNG, files(b"nothing")), "no PNG file of 8×8 L, row 0"),
    "a PNG too small": (lambda path: ours(path, PNG, files(png(IMAGES[0][:5]))), "it is 8×5 L"),
    "a PNG in colour": (lambda path: ours(path, PNG, files(png(np.zeros((8, 8, 3), np.uint8)))), "it is 8×8 RGB"),
    "ids that repeat": (lambda path: ours(path, column_id=np.where(IDS == 9, 4, IDS)), "the id 4 is there twice"),
}
"""Files that say they are ours, or Parquet: what the message must name."""


@pytest.mark.parametrize("kind", [*FOREIGN, *BROKEN])
def test_every_command_refuses_what_is_no_dataset(
    kind: str, command_line: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2, one line that names the file and what is wrong, and nothing left behind."""
    monkeypatch.chdir(tmp_path)
    write, expected = BROKEN.get(kind) or (FOREIGN[kind], "mnist-data convert given.parquet OUT")
    try:
        write(tmp_path / "given.parquet")
    except pa.ArrowNotImplementedError as cause:
        pytest.skip(f"this pyarrow does not write such a file: {cause}")  # before 24, lists that are missing

    for command in COMMANDS:
        code, out, err = command_line(*command.format("given.parquet").split())

        assert (code, out, err.count("\n")) == (2, "", 1), command
        assert err.startswith("mnist-data: ")
        assert "given.parquet" in err
        assert expected in err.replace(f"{tmp_path}/", "")
        assert [path.name for path in tmp_path.iterdir()] == ["given.parquet"]


def test_a_folder_of_other_parquet_files_can_be_converted(command_line: Cli, tmp_path: Path) -> None:
    """As Hugging Face's repositories and plain folders are laid out: the message says how."""
    for name in ("plain/train.parquet", "repository/data/train-00000-of-00001.parquet"):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        FOREIGN["Hugging Face"](path)
        folder = tmp_path / name.split("/")[0]

        for command in ("stats", "audit"):
            code, _, err = command_line(command, folder)

            assert code == 2
            assert path.name in err
            assert f"mnist-data convert {folder} OUT" in err


HOSTILE: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a list": (lambda _: [1], "a dataset of format None"),
    "no JSON": (lambda _: b"{", "no JSON"),
    "no UTF-8": (lambda _: b'{"format": "\xff"}', "byte 12 is not UTF-8"),
    "nested without end": (lambda _: b"[" * 200_000, "nested more than 32 deep"),
    "nested 2,000 deep": (lambda values: {**values, "stages": stages(json.loads("[" * 900 + "]" * 900))}, "nested"),
    "half a character": (lambda values: json.dumps({**values, "title": "\ud800"}).encode(), "in it"),
    "a number without end": (
        lambda values: json.dumps(values).encode()[:-1] + b', "x": ' + b"9" * 9_999 + b"}",
        "JSON",
    ),
    "a huge number": (lambda values: {**values, "shape": [28, 10**30]}, "whole numbers below 2⁶³"),
    "another format": (lambda values: {**values, "format": True}, "format True"),
    "no fields": (lambda values: {"format": values["format"]}, "no dataset"),
    "an unknown field": (lambda values: {**values, "surprise": 1}, "a field 'surprise'"),
    "a shape in words": (lambda values: {**values, "shape": "abc"}, "'abc' as shape; expected a list"),
    "a shape of fractions": (lambda values: {**values, "shape": [28.0, 28]}, "28.0 as shape[0]"),
    "a negative shape": (lambda values: {**values, "shape": [28, -28]}, "-28 as shape[1]"),
    "a shape of nothing": (lambda values: {**values, "shape": [0, 28]}, "0 as shape[0]"),
    "a shape of petabytes": (lambda values: {**values, "shape": [2**20, 2**20]}, "at most 268,435,455 bytes"),
    "another shape": (lambda values: {**values, "shape": [27, 28]}, "fixed_size_binary[756]"),
    "pixels that are objects": (lambda values: {**values, "dtype": "object"}, "'object' as dtype"),
    "an unknown layout": (lambda values: {**values, "layout": "zip"}, "'zip' as layout"),
    "classes that are a number": (lambda values: {**values, "classes": 5}, "5 as classes"),
    "a class that is a number": (lambda values: {**values, "classes": ["0", 1]}, "1 as classes[1]"),
    "a title that is a list": (lambda values: {**values, "title": ["x"]}, "['x'] as title"),
    "a source that is a text": (lambda values: {**values, "sources": ["x"]}, "'x' as sources[0]"),
    "a source without a split": (lambda values: sources(values, split=...), "no sources[0].split"),
    "a source without a shape": (lambda values: sources(values, shape=[]), "[] as sources[0].shape"),
    "a source of objects": (lambda values: sources(values, dtype="O"), "'O' as the dtype of"),
    "a stage that is a number": (lambda values: {**values, "stages": [7]}, "7 as stages[0]"),
    "a stage without parameters": (lambda values: {**values, "stages": [{"stage": "x"}]}, "no stages[0].parameters"),
    "a first label in words": (lambda values: {**values, "stages": stages("one")}, "'one' as first_label"),
    "axes that are none": (
        lambda values: {**values, "stages": stages(1, {"forms": {"test": {"stored": [28, 28], "axes": [0, 0]}}})},
        "forms.test.axes",
    ),
    "a scaling of nothing": (
        lambda values: {**values, "stages": [{"stage": "normalize", "parameters": STANDARDIZED}]},
        "no count of the stage 'normalize'",
    ),
}
STANDARDIZED = {"scale": "standardize", "dtype": "float32"}


def stages(first_label: object, fitted: object = None) -> list[dict[str, Any]]:
    """Give the record of a conversion."""
    return [{"stage": "convert", "parameters": {"first_label": first_label}, "fitted": fitted or {}}]


def sources(values: dict[str, Any], **changes: object) -> dict[str, Any]:
    """Give metadata whose first source has other fields; without one that is `...`."""
    first = {name: value for name, value in {**values["sources"][0], **changes}.items() if value is not ...}
    return {**values, "sources": [first, *values["sources"][1:]]}


@pytest.mark.parametrize("case", HOSTILE)
def test_metadata_that_we_never_write_are_refused(digits: Dataset, tmp_path: Path, case: str) -> None:
    """By an error that names the file, the field, what it has and should have, before any pixel is read."""
    table = pq.read_table(dict(digits.files)["test"], partitioning=None)
    change, expected = HOSTILE[case]
    changed = change(json.loads(table.schema.metadata[b"mnist_data"]))
    stored = changed if isinstance(changed, bytes) else json.dumps(changed).encode()
    pq.write_table(table.replace_schema_metadata({b"mnist_data": stored}), tmp_path / "hostile.parquet")

    with pytest.raises(NoDataset) as refused:
        open_dataset(tmp_path / "hostile.parquet")

    assert refused.value.path.endswith("hostile.parquet")
    assert expected in str(refused.value)


@pytest.fixture
def copy(digits: Dataset, tmp_path: Path) -> Path:
    """Give a copy of a dataset with its manifest, to be damaged."""
    shutil.copytree(digits.location, tmp_path / "data")
    shutil.copy(f"{digits.location}.manifest.json", tmp_path / "data.manifest.json")
    return tmp_path / "data"


BESIDE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a part is missing": (lambda folder: shutil.rmtree(folder / "split=test"), "part-00000.parquet is missing"),
    "all parts are missing": (lambda folder: [shutil.rmtree(part) for part in folder.iterdir()], "is missing"),
    "a part is foreign": (lambda folder: twice(folder, "split=train/part-00001.parquet"), "no part of it"),
    "a split is foreign": (lambda folder: twice(folder, "split=more/part-00000.parquet"), "no part of it"),
    "a file is foreign": (lambda folder: twice(folder, "part-00000.parquet"), "no part of it"),
    "a part is shorter": (lambda folder: shorten(folder / "split=test/part-00000.parquet"), "bytes; expected"),
    "splits are exchanged": (lambda folder: exchange(folder), "bytes; expected"),
    "a hash is altered": (lambda folder: alter(folder, "parts", 0, "sha256", "0" * 64), "as content"),
    "the content is altered": (lambda folder: alter(folder, "content", "0" * 64), "as content"),
    "a hash is none": (lambda folder: alter(folder, "parts", 0, "sha256", "xyz"), "parts[0].sha256"),
    "the rows are altered": (lambda folder: alter(folder, "rows", 7), "7 rows"),
    "the plan is altered": (lambda folder: alter(folder, "plan", "1" * 64), "was altered"),
    "the title is altered": (lambda folder: alter(folder, "metadata", "title", "x"), "was altered"),
    "a part leads elsewhere": (lambda folder: alter(folder, "parts", 0, "path", "../x.parquet"), "'../x.parquet'"),
    "sizes are negative": (lambda folder: alter(folder, "parts", 0, "bytes", -1), "-1 as parts[0].bytes"),
    "parts are a text": (lambda folder: alter(folder, "parts", "x"), "'x' as parts"),
    "a manifest of a later version": (lambda folder: alter(folder, "format", 2), "a manifest of format 2"),
    "a manifest that is empty": (lambda folder: manifest_of(folder).write_text(""), "no JSON"),
    "a manifest that is no UTF-8": (lambda folder: manifest_of(folder).write_bytes(b"\xff{}"), "byte 0 is not UTF-8"),
    "a manifest nested deep": (lambda folder: manifest_of(folder).write_text("[" * 2_000 + "]" * 2_000), "nested"),
}


def manifest_of(folder: Path) -> Path:
    return Path(f"{folder}.manifest.json")


def alter(folder: Path, *keys: Any) -> None:
    """Set a value in the manifest: the last of the keys."""
    values = json.loads(manifest_of(folder).read_text())
    place = values
    for key in keys[:-2]:
        place = place[key]
    place[keys[-2]] = keys[-1]
    manifest_of(folder).write_text(json.dumps(values))


def twice(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    shutil.copy(folder / "split=test/part-00000.parquet", folder / name)


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def exchange(folder: Path) -> None:
    (folder / "split=test").rename(folder / "x")
    (folder / "split=train").rename(folder / "split=test")
    (folder / "x").rename(folder / "split=train")


@pytest.mark.parametrize("case", BESIDE)
def test_a_dataset_that_is_not_as_its_manifest_says_is_refused(case: str, copy: Path, command_line: Cli) -> None:
    """By every command, before it works."""
    damage, expected = BESIDE[case]
    damage(copy)

    for command in ("info", "stats", "clean"):
        code, out, err = command_line(command, copy, *([copy.with_name("out")] if command == "clean" else []))

        assert (code, out) == (2, ""), command
        assert "data" in err
        assert expected in err


def test_a_dataset_that_is_damaged_is_not_taken_for_current(tmp_path: Path) -> None:
    """A run makes it again instead of stopping at it, whether its manifest, its files or its footers are damaged."""
    metadata = Metadata("x", (2, 2), "uint8")
    batch = Batch(IDS, LABELS, np.zeros((ROWS, 2, 2), np.uint8))
    for damage in (
        lambda folder: alter(folder, "rows", 7),
        lambda folder: shorten(folder / "split=train/part-00000.parquet"),
        lambda folder: flip(folder / "split=train/part-00000.parquet"),
    ):
        with Draft(tmp_path / "data", {"plan": 1}, overwrite=True) as draft:
            draft.commit([PartWriter(draft.location, "train", 0, metadata).write_all([batch])], metadata)
        assert is_current(tmp_path / "data", {"plan": 1})
        damage(tmp_path / "data")
        assert not is_current(tmp_path / "data", {"plan": 1})


def flip(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"format": 1', b'"format": 3'))


def test_a_footer_that_tells_another_story_than_the_manifest_is_noticed(copy: Path) -> None:
    """Not even where the size stays: a letter of a title, a class or a setting, in either copy that the footer has."""
    path = copy / "split=test/part-00000.parquet"
    content = path.read_bytes()
    for before, after in ((b"UCI", b"UCJ"), (b'"0", "1"', b'"0", "I"'), (b'"big"', b'"bjg"')):
        assert before in content, before
        path.write_bytes(content.replace(before, after))

        with pytest.raises(DamagedArchive, match="two copies of its metadata differ"):
            open_dataset(copy)


def test_ids_are_unique_in_all_parts(copy: Path) -> None:
    """An id of the training split that is there again in the test split, both in order."""
    path = copy / "split=test/part-00000.parquet"
    table = pq.read_table(path, partitioning=None)
    pq.write_table(table.set_column(0, "id", pa.array(np.arange(1000, 1360))), path)
    manifest_of(copy).unlink()

    with pytest.raises(UnreadableInput, match=r"the id 1000 is there twice, and in .*split=train"):
        mnist_data.load(copy)


def test_the_sums_of_a_manifest_hold_what_it_says(digits: Dataset) -> None:
    """What is read is what was written, with a hash of all of it."""
    manifest = read_manifest(digits.location)
    assert manifest is not None

    assert manifest.to_json() == manifest_of(Path(digits.location)).read_text()
    assert manifest.rows == len(digits)
    assert manifest.sha256 == manifest.digest()


@pytest.mark.parametrize("name", ["dataset", "augmented", "cleaned", "normalized", "splits", "corrupted"])
def test_single_bits_in_a_small_dataset_are_named_or_change_nothing(name: str, tmp_path: Path) -> None:
    """A few flips in each file of a former version, at places that a seed chooses: right, or our error."""
    former = Path(__file__).parents[2] / "fixtures/0.1.0" / name
    truth = sorted(read_columns(open_dataset(former), "test", ["id"])["id"])
    whole = {path: path.read_bytes() for path in (*former.rglob("*.parquet"), Path(f"{former}.manifest.json"))}
    random = np.random.default_rng(3)
    for path, content in whole.items():
        target = tmp_path / path.relative_to(former.parent)
        for _ in range(12):
            for source, bytes_ in whole.items():
                place = tmp_path / source.relative_to(former.parent)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(bytes_)
            altered = bytearray(content)
            end = min(len(content), 4_000)
            altered[-int(random.integers(1, end))] ^= 1 << int(random.integers(8))
            target.write_bytes(altered)
            with suppress(MnistDataError):
                frame = mnist_data.load(tmp_path / name)
                assert sorted(frame[frame["split"] == "test"]["id"]) == truth


def test_a_footer_that_would_take_much_memory_is_refused(tmp_path: Path, command_line: Cli) -> None:
    """By name, before it is read, whoever reads it; one as large of a file that is much larger is read."""
    ours(tmp_path / "ours.parquet")
    table = pq.read_table(tmp_path / "ours.parquet")
    known = {b"mnist_data": Metadata("x" * 4_000_000, (8, 8), "uint8").to_json()}  # which we do not write
    pq.write_table(table.replace_schema_metadata({**table.schema.metadata, **known}), tmp_path / "ours.parquet")
    frame = pa.table({"label": LABELS, **{f"pixel{place}": LABELS for place in range(64)}})
    pq.write_table(frame.replace_schema_metadata({"note": "x" * 4_000_000}), tmp_path / "foreign.parquet")

    for words in ("info ours.parquet", "verify ours.parquet", "convert foreign.parquet out", "clean ours.parquet out"):
        command, name, *out = words.split()
        code, _, err = command_line(command, tmp_path / name, *(tmp_path / each for each in out))

        assert code == (1 if command == "verify" else 2)
        assert command == "verify" or re.search(r"its footer takes [\d,]+ of its [\d,]+ bytes", err)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["foreign.parquet", "ours.parquet"]

    table = pa.table({"zeros": pa.array([bytes(80_000_000)])}).replace_schema_metadata({"note": "x" * 4_000_000})
    pq.write_table(table, tmp_path / "large.parquet", compression="none", use_dictionary=False)
    with open_parquet(tmp_path / "large.parquet") as file:
        assert file.metadata.num_rows == 1
