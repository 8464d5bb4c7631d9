"""explain: where a trained network looks."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from dashboards.language import ENGLISH
from mnist_data.cli.options import DatasetArgument, Json, Lang, Open, Out, OutArgument, Overwrite, Plot, chosen_out

if TYPE_CHECKING:
    from mnist_data.api.results import Result


def explain(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A .safetensors file that train has written, or its folder.")
    ],
    dataset: DatasetArgument,
    place: OutArgument = None,
    out: Out = None,
    split: Annotated[
        str | None,
        typer.Option(help="The samples' split. [default: test, else the only one; any with --id]", show_default=False),
    ] = None,
    id: Annotated[  # noqa: A002  (the column's name)
        list[int] | None,
        typer.Option(
            "--id",
            metavar="N",
            help="A sample, may be repeated. [default: of each class the most confident right and wrong prediction]",
            show_default=False,
        ),
    ] = None,
    plot: Plot = False,
    open: Open = False,
    lang: Lang = ENGLISH,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Show which pixels led a model to its predictions, and the filters of its first layer; as tables and a page.

    Example: mnist-data explain models/mnist/small.safetensors data/mnist explained --id 61232 --plot
    """
    from mnist_data.api.networks import explain as run
    from mnist_data.cli.output import finish

    call = partial(
        run,
        model,
        dataset,
        chosen_out(place, out),
        split=split,
        id=id,
        plot=plot,
        open=open,
        lang=lang,
        overwrite=overwrite,
    )
    finish(call, print_explained, json, ("explained",))


def print_explained(result: Result) -> None:
    """Print the samples, and which class is explained of each."""
    from mnist_data.cli.output import print_frame

    columns = {"id": "id", "chosen": "chosen", "name": "label", "predicted_name": "predicted"}
    columns |= {"target_name": "explained", "probability": "probability"}
    explained = result.tables["explained"]
    print_frame("Samples, and the class that is explained", explained[list(columns)].rename(columns=columns))
