"""explain: where a trained network looks."""

from __future__ import annotations

from typing import Annotated

import typer

from mnist_data.cli.options import DatasetArgument, Json, Overwrite


def explain(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A .safetensors file that train has written.")],
    dataset: DatasetArgument,
    out: Annotated[str, typer.Argument(metavar="OUT", help="The folder for the page and the tables.")],
    split: Annotated[
        str | None,
        typer.Option(help="The samples' split. [default: test, else the only one; any with --id]", show_default=False),
    ] = None,
    sample: Annotated[
        list[int] | None,
        typer.Option(
            "--id",
            metavar="N",
            help="A sample, may be repeated. [default: the surest right one and the surest wrong one of each class]",
            show_default=False,
        ),
    ] = None,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Show on a page, and in tables, which pixels made the model say what it says, and the filters of its first layer.

    Example: mnist-data explain models/mnist/small.safetensors data/mnist explained --id 61232
    """
    from pathlib import Path

    from mnist_data.cli.output import print_frame, print_json, progress, say
    from mnist_data.errors import WrongUse
    from mnist_data.parquet.dataset import open_dataset
    from mnist_data.storage import require_free
    from pipelines.networks.explain import PAGE, reproduction
    from pipelines.networks.explain import explain as run
    from pipelines.run.report import write_report

    if "/split=" in out:
        raise WrongUse(f"{out} lies within a dataset, which would no longer be one; choose another place.")
    require_free(out, overwrite)
    source = open_dataset(dataset)
    with progress() as report:
        tables = run(model, source, out, split, sample or (), report=report)
    page = write_report(tables, source, f"{out}/{PAGE}", reproduction(tables, Path(model)))
    explained = tables["explained"].drop(columns="image")
    if json:
        print_json({"page": page, "tables": out, "explained": explained.to_dict("records")})
        return
    columns = {"id": "id", "chosen": "chosen", "name": "label", "predicted_name": "predicted"}
    columns |= {"target_name": "explained", "probability": "probability"}
    print_frame("Samples, and the class that is explained", explained[list(columns)].rename(columns=columns))
    say(f"Tables: {out}")
    say(f"Page: {page}")
