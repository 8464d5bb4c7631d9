"""fetch, convert, export and info: between the publishers' files, IDX files and Parquet datasets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args
from urllib.parse import urlsplit

from mnist_data.api.results import Result
from mnist_data.api.sources import Place, dataset_of, fetched, location_of, pairs_of, streams_of
from mnist_data.api.work import showing, working
from mnist_data.errors import WrongUse, unknown_name
from mnist_data.idx.names import ByteOrder
from mnist_data.parquet.locks import claimed
from mnist_data.storage import is_remote, sha256_of
from pipelines.engine.execution import downloading
from pipelines.settings.stages import Compression, Convert, ExportForm, Layout, Viewer

if TYPE_CHECKING:
    import pandas as pd

_CONVERT = Convert()


def fetch(
    name: str | None = None,
    out: Place | None = None,
    *,
    list: bool = False,  # noqa: A002  (the flag's name)
    overwrite: bool = False,
    progress: bool | None = None,
) -> Result:
    """Download a known dataset's files over HTTPS, each checked by its published checksum.

    name: as in "mnist"; "sample" is the embedded sample, which needs no network. out: a folder for the files, besides
    the cache (MNIST_DATA_CACHE or ~/.cache/mnist-data), which keeps them for all projects. list: give a table of the
    known datasets instead. MNIST_DATA_MIRROR names another address to fetch from. Files that are there already are not
    fetched again; an interrupted download goes on where it ended.

    The result has the table `files` (path, bytes, sha256), or with `list` the table `datasets`.

    Raises NoDataset for a name that is not known, OutputExists for a file of other content, MissingExtra without
    pooch, UnreadableInput where no mirror gives the right file: it lists what to download by hand, and into which
    folder.
    """
    from mnist_data.idx.sample import sample_files
    from mnist_data.known.catalog import by_name
    from mnist_data.known.fetch import fetch as download

    if list:
        if name is not None or out is not None:
            raise WrongUse("--list names all known datasets and fetches none; leave out the name and --out.")
        return Result("fetch", tables={"datasets": known_datasets()})
    if name is None:
        raise WrongUse("Name a known dataset to fetch; --list names them all.")
    with claimed(None if out is None else location_of(out), overwrite), showing(progress) as report:
        folder = download(
            name,
            None if out is None else location_of(out),
            overwrite=overwrite,
            report=downloading(report),
        )
    known = by_name(name)
    names = [file.name for file in known.files] if known and known.files else sample_files()
    return Result("fetch", out=str(folder), tables={"files": _files_table([folder / file for file in names])})


def known_datasets() -> pd.DataFrame:
    """Tabulate the known datasets.

    Columns: name, title, train, validation, test (images), size (of an image), classes, licence, bytes (of the
    download), fetched_from (its first host), checksum_source (where the checksums of its files are published), page.
    What is not published is missing.
    """
    import pandas as pd

    from mnist_data.known.catalog import CATALOG

    rows = [
        {
            "name": known.name,
            "title": known.title,
            "train": known.counts.get("train"),
            "validation": known.counts.get("validation"),
            "test": known.counts.get("test"),
            "size": "×".join(map(str, known.shape)),
            "classes": len(known.classes) or None,
            "licence": known.licence,
            "bytes": known.download_bytes,
            "fetched_from": urlsplit(known.offered_at[0]).netloc if known.fetchable else None,
            "checksum_source": known.checksum_source or None,
            "page": known.page,
        }
        for known in CATALOG.values()
    ]
    counts = ["train", "validation", "test", "classes", "bytes"]
    return pd.DataFrame(rows).astype(dict.fromkeys(counts, "Int64"))


def _files_table(paths: Sequence[Path]) -> pd.DataFrame:
    """Describe files, and folders of files by their number and their bytes together."""
    import pandas as pd

    files = [path for path in paths if path.is_file()]
    rows = [(str(path), path.stat().st_size, sha256_of(path)) for path in files]
    table = pd.DataFrame(rows, columns=["path", "bytes", "sha256"])
    folders = [path for path in paths if path.is_dir()]
    if not folders:
        return table
    sizes = [[file.stat().st_size for file in path.rglob("*") if file.is_file()] for path in folders]
    counted = pd.DataFrame({"path": map(str, folders), "bytes": map(sum, sizes), "files": map(len, sizes)})
    return pd.concat([counted, table.assign(files=1)], ignore_index=True)[["path", "files", "bytes", "sha256"]]


def convert(
    source: Place | pd.DataFrame | None = None,
    out: Place | None = None,
    *,
    images: Sequence[Place] | None = None,
    labels: Sequence[Place] | None = None,
    split: Sequence[str] | None = None,
    dataset: str | None = None,
    layout: Layout = _CONVERT.layout,
    compression: Compression = _CONVERT.compression,
    row_group_rows: int = _CONVERT.row_group_rows,
    transpose: bool | None = _CONVERT.transpose,
    first_label: int | None = _CONVERT.first_label,
    byte_order: ByteOrder = _CONVERT.byte_order,
    size: str | None = _CONVERT.size,
    relabel: bool = _CONVERT.relabel,
    skip_unreadable: bool = _CONVERT.skip_unreadable,
    form: str | None = None,
    label_column: str | None = None,
    label_tables: Place | None = None,
    overwrite: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: bool | None = None,
) -> Result:
    """Convert labelled images to a Parquet dataset: IDX, CSV, arrays, tables, or image files in folders or archives.

    source: a file or folder of any of these forms, a DataFrame, a known dataset's name (which is fetched), or "sample";
    left out where images and labels name IDX files, one pair a split. What a source is, its content decides. out: the
    dataset's folder or URL. split: that of each pair, or of a source of another form than IDX. dataset: its name, which
    also chooses one where the source holds several. transpose, first_label: None as is known of the dataset.
    byte_order: of the values in IDX files. size: of an image, as in "28x28", where neither headers nor pixels decide
    it. relabel: number the labels that occur from 0. skip_unreadable: leave out image files that cannot be read, or
    that a table of labels next to them does not have; the result warns of them, and the metadata names them. form:
    which one to read of a source that holds several, as in "idx", "csv", "npz" or "image-files". label_column: of a
    table, or of one next to image files, where several could be the label. label_tables: a folder of label tables as
    QMNIST's, whose columns are joined.

    The result has the dataset, and warnings of what its reader should know. Raises an UnreadableInput that names the
    file where one is damaged or does not fit; nothing is written then.
    """
    from pipelines.stages.convert import convert as run
    from pipelines.stages.convert_images import convert_images

    params = Convert(
        layout=layout,
        compression=compression,
        row_group_rows=row_group_rows,
        transpose=transpose,
        first_label=first_label,
        byte_order=byte_order,
        size=size,
        relabel=relabel,
        skip_unreadable=skip_unreadable,
    )
    if out is None:
        raise WrongUse("Name the dataset's folder or URL to write, as the last argument or by --out.")
    target, tables = location_of(out), None if label_tables is None else location_of(label_tables)
    source, known = (source, None) if images or labels else fetched(source, progress)
    streams = [] if images or labels else streams_of(source, split, size, form, skip_unreadable, label_column)
    if streams and tables is not None:
        raise WrongUse("--label-tables joins label tables to IDX files; leave it out for other forms.")
    if label_column is not None and not streams:
        raise WrongUse("--label-column names a column of a table; IDX files have none.")
    if skip_unreadable and not streams:
        raise WrongUse("--skip-unreadable leaves out image files that cannot be read; IDX files are read whole or not.")
    pairs = [] if streams else pairs_of(cast("Place | None", source), images, labels, split, dataset, byte_order)
    with working(workers, scheduler, progress) as execution:
        chosen: dict[str, Any] = {"execution": execution, "overwrite": overwrite}
        if streams:
            converted = convert_images(streams, target, params, dataset=dataset or known, **chosen)
            return Result("convert", out=target, dataset=converted.dataset, warnings=converted.warnings)
        conversion = run(pairs, target, params, dataset=dataset, label_tables=tables, **chosen)
    return Result("convert", out=target, dataset=conversion.dataset, warnings=conversion.warnings)


def export(
    dataset: Place,
    out: Place,
    *,
    form: ExportForm = "idx",
    to: Viewer | None = None,
    as_stored: bool = False,
    overwrite: bool = False,
) -> Result:
    """Write a dataset into a folder as IDX files, CSV, NumPy's arrays or class folders, or for a program that shows it.

    form: "idx", as which a converted dataset gives its source files back, byte for byte; "csv" or "csv.gz", a file a
    split as Kaggle's, label,pixel0,…; "npz", one file with x_train, y_train, … as Keras', whose own name out may be;
    "folders", split/class/ID.png. Names of classes go into classes.txt, or the array class_names. as_stored: write IDX
    images and labels as the dataset holds them; otherwise what the conversion put right (EMNIST's transposed images and
    labels from 1) is put back.

    to: instead of a form a program, "fiftyone", "spotlight", "embedding-atlas" or "huggingface", which gets the images
    as PNG with labels, what tables near the dataset say of each sample, what people have decided, and a map (x, y).

    The result has the table `files` (path, bytes, sha256; files, how many a folder holds, which has no sha256). Raises
    OutputExists, or WrongUse for what the form does not hold (float16 in IDX, floats in PNG) and for a URL.
    """
    from pipelines.stages.export import export as run

    if to is not None:
        return _exported_to(dataset, location_of(out), to, form, as_stored, overwrite)
    with claimed(location_of(out), overwrite) as replace:
        paths = run(dataset_of(dataset), location_of(out), form=form, as_stored=as_stored, overwrite=replace)
    return Result("export", out=location_of(out), tables={"files": _files_table(paths)})


def _exported_to(dataset: Place, place: str, to: Viewer, form: ExportForm, as_stored: bool, overwrite: bool) -> Result:
    """Write a dataset for a program that shows it."""
    from pipelines.run.viewers import export_to, how_to_open

    if form != "idx" or as_stored:
        raise WrongUse(f"--to {to} has a form of its own; leave out --form and --as-stored.")
    if to not in get_args(Viewer):
        raise unknown_name("program", to, get_args(Viewer))
    if is_remote(place):
        raise WrongUse(f"Files are written to a local folder, not to {place}.")
    with claimed(place, overwrite) as replace:
        paths = export_to(to, dataset_of(dataset), Path(place), overwrite=replace)
    opened = {"open_with": how_to_open(to, str(Path(place).absolute()))}
    return Result("export", out=place, tables={"files": _files_table(paths)}, findings=opened)


def info(path: Place, *, original: Place | None = None, label_column: str | None = None) -> Result:
    """Describe labelled images of any form that `convert` reads, a dataset, or one of its Parquet files.

    It is read to its end, and what lies on this machine is identified by its pixels: as one of the datasets known, or
    as `original`, a dataset or labelled images of any form. The result has the description as findings, with what
    `convert` would decide as notes, and whether the background of the first samples is dark or bright, or undecided.
    label_column: as `convert` takes it.

    Raises what `convert` would raise for files that cannot be read.
    """
    from mnist_data.known.info import describe
    from pipelines.images.measures.polarity import estimate_polarity

    other = None if original is None else location_of(original)
    findings = describe(location_of(path), other, estimate_polarity, label_column)
    return Result("info", findings=findings)
