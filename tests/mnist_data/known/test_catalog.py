"""The catalogue says what the publishers say."""

from __future__ import annotations

import hashlib
import re
import string
from pathlib import Path

import pytest

from mnist_data.idx.format import open_idx
from mnist_data.known.catalog import ARCHIVES, CATALOG, RemoteFile
from mnist_data.known.download import has_checksum
from tests.conftest import real_folder

CHECKSUM = re.compile(r"sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}")

PUBLISHED = {
    "mnist": ("0123456789", "train t10k", "{}-images-idx3-ubyte.gz {}-labels-idx1-ubyte.gz", (60_000, 10_000)),
    "fashion-mnist": (None, "train t10k", "{}-images-idx3-ubyte.gz {}-labels-idx1-ubyte.gz", (60_000, 10_000)),
    "kmnist": (None, "train t10k", "{}-images-idx3-ubyte.gz {}-labels-idx1-ubyte.gz", (60_000, 10_000)),
    "k49": (None, "train test", "k49-{}-imgs.npz k49-{}-labels.npz", (232_365, 38_547)),
    "qmnist": (
        "0123456789",
        "train test",
        "qmnist-{}-images-idx3-ubyte.gz qmnist-{}-labels-idx2-int.gz",
        (60_000, 60_000),
    ),
    "emnist-letters": (
        string.ascii_lowercase,
        "train test",
        "emnist-letters-{}-images-idx3-ubyte.gz emnist-letters-{}-labels-idx1-ubyte.gz",
        (124_800, 20_800),
    ),
    "emnist-byclass": (
        string.digits + string.ascii_uppercase + string.ascii_lowercase,
        "train test",
        "emnist-byclass-{}-images-idx3-ubyte.gz emnist-byclass-{}-labels-idx1-ubyte.gz",
        (697_932, 116_323),
    ),
    "emnist-balanced": (
        string.digits + string.ascii_uppercase + "abdefghnqrt",
        "train test",
        "emnist-balanced-{}-images-idx3-ubyte.gz emnist-balanced-{}-labels-idx1-ubyte.gz",
        (112_800, 18_800),
    ),
    "kannada-mnist": (
        "0123456789",
        "train test",
        "X_kannada_MNIST_{}-idx3-ubyte.gz y_kannada_MNIST_{}-idx1-ubyte.gz",
        (60_000, 10_000),
    ),
    "oracle-mnist": (None, "train t10k", "{}-images-idx3-ubyte.gz {}-labels-idx1-ubyte.gz", (27_222, 3_000)),
    "afromnist-vai": ("0123456789", "train test", "Vai_MNIST_X_{}.npy Vai_MNIST_y_{}.npy", (60_000, 10_000)),
    "pathmnist": (None, "pathmnist", "{}.npz", (89_996, 7_180)),
}
"""Names of classes, words of the splits, names of the files and numbers of samples, as the publishers give them."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_catalogue_is_what_the_publishers_say(name: str) -> None:
    """A file of another name would not be found on any mirror."""
    classes, words, patterns, samples = PUBLISHED[name]
    entry = CATALOG[name]

    assert (entry.counts["train"], entry.counts["test"]) == samples
    assert classes is None or entry.classes == tuple(classes)
    assert sorted(file.name for file in entry.files) == sorted(
        pattern.format(word) for word in words.split() for pattern in patterns.split()
    )


def test_every_file_that_is_fetched_has_a_checksum_and_its_source() -> None:
    """Each its own; a dataset has them for all of its files, with the place where they are published, or for none."""
    offered = [file for entry in CATALOG.values() for file in entry.files if entry.fetchable]
    checksums = [file.checksum for file in (*offered, *ARCHIVES.values())]

    assert all(CHECKSUM.fullmatch(checksum) for checksum in checksums)
    assert len(set(checksums)) == len(checksums)
    for entry in CATALOG.values():
        assert all(file.checksum for file in entry.files) == bool(entry.checksum_source) or not entry.files
        assert entry.page.startswith("https://")
    sources = [entry.checksum_source for entry in (*CATALOG.values(), *ARCHIVES.values()) if entry.checksum_source]
    assert all(source.startswith("https://") for source in sources)


def test_every_mirror_is_https() -> None:
    """Whoever sits between cannot see or alter what is fetched; and each takes a file's name as it is."""
    mirrors = [mirror for entry in (*CATALOG.values(), *ARCHIVES.values()) for mirror in entry.mirrors]

    assert all(re.fullmatch(r"https://[\w./-]+/", mirror) for mirror in mirrors)
    assert all(entry.offered_at for entry in CATALOG.values() if entry.fetchable)


