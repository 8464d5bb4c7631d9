"""fetch, convert, export and info: between the publishers' files, IDX files and Parquet datasets."""

from __future__ import annotations

import shlex
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnist_data.cli.options import (
    DatasetArgument,
    Json,
    LabelColumn,
    LabelTables,
    Out,
    OutArgument,
    Overwrite,
    Scheduler,
    Workers,
    chosen_out,
)
from mnist_data.errors import WrongUse
from mnist_data.idx.names import ByteOrder
from pipelines.settings.base import settings_in_words
from pipelines.settings.stages import Compression, Convert, ExportForm, Layout, Viewer

if TYPE_CHECKING:
    import pandas as pd

    from mnist_data.api.results import Result

_DEFAULT = Convert()


def fetch(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="A known dataset, as in mnist; or 'sample'.")
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            "--out", "-o", metavar="OUT", help="Copy the files into this folder, too. [default: the cache alone]"
        ),
    ] = None,
    list: Annotated[bool, typer.Option("--list", help="List the known datasets instead.")] = False,  # noqa: A002
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Download the files of a known dataset over HTTPS, each checked by its published checksum.

    MNIST_DATA_MIRROR names another address to fetch from, MNIST_DATA_CACHE another cache.

    Example: mnist-data fetch mnist --out downloads/mnist

    Example: mnist-data fetch --list
    """
    from mnist_data.api.files import fetch as run
    from mnist_data.cli.output import finish

    call = partial(run, name, out, list=list, overwrite=overwrite)
    finish(call, print_files, json, ("datasets", "files"))


def convert(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="SOURCE",
            help="IDX files or their folder, CSV, .npz, image files in class folders or an archive, a known dataset's "
            "name, or 'sample'; left out where --images and --labels name IDX files.",
        ),
    ] = None,
    place: OutArgument = None,
    out: Out = None,
    images: Annotated[list[str] | None, typer.Option("--images", help="An IDX file of images; once a split.")] = None,
    labels: Annotated[list[str] | None, typer.Option("--labels", help="The labels of those images.")] = None,
    split: Annotated[list[str] | None, typer.Option("--split", help="The split they are. [default: by name]")] = None,
    dataset: Annotated[
        str | None,
        typer.Option("--dataset", help="The dataset's name; chooses one where SOURCE holds several."),
    ] = None,
    layout: Annotated[
        Layout, typer.Option(help="binary: one bytes column; list; pixels: a column each; png: Hugging Face.")
    ] = _DEFAULT.layout,
    compression: Annotated[Compression, typer.Option(help="Codec of the Parquet pages.")] = _DEFAULT.compression,
    row_group_rows: Annotated[int, typer.Option(help="Samples in one row group.")] = _DEFAULT.row_group_rows,
    transpose: Annotated[
        bool | None,
        typer.Option(
            "--transpose/--no-transpose",
            help="Exchange rows and columns. [default: as is known of the dataset]",
        ),
    ] = _DEFAULT.transpose,
    first_label: Annotated[
        int | None,
        typer.Option(help="The smallest label in the files, which becomes 0. [default: as is known]"),
    ] = _DEFAULT.first_label,
    byte_order: Annotated[ByteOrder, typer.Option(help="Byte order of the values in IDX files.")] = _DEFAULT.byte_order,
    size: Annotated[
        str | None, typer.Option(help="Size of an image, as in 28x28. [default: as the headers or pixels say]")
    ] = _DEFAULT.size,
    relabel: Annotated[
        bool, typer.Option("--relabel", help="Number the labels that occur from 0; their old ones name the classes.")
    ] = _DEFAULT.relabel,
    skip_unreadable: Annotated[
        bool,
        typer.Option(
            "--skip-unreadable", help="Leave out image files that cannot be read, or that no table of labels has."
        ),
    ] = _DEFAULT.skip_unreadable,
    form: Annotated[
        str | None,
        typer.Option(help="Which form to read of a SOURCE that holds several: idx, csv, npz, image-files."),
    ] = None,
    label_column: LabelColumn = None,
    label_tables: LabelTables = None,
    overwrite: Overwrite = False,
    workers: Workers = None,
    scheduler: Scheduler = None,
    json: Json = False,
) -> None:
    """Convert labelled images in any of the forms of this field to a Parquet dataset.

    Example: mnist-data convert ~/Downloads/mnist data/mnist
    """
    from mnist_data.api.files import convert as run
    from mnist_data.cli.output import finish

    if images or labels:
        if source is not None and (place is not None or out is not None):
            raise WrongUse("With --images and --labels, name one path: OUT.")
        source, place = None, source
    call = partial(
        run,
        source,
        chosen_out(place, out),
        images=images,
        labels=labels,
        split=split,
        dataset=dataset,
        layout=layout,
        compression=compression,
        row_group_rows=row_group_rows,
        transpose=transpose,
        first_label=first_label,
        byte_order=byte_order,
        size=size,
        relabel=relabel,
        skip_unreadable=skip_unreadable,
        form=form,
        label_column=label_column,
        label_tables=label_tables,
        overwrite=overwrite,
        workers=workers,
        scheduler=scheduler,
    )
    finish(call, print_conversion, json)


def print_conversion(result: Result) -> None:
    """Print the splits of a converted dataset, what a reader must know of it, and what to do next."""
    from mnist_data.batch import shape_text
    from mnist_data.cli.output import print_table, say

    assert result.dataset is not None
    metadata, size = result.dataset.metadata, shape_text(result.dataset.metadata.shape)
    rows = [(part, rows, size, metadata.dtype) for part, rows in result.dataset.splits.items()]
    print_table(f"{metadata.title or metadata.dataset} → {result.out}", ["split", "samples", "size", "type"], rows)
    if metadata.note:
        say(metadata.note)
    look = f"mnist-data stats {shlex.quote(str(result.out))} --plot"
    say(f'Read it with: pandas.read_parquet("{result.out}")    Look at it with: {look}')


def export(
    dataset: DatasetArgument,
    place: OutArgument = None,
    out: Out = None,
    form: Annotated[
        ExportForm,
        typer.Option(help="csv: Kaggle's label,pixel0,…; npz: Keras' x_train, …; folders: split/class/ID.png."),
    ] = "idx",
    to: Annotated[
        Viewer | None,
        typer.Option(help="Instead of a form: for a program, with scores, decisions and a map.", show_default=False),
    ] = None,
    as_stored: Annotated[
        bool,
        typer.Option(
            "--as-stored", help="Write IDX as the dataset is held; do not undo what the conversion corrected."
        ),
    ] = False,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Write a dataset as IDX files, CSV, NumPy's arrays or class folders, or for a program that shows it.

    As IDX a converted dataset gives its source files back, byte for byte.

    Example: mnist-data export data/mnist idx/

    Example: mnist-data export data/mnist mnist.npz --form npz

    Example: mnist-data export data/mnist atlas/ --to embedding-atlas
    """
    from mnist_data.api.files import export as run
    from mnist_data.cli.output import finish

    call = partial(run, dataset, chosen_out(place, out), form=form, to=to, as_stored=as_stored, overwrite=overwrite)
    finish(call, print_files, json, ("files",))


