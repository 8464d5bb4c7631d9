"""Files that are damaged, of another kind or hostile: each is read, or refused by name, in bounded time and memory."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import random
import struct
import tarfile
import traceback
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa

from mnist_data.errors import MnistDataError
from mnist_data.idx.format import open_idx
from mnist_data.idx.forms import forms_of
from mnist_data.idx.labels import labels_of
from mnist_data.idx.pairing import check_pair
from mnist_data.images_in.open import open_unless_idx
from mnist_data.images_in.stream import ImageStream, Misjudged, Options
from mnist_data.known.fetch import resolve
from tests.mnist_data.images_in.writers import WRITERS, ImageSet
from tests.torture.attack import Attack
from tests.torture.containers import damaged
from tests.torture.limits import BYTES, Hangs, OverLimitError, bounded, within_limits
from tests.torture.mutations import STRANGERS

LONGEST_MESSAGE = 2_000
"""Characters of an error; what is damaged must not be quoted whole."""

ROWS = 5
"""Images read at a time, fewer than a seed has, so that files are read in several batches."""


@dataclass(frozen=True)
class Seed:
    """A whole source that is damaged. files: by their path below its folder. opened: the path that is given to open."""

    name: str
    files: Mapping[str, bytes]
    opened: str

    def write(self, folder: Path) -> Path:
        """Write the files; gives what to open."""
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return folder / self.opened


def sample() -> ImageSet:
    """Give 12 smooth images of 8×8 pixels in two splits."""
    y, x = np.mgrid[:8, :8]
    centres = np.random.default_rng(0).uniform(2.5, 4.5, (12, 2))
    images = np.stack([255 * np.exp(-((y - a) ** 2 + (x - b) ** 2) / 4) for a, b in centres]).astype(np.uint8)
    images[:, [0, -1]] = images[:, :, [0, -1]] = 0
    labels = [0, 1, 2] * 4
    return ImageSet({"train": (images[:9], labels[:9]), "test": (images[9:], labels[9:])})


def idx(array: np.ndarray[Any, np.dtype[Any]]) -> bytes:
    """Write an array as IDX, by the letter of the format."""
    codes = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, codes[array.dtype.str[1:]], array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def _zipped(files: Mapping[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files.items():
            archive.writestr(zipfile.ZipInfo(name), body, zipfile.ZIP_DEFLATED)
    return content.getvalue()


def _tarred(files: Mapping[str, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for name, body in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(body)
            tar.addfile(entry, io.BytesIO(body))
    return content.getvalue()


def _arrow_compressed(codec: str) -> Callable[[bytes], bytes]:
    return lambda content: bytes(pa.Codec(codec).compress(content, asbytes=True)) if codec == "zstd" else _lz4(content)


def _lz4(content: bytes) -> bytes:
    file = pa.BufferOutputStream()
    with pa.CompressedOutputStream(file, "lz4") as stream:
        stream.write(content)
    return bytes(file.getvalue())


PACKINGS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "plain": ("", bytes),
    "gzip": (".gz", lambda content: gzip.compress(content, 1, mtime=0)),
    "bzip2": (".bz2", lambda content: bz2.compress(content, 1)),
    "xz": (".xz", lambda content: lzma.compress(content, preset=0)),
    "lzma": (".lzma", lambda content: lzma.compress(content, lzma.FORMAT_ALONE, preset=0)),
    "zstd": (".zst", _arrow_compressed("zstd")),
    "lz4": (".lz4", _arrow_compressed("lz4")),
}
"""The compressions that IDX files come in: the ending of a name, and the program."""


def idx_seeds() -> dict[str, list[Seed]]:
    """Give pairs of IDX files in each compression and archive, and of each type."""
    images, labels = sample().splits["train"]
    other = np.array(labels, np.int32)
    pair = {"train-images-idx3-ubyte": idx(images), "train-labels-idx1-ubyte": idx(np.array(labels, np.uint8))}
    flat = images.reshape(len(images), -1)
    kinds = {
        "float": {"images": idx(images.astype(np.float32) / 255), "labels": idx(other)},
        "one-hot": {"images": idx(images), "labels": idx(np.eye(3, dtype=np.uint8)[labels])},
        "table": {"images": idx(images.astype(np.int16)), "labels": idx(np.stack([other] * 8, 1))},
        "flat": {"images": idx(flat), "labels": idx(other.astype(np.int8))},
        "channels": {
            "images": idx(np.stack([images] * 3, 1).astype(np.float64)),
            "labels": idx(other.astype(np.float32)),
        },
    }
    packed = {
        name: [Seed(name, {f"{key}{ending}": pack(body) for key, body in pair.items()}, ".")]
        for name, (ending, pack) in PACKINGS.items()
    }
    packed["plain"] += [
        Seed(name, {f"train-{key}": body for key, body in files.items()}, ".") for name, files in kinds.items()
    ]
    named = {f"raw/{name}": body for name, body in pair.items()}
    archives = {"zip": _zipped(named), "tar": _tarred(named), "tar.gz": gzip.compress(_tarred(named), 1, mtime=0)}
    one = {name: _zipped({name: body}) for name, body in pair.items()}
    packed |= {name: [Seed(name, {f"mine.{name}": body}, f"mine.{name}")] for name, body in archives.items()}
    packed["zip"].append(Seed("zip each", {f"{name}.zip": body for name, body in one.items()}, "."))
    return {f"idx {name}": seeds for name, seeds in packed.items()}


def _written(name: str, folder: Path) -> Seed:
    """Let another program write its files, and read them back as a seed."""
    opened = WRITERS[name].write(sample(), folder)
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return Seed(name, files if opened.is_dir() else {opened.name: files[opened.name]}, str(opened.relative_to(folder)))


def image_seeds() -> dict[str, list[Seed]]:
    """Give what every writer writes, by form; a pickle is refused, whatever is in it."""
    seeds: dict[str, list[Seed]] = {}
    for name, writer in WRITERS.items():
        with TemporaryDirectory() as folder:
            seeds.setdefault(writer.form, []).append(_written(name, Path(folder)))
    images, labels = sample().splits["train"]
    content = pickle.dumps({"data": images.tobytes(), "labels": labels})
    seeds["pickle"] = [Seed("pickle", {"mine.pkl": content}, "mine.pkl")]
    return seeds


def seeds() -> dict[str, list[Seed]]:
    """Give the seeds of IDX and of every form of images, by the form's key."""
    return idx_seeds() | image_seeds()


