"""Text that is damaged at random is read as others read it, or refused by our own error, in one piece and in many."""

from __future__ import annotations

import contextlib
import io
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mnist_data.errors import MnistDataError
from mnist_data.images_in.stream import ImageStream, Misjudged, Options, Rows, Source
from mnist_data.images_in.text import reader as text
from mnist_data.images_in.text.arff import arff_streams
from mnist_data.images_in.text.csv import csv_streams
from mnist_data.images_in.text.libsvm import libsvm_streams
from tests.mnist_data.images_in.text import test_arff_libsvm as pairs_and_arff
from tests.mnist_data.images_in.text import test_csv as tables
from tests.torture.mutations import mutated_text

STREAMS: dict[str, Callable[[Sequence[Source], Options], Sequence[ImageStream]]] = {
    ".csv": csv_streams,
    ".libsvm": libsvm_streams,
    ".arff": arff_streams,
}

SEEDS: dict[str, tuple[str, str]] = {
    "header": (".csv", tables.text(tables.cells()[:12], tables.HEADER)),
    "no header": (".csv", tables.SAME["label last"]),
    "quoted": (".csv", tables.SAME["quoted"]),
    "blanks": (".csv", tables.SAME["columns of blanks"]),
    "old Macs' lines": (".csv", tables.SAME["old Macs' lines"]),
    "floats": (".csv", tables.OTHER["0 … 1"][0]),
    "words": (".csv", tables.text(tables.cells(label='"digit {}"'.format)[:12], tables.HEADER)),
    "libsvm": (".libsvm", pairs_and_arff.LIBSVM["sparse"]),
    "arff": (".arff", pairs_and_arff.ARFF["dense"]),
    "sparse arff": (".arff", pairs_and_arff.arff(pairs_and_arff.sparse(pairs_and_arff.letter), pairs_and_arff.LETTERS)),
}


def outcome(path: Path, piece_bytes: int = 1 << 22) -> tuple[str, object]:
    """Read a file: the type, images, labels and classes, or the error."""
    source = Source(str(path), path.read_bytes()[: 1 << 16])
    with pytest.MonkeyPatch.context() as patch:
        try:
            (stream,) = STREAMS[path.suffix]([source], Options())
            patch.setattr(text, "PIECE_BYTES", piece_bytes)
            rows = all_rows(stream)
        except MnistDataError as error:
            return "error", str(error)
    images, labels = (np.concatenate([getattr(part, name) for part in rows]) for name in ("images", "labels"))
    return "read", (images.dtype.str, images.tobytes(), labels.tobytes(), stream.classes)


def all_rows(stream: ImageStream) -> list[Rows]:
    """Read a stream, and again where a later row shows its type."""
    while True:
        with contextlib.suppress(Misjudged):
            return list(stream.rows(5))


def fuzz(seed: str, numbers: range, tmp_path: Path) -> int:
    """Read damaged copies in one piece and in many; gives how many were read."""
    suffix, content = SEEDS[seed]
    read = 0
    for number in numbers:
        lots = random.Random(f"{seed} {number}")
        path = tmp_path / f"a{suffix}"
        path.write_bytes(mutated_text(content.encode(), lots))
        what, values = outcome(path)
        assert what == "read" or str(path) in str(values)
        assert (what, values) == outcome(path, lots.randrange(1, 900)), f"{seed} {number}"
        read += what == "read"
    return read


@pytest.mark.parametrize("seed", SEEDS)
def test_damaged_text_is_read_or_refused(seed: str, tmp_path: Path) -> None:
    """No other exception, no hang, and the same from one piece as from many."""
    fuzz(seed, range(8), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_much_damaged_text_is_read_or_refused(seed: str, tmp_path: Path) -> None:
    """A few hundred times each; some copies are read, and most are not."""
    assert 0 < fuzz(seed, range(1_000, 1_150), tmp_path) < 150


@pytest.mark.slow
def test_what_is_read_of_a_damaged_table_is_what_pandas_reads(tmp_path: Path) -> None:
    """Whatever is not refused has the same numbers there."""
    header, _, body = tables.text(tables.cells(), tables.HEADER).partition("\n")
    compared = 0
    for number in range(300):
        content = mutated_text(body.encode(), random.Random(number))
        path = tmp_path / "a.csv"
        path.write_bytes(f"{header}\n".encode() + content)
        what, values = outcome(path)
        if what == "read":
            frame = pd.read_csv(io.BytesIO(path.read_bytes())).dropna(how="all")
            dtype, images, labels, classes = values  # type: ignore[misc]
            pixels = frame.iloc[:, 1:].to_numpy(np.float64)
            np.testing.assert_array_equal(pixels.astype(dtype).reshape(-1), np.frombuffer(images, dtype))
            names = [str(classes[label]) if classes else str(label) for label in np.frombuffer(labels, np.int64)]
            assert [str(label).removesuffix(".0") for label in frame["label"]] == [
                name.removesuffix(".0") for name in names
            ]
            compared += 1
    assert compared > 20
