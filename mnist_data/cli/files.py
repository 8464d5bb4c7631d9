"""convert, export and info: between IDX files and Parquet datasets."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mnist_data.cli.options import DatasetArgument, Json, OutArgument, Overwrite, Provenance, Scheduler, Workers
from mnist_data.errors import WrongUse
from pipelines.settings.base import settings_in_words
from pipelines.settings.stages import Compression, Convert, Layout

_DEFAULT = Convert()


def convert(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="[SOURCE] OUT",
            help="SOURCE: a folder of IDX files, one of them, a known dataset's name, or 'sample'; left out where "
            "--images and --labels name the files. OUT: the dataset's folder or URL.",
        ),
    ],
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
    compression: Annotated[Compression, typer.Option(help="Of the Parquet pages.")] = _DEFAULT.compression,
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
    provenance: Provenance = None,
    overwrite: Overwrite = False,
    workers: Workers = None,
    scheduler: Scheduler = None,
    json: Json = False,
) -> None:
    """Convert IDX files to a Parquet dataset.

    Example: mnist-data convert ~/Downloads/mnist data/mnist
    """
    from mnist_data.cli.output import print_json, print_table, progress, say, warn
    from mnist_data.known.info import describe_dataset
    from pipelines.engine.execution import open_execution
    from pipelines.stages.convert import convert as run

    params = Convert(
        layout=layout,
        compression=compression,
        row_group_rows=row_group_rows,
        transpose=transpose,
        first_label=first_label,
    )
    pairs, out = _pairs(paths, images or [], labels or [], split or [], dataset)
    with progress() as report, open_execution(workers, scheduler, report) as execution:
        conversion = run(
            pairs,
            out,
            params,
            dataset=dataset,
            provenance=provenance,
            execution=execution,
            overwrite=overwrite,
        )
    warn(conversion.warnings)
    written = conversion.dataset
    if json:
        print_json({**describe_dataset(written), "warnings": list(conversion.warnings)})
        return
    name = written.metadata.title or written.metadata.dataset
    size = "×".join(map(str, written.metadata.shape))
    print_table(f"{name} → {out}", ["split", "samples", "size", "type"], [
        (part, rows, size, written.metadata.dtype) for part, rows in written.splits.items()
    ])  # fmt: skip
    if written.metadata.note:
        say(written.metadata.note)
    say(f'Read it with: pandas.read_parquet("{out}")    Look at it with: mnist-data stats {out} --plot')


def _pairs(paths: list[str], images: list[str], labels: list[str], splits: list[str], dataset: str | None) -> Any:
    from mnist_data.idx.pairing import explicit_pairs
    from mnist_data.known.fetch import resolve

    if images or labels:
        if len(paths) != 1:
            raise WrongUse("With --images and --labels, name one path: OUT.")
        return explicit_pairs(images, labels, splits), paths[0]
    if len(paths) != 2:
        raise WrongUse(f"{len(paths)} paths were given; convert takes SOURCE and OUT.")
    if splits:
        raise WrongUse("--split names the split of --images and --labels; give these, too.")
    return resolve(paths[0], dataset), paths[1]


def prepare(
    photos: Annotated[str, typer.Argument(metavar="PHOTOS", help="A picture, or a folder of pictures (PNG, JPEG, …).")],
    out: OutArgument,
    overwrite: Overwrite = False,
    workers: Workers = None,
    scheduler: Scheduler = None,
    json: Json = False,
) -> None:
    """Make one's own handwritten digits look like MNIST: from photos and scans, also of sheets, to a dataset.

    Beside it lies a page that shows before and after.

    Example: mnist-data prepare photos/ data/mine
    """
    from mnist_data.cli.output import print_json, progress, say, warn
    from mnist_data.known.info import describe_dataset
    from mnist_data.storage import beside
    from pipelines.engine.execution import open_execution
    from pipelines.run.report import write_report
    from pipelines.stages.prepare import prepare as run

    with progress() as report, open_execution(workers, scheduler, report) as execution:
        outcome = run(photos, out, execution=execution, overwrite=overwrite)
    page = write_report(outcome.tables, outcome.dataset, beside(out, ".html"))
    warn(f"{file}: no digit was found in it." for file in outcome.empty)
    if json:
        print_json({**describe_dataset(outcome.dataset), "page": page, "empty": list(outcome.empty)})
        return
    say(f"{len(outcome.dataset):,} digits → {out}")
    say(f"Before and after: {page}")


def export(
    dataset: DatasetArgument,
    out: Annotated[str, typer.Argument(metavar="OUT", help="The folder for the IDX files.")],
    as_stored: Annotated[
        bool,
        typer.Option(
            "--as-stored", help="Write what the dataset holds; do not put back what the conversion put right."
        ),
    ] = False,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Write a dataset as IDX files; a converted one gives its source files back, byte for byte.

    Example: mnist-data export data/mnist idx/
    """
    from mnist_data.cli.output import print_json, print_table
    from mnist_data.parquet.dataset import open_dataset
    from mnist_data.storage import sha256_of
    from pipelines.stages.export import export as run

    paths = run(open_dataset(dataset), out, as_stored=as_stored, overwrite=overwrite)
    rows = [(str(path), path.stat().st_size, sha256_of(path)) for path in paths]
    if json:
        print_json({"files": [{"path": path, "bytes": size, "sha256": digest} for path, size, digest in rows]})
    else:
        print_table("", ["file", "bytes", "SHA-256"], rows)


def info(
    path: Annotated[
        str,
        typer.Argument(metavar="FILE_OR_DATASET", help="An IDX file, a dataset, or a folder of IDX files."),
    ],
    original: Annotated[
        str | None,
        typer.Option(metavar="DATASET", help="Compare the pixels with this dataset or folder of IDX files."),
    ] = None,
    json: Json = False,
) -> None:
    """Say what a file or dataset holds: type, shape, count, hash, and which known dataset it is, by its pixels.

    Example: mnist-data info train-images-idx3-ubyte.gz
    """
    from mnist_data.cli.output import print_json, print_table, say
    from mnist_data.known.info import describe

    values = describe(path, original)
    if json:
        print_json(values)
        return
    values.pop("findings", None)  # the same as `pixels`, for machines
    files = values.pop("files", None)
    if files:
        say("\n".join(values["pixels"]) or "No known dataset was recognised by its pixels.")
    for one in files or [values]:
        print_table(
            "",
            ["", one["path"]],
            [(name, _words(name, value)) for name, value in one.items() if name != "path"],
        )


def _words(name: str, value: Any) -> str:
    if value is None or value == []:
        return "–"
    if name == "stages":
        return "\n".join(f"{stage['stage']}: {settings_in_words(stage['parameters'])}" for stage in value)
    if name == "sources":
        return "\n".join(
            f"{source['split']} {source['role']}: {source['name']}\n  SHA-256 {source['sha256']}" for source in value
        )
    if name == "pixels":
        return "\n".join(value)
    if name == "shape":
        return " × ".join(f"{length:,}" for length in value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {inner:,}" for key, inner in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else str(value)
