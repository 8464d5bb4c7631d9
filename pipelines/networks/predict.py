"""Predictions of a trained network for new images, and which of them are probably of none of its classes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mnist_data import storage
from mnist_data.batch import Batch, Images, Integers
from mnist_data.images_in.image_files.classes import WORDS
from mnist_data.images_in.stream import UNLABELLED, Misjudged
from mnist_data.parquet.messages import joined, message
from mnist_data.parquet.schema import Stage
from mnist_data.parquet.tables import provenance, require_folder, write_table
from pipelines.networks.data.as_trained import ready
from pipelines.networks.data.new_images import NewImages, open_images
from pipelines.networks.data.trained_on import TABLE as TRAINED_ON
from pipelines.networks.data.trained_on import TrainedOn, find_trained_on
from pipelines.networks.evaluation.leaks import leak_scores
from pipelines.networks.evaluation.predictions import Probabilities
from pipelines.networks.evaluation.scores import prediction_table
from pipelines.networks.predicted_samples import PredictedSamples
from pipelines.networks.predictor import Predictor, model_files, open_predictor

if TYPE_CHECKING:
    pass

Network = Callable[[Images], Probabilities]
"""Gives the probabilities of the classes, (n, classes) float32, for images."""

NONE_OF_THEM = "none of the classes"
"""What an image out of distribution is counted as."""

PREFIX = re.compile(r"(digit|class|cls|label|number|num|letter|char|character)[-_ ]*(?=[^-_ ])", re.IGNORECASE)
"""What class folders have before the name itself, as in digit_5."""


@dataclass(frozen=True)
class Predictions:
    """Predictions, a row an image, as `predict` gives them, and how many there are of which kind.

    counts: of each class how many images are labelled and predicted so. leaks: of each split with labels `leak_scores`,
    with the column split first; no rows where it is undecided which images are in the training data. unlabelled: images
    without a label. other: of the images whose class the model does not have, the class's name -> how many. notes: for
    the user. samples: some of the images, as `PredictedSamples` chooses them.
    """

    table: pd.DataFrame
    counts: pd.DataFrame
    leaks: pd.DataFrame
    unlabelled: int
    none_of_the_classes: int | None
    other: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    samples: pd.DataFrame = field(default_factory=pd.DataFrame)


def predict(model: str | Path, images: str | Path, splits: Sequence[str] | None = None) -> pd.DataFrame:
    """Predict the class of each image: a row each, as `prediction_table` names the columns, and some more.

    model: a file that `train`, `onnx` or `compress` has written, or a folder of `train`, whose networks form an
    ensemble. images: a dataset, or any form that `convert` reads but pairs of IDX files, of which `splits` chooses
    some; an IDX file of images; a photo or a folder of photos, whose digits are found as `prepare` finds them, unless
    they have the model's size and look more like its images as they are. Images are normalized as the training data
    was, unless they are already.

    label is the model's number of the class that the image's label names, -1 where it is not known; label_name names
    it, name the predicted class. ood_score is how far an image is beyond those that the model was fitted to, with the
    threshold at 0, and in_distribution whether it is not; both are missing where the model cannot tell.
    in_training_data says whether the model has seen these very pixels in its training; it is missing where that is
    undecided. Photos get a column `file`, datasets `split`.

    Raises UnreadableInput for what is no model or cannot be read, WrongUse for images of another shape or normalization
    than those the model was trained on.
    """
    return predict_images(model, images, splits).table


def predict_images(model: str | Path, images: str | Path, splits: Sequence[str] | None = None) -> Predictions:
    """Predict as `predict` does, and count."""
    predictor = open_predictor(model)
    source = open_images(str(images), splits, predictor.configuration["shape"], predictor.accepted)
    seen = find_trained_on(predictor.trained_on, source.dataset)
    try:
        table, other, samples = _predicted(predictor, source, seen)
    except Misjudged:  # a stream knows its type and classes better now, which its first rows did not show
        table, other, samples = _predicted(predictor, source, seen)
    rejected = int((~table["in_distribution"]).sum()) if predictor.detects else None
    notes = [note for note in (source.note, predictor.note, _about_training_data(predictor, model, seen)) if note]
    if other:
        listed = joined([f"{name} ({count:,})" for name, count in list(other.items())[:10]])
        notes.append(message("Classes of the images that the model does not have: {classes}.", classes=listed))
    unlabelled = int((table["label"] == UNLABELLED).sum()) - sum(other.values())
    counts = count_table(table, predictor.configuration)
    return Predictions(table, counts, leak_table(table), unlabelled, rejected, other, tuple(notes), samples)


def _about_training_data(predictor: Predictor, model: str | Path, seen: TrainedOn | None) -> str:
    """Say why it is not known whether images are in the training data, or what is not counted among these."""
    if seen is None:
        missing = message(
            "there is no {table}.parquet of this training next to the model, and the images are not its dataset",
            table=TRAINED_ON,
        )
        if not all(content for _, content in predictor.trained_on) or not predictor.trained_on:
            missing = message("the model's file does not say which they are")
        return message(
            "Undecided whether the images are in the training data of {model}: the training data are not at hand "
            "({missing}).",
            model=model,
            missing=missing,
        )
    if "start" in predictor.configuration:
        return message(
            "What {model} started from was trained on other data, which do not count as training data here.",
            model=model,
        )
    return ""


def leak_table(table: pd.DataFrame) -> pd.DataFrame:
    """Evaluate the images of each split that are in the training data, and the others: split, and `leak_scores`.

    table: predictions, of which those without a label do not count. No rows where it is undecided.
    """
    known = table[table["correct"].notna() & table["in_training_data"].notna()]
    splits = known["split"] if "split" in known else pd.Series("", known.index)
    parts = [
        leak_scores(rows["correct"].to_numpy(np.bool_), rows["in_training_data"].to_numpy(np.bool_)).assign(split=name)
        for name, rows in known.groupby(splits, sort=False)
    ]
    empty = leak_scores(np.zeros(0, np.bool_), np.zeros(0, np.bool_)).iloc[:0].assign(split="")
    scores = pd.concat(parts or [empty], ignore_index=True)
    return scores[["split", *(name for name in scores if name != "split")]]


def page_tables(predicted: Predictions, tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Give the tables of the page: findings, counts, leak scores, samples, and how many there are of each kind."""
    table = predicted.table
    known = table["correct"].dropna().astype(bool)
    summary = {
        "images": len(table),
        "labelled": len(known),
        "correct": int(known.sum()),
        "rejected": -1 if predicted.none_of_the_classes is None else predicted.none_of_the_classes,
        "confidence": float(table["probability"].mean()),
    }
    shown = {"predicted": pd.DataFrame([summary]), "predicted_counts": predicted.counts}
    return {**shown, "findings": tables["findings"], "predicted_samples": predicted.samples}


