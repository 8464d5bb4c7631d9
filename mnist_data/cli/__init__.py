"""The command line: each command parses, calls one function, and prints.

Each function is one of `mnist_data.api`, which is imported, as everything heavy, inside the commands: `mnist-data
--help` must answer at once.
"""

from __future__ import annotations

import io
import os
import sys

import typer

from mnist_data.cli import audit, claims, comparing, deployment, drift, explain, files, run, stages, stats, training
from mnist_data.cli.options import before_commands
from mnist_data.errors import MnistDataError

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
app.command("clean")(stages.clean)
app.command("normalize")(stages.normalize)
app.command("augment")(stages.augment)
app.command("corrupt")(stages.corrupt)
app.command("split")(stages.split)
app.command("stats")(stats.stats)
app.command("audit")(audit.audit)
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
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without × or → gets a question mark
    try:
        app()
    except MnistDataError as error:
        _fail(str(error), error.exit_code)
    except BrokenPipeError:
        # The reader of our output (head, less) has gone; what it wanted, it has.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None
    except OSError as error:
        what = f"{error.filename or 'a file'}: {error.strerror or error}"
        _fail(f"{what}; check the path, its rights and the space on its disk.", 2)


def _fail(message: str, code: int) -> None:
    sys.stderr.write(f"mnist-data: {message}\n")
    raise SystemExit(code) from None
