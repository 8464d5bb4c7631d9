"""The command line: each command parses, calls one function, and prints.

Each function is one of `mnist_data.api`, which is imported, as everything heavy, inside the commands: `mnist-data
--help` must answer at once.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress

import typer

from mnist_data.cli import (
    audit,
    claims,
    comparing,
    decisions,
    deployment,
    diff,
    drift,
    explain,
    explore,
    files,
    run,
    show,
    stages,
    stats,
    training,
    verify,
)
from mnist_data.cli.options import before_commands
from mnist_data.cli.output import showing_warnings, visible
from mnist_data.cli.streams import flush
from mnist_data.errors import MnistDataError
from mnist_data.storage import require_utf8

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: rich would cost a fifth of the time that --help may take
    context_settings={"help_option_names": ["-h", "--help"]},
    help="IDX image datasets (MNIST and its family) to Parquet, statistics, dashboards and a small CNN.",
    epilog="Exit codes: 0 done, 1 the data failed a check, 2 wrong use or unreadable input, 130 interrupted.",
)
app.callback()(before_commands)
app.command("run")(run.run)
app.command("fetch")(files.fetch)
app.command("convert")(files.convert)
app.command("prepare")(stages.prepare)
app.command("export")(files.export)
app.command("info")(files.info)
app.command("show")(show.show)
app.command("explore")(explore.explore)
app.command("decisions")(decisions.decisions)
app.command("verify")(verify.verify)
app.command("clean")(stages.clean)
app.command("normalize")(stages.normalize)
app.command("augment")(stages.augment)
app.command("corrupt")(stages.corrupt)
app.command("split")(stages.split)
app.command("stats")(stats.stats)
app.command("audit")(audit.audit)
app.command("diff")(diff.diff)
app.command("drift")(drift.drift)
app.command("claims")(claims.claims)
app.command("train")(training.train)
app.command("compare")(comparing.compare)
app.command("predict")(training.predict)
app.command("explain")(explain.explain)
app.command("onnx")(deployment.onnx)
app.command("compress")(deployment.compress)


def main() -> None:
    """Run the command line; turn our errors into one line on stderr and an exit code."""
    try:
        for argument in sys.argv[1:]:
            require_utf8(argument)
        with showing_warnings():
            _run()
    except KeyboardInterrupt:
        _fail("interrupted", 130)
    except MnistDataError as error:
        _fail(str(error), error.exit_code)
    except OSError as error:
        _fail(_in_words(error), 2)


def _in_words(error: OSError) -> str:
    if error.filename:
        return f"{error.filename}: {error.strerror}; check the path, its rights and the space on its disk."
    try:
        os.getcwd()  # noqa: PTH109 - asks for nothing else
    except FileNotFoundError:
        return "The working directory is no longer there; change to another one, and repeat the command."
    return f"{error}; check the path, its rights and the space on its disk."


def _run() -> None:
    """Run a command, and see that what it printed arrives, also before it ends with another code than 0."""
    try:
        app()
    except SystemExit as end:
        if end.code == 130:  # of an interruption, which typer ends without a word
            raise KeyboardInterrupt from None
        flush()
        raise
    except BaseException:
        with suppress(OSError):
            flush()
        raise
    flush()


def _fail(message: str, code: int) -> None:
    with suppress(OSError):
        sys.stderr.write(f"mnist-data: {visible(message)}\n")
        sys.stderr.flush()
    raise SystemExit(code) from None