def _predicted(
    predictor: Predictor, source: NewImages, seen: TrainedOn | None
) -> tuple[pd.DataFrame, dict[str, int], pd.DataFrame]:
    """Predict all images; give the table, how many are of which class that the model does not have, and some images."""
    tables, samples = [], PredictedSamples()
    for batch in source.batches():
        images = ready(predictor.configuration, batch, source.stages).images
        probabilities, scores = predictor.run(images)
        named = _labelled(predictor.configuration, batch, source.classes())
        table = _table(predictor.configuration, named, probabilities)
        place = list(table.columns).index("correct")
        accepted = pd.Series(scores <= 0, dtype="boolean").where(np.full(len(scores), predictor.detects))
        holds = np.zeros(len(images), np.bool_) if seen is None else seen.holds(images)
        table.insert(
            place, "in_training_data", pd.Series(holds, dtype="boolean").where(np.full(len(holds), seen is not None))
        )
        table.insert(place, "in_distribution", accepted)
        table.insert(place, "ood_score", scores.astype(np.float32))
        tables.append(table)
        samples.add(table, batch.images)
    joined = pd.concat(tables, ignore_index=True)
    foreign = joined.loc[(joined["label"] == UNLABELLED) & joined["label_name"].notna(), "label_name"]
    return joined, {str(name): int(count) for name, count in foreign.value_counts(sort=False).items()}, samples.table()


