"""run: the whole pipeline."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from dashboards.language import ENGLISH
from mnist_data.cli.options import Decisions, Json, LabelTables, Lang, Overwrite, Scheduler, Workers
from pipelines.settings.model_header import Model

if TYPE_CHECKING:
    from mnist_data.api.results import Result

Step = Literal["convert", "clean", "normalize", "augment", "stats", "train", "dashboard"]


def run(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="SOURCE",
            help="As in convert: files of any form, or a known dataset's name. [default: the embedded sample]",
        ),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option("--out", "-o", metavar="OUT", help="The folder for all results. [default: workspace]"),
    ] = None,
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="The dataset's name; chooses one where SOURCE holds several.")
    ] = None,
    label_tables: LabelTables = None,
    config: Annotated[
        str | None, typer.Option("--config", metavar="FILE", help="A TOML file of settings; flags override it.")
    ] = None,
    until: Annotated[Step, typer.Option(help="The last step to do.")] = "dashboard",
    copies: Annotated[int | None, typer.Option(help="Augmented copies of each training sample.")] = None,
    recipe: Annotated[
        str | None, typer.Option(help="How copies are made: mild, light, handwriting, heavy, or a TOML file.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training data.")] = None,
    model: Annotated[Model | None, typer.Option(help="The network to train.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the augmentation and of the training.")] = None,
    plot: Annotated[
        bool, typer.Option("--plot/--no-plot", help="Write the page of all results, which is the last step.")
    ] = True,
    open: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    lang: Lang = ENGLISH,
    decisions: Decisions = None,
    overwrite: Overwrite = False,
    workers: Workers = None,
    scheduler: Scheduler = None,
    json: Json = False,
) -> None:
    """Run the whole pipeline into a folder: convert, clean, normalize, augment, stats, train, dashboard.

    A second run into the same folder redoes only what has changed.

    Example: mnist-data run ~/Downloads/mnist --out work --copies 2
    """
    from mnist_data.api.run import run as run_pipeline
    from mnist_data.cli.output import finish

    def say_done(step: str, kept: bool) -> None:
        if not json:
            typer.echo(f"  {step:<12} {'kept, nothing changed' if kept else 'done'}")

    call = partial(
        run_pipeline,
        source,
        out,
        dataset=dataset,
        label_tables=label_tables,
        config=config,
        until=until,
        copies=copies,
        recipe=recipe,
        epochs=epochs,
        model=model,
        seed=seed,
        plot=plot,
        open=open,
        lang=lang,
        decisions=decisions,
        overwrite=overwrite,
        workers=workers,
        scheduler=scheduler,
        done=say_done,
    )
    finish(call, print_run, json, ("findings", "evaluation"))


def print_run(result: Result) -> None:
    """Print the statistics and the accuracy, as far as the run went."""
    from mnist_data.cli.output import say
    from mnist_data.cli.stats import print_statistics
    from mnist_data.cli.training import print_evaluation

    if "evaluation" in result.tables:
        print_evaluation(result.tables["evaluation"])
    if "summary" in result.tables:
        print_statistics(result)
    say(f"Results: {result.out}")