def read(path: Path) -> int:
    """Read a source to its end as `convert` does, and hold that it gives what it announced; gives how many images."""
    source = open_unless_idx(str(path), Options(size="8x8"))
    if source is not None:
        return sum(map(_read_stream, source.streams))
    return _read_idx(path)


def _read_stream(stream: ImageStream) -> int:
    for _ in range(4):  # a stream may find its type or classes wrong, and then begins anew
        try:
            rows = [(part.images, part.labels) for part in stream.rows(ROWS)]
            break
        except Misjudged:
            continue
    else:
        raise AssertionError("the stream finds itself wrong again and again")
    for pixels, labels in rows:
        assert pixels.shape == (len(labels), *stream.shape)
        assert pixels.dtype == np.dtype(stream.dtype)
        assert labels.dtype == np.int64
        assert len(labels) <= ROWS
        assert not stream.classes or labels.max(initial=-1) < len(stream.classes)
    return sum(len(labels) for _, labels in rows)


def _read_idx(path: Path) -> int:
    count = 0
    for pair in resolve(str(path)):
        headers = check_pair(pair)
        forms = forms_of(pair)
        with open_idx(pair.images) as images, open_idx(pair.labels) as labels:
            for pixels in images.batches(ROWS):
                array = forms.layout.images(pixels)
                assert array.dtype == headers[0].dtype.newbyteorder("=")
                count += len(array)
            named = [labels_of(rows, forms.labels, pair.labels) for rows in labels.batches(ROWS)]
        assert sum(map(len, named)) == count == headers[0].items
        assert all(values.dtype == np.int64 for values in named)
    return count


@dataclass
class Target:
    """A form under attack: its seeds, written once; each try alters one of their files, and puts it back."""

    seeds: list[Seed]
    folder: Path

    def __post_init__(self) -> None:
        self.opened = [seed.write(self.folder / str(number)) for number, seed in enumerate(self.seeds)]

    def attempt(self, chance: random.Random) -> str:
        """Read one damaged source; gives how that ended. Raises what breaks the promise."""
        number = chance.randrange(len(self.seeds))
        seed = self.seeds[number]
        name = chance.choice(sorted(seed.files))
        path, content = self.folder / str(number) / name, damaged(seed.files[name], chance)
        path.write_bytes(content)
        try:
            return ended(lambda: read(self.opened[number]), len(content))
        finally:
            path.write_bytes(seed.files[name])


def ended(work: Callable[[], object], size: int = 0) -> str:
    """Say how something ended that may raise our errors: "read" or "refused"; raises what breaks the promise."""
    outcome = "read"

    def refusing() -> None:
        nonlocal outcome
        try:
            work()
        except MnistDataError as error:
            outcome = "refused"
            _require_short(error)

    within_limits(refusing, BYTES + size)
    return outcome


def _require_short(error: MnistDataError) -> None:
    """Hold that an error says "unreadable", and does not quote a damaged file whole."""
    assert error.exit_code == 2, f"exit code {error.exit_code}"
    assert len(str(error)) < LONGEST_MESSAGE, f"a message of {len(str(error)):,} characters"


def attempts(attack: Attack, targets: Mapping[str, Callable[[random.Random], str]]) -> Iterator[str]:
    """Attack one target after another, and note what came of each try; gives the target of each."""
    names = list(targets)
    with bounded(), warnings.catch_warnings(action="ignore"):
        for number in attack.numbers():
            name = names[number % len(names)]
            try:
                attack.count(targets[name](attack.chance(number)))
            except (Exception, Hangs) as error:  # noqa: BLE001  (whatever it is, it breaks the promise)
                attack.find(number, f"{name}: {described(error)}")
            yield name


def described(error: BaseException) -> str:
    """Say what an error is, and which line of ours raised it."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/tests/" not in frame.filename]
    places = [
        frame for frame in frames if "site-packages" not in frame.filename and "/lib/python" not in frame.filename
    ]
    where = f" ({Path(places[-1].filename).name}:{places[-1].lineno})" if places else ""
    limit = "" if isinstance(error, (OverLimitError, AssertionError, Hangs)) else f"{type(error).__name__}: "
    return f"{limit}{str(error)[:300]}{where}"


def attack_readers(attack: Attack) -> None:
    """Damage files of every form in turn, and read each as `convert` does."""
    targets = {name: Target(of_form, attack.folder / name) for name, of_form in seeds().items()}
    for name, target in targets.items():
        _read_whole(name, target)
    for _ in attempts(attack, {name: target.attempt for name, target in targets.items()}):
        pass


def _read_whole(name: str, target: Target) -> None:
    """Hold that a form's files are read while they are whole; then what is loaded or compiled at first is there."""
    for seed, opened in zip(target.seeds, target.opened, strict=True):
        assert name == "pickle" or read(opened) >= 9, seed.name
    file = target.folder / "0" / min(target.seeds[0].files)
    content = file.read_bytes()
    for other in STRANGERS:
        file.write_bytes(other)
        with suppress(MnistDataError):
            read(target.opened[0])
    file.write_bytes(content)
