"""Datasets on an object store, spoken to over the real S3 protocol."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mnist_data
from mnist_data import storage
from mnist_data.errors import NoDataset, OutputExists, TruncatedIdx
from mnist_data.idx.pairing import Pair, find_pairs
from mnist_data.parquet.dataset import Dataset, open_dataset
from pipelines.engine.engine import Cluster
from pipelines.engine.execution import Execution
from pipelines.run.report import collect_tables, write_report
from pipelines.stages.clean import clean
from pipelines.stages.convert import convert
from pipelines.statistics.stats import stats


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """Start an S3 server on loopback, and give the URL of a bucket on it."""
    pytest.importorskip("s3fs")
    server_module = pytest.importorskip("moto.server")
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    patch = pytest.MonkeyPatch()
    host, port = server.get_host_and_port()
    patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        patch.setenv(name, "test")
    patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    fs, _ = storage.filesystem("s3://digits")
    fs.mkdir("digits")
    yield "s3://digits"
    patch.undo()
    server.stop()


def test_a_dataset_goes_to_s3_and_comes_back(bucket: str, sample_idx: Path, digits: Dataset) -> None:
    """The same files as on a disk, read by our call and by plain pandas."""
    remote = convert(find_pairs(sample_idx), f"{bucket}/data/digits").dataset

    assert digits.content == remote.content
    np.testing.assert_array_equal(mnist_data.to_numpy(digits.location)[0], mnist_data.to_numpy(remote.location)[0])
    assert len(pd.read_parquet(f"{bucket}/data/digits")) == 1797


@pytest.mark.slow
def test_stages_read_and_write_s3_from_other_processes(bucket: str, sample_idx: Path, tmp_path: Path) -> None:
    """Workers get URLs, never open connections."""
    from pipelines.engine.engine import open_engine

    source = convert(find_pairs(sample_idx), f"{bucket}/staged").dataset
    local = clean(source, tmp_path / "clean").dataset

    with open_engine(workers=2) as engine:
        outcome = clean(source, f"{bucket}/clean", execution=Execution(engine))

    assert isinstance(engine, Cluster)
    assert local.content == outcome.dataset.content
    assert storage.exists(f"{bucket}/clean.quarantine.parquet")


def test_an_unfinished_dataset_on_s3_is_refused(bucket: str, sample_idx: Path) -> None:
    """The manifest is written last: without it, or with other files than it names, there is no dataset."""
    location = convert(find_pairs(sample_idx), f"{bucket}/torn").dataset.location
    storage.remove(f"{location}.manifest.json")

    with pytest.raises(NoDataset, match="manifest is missing"):
        open_dataset(location)


def test_bad_input_leaves_no_objects(bucket: str, sample_idx: Path, tmp_path: Path) -> None:
    """An exception on the way publishes nothing, not even a short object."""
    pairs = find_pairs(sample_idx)
    cut = tmp_path / "cut-images-idx3-ubyte"
    cut.write_bytes(Path(pairs[0].images).read_bytes()[:-1])

    with pytest.raises(TruncatedIdx):
        convert([Pair("train", str(cut), pairs[0].labels)], f"{bucket}/bad")

    assert not storage.exists(f"{bucket}/bad")
    assert not storage.exists(f"{bucket}/bad.manifest.json")


def test_the_old_dataset_on_s3_stays_when_its_replacement_fails(bucket: str, sample_idx: Path, tmp_path: Path) -> None:
    """Parts are written beside it, and take its place only when all are there."""
    pairs = find_pairs(sample_idx)
    before = convert(pairs, f"{bucket}/kept").dataset.content
    cut = tmp_path / "cut-images-idx3-ubyte"
    cut.write_bytes(Path(pairs[0].images).read_bytes()[:-1])

    with pytest.raises(TruncatedIdx):
        convert([Pair("train", str(cut), pairs[0].labels)], f"{bucket}/kept", overwrite=True)

    assert open_dataset(f"{bucket}/kept").content == before
    assert not storage.exists(f"{bucket}/.kept.draft")


def test_a_dashboard_is_made_of_tables_on_s3(bucket: str, sample_idx: Path) -> None:
    """Statistics and page, from URL to URL."""
    source = convert(find_pairs(sample_idx), f"{bucket}/shown").dataset
    stats(source, f"{bucket}/shown-stats")

    write_report(collect_tables(f"{bucket}/shown-stats", source), source, f"{bucket}/shown-stats/page.html")

    page = storage.read_text(f"{bucket}/shown-stats/page.html")
    assert page is not None
    assert "The first samples of each class" in page


def test_an_existing_dataset_on_s3_stays(bucket: str, sample_idx: Path) -> None:
    """As on a disk."""
    convert(find_pairs(sample_idx), f"{bucket}/there")

    with pytest.raises(OutputExists):
        convert(find_pairs(sample_idx), f"{bucket}/there")
    assert len(convert(find_pairs(sample_idx), f"{bucket}/there", overwrite=True).dataset) == 1797


def test_idx_files_are_read_from_s3(bucket: str, sample_idx: Path, digits: Dataset) -> None:
    """Images and labels may lie on the store, too."""
    fs, _ = storage.filesystem(bucket)
    files = []
    for role, kind in (("images", "idx3-ubyte"), ("labels", "idx1-ubyte")):
        name = f"sklearn-digits-train-{role}-{kind}"
        fs.pipe_file(f"digits/idx/{name}", (sample_idx / name).read_bytes())
        files.append(f"{bucket}/idx/{name}")

    dataset = convert([Pair("train", *files)], f"{bucket}/from-idx").dataset

    assert len(dataset) == 1437
