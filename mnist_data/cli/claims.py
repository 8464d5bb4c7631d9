"""claims: what is said of a dataset, held against its data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mnist_data.cli.options import DatasetArgument, Json, Overwrite, Scheduler, Workers

if TYPE_CHECKING:
    import pandas as pd


def claims(
    dataset: DatasetArgument,
    claims: Annotated[
        str | None,
        typer.Option("--claims", metavar="FILE", help="Claims of your own, as TOML, besides those that are known."),
    ] = None,
    predictions: Annotated[
        str | None,
        typer.Option("--predictions", metavar="FILE", help="A predictions.parquet that mnist-data train has written."),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="End with 1 where a claim is false.")] = False,
    out: Annotated[
        str | None, typer.Option("--out", metavar="FOLDER", help="Write the table claims there, as Parquet and CSV.")
    ] = None,
    overwrite: Overwrite = False,
    workers: Workers = None,
    scheduler: Scheduler = None,
    json: Json = False,
) -> None:
    """Hold what is commonly said of a dataset against its data: true, false or not decidable, with the figure.

    Example: mnist-data claims data/mnist --predictions work/train/small/predictions.parquet
    """
    from mnist_data.cli.output import progress, say
    from mnist_data.errors import CheckFailed
    from mnist_data.parquet.dataset import open_dataset
    from mnist_data.storage import require_free
    from pipelines.claims.check import check_claims, write_claims
    from pipelines.claims.claim import load_claims
    from pipelines.engine.execution import open_execution

    source = open_dataset(dataset)
    chosen = load_claims(source.metadata.dataset, claims)
    if out:
        require_free(f"{out}/claims.parquet", overwrite)
    with progress() as report, open_execution(workers, scheduler, report) as execution:
        table = check_claims(source, chosen, predictions, execution=execution)
    if out:
        write_claims(table, out, source, chosen, predictions)
    print_claims(dataset, table, out, json)
    if out and not json:
        say(f"Table: {out}/claims.parquet")
    wrong = table.loc[table["verdict"] == "false", "claim"]
    if strict and len(wrong):
        raise CheckFailed(f"{dataset}: {len(wrong)} of {len(table)} claims are false.")


def print_claims(dataset: str, table: pd.DataFrame, out: str | None, json: bool) -> None:
    """Print each claim with what was found and, where it is not decided, what would decide it."""
    from json import loads

    from mnist_data.cli.output import print_json, print_table

    if json:
        records = [{**row, "numbers": loads(row["numbers"])} for row in table.to_dict("records")]
        print_json({"dataset": dataset, "claims": records, "table": f"{out}/claims.parquet" if out else None})
        return
    rows = [
        (f"{row['claim']} ({row['source']})", row["verdict"], _in_words(row["figure"], row["needs"], row["note"]))
        for row in table.to_dict("records")
    ]
    print_table(f"What is said of {dataset}", ["claim", "verdict", "figure"], rows)


def _in_words(figure: str, needs: str, note: str) -> str:
    decides = f"Would decide it: {needs}" if needs else ""
    return ". ".join(part for part in (figure, decides, note) if part)