def test_the_family_is_complete() -> None:
    """Six of EMNIST, four of Afro-MNIST, twelve of MedMNIST in two dimensions, and the single ones."""
    names = " ".join(CATALOG)

    assert len(re.findall(r"emnist-\w+", names)) == 6
    assert len(re.findall(r"afromnist-\w+", names)) == 4
    assert sum("MedMNIST" in entry.citation for entry in CATALOG.values()) == 12
    assert {"mnist", "fashion-mnist", "kmnist", "k49", "qmnist", "kannada-mnist", "oracle-mnist"} <= set(CATALOG)


REPACKED = "mnist/train-images-idx3-ubyte.gz"
"""The one real file whose packing is not the publisher's."""


def real_file(entry: str, file: RemoteFile) -> Path:
    """Give the real file that a catalogue's file describes, or skip."""
    folders = {"mnist": "mnist", "fashion-mnist": "fashion-mnist", "qmnist": "qmnist", "kmnist": "odd-idx"}
    prefix = "kmnist-" if entry == "kmnist" else ""
    path = real_folder(folders.get(entry, entry)) / f"{prefix}{file.name}"
    if not path.is_file():
        pytest.skip(f"the real data has no {file.name} of {entry}")
    return path


@pytest.mark.parametrize(
    ("name", "file"),
    [
        pytest.param(name, file, id=f"{name} {file.name}")
        for name in ("mnist", "fashion-mnist", "qmnist", "kmnist", "cmaterdb-bangla")
        for file in CATALOG[name].files
    ],
)
def test_real_files_have_the_published_checksums_and_contents(name: str, file: RemoteFile) -> None:
    """A file of another checksum would be refused, and its content would not be recognised."""
    path = real_file(name, file)

    if f"{name}/{file.name}" != REPACKED:
        assert has_checksum(path, file.checksum)
        assert file.bytes in (0, path.stat().st_size)
    if CATALOG[name].is_idx:
        with open_idx(path) as reader:
            assert reader.content() == CATALOG[name].content_of(file)


def test_checksums_are_those_of_the_bytes(tmp_path: Path) -> None:
    """By either algorithm; one wrong digit is another file."""
    path = tmp_path / "file"
    path.write_bytes(b"content")
    digest = hashlib.sha256(b"content").hexdigest()

    assert has_checksum(path, f"sha256:{digest}")
    assert has_checksum(path, "md5:9a0364b9e99bb480dd25e1f0284c8555")
    assert not has_checksum(path, f"sha256:{digest[:-1]}{'0' if digest[-1] != '0' else '1'}")


def test_classes_have_the_names_that_their_papers_give_them() -> None:
    """Of clothes in Xiao et al., of Kuzushiji in Clanuwat et al., in the order of the labels."""
    assert ", ".join(CATALOG["fashion-mnist"].classes) == (
        "T-shirt/top, Trouser, Pullover, Dress, Coat, Sandal, Shirt, Sneaker, Bag, Ankle boot"
    )
    assert " ".join(CATALOG["kmnist"].classes) == "o ki su tsu na ha ma ya re wo"
    assert len(set(CATALOG["k49"].classes)) == 49
    assert CATALOG["emnist-letters"].first_label == 1
    assert {name for name, entry in CATALOG.items() if entry.transposed} == {
        f"emnist-{part}" for part in ("balanced", "bymerge", "byclass", "digits", "letters", "mnist")
    }
