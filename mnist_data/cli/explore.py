"""explore: a page that shows all samples, served to this machine's browser."""

from __future__ import annotations

from typing import Annotated

import typer


def explore(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="A dataset, or the workspace of a run.")],
    tables: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH",
            help="A Parquet table with a column id, or a folder of some; repeatable.",
            show_default=False,
        ),
    ] = None,
    who: Annotated[
        str | None,
        typer.Option(help="Your name in decisions. [default: the user's of this machine]", show_default=False),
    ] = None,
    port: Annotated[int, typer.Option(help="The port of this machine; 0 for any that is free.")] = 0,
    open: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in the browser.")] = True,
) -> None:
    """Look at all samples in the browser: filter, sort, see what is known of each, decide. Ctrl-C ends it.

    The page is served to this machine only, and asks nothing of any other. Needs the extra explore.

    Example: mnist-data explore data/mnist
    """
    from mnist_data.api.explore import explore as run
    from mnist_data.cli.output import say
    from mnist_data.cli.streams import flush

    with run(dataset, tables=tables, who=who, port=port, open=False) as exploration:
        say(f"Explore it at {exploration.address}    Ctrl-C ends it.")
        flush()  # now, and not when the server ends
        if open:
            from mnist_data.api.pages import open_address  # loads pandas, for which the address does not wait

            open_address(exploration.address)
        exploration.wait()
