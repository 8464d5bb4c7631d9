"""onnx and compress: a trained network for where there is no PyTorch, and made smaller."""

from __future__ import annotations

import shlex
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from dashboards.language import ENGLISH
from mnist_data.cli.options import DatasetArgument, Json, Lang, Open, Out, OutArgument, Overwrite, Plot, chosen_out
from pipelines.settings.training import Compress

if TYPE_CHECKING:
    from mnist_data.api.results import Result

_COMPRESS = Compress()

ModelArgument = Annotated[
    str, typer.Argument(metavar="MODEL", help="A .safetensors file that train or compress has written, or its folder.")
]


def onnx(
    model: ModelArgument,
    place: OutArgument = None,
    out: Out = None,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Write a model as ONNX, which takes images as they are stored in the dataset and gives probabilities.

    Example: mnist-data onnx models/mnist/small.safetensors small.onnx
    """
    from mnist_data.api.networks import export_onnx
    from mnist_data.cli.output import finish

    finish(partial(export_onnx, model, chosen_out(place, out), overwrite=overwrite), print_use, json)


def print_use(result: Result) -> None:
    """Print what can run the file."""
    from mnist_data.cli.output import say

    say(f"Any onnxruntime runs it, and so does: mnist-data predict {shlex.quote(str(result.out))} IMAGES")


def compress(
    model: ModelArgument,
    dataset: DatasetArgument,
    place: OutArgument = None,
    out: Out = None,
    amount: Annotated[
        float, typer.Option(help="Fraction of each layer's channels that is taken out.")
    ] = _COMPRESS.amount,
    calibration: Annotated[
        int, typer.Option(help="Training samples that fix the range of each layer.")
    ] = _COMPRESS.calibration,
    epochs: Annotated[
        int | None,
        typer.Option(
            help="Passes over the training data after pruning. [default: 3, more for a small set]", show_default=False
        ),
    ] = _COMPRESS.epochs,
    learning_rate: Annotated[
        float, typer.Option(help="Highest learning rate of those passes.")
    ] = _COMPRESS.learning_rate,
    seed: Annotated[int, typer.Option(help="Seed of the choice of samples and of their order.")] = _COMPRESS.seed,
    plot: Plot = False,
    open: Open = False,
    lang: Lang = ENGLISH,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Make a model smaller: as int8, with fewer channels, and both, each compared with the original.

    DATASET is what it was trained on. The test split is read once, for the table.

    Example: mnist-data compress models/mnist/small.safetensors data/mnist models/mnist-compressed
    """
    from mnist_data.api.networks import compress as run
    from mnist_data.cli.output import finish

    call = partial(
        run,
        model,
        dataset,
        chosen_out(place, out),
        amount=amount,
        calibration=calibration,
        epochs=epochs,
        learning_rate=learning_rate,
        seed=seed,
        plot=plot,
        open=open,
        lang=lang,
        overwrite=overwrite,
    )
    finish(call, print_compression, json, ("findings", "compression"))


def print_compression(result: Result) -> None:
    """Print what each variant costs and what it is worth."""
    from mnist_data.cli.output import print_table

    table = result.tables["compression"]
    rows = [
        (
            row.variant,
            f"{row.bytes:,}",
            f"{row.ratio:.2f}",
            f"{row.multiply_adds:,}",
            f"{row.latency_1:.1f}",
            f"{row.latency_256:.1f}",
            f"{row.accuracy:.2%}",
            f"{row.low:.2%} – {row.high:.2%}",
            f"{row.difference:+.2f}",
        )
        for row in table.itertuples()
    ]
    header = [
        "file",
        "bytes",
        "fraction",
        "multiply-adds",
        "µs, one",
        "µs, of 256",
        "accuracy",
        "95 % interval",
        "points",
    ]
    evaluated = f"{table['samples'].iloc[0]:,} samples of {table['split'].iloc[0]}"
    print_table(f"Compared with the original, on {evaluated}", header, rows)
