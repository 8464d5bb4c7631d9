"""train and predict, and what is printed of a training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnist_data.cli.options import DatasetArgument, Json, Overwrite
from mnist_data.cli.reports import print_report
from mnist_data.cli.robustness import print_robustness
from mnist_data.cli.splitting import print_groups
from mnist_data.errors import WrongUse
from pipelines.settings.model_header import Model
from pipelines.settings.training import TRAIN_PRESETS, Freeze, Optimizer, Precision, Schedule, Train, train_settings

if TYPE_CHECKING:
    import pandas as pd

_TRAIN = Train()
_SWEEP_DETAIL = ("validation_loss", "epochs_done", "parameters", "runs")


def _by(text: str, default: object) -> Any:
    """Describe a setting whose default a preset may change."""
    return typer.Option(help=f"{text} [default: {default}]", show_default=False)


def print_evaluation(evaluation: pd.DataFrame) -> None:
    """Print what fraction of the predictions is right, with its interval."""
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
            f"{row.seconds:.0f}",
        )
        for row in evaluation.itertuples()
    ]
    print_table("Accuracy", ["model", "split", "seed", "samples", "right", "95 % interval", "seconds"], rows)


def train(
    dataset: DatasetArgument,
    out: Annotated[str, typer.Argument(metavar="OUT", help="The folder for the models and their tables.")],
    preset: Annotated[
        str, typer.Option(help=f"Settings by name: {', '.join(TRAIN_PRESETS)}; flags stand over them.")
    ] = "standard",
    model: Annotated[Model | None, _by("mlp, or a convolutional network of that size.", _TRAIN.model)] = None,
    epochs: Annotated[int | None, _by("Passes over the training data.", "3, more for a small set")] = None,
    batch_size: Annotated[int | None, _by("Samples in one step.", _TRAIN.batch_size)] = None,
    optimizer: Annotated[Optimizer | None, _by("How weights follow gradients.", _TRAIN.optimizer)] = None,
    learning_rate: Annotated[float | None, _by("The highest of the schedule.", _TRAIN.learning_rate)] = None,
    schedule: Annotated[Schedule | None, _by("How the rate goes.", _TRAIN.schedule)] = None,
    weight_decay: Annotated[float | None, _by("Fraction of the weights.", _TRAIN.weight_decay)] = None,
    label_smoothing: Annotated[float | None, _by("Of the training loss.", _TRAIN.label_smoothing)] = None,
    dropout: Annotated[float | None, _by("Before the last layer.", _TRAIN.dropout)] = None,
    ema_decay: Annotated[
        float | None, _by("What a step leaves of the weights' average; 0: no average.", _TRAIN.ema_decay)
    ] = None,
    recipe: Annotated[
        str | None, _by("Deform each sample anew in each epoch: a preset of augment, or a TOML file.", "none")
    ] = None,
    precision: Annotated[
        Precision | None, _by("auto takes bfloat16 where the processor has it.", _TRAIN.precision)
    ] = None,
    patience: Annotated[int | None, _by("End after as many epochs without a better validation.", "never")] = None,
    validation_fraction: Annotated[
        float | None, _by("Of the training samples, held out.", _TRAIN.validation_fraction)
    ] = None,
    seed: Annotated[int | None, _by("Of the weights, the order and the held-out samples.", _TRAIN.seed)] = None,
    seeds: Annotated[int | None, _by("Train as many networks, and their ensemble.", _TRAIN.seeds)] = None,
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="MODEL", help="Begin from this model's file, which says what network it is."),
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
        typer.Option(metavar="TABLE", help="Also score by corrected labels: an audit.parquet, or id and label."),
    ] = None,
    sweep: Annotated[
        str | None,
        typer.Option(
            "--sweep", metavar="FILE", help="Train each point of the grid that FILE lists; see docs/train.md."
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from where a killed training had come.")] = False,
    plot: Annotated[bool, typer.Option("--plot", help="Also write dashboard.html, with the mistakes.")] = False,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Train small networks; the test split is read once, after everything is fixed.

    Example: mnist-data train data/mnist models/mnist

    Example: mnist-data train data/mnist models/best --preset thorough --seeds 5 --plot
    """
    from mnist_data.cli.output import print_json, progress, say, warn
    from mnist_data.parquet.dataset import open_dataset
    from mnist_data.storage import require_free
    from pipelines.networks.evaluation.diagnosis import in_words
    from pipelines.networks.evaluation.report import TABLES
    from pipelines.networks.train import train as run
    from pipelines.run.report import write_report

    named = (
        ("model", model), ("epochs", epochs), ("batch_size", batch_size), ("optimizer", optimizer),
        ("learning_rate", learning_rate), ("schedule", schedule), ("weight_decay", weight_decay),
        ("label_smoothing", label_smoothing), ("dropout", dropout), ("ema_decay", ema_decay), ("recipe", recipe),
        ("precision", precision), ("patience", patience), ("validation_fraction", validation_fraction), ("seed", seed),
        ("seeds", seeds), ("start", start), ("freeze", freeze), ("corruptions", corruptions),
    )  # fmt: skip
    given = {name: value for name, value in named if value is not None}
    if plot and sweep is not None:
        raise WrongUse("--plot shows one training, and --sweep makes many; leave out one of the two.")
    if not resume:
        require_free(out, overwrite)
    if sweep is not None:
        _sweep(dataset, out, sweep, given | ({"preset": preset} if preset != "standard" else {}), resume, json)
        return
    params, source = train_settings(given, preset), open_dataset(dataset)
    with progress() as report:
        tables = run(source, out, params, corrections=corrections, resume=resume, report=report)
    page = write_report(tables, source, f"{out}/dashboard.html") if plot else None
    warn(in_words(params.model, tables["diagnosis"]))
    if json:
        shown = ("history", "diagnosis", "evaluation", *TABLES, "groups", "robustness")
        records = {name: tables[name].to_dict("records") for name in shown if name in tables}
        print_json({"folder": out, "dashboard": page, **records})
        return
    print_training(tables, out)
    if page:
        say(f"Dashboard: {page}")