def print_files(result: Result) -> None:
    """Print the files that were written, or the datasets that could be fetched."""
    from mnist_data.cli.output import print_frame, say

    if "datasets" in result.tables:
        print_known(result.tables["datasets"])
    else:
        print_frame("", result.tables["files"].rename(columns={"path": "file", "sha256": "SHA-256"}))
    if "open_with" in result.findings:
        say(f"Open it with: {result.findings['open_with']}")


def print_known(known: pd.DataFrame) -> None:
    """Print the known datasets, a line each; `--json` has all columns."""
    from mnist_data.cli.output import print_frame, say

    shown = known[["name", "size", "classes", "licence"]].copy()
    shown.insert(1, "images", known["train"] + known["validation"].fillna(0) + known["test"])
    offered = known[["bytes", "fetched_from"]].astype(object)
    shown.insert(4, "download", [_download(*row) for row in offered.where(offered.notna(), None).to_numpy().tolist()])
    print_frame("Known datasets", shown, unbroken=list(shown.columns[:-1]))
    say("`mnist-data fetch NAME` says of a dataset that is not fetched how to get it.")


def _download(size: int | None, host: str | None) -> str:
    """Say how much is downloaded, "yes" where that is not published, "no" where nothing is."""
    if host is None:
        return "no"
    return "yes" if size is None else f"{max(1, round(size / 1e6))} MB"


def info(
    path: Annotated[
        str,
        typer.Argument(metavar="SOURCE_OR_DATASET", help="Images of any form that convert reads, or a dataset."),
    ],
    original: Annotated[
        str | None,
        typer.Option(metavar="DATASET", help="Compare the pixels with this dataset, or images of any form."),
    ] = None,
    label_column: LabelColumn = None,
    json: Json = False,
) -> None:
    """Describe images of any form: what convert would read, and which known dataset they are by their pixels.

    Example: mnist-data info train-images-idx3-ubyte.gz
    """
    from mnist_data.api.files import info as run
    from mnist_data.cli.output import finish

    finish(partial(run, path, original=original, label_column=label_column), print_description, json)


def print_description(result: Result) -> None:
    """Print a description, a table for each file."""
    from mnist_data.cli.output import print_table, say

    values = dict(result.findings)
    values.pop("findings", None)  # the same as `pixels`, for machines
    files, command = values.pop("files", None), values.pop("convert", None)
    if files:
        say("\n".join(values["pixels"]) or "No known dataset was recognised by its pixels.")
        say("\n".join([*values["notes"], f"Background: {values.get('background', 'undecided')}."]))
    for described in files or [values]:
        rows = [(name, _words(name, value)) for name, value in described.items() if name != "path"]
        print_table("", ["", described["path"]], rows)
    if command:
        say(f"Convert it with: {command}")


def _words(name: str, value: Any) -> str:
    if value is None or value == []:
        return "–"
    if name == "stages":
        return "\n".join(f"{stage['stage']}: {settings_in_words(stage['parameters'])}" for stage in value)
    if name == "sources":
        return "\n".join(
            f"{source['split']} {source['role']}: {source['name']}\n  SHA-256 {source['sha256']}" for source in value
        )
    if name in ("pixels", "notes", "order"):
        return "\n".join(value)
    if name == "shape":
        return " × ".join(f"{length:,}" for length in value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {inner:,}" for key, inner in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else str(value)
