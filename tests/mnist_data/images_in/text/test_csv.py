"""CSV as people have it gives the pixels and labels that were put in; a damaged file is refused by name and line."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

import mnist_data
from mnist_data.errors import MismatchedPair, UnreadableInput, WrongUse
from mnist_data.images_in.open import HEAD_BYTES, open_source
from mnist_data.images_in.stream import Options, Source
from mnist_data.images_in.text.cells import TableStream
from mnist_data.images_in.text.csv import csv_streams, recognises
from pipelines.stages.convert_images import convert_images

Array = npt.NDArray[np.generic]
Cells = list[list[str]]

COUNT, SIDE = 40, 12
NAMES = [f"pixel{place}" for place in range(SIDE * SIDE)]
HEADER = ",".join(["label", *NAMES])


def blobs(height: int = SIDE, width: int = SIDE) -> npt.NDArray[np.uint8]:
    """Draw a smooth spot somewhere in each image, and leave the border dark."""
    random_numbers = np.random.default_rng(0)
    y, x = np.mgrid[:height, :width]
    centres = random_numbers.uniform(0.4, 0.6, (COUNT, 2)) * (height, width)
    distances = [(y - row) ** 2 + (x - column) ** 2 for row, column in centres]
    images = np.clip(255 * np.exp(-np.stack(distances) / 6) - 9, 0, 255).astype(np.uint8)
    images[:, [0, -1]] = images[:, :, [0, -1]] = 0
    return images


IMAGES = blobs()
LABELS = np.arange(COUNT) % 10


def cells(
    images: Array = IMAGES,
    pixel: Callable[[float], str] = str,
    label: Callable[[int], str] = str,
    last: bool = False,
    labels: npt.NDArray[np.int64] = LABELS,
) -> Cells:
    """Write a row an image."""
    rows = [[pixel(value) for value in row] for row in images.reshape(len(images), -1).tolist()]
    return [
        [*row, label(number)] if last else [label(number), *row]
        for row, number in zip(rows, labels.tolist(), strict=True)
    ]


def text(rows: Cells, header: str = "", delimiter: str = ",", newline: str = "\n", end: str = "") -> str:
    """Join cells to lines."""
    return newline.join([*([header + end] if header else []), *(delimiter.join(row) + end for row in rows), ""])


def read(path: Path, size: str | None = None) -> tuple[TableStream, Array, npt.NDArray[np.int64]]:
    """Give the one stream of a file, its images and labels."""
    (stream,) = csv_streams([Source(str(path))], Options(None, size))
    assert isinstance(stream, TableStream)
    rows = list(stream.rows(7))
    return stream, np.concatenate([part.images for part in rows]), np.concatenate([part.labels for part in rows])


def numbered(rows: Cells) -> Cells:
    """Put the number of the row before each."""
    return [[str(number), *row] for number, row in enumerate(rows)]


def mangled(row: Sequence[str]) -> str:
    """Write a row as pandas does that took it for a header."""
    return ",".join(
        cell if cell not in row[:place] else f"{cell}.{row[:place].count(cell)}" for place, cell in enumerate(row)
    )


ROWS = cells()
BY_PLACE = [f"{row}x{column}" for row in range(1, SIDE + 1) for column in range(1, SIDE + 1)]
TRANSPOSED = [f"{row}x{column}" for column in range(1, SIDE + 1) for row in range(1, SIDE + 1)]
AS_TEXT = sorted(range(SIDE * SIDE), key=str)

SAME = {
    "label first": text(ROWS),
    "label last": text(cells(last=True)),
    "Kaggle's header": text(ROWS, HEADER),
    "header of places": text(ROWS, ",".join(["label", *BY_PLACE])),
    "class last": text(cells(last=True), ",".join([*NAMES, "class"])),
    "label in the middle": text(
        [[*row[1:9], row[0], *row[9:]] for row in ROWS], ",".join([*NAMES[:8], "y", *NAMES[8:]])
    ),
    "another name for the label": text(ROWS, HEADER.replace("label", "Zahl")),
    "names that do not tell": text(ROWS, ",".join(f"V{place}" for place in range(1, SIDE * SIDE + 2))),
    "a header of numbers": text(ROWS, ",".join(map(str, range(SIDE * SIDE + 1)))),
    "Windows' lines": text(ROWS, HEADER, newline="\r\n"),
    "old Macs' lines": text(ROWS, HEADER, newline="\r"),
    "byte order mark": "\ufeff" + text(ROWS, HEADER),
    "semicolons": text(ROWS, HEADER.replace(",", ";"), ";"),
    "tabs": text(ROWS, delimiter="\t"),
    "bars": text(ROWS, delimiter="|"),
    "blanks": text(ROWS, delimiter=" ", end=" "),
    "columns of blanks": text([[cell.rjust(4) for cell in row] for row in ROWS], delimiter=""),
    "blanks after commas": text(ROWS, HEADER, ", "),
    "quoted": text(
        [[f'"{cell}"' for cell in row] for row in ROWS], ",".join(f'"{name}"' for name in HEADER.split(","))
    ),
    "trailing delimiter": text(ROWS, end=","),
    "trailing delimiter and header": text(ROWS, HEADER, end=","),
    "empty lines": text(ROWS, HEADER).replace("\n", "\n\n") + "," * SIDE * SIDE + "\n",
    "comment": "# label, pixels\n" + text(ROWS),
    "no newline at the end": text(ROWS, HEADER).strip(),
    "pandas' index": text(numbered(ROWS), "," + HEADER),
    "pandas' index read again": text(numbered(ROWS), "Unnamed: 0," + HEADER),
    "index without header": text(numbered(ROWS)),
    "identifiers": text(numbered(ROWS), "id," + HEADER),
    "R's row names": text([[f'"{number + 1}"', *row] for number, row in enumerate(ROWS)], HEADER),
    "other columns": text([[*row, "w1", "a, b"] for row in ROWS], HEADER + ",writer,Usage").replace("a, b", '"a, b"'),
    "whole floats": text(cells(pixel="{:.1f}".format, label="{:.1f}".format), HEADER),
    "powers": text(cells(pixel="{:e}".format), HEADER),
    "Python's bytes": text(cells(label="b'{}'".format), HEADER),
    "header says transposed": text(cells(IMAGES.swapaxes(1, 2)), ",".join(["label", *TRANSPOSED])),
    "columns sorted as text": text(
        [[row[0], *(row[1 + place] for place in AS_TEXT)] for row in ROWS],
        ",".join(["label", *(NAMES[place] for place in AS_TEXT)]),
    ),
    "pixels in one cell": "emotion,pixels,Usage\n" + text([[row[0], " ".join(row[1:]), "Training"] for row in ROWS]),
    "a list in one cell": "pixels,label\n" + text([[f'"[{", ".join(row[1:])}]"', row[0]] for row in ROWS]),
    "a list without header": text([[row[0], f'"[{" ".join(row[1:])}]"'] for row in ROWS]),
    "a row that pandas took for the header": text(ROWS[1:], mangled(ROWS[0])),
}


@pytest.mark.parametrize("form", SAME)
def test_a_table_gives_its_pixels_and_labels(form: str, tmp_path: Path) -> None:
    """However its cells are written, and wherever the label is; it is recognised from its first bytes."""
    path = tmp_path / "digits_train.csv"
    path.write_text(SAME[form], encoding="utf-8", newline="")

    stream, images, labels = read(path)

    assert recognises(Source(str(path), path.read_bytes()[:HEAD_BYTES]))
    np.testing.assert_array_equal(IMAGES, images, strict=True)
    assert labels.tolist() == LABELS.tolist()
    assert (stream.split, stream.classes) == ("train", ())


def scaled(value: float) -> str:
    """Write a pixel as pandas writes one that was divided by 255."""
    return repr(value / 255)


OTHER = {
    "0 … 1": (text(cells(pixel=scaled), HEADER), (IMAGES / 255).astype(np.float32)),
    "decimal comma": (
        text(cells(pixel=lambda value: scaled(value).replace(".", ",")), delimiter=";"),
        (IMAGES / 255).astype(np.float32),
    ),
    "above 255": (text(cells(IMAGES.astype(int) * 9)), IMAGES.astype(np.int16) * 9),
    "below 0": (
        text(cells(IMAGES.astype(int) - 128, last=True), ",".join([*NAMES, "label"])),
        IMAGES.astype(np.int16) - 128,
    ),
    "many digits": (text(cells(IMAGES.astype(int) * 99_999)), IMAGES.astype(np.int32) * 99_999),
    "not square": (text(cells(IMAGES[:, 1:-1]), "label," + ",".join(BY_PLACE[SIDE:-SIDE])), IMAGES[:, 1:-1]),
}


@pytest.mark.parametrize("form", OTHER)
def test_pixels_keep_their_values(form: str, tmp_path: Path) -> None:
    """In the smallest type that has them all; fractions as the nearest float32."""
    content, expected = OTHER[form]
    (tmp_path / "a.csv").write_text(content)

    _, images, labels = read(tmp_path / "a.csv")

    np.testing.assert_array_equal(expected, images, strict=True)
    assert labels.tolist() == LABELS.tolist()


def test_lines_without_labels_are_a_split_of_their_own(tmp_path: Path) -> None:
    """With a header and without one; an identifier is no label."""
    pixels = [row[1:] for row in ROWS]
    for content in (text(pixels), text(pixels, ",".join(NAMES)), text(numbered(pixels), "id," + ",".join(NAMES))):
        (tmp_path / "test.csv").write_text(content)
        stream, images, labels = read(tmp_path / "test.csv")

        assert (stream.split, set(labels.tolist())) == ("unlabelled", {-1})
        assert any("no label" in note for note in stream.notes)
        np.testing.assert_array_equal(IMAGES, images, strict=True)


def test_words_become_classes_in_natural_order(tmp_path: Path) -> None:
    """The same for all files of a folder, though one has fewer of them, and one has numbers only."""
    for name, word in (("train", "digit {}".format), ("test", lambda number: str(number % 3))):
        rows = cells(label=word, labels=LABELS + 1)
        (tmp_path / f"{name}.csv").write_text(text(rows, HEADER))

    dataset = convert_images(
        csv_streams([Source(str(tmp_path / f"{name}.csv")) for name in ("train", "test")], Options()), tmp_path / "out"
    ).dataset
    classes = dataset.metadata.classes
    notes = dataset.metadata.stages[0].fitted["notes"]

    assert notes[0] == "train.csv: items of 144 values are read as images of 12×12; --size overrides this."
    assert classes == ("0", "1", "2", *(f"digit {number}" for number in range(1, 11)))
    for split, word in (("train", "digit {}".format), ("test", lambda number: str(number % 3))):
        labels = mnist_data.to_numpy(dataset.location, split=split)[1]
        assert [classes[label] for label in labels] == [word(number + 1) for number in LABELS]


@pytest.mark.parametrize("last", [False, True])
def test_a_file_sorted_by_its_labels_is_read_on_until_they_differ(last: bool, tmp_path: Path) -> None:
    """Its first thousand labels are 0, as the outer pixels are."""
    many = np.repeat(IMAGES, 30, axis=0)
    labels = np.repeat([0, 7], [1_100, 100])
    (tmp_path / "a.csv").write_text(text(cells(many, last=last, labels=labels)))

    _, images, found = read(tmp_path / "a.csv")

    np.testing.assert_array_equal(many, images)
    assert labels.tolist() == found.tolist()


LATER = {
    "above 255": (lambda row: [row[0], *(str(3 * int(cell)) for cell in row[1:])], "int16"),
    "fractions": (lambda row: [row[0], *(f"{int(cell) / 2}" for cell in row[1:])], "float32"),
    "words": (lambda row: ["x" + row[0], *row[1:]], "uint8"),
}


@pytest.mark.parametrize("form", LATER)
def test_later_rows_may_differ_from_the_first(form: str, tmp_path: Path) -> None:
    """The dataset has the type and the classes that hold all of them, and the user reads of it."""
    change, dtype = LATER[form]
    rows = cells(np.repeat(IMAGES, 30, axis=0), labels=np.repeat(LABELS, 30))
    rows[1_050:] = map(change, rows[1_050:])
    (tmp_path / "a.csv").write_text(text(rows, HEADER))

    result = convert_images(csv_streams([Source(str(tmp_path / "a.csv"))], Options()), tmp_path / "out")
    images, labels = mnist_data.to_numpy(result.dataset.location)

    assert images.dtype == dtype
    np.testing.assert_array_equal(np.array([row[1:] for row in rows], float), images.reshape(len(rows), -1))
    names = result.dataset.metadata.classes or range(10)
    assert [str(names[label]) for label in labels] == [row[0] for row in rows]
    assert any("int16" in note or "float32" in note or "words" in note for note in result.warnings)


WRONG: dict[str, tuple[Callable[[str], str], str]] = {
    "too few": (lambda line: line.rsplit(",", 3)[0], "142 columns; expected 145"),
    "too many": (lambda line: line + ",1,2", "147 columns; expected 145"),
    "word": (
        lambda line: line.replace(",", ",seven,", 1).rsplit(",", 1)[0],
        r"'seven' as the pixel .*pixel0.*a number",
    ),
    "empty": (lambda line: line.rsplit(",", 1)[0] + ",", r"no value \(''.* 145 \(pixel143\)"),
    "missing": (lambda line: line.rsplit(",", 1)[0] + ",NaN", "no value"),
    "a label that is none": (lambda line: "?" + line[1:], "no value"),
    "a word as label": (lambda line: "x" + line[1:], "'x' as the label; expected an integer"),
    "a fraction as label": (lambda line: "1.5" + line[1:], "the label 1.5; expected an integer"),
    "a mistyped pixel": (lambda line: line + "999", "the pixel 999"),
    "NUL": (lambda line: line + "\0", r"'0\\x00' as the pixel"),
    "a quote without an end": (lambda line: '"' + line, "'|column|quote|line"),
    "infinite": (lambda line: line.rsplit(",", 1)[0] + ",1e999", "pixel inf"),
}


@pytest.mark.parametrize("fault", WRONG)
@pytest.mark.parametrize("place", [3, 1_101])
def test_a_wrong_line_is_named(fault: str, place: int, tmp_path: Path) -> None:
    """With its number, the column, what was found and what was expected."""
    change, message = WRONG[fault]
    lines = text(cells(np.tile(IMAGES, (30, 1, 1)), labels=np.tile(LABELS, 30)), HEADER).splitlines()
    lines[place - 1] = change(lines[place - 1])
    (tmp_path / "a.csv").write_text("\n".join(lines))

    with pytest.raises(UnreadableInput, match=rf"a\.csv(, line {place:,})?: .*({message})"):
        read(tmp_path / "a.csv")


HOSTILE = {
    "a line without an end": (b"1" * (34 << 20), "line 1: a line of more than 32 MiB"),
    "millions of columns": ((b"0," * (1 << 21) + b"\n") * 2, "more than 1,048,576 columns"),
    "a quote over all lines": (text(ROWS, HEADER).encode() + b'"' + b"1,1\n" * 999, "line 42: (a quote|1 columns)"),
    "zero bytes": (text(ROWS[:9]).encode() + bytes(5_000), "line 10: 1 columns"),
    "a zero byte in a pixel": (
        f"{HEADER.rpartition(',')[0]},class\n{text(ROWS)}".replace(",0,", ",\0" + "0,", 3).encode(),
        "line 2: ",
    ),
    "header only": (HEADER.encode() + b"\n", "no lines of numbers"),
    "a submission": (b"ImageId,Label\n1,0\n2,0\n", "2 columns, which hold no images"),
    "a name of digits": (text(ROWS, HEADER.replace("pixel9", "9" * 300_000 + "x", 1)).encode(), "143 values"),
    "a label of digits": (text([["x" + "9" * 9_000, *row[1:]] for row in ROWS], HEADER).encode(), "or long ones"),
    "blanks": (b"1," + b" " * 1_000_000 + b"x\n2,3\n", "no lines of numbers|2 columns"),
    "brackets": (b"1,[" + b"2, " * 400_000 + b"x\n" + b"[1 " * 400_000 + b"\n", "."),
    "words": (b"name,place\nfoo,bar\nbaz,qux\n", "no lines of numbers"),
    "nothing": (b"", "no lines of numbers"),
    "a column and a comma": (b"0,\n1,\n", "1 column, which holds no images"),
}


@pytest.mark.parametrize("form", HOSTILE)
def test_what_is_no_table_of_images_is_refused(form: str, tmp_path: Path) -> None:
    """Soon, and without more memory than a line may have."""
    content, message = HOSTILE[form]
    (tmp_path / "a.csv").write_bytes(content)

    with pytest.raises((UnreadableInput, WrongUse), match=rf"a\.csv.*{message}"):
        read(tmp_path / "a.csv")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
def test_text_is_read_in_any_encoding(encoding: str, tmp_path: Path) -> None:
    """With its mark or without, packed or not, in more pieces than one; a wrong line has its number there, too."""
    lines = text(cells(np.tile(IMAGES, (90, 1, 1)), labels=np.tile(LABELS, 90)), HEADER).splitlines()
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress("\r\n".join(lines).encode(encoding)))
    lines[-1] = lines[-1].replace(",", ",é", 1)
    (tmp_path / "b.csv").write_bytes("\n".join(lines).encode(encoding))

    _, images, labels = read(tmp_path / "a.csv.gz")
    np.testing.assert_array_equal(np.tile(IMAGES, (90, 1, 1)), images)
    np.testing.assert_array_equal(np.tile(LABELS, 90), labels)
    with pytest.raises(UnreadableInput, match=rf"line {len(lines):,}, column 2.*é|line {len(lines):,}"):
        read(tmp_path / "b.csv")


def test_latin_1_is_read(tmp_path: Path) -> None:
    """Names of columns and of classes."""
    rows = cells(label=lambda number: "é" if number % 2 else "ß")
    (tmp_path / "a.csv").write_bytes(text(rows, HEADER.replace("label", "Zähler")).encode("latin-1"))

    stream, _, labels = read(tmp_path / "a.csv")

    assert (stream.classes, labels.tolist()) == (("ß", "é"), (LABELS % 2).tolist())


def test_a_header_longer_than_the_head_is_recognised() -> None:
    """That of 128×128 pixels takes 170 KB."""
    names = ",".join(["label", *(f"pixel{place}" for place in range(128 * 128))])

    assert recognises(Source("a.csv", f"{names}\n".encode()[:HEAD_BYTES]))
    assert recognises(Source("a.csv", f"{HEADER}\n{','.join(ROWS[0])}".encode()[:-30]))
    assert not recognises(Source("a.txt", b"one, 2 words and 3 more words, " * 99))


def test_tables_beside_the_images_are_left_out(tmp_path: Path) -> None:
    """Kaggle's sample of a submission is none of the images, and is named."""
    (tmp_path / "train.csv").write_text(text(ROWS, HEADER))
    (tmp_path / "test.csv").write_text(text([row[1:] for row in ROWS], ",".join(NAMES)))
    (tmp_path / "sample_submission.csv").write_text("ImageId,Label\n1,0\n2,0\n")

    result = mnist_data.convert(tmp_path, tmp_path / "out", progress=False)

    assert result.dataset is not None
    assert dict(result.dataset.splits) == {"train": COUNT, "unlabelled": COUNT}
    assert any("sample_submission.csv: left out" in warning for warning in result.warnings)


