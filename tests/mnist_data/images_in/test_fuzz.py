"""Every reader is fuzzed as IDX is: a damaged file gives images as they were announced, or one of our errors."""

from __future__ import annotations

import pickle
import random
import shutil
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from mnist_data.errors import MnistDataError
from mnist_data.images_in.open import FORMS, open_source
from mnist_data.images_in.stream import Misjudged, Options
from tests.mnist_data.images_in.writers import WRITERS, ImageSet

SECONDS = 2.0
"""Processor time that a small file may take; a hang takes for ever."""

BYTES = 64 << 20
"""Memory beyond the file's own size."""

EXTREMES = (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"9e99")
"""Numbers at the ends of their range, in binary and in text."""

ROUNDS = 8


def sample() -> ImageSet:
    """Give 12 smooth images of 8×8 pixels in two splits."""
    y, x = np.mgrid[:8, :8]
    centres = np.random.default_rng(0).uniform(2.5, 4.5, (12, 2))
    images = np.stack([255 * np.exp(-((y - a) ** 2 + (x - b) ** 2) / 4) for a, b in centres]).astype(np.uint8)
    images[:, [0, -1]] = images[:, :, [0, -1]] = 0
    labels = [0, 1, 2] * 4
    return ImageSet({"train": (images[:9], labels[:9]), "test": (images[9:], labels[9:])})


def write_pickle(folder: Path) -> Path:
    """Write what is refused, whatever is in it."""
    (folder / "mine.pkl").write_bytes(pickle.dumps({"data": sample().splits["train"][0].tobytes(), "labels": [1, 2]}))
    return folder / "mine.pkl"


def seeds(form: str) -> list[str]:
    """Name the writers of a form."""
    return [name for name, writer in WRITERS.items() if writer.form == form] + ["pickle"] * (form == "pickle")


def written(seed: str, folder: Path) -> Path:
    """Write a seed's files; gives what to open."""
    folder.mkdir(parents=True)
    return write_pickle(folder) if seed == "pickle" else WRITERS[seed].write(sample(), folder)


def mutated(content: bytes, chance: random.Random) -> bytes:
    """Damage bytes: flip some, cut, insert, overwrite, repeat a piece elsewhere, or write an extreme number."""
    data = bytearray(content)
    for _ in range(chance.choice([1, 1, 1, 2, 5])):
        at, size = chance.randrange(len(data) + 1), chance.randrange(1, 33)
        kind = chance.choice(["flip", "flip", "cut", "remove", "insert", "overwrite", "splice", "extreme"])
        if kind == "flip" and at < len(data):
            data[at] ^= 1 << chance.randrange(8)
        elif kind == "cut":
            del data[at:]
        elif kind == "remove":
            del data[at : at + size]
        elif kind == "insert":
            data[at:at] = chance.randbytes(size)
        elif kind == "overwrite":
            data[at : at + size] = chance.randbytes(size)
        elif kind == "splice":
            other = chance.randrange(len(data) + 1)
            data[at:at] = data[other : other + size]
        else:
            data[at : at + 4] = chance.choice(
                [b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"9e99"]
            )
    return bytes(data)


def read(path: Path) -> int:
    """Read a source to its end, and hold that it gives what it announced; gives how many images it had."""
    count = 0
    for stream in open_source(str(path), Options(size="8x8")).streams:
        for _ in range(4):  # a stream may find its type or classes wrong, and then begins anew
            try:
                images = [(rows.images, rows.labels) for rows in stream.rows(5)]
                break
            except Misjudged:
                continue
        else:
            raise AssertionError("the stream finds itself wrong again and again")
        for pixels, labels in images:
            assert pixels.shape == (len(labels), *stream.shape)
            assert pixels.dtype == np.dtype(stream.dtype)
            assert labels.dtype == np.int64
            assert len(labels) <= 5
            assert not stream.classes or labels.max(initial=-1) < len(stream.classes)
            count += len(labels)
    return count


def fuzzed(form: str, folder: Path, rounds: int) -> Iterator[tuple[str, Path]]:
    """Give damaged copies of a form's seeds, one at a time: what was done, and what to open."""
    for seed in seeds(form):
        original = written(seed, folder / seed / "whole")
        files = [original] if original.is_file() else [path for path in original.rglob("*") if path.is_file()]
        for number in range(rounds):
            chance = random.Random(f"{seed} {number}")
            source, file = original, chance.choice(sorted(files))
            whole = file.read_bytes()
            file.write_bytes(mutated(whole, chance))
            yield f"{seed} {number}: {file.name}", source
            file.write_bytes(whole)
        shutil.rmtree(folder / seed)


def refusal_of(source: Path, what: str) -> MnistDataError | None:
    """Read a source; give the error of ours that it ends with, if it does."""
    try:
        read(source)
    except MnistDataError as error:
        return error
    except Exception as error:
        raise AssertionError(f"{what}: {type(error).__name__}: {error}") from error
    return None


def check(form: str, folder: Path, rounds: int) -> None:
    """Hold that each damaged file is read or refused by name, in bounded time and memory."""
    for seed in seeds(form):
        source = written(seed, folder / f"{seed} before")
        if form != "pickle":
            assert read(source) == 12, seed  # and what is slow or large the first time is loaded
    for what, source in fuzzed(form, folder, rounds):
        tracemalloc.start()
        began, arrow = time.process_time(), pa.total_allocated_bytes()
        refusal = refusal_of(source, what)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert refusal is None or (refusal.exit_code == 2 and len(str(refusal)) < 2_000), what
        assert time.process_time() - began < SECONDS, what
        # SciPy asks for the memory that a length in a file announces, and fills as much of it as there are bytes.
        assert peak < BYTES or form == "matlab", what
        assert pa.total_allocated_bytes() - arrow < BYTES, what


def test_every_form_has_a_seed() -> None:
    """So that a new form is fuzzed the moment it exists."""
    assert not [form.key for form in FORMS if not seeds(form.key)]


@pytest.mark.parametrize("form", [form.key for form in FORMS])
def test_a_damaged_file_is_read_or_refused(form: str, tmp_path: Path) -> None:
    """No traceback, no hang, no memory beyond a batch."""
    check(form, tmp_path, ROUNDS)


@pytest.mark.slow
@pytest.mark.parametrize("form", [form.key for form in FORMS])
def test_many_damaged_files_are_read_or_refused(form: str, tmp_path: Path) -> None:
    """The same with a hundred of each kind."""
    check(form, tmp_path, 100)
