"""An object store that fails in the middle: the old dataset or the new one, and a message that names why.

A real S3 server, with a door before it that answers some requests as a store in trouble does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from mnist_data import storage
from mnist_data.errors import NoDataset
from mnist_data.parquet.dataset import open_dataset
from mnist_data.parquet.frames import load
from mnist_data.parquet.manifest import part_sizes
from pipelines.settings.stages import Augment
from pipelines.stages.augment import augment
from tests.troubled_store import Trouble, troubled_store

Cli = Callable[..., tuple[int, str, str]]

SOURCE = Path(__file__).parents[1] / "fixtures/0.1.0/dataset"


@pytest.fixture(scope="module")
def door() -> Iterator[Callable[[Trouble | None], None]]:
    """Start an S3 server behind a door, and give a function that says what the door does."""
    with troubled_store() as door:
        yield door


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let s3fs try each request twice, without waiting between."""
    import s3fs.core

    monkeypatch.setattr(s3fs.core.S3FileSystem, "retries", 2)


TROUBLES = [
    *(Trouble("PUT", number, 500) for number in range(1, 7)),
    Trouble("PUT", 3, 503),
    Trouble("PUT", 2, 403),
    Trouble("PUT", 4, kind="reset"),
    Trouble("PUT", 2, 500, copies=True),
    Trouble("PUT", 1, kind="cut", copies=True),  # the copy is there, and nobody heard of it
    Trouble("POST", 1, 500),
    Trouble("HEAD", 9, 500),
    Trouble("GET", 9, 503),
    *(Trouble("any", number, 500) for number in (1, 6, 18, 24, 30, 34, 38)),
    Trouble("any", 36, kind="reset"),
]


def called(trouble: Trouble) -> str:
    what = trouble.status if trouble.kind == "status" else trouble.kind
    return f"{trouble.method}-{trouble.first}-{what}{'-copies' if trouble.copies else ''}"


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("trouble", TROUBLES, ids=called)
def test_a_reader_sees_the_old_or_the_new_whatever_fails(
    trouble: Trouble, door: Callable[[Trouble | None], None], command_line: Cli, tmp_path: Path
) -> None:
    """With --overwrite, from any request on: exit 2 with URL and status; when the store is well again, all is well."""
    door(None)
    name = f"s3://trouble/{called(trouble)}/d"
    before = augment(open_dataset(SOURCE), name, Augment(seed=1)).content
    after = augment(open_dataset(SOURCE), tmp_path / "local", Augment(seed=2)).content

    door(trouble)
    code, _, err = command_line("augment", SOURCE, name, "--seed", 2, "--overwrite")
    door(None)

    assert trouble.seen[trouble.first - 1 :], "the trouble never came"
    assert code == 2
    assert "s3://trouble/" in err
    assert trouble.kind != "status" or f"HTTP {trouble.status}" in err
    seen = open_dataset(name)
    assert seen.content in (before, after)
    assert len(load(name)) == len(seen)
    assert command_line("augment", SOURCE, name, "--seed", 2, "--overwrite")[0] == 0
    assert open_dataset(name).content == after
    assert len(pd.read_parquet(name)) == len(seen)
    assert len(objects(name.removesuffix("/d"))) == len(part_sizes(name)) + 1


def objects(location: str) -> list[str]:
    """List all objects below a URL, as they are now."""
    fs, folder = storage.filesystem(location)
    fs.invalidate_cache()
    return list(fs.find(folder))


def test_a_first_attempt_that_failed_is_no_obstacle(
    door: Callable[[Trouble | None], None], command_line: Cli, quick: None
) -> None:
    """Where there was nothing before, nothing counts after a failure, and the same command succeeds without a flag."""
    name = "s3://trouble/first/d"
    for number in (1, 3, 5, 6):
        door(Trouble("PUT", number, 503))
        assert command_line("augment", SOURCE, name)[0] == 2
        door(None)
        with pytest.raises(NoDataset):
            open_dataset(name)

    assert command_line("augment", SOURCE, name)[0] == 0
    assert sorted(part_sizes(name)) == ["split=test/part-00000.parquet", "split=train/part-00000.parquet"]


def test_a_trouble_that_passes_is_none(
    door: Callable[[Trouble | None], None], command_line: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One request that fails and succeeds when it is repeated changes nothing."""
    import s3fs

    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "3")
    s3fs.S3FileSystem.clear_instance_cache()
    door(None)
    name = "s3://trouble/passing/d"
    trouble = Trouble("PUT", 2, 503, last=2)

    door(trouble)
    code, _, err = command_line("augment", SOURCE, name)
    door(None)

    s3fs.S3FileSystem.clear_instance_cache()
    assert (code, err) == (0, "")
    assert len(trouble.seen) > 2


@pytest.mark.usefixtures("quick")
def test_a_download_that_fails_names_url_and_status(
    door: Callable[[Trouble | None], None], command_line: Cli, tmp_path: Path
) -> None:
    """A reader of a store in trouble is told which object, and how the store answered; it writes nothing."""
    door(None)
    name = "s3://trouble/read/d"
    augment(open_dataset(SOURCE), name)

    for status, kind in ((500, "status"), (503, "status"), (403, "status"), (0, "reset")):
        for first in (1, 2, 4):
            door(Trouble("GET", first, status, kind=kind))
            code, _, err = command_line("stats", name, "--out", tmp_path / "stats")
            door(None)

            assert code == 2
            assert "s3://trouble/read/" in err
            assert kind != "status" or f"HTTP {status}" in err
            assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("quick")
def test_a_store_that_fails_is_no_finding_of_verify(door: Callable[[Trouble | None], None], command_line: Cli) -> None:
    """Exit code 2, at whichever request: what could not be read may be whole."""
    door(None)
    augment(open_dataset(SOURCE), "s3://trouble/verified/d")

    for first in (7, 10, 12):
        trouble = Trouble("GET", first, kind="half down")
        door(trouble)
        code, out, err = command_line("verify", "s3://trouble/verified/d", "--repair")
        door(None)

        assert trouble.seen[first - 1 :], "the trouble never came"
        assert (code, out) == (2, "")
        assert "s3://trouble/verified/" in err


def test_stores_that_cannot_be_are_named(command_line: Cli, tmp_path: Path) -> None:
    """A protocol that nobody knows, and one whose library is not installed."""
    for name, expected in (("foo://bar/d", "no store for foo://"), ("abfs://x/d", "pip install")):
        code, out, err = command_line("info", name)

        assert (code, out) == (2, "")
        assert expected in err


def test_only_a_dataset_is_replaced_on_a_store(door: Callable[[Trouble | None], None], command_line: Cli) -> None:
    """As on a disk: what else lies there is not removed, with --overwrite or without."""
    door(None)
    fs, folder = storage.filesystem("s3://trouble/home")
    fs.pipe_file(f"{folder}/thesis.txt", b"months of work")

    code, _, err = command_line("augment", SOURCE, "s3://trouble/home", "--overwrite")

    assert code == 2
    assert "holds more than a dataset" in err
    assert fs.cat_file(f"{folder}/thesis.txt") == b"months of work"