def test_labels_may_be_in_a_table_of_their_own(tmp_path: Path) -> None:
    """As of the Arabic digits: four files, whose names say what belongs together, and as many labels as images."""
    pixels = [row[1:] for row in ROWS]
    for split, rows, labels in (("Train", pixels, LABELS), ("Test", pixels[::-1], LABELS[::-1])):
        (tmp_path / f"csv{split}Images 60k x 784.csv").write_text(text(rows))
        (tmp_path / f"csv{split}Label 60k x 1.csv").write_text("".join(f"{label}\n" for label in labels))

    result = mnist_data.convert(tmp_path, tmp_path / "out", progress=False)
    (tmp_path / "csvTestLabel 60k x 1.csv").write_text("5\n" * (COUNT - 1))

    assert result.dataset is not None
    for split, step in (("train", 1), ("test", -1)):
        images, labels = mnist_data.to_numpy(result.dataset.location, split=split)
        np.testing.assert_array_equal(IMAGES[::step], images)
        assert labels.tolist() == LABELS[::step].tolist()
    with pytest.raises(MismatchedPair, match=f"{COUNT - 1} labels for the {COUNT} images"):
        mnist_data.convert(tmp_path, tmp_path / "other", progress=False)


def test_memory_is_bounded_by_a_batch(tmp_path: Path) -> None:
    """Three times as many rows need no more."""
    body = text(ROWS).encode()
    peaks = []
    for times in (800, 2_400):
        (tmp_path / "a.csv").write_bytes(body * times)
        (stream,) = csv_streams([Source(str(tmp_path / "a.csv"))], Options())
        tracemalloc.start()
        assert sum(len(rows.labels) for rows in stream.rows(1_000)) == COUNT * times
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0] < 40e6


