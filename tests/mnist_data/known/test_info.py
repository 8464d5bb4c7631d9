"""`info` says of any form what it is before anything is written, and refuses what `convert` refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import mnist_data
from mnist_data.errors import MnistDataError
from mnist_data.idx import format as idx
from mnist_data.parquet.dataset import Dataset

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def forms(digits: Dataset, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Give the sample in every form that `export` writes, and as Parquet."""
    folder = tmp_path_factory.mktemp("forms")
    for written in ("idx", "csv", "csv.gz", "npz", "folders"):
        mnist_data.export(digits, folder / written, form=written)  # type: ignore[arg-type]
    return {"dataset": Path(digits.location)} | {path.name: path for path in folder.iterdir()}


@pytest.mark.parametrize("form", ["csv", "csv.gz", "npz", "folders"])
def test_any_form_is_described_and_recognised(form: str, forms: dict[str, Path]) -> None:
    """Splits, counts, classes, labels, background, what its pixels are, and the line that converts it."""
    findings = mnist_data.info(forms[form]).findings
    order = ", in another order" if form == "folders" else ""

    assert findings["splits"] == {"train": 1_437, "test": 360}
    assert findings["samples"] == 1_797
    assert (findings["shape"], findings["type"], findings["background"]) == ([28, 28], "uint8", "dark")
    assert (findings["classes"], findings["unlabelled"]) == ([str(label) for label in range(10)], 0)
    assert findings["labels"] == {"smallest": 0, "largest": 9, "different": 10}
    assert findings["pixels"] == [f"{split}: Digits sample, {split} images{order}" for split in ("train", "test")]
    assert findings["convert"] == f"mnist-data convert {forms[form]} OUT"
    assert [source["split"] for source in findings["sources"]] == ["train", "test"]
    assert json.dumps(findings)


def test_idx_and_parquet_say_the_same_of_background_and_pixels(forms: dict[str, Path]) -> None:
    """A folder of IDX files, one of them, and a dataset."""
    folder, dataset = (mnist_data.info(forms[name]).findings for name in ("idx", "dataset"))
    file = mnist_data.info(forms["idx"] / "t10k-images-idx3-ubyte").findings

    assert {"dark"} == {each["background"] for each in (folder, dataset, file)}
    assert folder["pixels"] == dataset["pixels"]
    assert folder["convert"] == f"mnist-data convert {forms['idx']} OUT"


def test_another_form_can_be_the_original(forms: dict[str, Path], tmp_path: Path) -> None:
    """One altered row of a CSV file is named by comparing with an .npz."""
    lines = (forms["csv"] / "train.csv").read_text().splitlines()
    lines[8] = lines[8].rpartition(",")[0] + ",77"
    (tmp_path / "train.csv").write_text("\n".join(lines))

    findings = mnist_data.info(tmp_path / "train.csv", original=forms["npz"] / "sklearn-digits.npz").findings

    assert findings["pixels"] == ["train: sklearn-digits.npz, train images: 1 row differs: id 7 (originally row 7)"]


def test_what_would_be_decided_is_said(tmp_path: Path) -> None:
    """Letters' codes as labels, a bright background, an image without a label; nothing is written."""
    random = np.random.default_rng(0)
    images = np.full((40, 9, 9), 255, np.uint8)
    images[:, 3:6, 3:6] = random.integers(0, 99, (40, 3, 3))
    np.savez(tmp_path / "mine.npz", images=images, labels=np.arange(40) % 3 + 65)

    findings = mnist_data.info(tmp_path / "mine.npz").findings

    assert findings["background"] == "bright"
    assert findings["labels"] == {"smallest": 65, "largest": 67, "different": 3}
    assert any("--relabel" in note for note in findings["notes"])
    assert [tmp_path / "mine.npz"] == list(tmp_path.iterdir())


def test_images_without_labels_are_counted(tmp_path: Path) -> None:
    """As the files of a split's own folder."""
    for name in ("train/3/a", "train/4/b", "test/c", "test/d"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.eye(9, dtype=np.uint8) * 99).save(tmp_path / f"{name}.png")

    findings = mnist_data.info(tmp_path).findings

    assert sum(findings["splits"].values()) == 4
    assert findings["unlabelled"] == 2
    assert any("label" in note and "unlabelled" in note for note in findings["notes"])


REFUSED: dict[str, bytes] = {
    "a.csv": b"1,2,3\n1,2\n",
    "b.npz": b"PK\x03\x04 nothing",
    "c.txt": b"some words, and no numbers\n",
    "d.pkl": b"\x80\x04K\x01.",
    "e.html": b"<html>404</html>",
    "g-images-idx3-ubyte": b"\0\0\x08\x03\0\0",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_convert_refuses_info_refuses_alike(name: str, tmp_path: Path) -> None:
    """The same words, and no other kind of error."""
    (tmp_path / name).write_bytes(REFUSED[name])

    def said(call: Callable[[], Any]) -> str:
        with pytest.raises(MnistDataError) as caught:
            call()
        return str(caught.value)

    assert said(lambda: mnist_data.info(tmp_path / name)) == said(
        lambda: mnist_data.convert(tmp_path / name, tmp_path / "out", progress=False)
    )


def test_splits_that_do_not_fit_together_are_described_and_not_converted(tmp_path: Path) -> None:
    """Each is read; the note says why convert refuses both, and no line offers it."""
    images = np.arange(4 * 81, dtype=np.uint8).reshape(4, 9, 9)
    np.savez(
        tmp_path / "a.npz", x_train=images, y_train=np.arange(4), x_test=images[:, :8, :8] / 2, y_test=np.arange(4)
    )

    findings = mnist_data.info(tmp_path / "a.npz").findings

    assert findings["convert"] is None
    assert "convert refuses it: the splits have images of different shapes" in " ".join(findings["notes"])


def test_idx_files_that_do_not_fit_are_described_with_the_reason(forms: dict[str, Path], tmp_path: Path) -> None:
    """A folder whose labels are cut off: what each file is, and why convert refuses them."""
    idx.write(tmp_path / "train-images-idx3-ubyte", np.zeros((5, 9, 9), np.uint8))
    idx.write(tmp_path / "train-labels-idx1-ubyte", np.zeros(4, np.uint8))

    findings = mnist_data.info(tmp_path).findings

    assert findings["convert"] is None
    assert "4 labels for 5 images" in " ".join(findings["notes"])
    assert len(findings["files"]) == 2


def test_the_command_prints_it_and_the_line_that_converts(command_line: Cli, forms: dict[str, Path]) -> None:
    """For people; and for a folder of IDX files, a table each."""
    for form in ("csv", "idx"):
        code, out, _ = command_line("info", forms[form])

        assert code == 0
        assert f"Convert it with: mnist-data convert {forms[form]} OUT" in out
        assert "Digits sample, train images" in out
