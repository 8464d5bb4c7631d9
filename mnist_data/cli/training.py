"""train and predict, and what is printed of a training."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dashboards.language import ENGLISH
from mnist_data.cli.options import (
    DatasetArgument,
    Json,
    Lang,
    Open,
    Out,
    OutArgument,
    Overwrite,
    Plot,
    chosen_out,
    fail_if_option,
)
from mnist_data.cli.reports import print_groups, print_labels, print_leaks, print_report, print_robustness
from pipelines.settings.model_header import Model
from pipelines.settings.training import TRAIN_PRESETS, Freeze, Optimizer, Precision, Schedule, Train

if TYPE_CHECKING:
    import pandas as pd

    from mnist_data.api.results import Result

_TRAIN = Train()
_SWEEP_DETAIL = ("validation_loss", "epochs_done", "parameters", "runs")
_OF_TRAINING = (
    "findings",
    "history",
    "diagnosis",
    "evaluation",
    "calibration",
    "reliability",
    "class_scores",
    "thickness_scores",
    "label_scores",
    "leak_scores",
    "slices",
    "seeds",
    "groups",
    "robustness",
)
_OF_SWEEP = ("runs", "sweep", "effects")
_SHOWN = 40
"""Predictions that are printed."""


def _by(text: str, default: object) -> Any:
    """Describe a setting whose default a preset may change."""
    return typer.Option(help=f"{text} [default: {default}]", show_default=False)


def print_evaluation(evaluation: pd.DataFrame) -> None:
    """Print the accuracy of the predictions, with its interval."""
    import pandas as pd

    from mnist_data.cli.output import print_table

    rows = [
        (
            row.model,
            row.split,
            "ensemble" if row.seed is pd.NA else str(row.seed),
            row.samples,
            f"{row.accuracy:.2%}",
            f"{row.low:.2%} – {row.high:.2%}",
            None if row.seconds is pd.NA else str(row.seconds),
        )
        for row in evaluation.assign(seconds=evaluation["seconds"].round().astype("Int64")).itertuples()
    ]
    print_table("Accuracy", ["model", "split", "seed", "samples", "accuracy", "95 % interval", "seconds"], rows)


def train(
    dataset: DatasetArgument,
    place: OutArgument = None,
    out: Out = None,
    preset: Annotated[
        str, typer.Option(help=f"Settings by name: {', '.join(TRAIN_PRESETS)}; flags override them.")
    ] = "standard",
    model: Annotated[Model | None, _by("mlp, or a convolutional network of that size.", _TRAIN.model)] = None,
    epochs: Annotated[int | None, _by("Passes over the training data.", "3, more for a small set")] = None,
    batch_size: Annotated[int | None, _by("Samples in one step.", _TRAIN.batch_size)] = None,
    optimizer: Annotated[Optimizer | None, _by("How weights follow gradients.", _TRAIN.optimizer)] = None,
    learning_rate: Annotated[float | None, _by("Highest learning rate of the schedule.", _TRAIN.learning_rate)] = None,
    schedule: Annotated[Schedule | None, _by("How the learning rate changes.", _TRAIN.schedule)] = None,
    weight_decay: Annotated[float | None, _by("Weight decay of each step.", _TRAIN.weight_decay)] = None,
    label_smoothing: Annotated[
        float | None, _by("Label smoothing of the training loss.", _TRAIN.label_smoothing)
    ] = None,
    dropout: Annotated[float | None, _by("Dropout before the last layer.", _TRAIN.dropout)] = None,
    ema_decay: Annotated[
        float | None, _by("Decay of the moving average of the weights; 0: no average.", _TRAIN.ema_decay)
    ] = None,
    recipe: Annotated[
        str | None, _by("Deform each sample anew in each epoch: a preset of augment, or a TOML file.", "none")
    ] = None,
    precision: Annotated[
        Precision | None, _by("auto takes bfloat16 where the processor has it.", _TRAIN.precision)
    ] = None,
    patience: Annotated[int | None, _by("Stop after this many epochs without a better validation.", "never")] = None,
    validation_fraction: Annotated[
        float | None, _by("Fraction of the training samples for validation.", _TRAIN.validation_fraction)
    ] = None,
    seed: Annotated[int | None, _by("Seed of the weights, the order and the validation samples.", _TRAIN.seed)] = None,
    seeds: Annotated[int | None, _by("Number of networks to train, and their ensemble.", _TRAIN.seeds)] = None,
    start: Annotated[
        str | None,
        typer.Option("--start", metavar="MODEL", help="Begin from this model's file, which says what network it is."),
    ] = None,
    freeze: Annotated[
        Freeze | None, _by("What stays as MODEL has it; features: all but the last layer.", _TRAIN.freeze)
    ] = None,
    corruptions: Annotated[
        bool | None,
        typer.Option("--corruptions", help="Also score under fifteen corruptions, at five severities."),
    ] = None,
    corrections: Annotated[
        str | None,
        typer.Option(metavar="TABLE", help="Also score by corrected labels: decisions, an audit's folder, or a table."),
    ] = None,
    sweep: Annotated[
        str | None,
        typer.Option(
            "--sweep", metavar="FILE", help="Train each point of the grid that FILE lists; see docs/train.md."
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue a training that was killed.")] = False,
    fail_if: Annotated[
        list[str] | None,
        fail_if_option("error (on the test split), validation_error, ece (calibration error)", "error=0.02"),
    ] = None,
    plot: Plot = False,
    open: Open = False,
    lang: Lang = ENGLISH,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Train small networks; the test split is read once, after everything is fixed.

    Example: mnist-data train data/mnist models/mnist

    Example: mnist-data train data/mnist models/best --preset thorough --seeds 5 --plot
    """
    from mnist_data.api.networks import train as run
    from mnist_data.cli.output import finish

    call = partial(
        run,
        dataset,
        chosen_out(place, out),
        preset=preset,
        model=model,
        epochs=epochs,
        batch_size=batch_size,
        optimizer=optimizer,
        learning_rate=learning_rate,
        schedule=schedule,
        weight_decay=weight_decay,
        label_smoothing=label_smoothing,
        dropout=dropout,
        ema_decay=ema_decay,
        recipe=recipe,
        precision=precision,
        patience=patience,
        validation_fraction=validation_fraction,
        seed=seed,
        seeds=seeds,
        start=start,
        freeze=freeze,
        corruptions=corruptions,
        corrections=corrections,
        sweep=sweep,
        resume=resume,
        fail_if=fail_if,
        plot=plot,
        open=open,
        lang=lang,
        overwrite=overwrite,
    )
    finish(call, print_training, json, (*_OF_TRAINING, *_OF_SWEEP))


