"""Every reader is attacked in small, for longer by tests/torture/readers.py; what was found once is tried always."""

from __future__ import annotations

import io
import random
import struct
import tarfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from mnist_data.errors import MnistDataError, UnreadableInput, WrongUse
from mnist_data.images_in.open import FORMS
from tests.torture.limits import bounded
from tests.torture.readers import Target, read, seeds

ROUNDS = 12

SEEDS = seeds()


def test_every_form_has_a_seed() -> None:
    """So that a new form is attacked the moment it exists."""
    assert not [form.key for form in FORMS if form.key not in SEEDS]


@pytest.mark.parametrize("form", SEEDS)
def test_a_damaged_file_is_read_or_refused(form: str, tmp_path: Path) -> None:
    """No traceback, no hang, no memory beyond a batch."""
    target = Target(SEEDS[form], tmp_path)
    for opened in target.opened:
        with suppress(MnistDataError):
            read(opened)  # what is loaded or compiled at first is there then

    with bounded():
        for number in range(ROUNDS):
            target.attempt(random.Random(f"{form} {number}"))


def tar_of_a_member_without_end() -> bytes:
    """Give a tar whose member announces eight exabytes: tarfile passed over them step by step."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.GNU_FORMAT) as tar:
        tar.addfile(tarfile.TarInfo("train-images-idx3-ubyte"))
    data = bytearray(content.getvalue())
    data[124:136] = b"\x80" + (2**62).to_bytes(11, "big")
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    return bytes(data)


def npy(shape: tuple[int, ...], length: int | None = None) -> bytes:
    """Give a .npy file of some shape, and a few values, whatever the shape announces."""
    header = repr({"descr": "|u1", "fortran_order": False, "shape": shape}).encode() + b"\n"
    return b"\x93NUMPY\2\0" + struct.pack("<I", len(header) if length is None else length) + header + bytes(64)


def arrow_of_a_name_without_encoding() -> bytes:
    """Give an Arrow file of which a field within another has a name that is not UTF-8."""
    kind = pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])
    table = pa.table({"image": pa.array([{"bytes": b"", "path": ""}], kind), "label": [1]})
    file = io.BytesIO()
    with pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    return file.getvalue().replace(b"path\0", b"pat\xa2\0")


def mat_of_a_type_that_is_none() -> bytes:
    """Give a MATLAB file whose numbers are of the type 248: SciPy's reader crashed."""
    from scipy.io import savemat

    file = io.BytesIO()
    savemat(file, {"images": np.zeros((3, 8, 8), np.uint8)})
    return file.getvalue().replace(struct.pack("<II", 2, 192), struct.pack("<II", 248, 192))


FORMER: dict[str, tuple[str, Callable[[], bytes]]] = {
    "a tar without end": ("mine.tar", tar_of_a_member_without_end),
    "sizes of a thousand digits": ("train-labels-idx1-ubyte", lambda: b"\0\0\x08\xff" + b"\x7f" * 4 * 255),
    "a single value": ("train_images.npy", lambda: npy(())),
    "more than any file holds": ("train_images.npy", lambda: npy((2**40, 2**30))),
    "no values, and sizes beyond all": ("train_images.npy", lambda: npy((2**62, 0, 64))),
    "a header beyond the file": ("train_images.npy", lambda: npy((3, 8, 8), 2**31)),
    "a name that is not UTF-8": ("train.arrow", arrow_of_a_name_without_encoding),
    "a type of no number": ("mine.mat", mat_of_a_type_that_is_none),
}
"""What the attack has found: the name of the file, and its content."""


@pytest.mark.parametrize("case", FORMER)
def test_what_was_found_once_is_refused(case: str, tmp_path: Path) -> None:
    """By name, in bounded time and memory, in few words."""
    name, content = FORMER[case]
    (tmp_path / name).write_bytes(content())

    with bounded(), pytest.raises((UnreadableInput, WrongUse), match=name):
        try:
            read(tmp_path / name)
        except (UnreadableInput, WrongUse) as error:
            assert len(str(error)) < 1_000  # noqa: PT017
            raise


def test_a_number_of_any_length_is_a_name(tmp_path: Path) -> None:
    """Names of images are compared as numbers too, and Python refuses to read one of 70,000 digits."""
    images = {"0007.png": "7", "8.png": "8"}
    from PIL import Image

    for name in images:
        Image.fromarray(np.full((8, 8), 9, np.uint8)).save(tmp_path / name)
    (tmp_path / "labels.csv").write_text("id,label\n7,1\n8,2\n" + "9" * 70_000 + ",3\n")

    with pytest.raises(UnreadableInput, match=r"labels\.csv"):
        read(tmp_path)