def test_a_wrong_cell_beyond_the_names_of_a_header_is_named_by_its_column(tmp_path: Path) -> None:
    """A fuzzer found a text in UTF-16, cut in the middle of a character, whose header was shorter than its rows."""
    cells = [[str(label), *map(str, image.ravel())] for label, image in zip([0, 1] * 20, blobs(), strict=True)]
    (tmp_path / "mine.csv").write_text("\n".join([HEADER, *map(",".join, cells)]) + "\n")
    [stream] = open_source(str(tmp_path / "mine.csv"), Options()).streams
    assert isinstance(stream, TableStream)
    parser = stream.parser()
    stream.names, parser.column = stream.names[:5], 9

    with pytest.raises(UnreadableInput, match=r"line 2.*'x' as the pixel in column 10\b"):
        stream.pass_over(",".join("x" for _ in stream.places), 2, parser)


@pytest.mark.parametrize("beyond", [0, 1])
def test_a_row_that_goes_on_is_refused_however_it_is_split(beyond: int, tmp_path: Path) -> None:
    """Python's csv may split a damaged line otherwise than the compiled loop, which stopped behind its last column."""
    (tmp_path / "a.csv").write_text(text(ROWS, HEADER))
    stream, _, _ = read(tmp_path / "a.csv")
    parser = stream.parser()
    parser.column = len(HEADER.split(",")) + beyond

    with pytest.raises(UnreadableInput, match="line 2: more than 145 columns; expected 145"):
        stream.pass_over(",".join(ROWS[0]), 2, parser)