def print_training(result: Result) -> None:
    """Print how a training went and what came of it, or how the points of a sweep compare."""
    from mnist_data.cli.output import print_findings, print_frame

    tables = result.tables
    if "sweep" in tables:
        print_sweep(result)
        return
    if len(set(tables["history"]["seed"])) == 1:
        print_frame("Epochs", tables["history"].drop(columns=["seed", "learning_rate"]))
    print_evaluation(tables["evaluation"])
    print_report(tables)
    if "groups" in tables:
        print_groups(tables["groups"])
    if "robustness" in tables:
        print_robustness(tables["robustness"])
    findings = tables["findings"]
    print_findings(findings[findings["section"] != "training"])  # whose problems are among the warnings


def print_sweep(result: Result) -> None:
    """Print the points of a sweep, and what each setting does."""
    from mnist_data.cli.output import print_frame

    points, effects = result.tables["sweep"], result.tables["effects"]
    shown = points.drop(columns=[*result.findings["alike"], *_SWEEP_DETAIL])
    print_frame(f"{len(points)} points, the best validation first", shown)
    if len(effects):
        print_frame("What each setting does", effects)


def predict(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="A .safetensors or .onnx file that train, onnx or compress has written."),
    ],
    images: Annotated[
        str,
        typer.Argument(
            metavar="IMAGES", help="A dataset, an IDX file, an image file or folder of them, or what convert reads."
        ),
    ],
    out: Annotated[
        str | None,
        typer.Option(
            "--out", "-o", metavar="OUT", help="A folder for all predictions. [default with --plot: IMAGES-predict]"
        ),
    ] = None,
    split: Annotated[
        list[str] | None, typer.Option("--split", help="A split of IMAGES; may be repeated. [default: all]")
    ] = None,
    corrections: Annotated[
        str | None,
        typer.Option(metavar="TABLE", help="Also score by corrected labels: decisions, an audit's folder, or a table."),
    ] = None,
    fail_if: Annotated[
        list[str] | None,
        fail_if_option("error, the fraction that is wrong where labels are known", "error=0.02"),
    ] = None,
    plot: Plot = False,
    open: Open = False,
    lang: Lang = ENGLISH,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Predict the class of each image, or that it is probably of none; digits in photos are found first.

    Example: mnist-data predict models/mnist/small.safetensors photos/ --plot
    """
    from mnist_data.api.networks import predict as run
    from mnist_data.cli.output import finish

    call = partial(
        run,
        model,
        images,
        out,
        split=split,
        corrections=corrections,
        fail_if=fail_if,
        plot=plot,
        open=open,
        lang=lang,
        overwrite=overwrite,
    )
    finish(call, print_predictions, json, ("findings", "predictions", "counts", "leak_scores", "label_scores"))


def print_predictions(result: Result) -> None:
    """Print the first predictions, their counts by class, and how many are correct where labels are known."""
    from mnist_data.cli.output import print_frame, say

    table, counts = result.tables["predictions"], result.tables["counts"]
    known = table["correct"].dropna()
    columns = ("id", "file", "split", *(("label_name",) if table["label_name"].notna().any() else ()))
    shown = table[[name for name in (*columns, "name", "probability") if name in table]].head(_SHOWN).copy()
    rejected = ~table["in_distribution"].head(_SHOWN).fillna(True).astype(bool)
    shown["name"] = shown["name"].mask(rejected, "probably none of the classes")
    shown["probability"] = shown["probability"].mask(rejected)
    print_frame(f"{len(table):,} predictions", shown.rename(columns={"label_name": "label", "name": "predicted"}))
    if len(table) > _SHOWN:
        say(f"These are the first {_SHOWN}; --out writes all of them.")
    for column in ("labelled", "predicted"):
        occurring = counts[counts[column] > 0]
        if len(occurring):
            listed = [f"{name}: {count:,}" for name, count in zip(occurring["name"], occurring[column], strict=True)]
            say(f"{column.capitalize()}: {', '.join(listed)}.")
    if result.findings["unlabelled"]:
        say(f"Without a label: {result.findings['unlabelled']:,} of {len(table):,}.")
    if result.findings["none_of_the_classes"]:
        say(f"Probably none of the classes: {result.findings['none_of_the_classes']:,} of {len(table):,}.")
    if len(known):
        say(f"{int(known.sum()):,} of {len(known):,} with a known label are correct ({known.mean():.2%}).")
    if len(result.tables.get("label_scores", ())):
        print_labels(result.tables["label_scores"])
    print_leaks(result.tables["leak_scores"])
    if result.findings["in_training_data"] and not len(known):
        say(f"With the pixels of a training sample: {result.findings['in_training_data']:,} of {len(table):,}.")
    for note in result.findings["notes"]:
        say(note)