def _sweep(dataset: str, out: str, file: str, over: Mapping[str, Any], resume: bool, json: bool) -> None:
    """Train a grid; flags stand over its file."""
    from mnist_data.cli.output import print_frame, print_json, progress, say
    from mnist_data.parquet.dataset import open_dataset
    from pipelines.networks.sweep import read_grid
    from pipelines.networks.sweep import sweep as run

    points = read_grid(file, over)
    with progress() as report:
        tables = run(open_dataset(dataset), out, points, resume=resume, report=report)
    if json:
        print_json({"folder": out, **{name: table.to_dict("records") for name, table in tables.items()}})
        return
    alike = [name for name in points[0].settings if len({str(point.settings[name]) for point in points}) == 1]
    print_frame(
        f"{len(points)} points, the best validation first", tables["sweep"].drop(columns=[*alike, *_SWEEP_DETAIL])
    )
    if len(tables["effects"]):
        print_frame("What each setting does", tables["effects"])
    say(f"Tables: {out}")


def print_training(tables: Mapping[str, pd.DataFrame], folder: str) -> None:
    """Print how the training went and what came of it."""
    from mnist_data.cli.output import print_frame, say

    history = tables["history"]
    if len(set(history["seed"])) == 1:
        print_frame("Epochs", history.drop(columns=["seed", "learning_rate"]))
    print_evaluation(tables["evaluation"])
    print_report(tables)
    if "groups" in tables:
        print_groups(tables["groups"])
    if "robustness" in tables:
        print_robustness(tables["robustness"])
    say(f"Models and tables: {folder}")


def predict(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="A .safetensors or .onnx file that train, onnx or compress has written."),
    ],
    images: Annotated[
        str, typer.Argument(metavar="IMAGES", help="A dataset, an IDX file, or a picture or folder of pictures.")
    ],
    split: Annotated[
        list[str] | None, typer.Option("--split", help="Of a dataset; may be repeated. [default: all]")
    ] = None,
    out: Annotated[str | None, typer.Option("--out", help="Write all predictions to OUT.parquet and OUT.csv.")] = None,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Predict the class of each image, with its probability; digits in pictures are found first.

    Example: mnist-data predict models/mnist/small.safetensors photos/
    """
    from mnist_data.cli.output import print_frame, print_json, say
    from mnist_data.storage import require_free
    from pipelines.networks.predict import SHOWN, save_predictions
    from pipelines.networks.predict import predict as run

    if out:
        require_free(f"{out}.parquet", overwrite)
    table = run(model, images, split)
    if out:
        save_predictions(table, out, model, images)
    if json:
        print_json({"predictions": table.to_dict("records")})
        return
    known = table["correct"].dropna()
    columns = ("id", "file", "split", *(("label",) if len(known) else ()), "name", "probability")
    shown = [name for name in columns if name in table]
    print_frame(f"{len(table):,} predictions", table[shown].head(SHOWN).rename(columns={"name": "predicted"}))
    if len(table) > SHOWN:
        say(f"The first {SHOWN}; all of them are written by --out.")
    if len(known):
        say(f"{int(known.sum()):,} of {len(known):,} with a known label are right ({known.mean():.2%}).")
