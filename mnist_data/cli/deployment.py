"""onnx and compress: a trained network for where there is no PyTorch, and made smaller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mnist_data.cli.options import DatasetArgument, Json, Overwrite
from pipelines.settings.training import Compress

if TYPE_CHECKING:
    import pandas as pd

_COMPRESS = Compress()

ModelArgument = Annotated[
    str, typer.Argument(metavar="MODEL", help="A .safetensors file that train or compress has written.")
]


def onnx(
    model: ModelArgument,
    out: Annotated[str, typer.Argument(metavar="OUT", help="The file to write; its name ends in .onnx.")],
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Write a model as ONNX, which takes images as they lie in the dataset and gives probabilities.

    Example: mnist-data onnx models/mnist/small.safetensors small.onnx
    """
    from mnist_data.cli.output import print_json, say
    from mnist_data.storage import require_free
    from pipelines.networks.export.onnx_file import export_onnx

    path = out if out.endswith(".onnx") else f"{out}.onnx"
    require_free(path, overwrite)
    export_onnx(model, path)
    if json:
        print_json({"onnx": path})
    else:
        say(f"{path}: any onnxruntime runs it, and so does mnist-data predict {path} IMAGES.")


def compress(
    model: ModelArgument,
    dataset: DatasetArgument,
    out: Annotated[str, typer.Argument(metavar="OUT", help="The folder for the smaller models and their table.")],
    amount: Annotated[
        float, typer.Option(help="Fraction of each layer's channels that is taken out.")
    ] = _COMPRESS.amount,
    calibration: Annotated[
        int, typer.Option(help="Training samples that tell the range of each layer.")
    ] = _COMPRESS.calibration,
    epochs: Annotated[
        int | None,
        typer.Option(
            help="Passes over the training data after pruning. [default: 3, more for a small set]", show_default=False
        ),
    ] = _COMPRESS.epochs,
    learning_rate: Annotated[float, typer.Option(help="The highest of those passes.")] = _COMPRESS.learning_rate,
    seed: Annotated[int, typer.Option(help="Of the samples that are chosen, and their order.")] = _COMPRESS.seed,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Make a model smaller: in whole numbers of eight bits, with fewer channels, and both, each beside the original.

    DATASET is what it was trained on. The test split is read once, for the table.

    Example: mnist-data compress models/mnist/small.safetensors data/mnist models/mnist-compressed
    """
    from mnist_data.cli.output import print_json, progress, say
    from mnist_data.parquet.dataset import open_dataset
    from mnist_data.storage import require_free
    from pipelines.networks.compress import compress as run

    params = Compress(amount=amount, calibration=calibration, epochs=epochs, learning_rate=learning_rate, seed=seed)
    require_free(out, overwrite)
    with progress() as report:
        table = run(model, open_dataset(dataset), out, params, report=report)
    if json:
        print_json({"path": out, "compression": table.to_dict("records")})
        return
    print_compression(table)
    say(f"Models and table: {out}")


def print_compression(table: pd.DataFrame) -> None:
    """Print what each variant costs and what it is worth."""
    from mnist_data.cli.output import print_table

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
    header = ["file", "bytes", "fraction", "multiply-adds", "µs, one", "µs, of 256", "right", "95 % interval", "points"]
    judged = f"{table['samples'].iloc[0]:,} samples of {table['split'].iloc[0]}"
    print_table(f"Beside the original, on {judged}", header, rows)
