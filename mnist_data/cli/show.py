"""show: samples drawn in the terminal."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from mnist_data.cli.options import DatasetArgument, Json

if TYPE_CHECKING:
    from mnist_data.api.results import Result


def show(
    dataset: DatasetArgument,
    id: Annotated[  # noqa: A002  (the flag's name)
        list[int] | None, typer.Option("--id", help="A sample by its id; repeatable.", show_default=False)
    ] = None,
    class_: Annotated[
        list[str] | None,
        typer.Option(
            "--class", metavar="CLASS", help="A class, its name or number; may be repeated.", show_default=False
        ),
    ] = None,
    split: Annotated[str | None, typer.Option(help="Only samples of this split.")] = None,
    check: Annotated[
        str | None, typer.Option(metavar="CHECK", help="Samples that this check of the audit flags, the worst first.")
    ] = None,
    audit: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="The folder of the audit. [default: DATASET-audit]", show_default=False),
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Most samples, where none is named by its id.")] = 20,
    json: Json = False,
) -> None:
    """Draw samples in the terminal: some ids, classes or a split, or what a check of the audit flags.

    Example: mnist-data show data/mnist --class 7 --count 8

    Example: mnist-data show data/mnist --check label_error
    """
    from mnist_data.api.show import show as run
    from mnist_data.cli.output import finish

    call = partial(run, dataset, id=id, class_=class_, split=split, check=check, audit=audit, count=count)
    finish(call, print_samples, json, ("samples",))


def print_samples(result: Result) -> None:
    """Draw the samples, with id and class of each below it; or say that there are none."""
    from dashboards.thumbnails import decode_images
    from mnist_data.cli.output import say
    from mnist_data.cli.pictures import print_images

    samples = result.tables["samples"]
    if samples.empty:
        say("No sample is like that.")
        return
    captions = [f"{row.name} (id {row.id})" for row in samples[["name", "id"]].itertuples(index=False, name="Row")]
    print_images(decode_images(samples), captions)
