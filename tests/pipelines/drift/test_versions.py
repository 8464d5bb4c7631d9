"""Two versions of a dataset, changed by the test: each change is found and named, and nothing else is."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mnist_data
from mnist_data.errors import CheckFailed, OutputExists
from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.tables import read_table
from pipelines.drift.versions.digests import DigestedSamples
from pipelines.drift.versions.matching import match_samples

RELABELLED, ALTERED, BLANKED, ADDED = (3, 14, 159), (20, 21), 30, 6
FLAGS = ["altered", "relabelled", "moved", "renumbered"]


def written(folder: Path, train: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray]) -> Dataset:
    """Write arrays as a dataset, with ids by their places."""
    folder.mkdir(parents=True)
    np.savez(folder / "arrays.npz", x_train=train[0], y_train=train[1], x_test=test[0], y_test=test[1])
    result = mnist_data.convert(folder / "arrays.npz", folder / "data", progress=False)
    assert result.dataset is not None
    return result.dataset


@pytest.fixture(scope="module")
def versions(digits: Dataset, tmp_path_factory: pytest.TempPathFactory) -> tuple[Dataset, Dataset]:
    """Give the sample and a later version: labels, pixels and a blank planted, test samples added, cleaned and split.

    Another label goes with other pixels in one of them; cleaning takes the blank one out, and keeps the other ids.
    """
    folder = tmp_path_factory.mktemp("versions")
    train, test = (mnist_data.to_numpy(digits, split=split) for split in ("train", "test"))
    images, labels = train[0].copy(), train[1].copy()
    labels[list(RELABELLED)] = (labels[list(RELABELLED)] + 1) % 10
    images[list(ALTERED)] = images[list(ALTERED)][:, ::-1]
    labels[ALTERED[1]] = 0
    images[BLANKED] = 0
    more = np.random.default_rng(0).permuted(test[0][:ADDED], axis=2)
    changed = written(
        folder / "v2", (images, labels), (np.concatenate([test[0], more]), np.append(test[1], test[1][:ADDED]))
    )
    cleaned = mnist_data.clean(changed, folder / "cleaned", progress=False)
    later = mnist_data.split(cleaned, folder / "later", by="label", progress=False)
    assert later.dataset is not None
    return written(folder / "v1", train, test), later.dataset


def by_pandas(a: Dataset, b: Dataset) -> pd.DataFrame:
    """Say by plain pandas what has changed between two datasets with the same ids."""
    both = mnist_data.load(a).merge(mnist_data.load(b), on="id", how="outer", suffixes=("_a", "_b"), indicator="side")
    pair = both["side"] == "both"
    changed = {
        "removed": both["side"] == "left_only",
        "added": both["side"] == "right_only",
        "altered": pair & (both["image_a"] != both["image_b"]),
        "relabelled": pair & (both["label_a"] != both["label_b"]),
        "moved": pair & (both["split_a"].astype(str) != both["split_b"].astype(str)),
    }
    return pd.DataFrame({"id": both["id"], **changed})


def test_planted_changes_are_found_and_no_others(versions: tuple[Dataset, Dataset], tmp_path: Path) -> None:
    """As plain pandas finds them by the ids; the tables on disk are those of the result."""
    truth = by_pandas(*versions)
    result = mnist_data.diff(*versions, out=tmp_path / "out")
    table = result["diff"]

    for kind in ("removed", "added", "altered", "relabelled", "moved"):
        chosen = table[kind] if kind in FLAGS else table["change"] == kind
        ids = table.loc[chosen, "id_a"].fillna(table["id_b"]).astype(int)
        assert sorted(ids) == truth.loc[truth[kind], "id"].tolist(), kind
        counted = result["changes"].query("change == @kind")["samples"].sum()
        assert counted == truth[kind].sum() > 0, kind
    assert set(table.loc[table["altered"] & table["relabelled"], "id_a"]) >= {ALTERED[1]}
    assert not table["renumbered"].any()
    assert result.findings["ids_kept"]
    assert result["changes"].query("change == 'unchanged'")["samples"].sum() == (~truth.iloc[:, 1:].any(axis=1)).sum()
    stored = read_table(str(tmp_path / "out/diff.parquet"))
    assert stored["change"].tolist() == table["change"].astype(str).tolist()
    assert stored["id_b"].fillna(-1).tolist() == table["id_b"].fillna(-1).tolist()
    assert pd.read_csv(tmp_path / "out/diff.csv")["moved"].sum() == table["moved"].sum()


def test_the_page_shows_each_change_with_its_digits(versions: tuple[Dataset, Dataset], tmp_path: Path) -> None:
    """Of an altered sample both images, of another label where it was and where it is."""
    result = mnist_data.diff(*versions, out=tmp_path / "out", plot=True, thumbnails=2)
    page = Path(str(result.page)).read_text(encoding="utf-8")

    for kind in ("Removed", "Added", "Altered", "Relabelled", "Moved"):
        assert f">{kind}<" in page, kind
    assert f"A: altered, sample {ALTERED[0]} of train" in page
    assert f"B: altered, sample {ALTERED[0]} of train" in page
    label = int(result["diff"].query("id_a == 3")["label_a"].iloc[0])
    assert f"sample 3 of train, label {label} → {(label + 1) % 10}" in page
    assert result["diff_a"]["change"].value_counts().max() == 2


def test_samples_are_found_again_by_their_pixels_where_ids_have_shifted(digits: Dataset, tmp_path: Path) -> None:
    """A sample is put in front, and one label changed: one added, one relabelled, all renumbered, none altered."""
    images, labels = mnist_data.to_numpy(digits, split="train")
    test = mnist_data.to_numpy(digits, split="test")
    changed = labels.copy()
    changed[5] = (changed[5] + 1) % 10
    before = written(tmp_path / "a", (images, labels), test)
    after = written(tmp_path / "b", (np.concatenate([images[:1] // 2, images]), np.append(0, changed)), test)

    result = mnist_data.diff(before, after)

    counts = result["changes"].groupby("change")["samples"].sum().to_dict()
    total = len(before)
    expected = {"added": 1, "relabelled": 1, "renumbered": total, "altered": 0, "removed": 0, "moved": 0}
    assert counts == {**expected, "unchanged": 0}
    assert result["diff"].query("relabelled")["id_b"].tolist() == [6]
    assert not result.findings["ids_kept"]
    assert any("ids say nothing" in note for note in result.findings["notes"])


def test_labels_are_compared_by_the_names_of_their_classes(digits: Dataset, tmp_path: Path) -> None:
    """Numbered otherwise in class folders of which the first is gone, a class keeps its name."""
    images, labels = mnist_data.to_numpy(digits, split="test")
    for name, least in (("all", 0), ("some", 1)):
        chosen = labels >= least
        written(tmp_path / name, (images[chosen], labels[chosen]), (images[chosen][:10] + 1, labels[chosen][:10]))
        mnist_data.export(tmp_path / name / "data", tmp_path / name / "folders", form="folders")
        mnist_data.convert(tmp_path / name / "folders", tmp_path / name / "named", relabel=least > 0, progress=False)

    result = mnist_data.diff(tmp_path / "all/named", tmp_path / "some/named")

    assert not result["diff"]["relabelled"].any()
    assert set(result["diff"].query("change == 'removed'")["label_a"]) <= {0}


@pytest.mark.parametrize("seed", range(20))
def test_any_two_versions_are_matched_one_to_one(seed: int) -> None:
    """As many pairs have the same pixels as there can be; every sample is in one pair, removed or added."""
    random = np.random.default_rng(seed)

    def samples(rows: int) -> DigestedSamples:
        ids = random.permutation(80)[:rows] if seed % 2 else np.arange(rows)
        few = random.integers(1, 60)
        return DigestedSamples(
            ("train", "test"),
            ids.astype(np.int64),
            random.integers(0, 2, rows).astype(np.int8),
            random.integers(0, 3, rows),
            random.integers(0, few, rows).astype(np.uint64),
        )

    a, b = samples(int(random.integers(0, 60))), samples(int(random.integers(0, 60)))
    matching = match_samples(a, b)

    for side, rows, others in ((a, matching.first, matching.removed), (b, matching.second, matching.added)):
        assert sorted([*rows, *others]) == list(range(len(side)))
    same = a.digests[matching.first] == b.digests[matching.second]
    assert same.sum() == sum((Counter(a.digests.tolist()) & Counter(b.digests.tolist())).values())
    assert (a.ids[matching.first[~same]] == b.ids[matching.second[~same]]).all()
    unmoved = set(zip(a.ids.tolist(), a.digests.tolist(), strict=True)) & set(
        zip(b.ids.tolist(), b.digests.tolist(), strict=True)
    )
    assert (a.ids[matching.first] == b.ids[matching.second])[same].sum() >= len(unmoved)


def test_the_command_says_it_in_a_sentence_and_fails_above_a_limit(
    versions: tuple[Dataset, Dataset], tmp_path: Path, command_line: Callable[..., tuple[int, str, str]]
) -> None:
    """Exit code 0 without a limit, whatever has changed; 1 above one; 2 for a change that there is not."""
    a, b = (version.location for version in versions)
    code, out, _ = command_line("diff", a, b)
    assert (code, out.splitlines()[0][:21]) == (0, "From A to B: 1 remove")
    code, out, _ = command_line("diff", a, a)
    assert (code, out.splitlines()[0]) == (0, "B has the samples of A, all 1,797 of them, and no others.")
    code, out, _ = command_line("diff", a, b, "--json")
    assert json.loads(out)["relabelled"][0]["samples"] >= 1
    code, _, err = command_line(
        "diff", a, b, "--fail-if", "removed=0", "--fail-if", "added=0.5", "--out", tmp_path / "o"
    )
    assert (code, err.strip()) == (1, "mnist-data: diff: removed is 1 of 1,797, at most 0 is allowed.")
    assert (tmp_path / "o/changes.csv").exists()
    code, _, err = command_line("diff", a, b, "--fail-if", "lost=0")
    assert (code, "no change 'lost'" in err) == (2, True)
    with pytest.raises(CheckFailed):
        mnist_data.diff(a, b, fail_if={"added": 0})
    with pytest.raises(OutputExists):
        mnist_data.diff(a, b, out=tmp_path / "o")


def test_other_sizes_and_object_stores(digits: Dataset, tmp_path: Path) -> None:
    """Images of another size are altered by their ids; a version on a store is compared as a local one."""
    images, labels = mnist_data.to_numpy(digits, split="test")
    small = written(tmp_path / "small", (images[:, ::2, ::2], labels), (images[:5, ::2, ::2], labels[:5]))
    whole = written(tmp_path / "whole", (images, labels), (images[:5], labels[:5]))
    np.savez(tmp_path / "arrays.npz", x_train=images, y_train=labels)
    remote = mnist_data.convert(tmp_path / "arrays.npz", "memory://versions/whole", progress=False)

    other = mnist_data.diff(small, whole, out=tmp_path / "page", plot=True)
    far = mnist_data.diff(whole, remote)

    assert other["changes"].query("change == 'altered'")["samples"].sum() == len(whole)
    assert any("no pixels are equal" in note for note in other.findings["notes"])
    assert other["diff_a"].attrs["image_shape"] == [14, 14]
    assert far.findings["verdict"] == "From A to B: 5 removed; 360 unchanged."
