"""The catalogue of known datasets: contents, class names, quirks, licence, citation, where to fetch."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass, field

DIGITS = tuple(string.digits)


@dataclass(frozen=True)
class Remote:
    """One file as its publisher offers it: the name, and the MD5 of the packed file."""

    name: str
    md5: str


@dataclass(frozen=True)
class CatalogEntry:
    """One known dataset.

    counts: images in each split as published. contents: SHA-256 of a decoded IDX file -> "split role".
    transposed: the files store each image with rows and columns exchanged. first_label: the smallest label.
    note: a warning to readers, shown first.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    licence: str
    citation: str
    counts: Mapping[str, int]
    transposed: bool = False
    first_label: int = 0
    note: str = ""
    contents: Mapping[str, str] = field(default_factory=dict)
    mirrors: tuple[str, ...] = ()
    files: tuple[Remote, ...] = ()


_MNIST = CatalogEntry(
    name="mnist",
    title="MNIST",
    classes=DIGITS,
    licence="CC BY-SA 3.0",
    citation="LeCun, Cortes, Burges: The MNIST database of handwritten digits, 1998",
    counts={"train": 60_000, "test": 10_000},
    contents={
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db": "train images",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5": "train labels",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7": "test images",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2": "test labels",
    },
    mirrors=(
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
    ),
    files=(
        Remote("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        Remote("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
        Remote("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
        Remote("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"),
    ),
)

_FASHION = CatalogEntry(
    name="fashion-mnist",
    title="Fashion-MNIST",
    classes=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    licence="MIT",
    citation="Xiao, Rasul, Vollgraf: Fashion-MNIST, arXiv:1708.07747, 2017",
    counts={"train": 60_000, "test": 10_000},
    contents={
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888": "train images",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9": "train labels",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b": "test images",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34": "test labels",
    },
    mirrors=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
    files=(
        Remote("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        Remote("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
        Remote("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
        Remote("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
    ),
)

_KMNIST = CatalogEntry(
    name="kmnist",
    title="Kuzushiji-MNIST",
    classes=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
    licence="CC BY-SA 4.0",
    citation="Clanuwat et al.: Deep Learning for Classical Japanese Literature, arXiv:1812.01718, 2018",
    counts={"train": 60_000, "test": 10_000},
    contents={"2a16eeae62da984b8bd24fa32e31d47291f01dac3fe84d5594f304f71e7d374b": "train labels"},
    mirrors=("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
    files=(
        Remote("train-images-idx3-ubyte.gz", "bdb82020997e1d708af4cf47b453dcf7"),
        Remote("train-labels-idx1-ubyte.gz", "e144d726b3acfaa3e44228e80efcd344"),
        Remote("t10k-images-idx3-ubyte.gz", "5c965bf0a639b31b8f53240b1b52f4d7"),
        Remote("t10k-labels-idx1-ubyte.gz", "7320c461ea6c1c855c0b718fb2a4b134"),
    ),
)

_QMNIST = CatalogEntry(
    name="qmnist",
    title="QMNIST",
    classes=DIGITS,
    licence="BSD-style (facebookresearch/qmnist)",
    citation="Yadav, Bottou: Cold Case: The Lost MNIST Digits, NeurIPS 2019",
    counts={"train": 60_000, "test": 60_000},
    contents={
        "bb1b6e1ec7b04fd5696f1ed50b5f58f8ef195118edd5c93c81783df9740b8ac5": "train labels",
        "92d0ccb8c25f9c6534270fb4be7e1d24a1c6d315edfc8a638bfbd31c70f362dd": "test labels",
    },
    mirrors=("https://raw.githubusercontent.com/facebookresearch/qmnist/master/",),
    files=(
        Remote("qmnist-train-images-idx3-ubyte.gz", "ed72d4157d28c017586c42bc6afe6370"),
        Remote("qmnist-train-labels-idx2-int.gz", "0058f8dd561b90ffdd0f734c6a30e5e4"),
        Remote("qmnist-test-images-idx3-ubyte.gz", "1394631089c404de565df7b7aeaf9412"),
        Remote("qmnist-test-labels-idx2-int.gz", "5b5b05890a5e13444e108efe57b788aa"),
    ),
)

_KANNADA = CatalogEntry(
    name="kannada-mnist",
    title="Kannada-MNIST",
    classes=DIGITS,
    licence="CC BY-SA 4.0",
    citation="Prabhu: Kannada-MNIST, arXiv:1908.01242, 2019",
    counts={"train": 60_000, "test": 10_000},
)

_SAMPLE = CatalogEntry(
    name="sklearn-digits",
    title="Digits sample",
    classes=DIGITS,
    licence="CC BY 4.0",
    citation="Alpaydin, Kaynak: Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998",
    counts={"train": 1_437, "test": 360},
    note=(
        "This is not MNIST: it is the embedded sample, the 1,797 handwritten digits that ship with scikit-learn, "
        "brought from 8×8 to 28×28 pixels as MNIST was made."
    ),
)


def _emnist(part: str, classes: tuple[str, ...], train: int, test: int, first_label: int = 0) -> CatalogEntry:
    return CatalogEntry(
        name=f"emnist-{part}",
        title=f"EMNIST {part}",
        classes=classes,
        licence="public domain (NIST Special Database 19)",
        citation="Cohen, Afshar, Tapson, van Schaik: EMNIST, arXiv:1702.05373, 2017",
        counts={"train": train, "test": test},
        transposed=True,
        first_label=first_label,
    )


_BALANCED = DIGITS + tuple(string.ascii_uppercase) + tuple("abdefghnqrt")
_EMNIST = (
    _emnist("balanced", _BALANCED, 112_800, 18_800),
    _emnist("bymerge", _BALANCED, 697_932, 116_323),
    _emnist("byclass", DIGITS + tuple(string.ascii_uppercase) + tuple(string.ascii_lowercase), 697_932, 116_323),
    _emnist("digits", DIGITS, 240_000, 40_000),
    _emnist("letters", tuple(string.ascii_lowercase), 124_800, 20_800, first_label=1),
    _emnist("mnist", DIGITS, 60_000, 10_000),
)

CATALOG: dict[str, CatalogEntry] = {
    known.name: known for known in (_MNIST, _FASHION, _KMNIST, _QMNIST, _KANNADA, _SAMPLE, *_EMNIST)
}


def by_content(sha256: str) -> tuple[CatalogEntry, str] | None:
    """Find the dataset one of whose decoded files has this SHA-256, and that file's role, as in "train images".

    >>> known, role = by_content("ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db")
    >>> known.title, role
    ('MNIST', 'train images')
    """
    return next(((known, known.contents[sha256]) for known in CATALOG.values() if sha256 in known.contents), None)


def by_name(name: str) -> CatalogEntry | None:
    """Find a dataset by its name, ignoring case and underscores; a name that only begins with one is no match.

    >>> by_name("emnist-letters").first_label
    1
    >>> by_name("kannada_MNIST").name
    'kannada-mnist'
    >>> by_name("kmnist-49")
    """
    return CATALOG.get(name.lower().replace("_", "-"))
