"""run: the whole pipeline."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from mnist_data.cli.options import Json, Provenance, Scheduler, Workers
from pipelines.settings.model_header import Model

Step = Literal["convert", "clean", "normalize", "augment", "stats", "train", "dashboard"]


def run(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="[SOURCE]",
            help="A folder of IDX files or a known dataset's name. [default: the embedded sample]",
        ),
    ] = None,
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="The dataset's name; chooses one where SOURCE holds several.")
    ] = None,
    provenance: Provenance = None,
    workspace: Annotated[str | None, typer.Option(help="The folder for all results. [default: workspace]")] = None,
    config: Annotated[
        str | None, typer.Option("--config", help="A TOML file of settings; flags stand over it.")
    ] = None,
    until: Annotated[Step, typer.Option(help="The last step to do.")] = "dashboard",
    copies: Annotated[int | None, typer.Option(help="Augmented copies of each training sample.")] = None,
    recipe: Annotated[
        str | None, typer.Option(help="How copies are made: mild, light, handwriting, heavy, or a TOML file.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training data.")] = None,
    model: Annotated[Model | None, typer.Option(help="The network to train.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of the augmentation and the training.")] = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    json: Json = False,
) -> None:
    """Run the whole pipeline into a workspace: convert, clean, normalize, augment, stats, train, dashboard.

    A second run redoes only what has changed.

    Example: mnist-data run ~/Downloads/mnist --workspace work --copies 2
    """
    from mnist_data.cli.output import print_json, progress, warn
    from pipelines.engine.execution import open_execution
    from pipelines.run.run import run as run_pipeline
    from pipelines.settings.recipe import load_recipe
    from pipelines.settings.run import Config, read_config

    settings = read_config(config) if config else Config()
    settings = settings.replace(
        source=source or settings.source,
        dataset=dataset or settings.dataset,
        provenance=provenance or settings.provenance,
        workspace=workspace or settings.workspace,
    )
    settings = settings.with_flags(
        {
            "augment": {"copies": copies, "seed": seed, "recipe": load_recipe(recipe) if recipe else None},
            "train": {"epochs": epochs, "model": model, "seed": seed},
        },
    )

    def say_done(step: str, kept: bool) -> None:
        if not json:
            typer.echo(f"  {step:<12} {'kept, nothing changed' if kept else 'done'}")

    with progress() as report, open_execution(workers, scheduler, report) as execution:
        outcome = run_pipeline(settings, execution=execution, until=until, done=say_done)
    warn(outcome.warnings)
    if json:
        print_json(
            {
                "workspace": str(outcome.workspace),
                "dataset": outcome.dataset.metadata.dataset,
                "splits": dict(outcome.dataset.splits),
                "kept": list(outcome.kept),
                "dashboard": str(outcome.dashboard) if outcome.dashboard else None,
                "note": outcome.dataset.metadata.note or None,
            }
        )
        return
    _print_outcome(outcome)


def _print_outcome(outcome: object) -> None:
    import pandas as pd

    from mnist_data.cli.output import say
    from mnist_data.cli.stages import print_statistics
    from mnist_data.cli.training import print_evaluation
    from pipelines.run.run import Outcome

    assert isinstance(outcome, Outcome)
    for folder in outcome.tables:
        if folder.name == "stats":
            tables = {name: pd.read_parquet(folder / f"{name}.parquet") for name in ("summary", "classes")}
            print_statistics(outcome.dataset, tables)
    models = [folder for folder in outcome.tables if folder.name != "stats"]
    if models:
        print_evaluation(pd.concat([pd.read_parquet(folder / "evaluation.parquet") for folder in models]))
    if outcome.dashboard:
        say(f"Dashboard: {outcome.dashboard.resolve()}")
    else:
        say(f"Results: {outcome.workspace}")