def count_table(table: pd.DataFrame, configuration: Mapping[str, Any]) -> pd.DataFrame:
    """Count the images of each class: name, labelled, predicted; the last row those of none of the classes."""
    accepted = table["in_distribution"].fillna(True).astype(bool)
    rows = [
        {
            "name": class_name(configuration, label),
            "labelled": int((table["label"] == label).sum()),
            "predicted": int((accepted & (table["predicted"] == label)).sum()),
        }
        for label in range(configuration["classes"])
    ]
    foreign = int(((table["label"] == UNLABELLED) & table["label_name"].notna()).sum())
    rows.append({"name": NONE_OF_THEM, "labelled": foreign, "predicted": int((~accepted).sum())})
    return pd.DataFrame(rows)


def _labelled(configuration: Mapping[str, Any], batch: Batch, classes: Sequence[str]) -> Batch:
    """Give the labels that the model has for the names of the images' classes, and these names as a column."""
    numbers = class_numbers(configuration.get("class_names", ()), classes, configuration["classes"])
    names = list(classes) or list(configuration.get("class_names", ()))
    texts = [None if label < 0 else names[label] if label < len(names) else str(label) for label in batch.labels]
    labels = batch.labels
    if numbers is not None:
        table = np.array([*numbers, UNLABELLED])  # the last: of no label, and of labels without a name
        labels = table[np.where((labels < 0) | (labels >= len(numbers)), len(numbers), labels)]
    return Batch(batch.ids, labels, batch.images, {**batch.columns, "label_name": np.array(texts, object)})


def class_numbers(known: Sequence[str], classes: Sequence[str], outputs: int) -> Integers | None:
    """Give the place of each class among a model's classes, -1 where it has none of that name.

    known: the names of a model's classes; where it has none, they are its numbers of outputs. None where labels are
    taken as they are: where the classes have no names or the same, or the model has none and they fit in number only.

    >>> class_numbers(["0", "1", "2"], ["digit_1", "two", "A"], 3)
    array([ 1,  2, -1])
    """
    if not classes or list(known) == list(classes):
        return None
    places = {_plain(name): place for place, name in reversed(list(enumerate(known or map(str, range(outputs)))))}
    numbers = np.array([places.get(_plain(name), UNLABELLED) for name in classes], np.int64)
    by_number = not known and len(classes) == outputs and (numbers == UNLABELLED).all()
    return None if by_number else numbers


def _plain(name: str) -> str:
    """Give the name of a class without what folders add to it; a digit in words as a digit."""
    bare = PREFIX.sub("", name, count=1) if PREFIX.match(name) else name
    return str(WORDS.index(bare.lower())) if bare.lower() in WORDS else bare


def save_predictions(
    table: pd.DataFrame,
    folder: str | Path,
    model: str | Path,
    images: str | Path,
    splits: Sequence[str] | None = None,
    *,
    overwrite: bool = False,
) -> None:
    """Write FOLDER/predictions.parquet and .csv, with the model's hash, and the splits chosen, in the metadata.

    Raises OutputExists where the folder holds anything that is not to be replaced.
    """
    require_folder(folder, overwrite)
    models = {path.name: storage.sha256_of(path) for path in model_files(model)}
    made = provenance("predict", {str(images): "", **models}, {"splits": list(splits)} if splits else {})
    write_table(table, f"{folder}/predictions", made)


def predict_batch(
    network: Network, configuration: Mapping[str, Any], batch: Batch, done: Sequence[Stage]
) -> pd.DataFrame:
    """Predict one batch as `predict` does, without scores. done: the stages already applied to its images."""
    return _table(configuration, batch, network(ready(configuration, batch, done).images))


def _table(configuration: Mapping[str, Any], batch: Batch, probabilities: Probabilities) -> pd.DataFrame:
    table = prediction_table(batch.ids, batch.labels, probabilities)
    table.insert(3, "name", [class_name(configuration, label) for label in table["predicted"]])
    table["correct"] = table["correct"].where(table["label"] >= 0, None).astype("boolean")
    first = [name for name in ("file", "split", "label", "label_name") if name in batch.columns or name == "label"]
    for place, name in enumerate(first):
        if name != "label":
            table.insert(1 + place, name, batch.columns[name])
    return table


def class_name(configuration: Mapping[str, Any], label: int) -> str:
    """Name a class of a model; the number itself where no name is known."""
    names = configuration.get("class_names", ())
    return str(names[label]) if 0 <= label < len(names) else str(label)
