"""What is known of the samples of a dataset: its own columns, and tables near it that have a row a sample."""

from __future__ import annotations

import getpass
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dashboards.explorer.columns import SampleTable
from mnist_data import storage
from mnist_data.errors import NoDataset, UnreadableInput, WrongUse
from mnist_data.parquet.dataset import Dataset, open_dataset, open_parquet
from mnist_data.parquet.former_names import renamed_columns
from mnist_data.parquet.schema import image_columns
from mnist_data.parquet.tables import table_provenance
from pipelines.run.sources import is_workspace, whole_near

if TYPE_CHECKING:
    from dashboards.explorer.explorer import Explorer

LABELS = ("label", "predicted")
"""Columns that hold labels of classes, besides those that end so."""

ROWS = 1 << 16
"""Rows of a table that are read at once."""

BUFFER = 1 << 18
"""Bytes of each column that are read at once."""

ON_DISK = 1 << 26
"""Bytes of all columns beyond which the database lies in a file and not in memory."""

OWN = "dataset"


@dataclass(frozen=True)
class Known:
    """What is known of the samples of a dataset. left_out: tables that do not belong to it, each with the reason."""

    dataset: Dataset
    own: SampleTable
    tables: tuple[SampleTable, ...]
    left_out: dict[str, str]

    @property
    def column_bytes(self) -> int:
        """Give about how many bytes all values take."""
        return 8 * len(self.dataset) * sum(len(table.schema) for table in (self.own, *self.tables))


def known_of(place: str, tables: Sequence[str] = ()) -> Known:
    """Collect what is known of a dataset, or of the one that the workspace of a run holds.

    tables: further ones, files or folders of Parquet tables with a column `id`. Raises NoDataset where there is no
    dataset, WrongUse for a table that is named and has no row a sample.
    """
    dataset = open_dataset(_within(place))
    family = {dataset.content} | _descendants(dataset)
    schemas: dict[str, pa.Schema] = {}
    left_out: dict[str, str] = {}
    for path in _near(dataset):
        with suppress(UnreadableInput, OSError):  # a damaged table is no reason to show nothing
            schema = _schema(path)
            if _has_row_a_sample(schema):
                schemas[path] = schema
                if not family & set(table_provenance(path)["inputs"].values()):
                    left_out[path] = "it is of another dataset, or of another state of this one"
    near = [path for path in schemas if path not in left_out]
    named = list(_named(tables))
    for path in named:
        schemas[path] = _schema(path)
        if not _has_row_a_sample(schemas[path]):
            raise WrongUse(f"{path} has no column 'id' of whole numbers, by which it belongs to samples.")
    names = {**_names(near, dataset), **{path: Path(path).stem for path in named}}
    described = [_sample_table(path, name, schemas[path]) for path, name in names.items()]
    return Known(dataset, _own_table(dataset), tuple(described), left_out)


def open_explorer(known: Known, folder: str, who: str = "") -> Explorer:
    """Join what is known into a database, and give what answers a page.

    folder: for a database too large for memory. who: decides about samples, by default the user of this machine.
    Raises MissingExtra where DuckDB is not installed.
    """
    from dashboards.explorer.decided import Decided
    from dashboards.explorer.explorer import Explorer
    from dashboards.explorer.samples import Samples
    from dashboards.explorer.sprites import Sprites
    from pipelines.run.sample_analyses import SampleAnalyses

    database = f"{folder}/samples.duckdb" if known.column_bytes > ON_DISK else ":memory:"
    samples = Samples(known.own, known.tables, database)
    sprites = Sprites(known.dataset)
    decided = Decided(known.dataset, samples, who or _user())
    return Explorer(known.dataset, samples, sprites, SampleAnalyses(known.dataset, sprites), decided)


def _user() -> str:
    """Name the user of this machine, for decisions."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # of a user without a name
        return "somebody"


def _within(place: str) -> str:
    """Give the dataset that is meant: in a workspace the one that its statistics are of."""
    if storage.is_remote(place) or not is_workspace(Path(place)):
        return place
    for name in ("clean", "convert"):
        if storage.exists(f"{place}/{name}.manifest.json"):
            return f"{place}/{name}"
    raise NoDataset(place, "its run has not finished a dataset yet", "a workspace", "Run mnist-data run again.")


def _descendants(dataset: Dataset) -> set[str]:
    """Give the contents of datasets near one that were made of it; their samples keep their ids."""
    if storage.is_remote(dataset.location):
        return set()
    return {
        content
        for content, near in whole_near(dataset.location).items()
        if any(stage.input == dataset.content for stage in near.metadata.stages)
    }


def _near(dataset: Dataset) -> list[str]:
    """List Parquet files that may be tables of a dataset: in folders DATASET-…, or anywhere in its workspace."""
    if storage.is_remote(dataset.location):
        return []
    place = Path(dataset.location)
    if is_workspace(place.parent):
        files = [path for pattern in ("*/*.parquet", "*/*/*.parquet") for path in place.parent.glob(pattern)]
    else:
        folders = [folder for folder in place.parent.iterdir() if folder.name.startswith(f"{place.name}-")]
        files = [path for folder in folders if folder.is_dir() for path in folder.glob("*.parquet")]
    return sorted(str(path) for path in files if not path.parent.name.startswith("split="))


def _named(tables: Sequence[str]) -> Iterator[str]:
    for place in tables:
        yield from storage.files_in(place, ".parquet") if Path(place).is_dir() else [place]


def _names(paths: Sequence[str], dataset: Dataset) -> dict[str, str]:
    """Name tables by their folders, as "stats", and by their files too where a folder holds several."""
    folders = [Path(path).parent for path in paths]
    prefix = f"{Path(dataset.location).name}-"
    short = {path: folder.name.removeprefix(prefix) for path, folder in zip(paths, folders, strict=True)}
    single = {path for path, folder in zip(paths, folders, strict=True) if folders.count(folder) == 1}
    named = {path: name if path in single else f"{name}/{Path(path).stem}" for path, name in short.items()}
    return dict(sorted(named.items(), key=lambda item: (not item[1].startswith("stats"), item[0])))


def _schema(path: str) -> pa.Schema:
    with open_parquet(path) as file:
        return file.schema_arrow


def _has_row_a_sample(schema: pa.Schema) -> bool:
    names = schema.names
    return "id" in names and bool(pa.types.is_integer(schema.field("id").type)) and "image" not in names


def _sample_table(path: str, name: str, schema: pa.Schema) -> SampleTable:
    """Describe a table near a dataset, without what the dataset says itself; of several seeds the first is taken."""
    repeated = ("label", "split", "name", "file", "row", "seed")
    kept = ["id", *(field.name for field in schema if _is_shown(field) and field.name not in ("id", *repeated))]
    return _described(name, schema, kept, partial(_batches, path, kept, "seed" in schema.names))


def _described(
    name: str, schema: pa.Schema, kept: Sequence[str], batches: partial[Iterator[pa.RecordBatch]]
) -> SampleTable:
    shown = renamed_columns(kept)
    fields = [pa.field(shown.get(each, each), _plain(schema.field(each).type)) for each in kept]
    classes = frozenset(
        field.name
        for field in fields
        if (field.name in LABELS or field.name.endswith("_label")) and pa.types.is_integer(field.type)
    )
    return SampleTable(name, pa.schema(fields), classes, batches)


def _batches(path: str, names: Sequence[str], seeds: bool) -> Iterator[pa.RecordBatch]:
    shown = renamed_columns(names)
    with open_parquet(path, buffer_bytes=BUFFER) as file:
        first = None
        for batch in file.iter_batches(ROWS, columns=[*names, "seed"] if seeds else list(names)):
            if seeds and len(batch):
                first = batch["seed"][0] if first is None else first
                batch = batch.filter(pc.equal(batch["seed"], first))
            columns = [batch[name].cast(_plain(batch.schema.field(name).type)) for name in names]
            yield pa.RecordBatch.from_arrays(columns, [shown.get(name, name) for name in names])


def _own_table(dataset: Dataset) -> SampleTable:
    """Describe the dataset's own columns, besides its images, with the row and the split of each sample."""
    with open_parquet(dataset.files[0][1]) as file:
        schema = file.schema_arrow
    hidden = {*image_columns(schema.names, dataset.metadata), "row", "split"}
    kept = [field.name for field in schema if field.name not in hidden and _is_shown(field)]
    first = [pa.field("row", pa.int32()), pa.field("split", pa.string())]
    fields = [*first, *(pa.field(name, _plain(schema.field(name).type)) for name in kept)]
    classes = frozenset(name for name in kept if name == "label" or name.endswith("_label"))
    return SampleTable(OWN, pa.schema(fields), classes, partial(_own_batches, dataset, kept, pa.schema(fields)))


def _own_batches(dataset: Dataset, names: Sequence[str], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    start = 0
    for split, path in dataset.files:
        with open_parquet(path, buffer_bytes=BUFFER) as file:
            for batch in _columns_of(file, names):
                end = start + len(batch)
                rows = pa.array(range(start, end), pa.int32())
                columns = [batch[name].cast(schema.field(name).type) for name in names]
                yield pa.RecordBatch.from_arrays([rows, pa.array([split] * len(batch)), *columns], schema=schema)
                start = end


def _columns_of(file: pq.ParquetFile, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
    yield from file.iter_batches(ROWS, columns=list(names))


def _is_shown(field: pa.Field) -> bool:
    kind = _plain(field.type)
    numbers = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    return bool(numbers or pa.types.is_boolean(kind) or pa.types.is_string(kind))


def _plain(kind: pa.DataType) -> pa.DataType:
    """Give the type in which a column is shown: texts of any kind as plain ones, halves as floats."""
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    if pa.types.is_large_string(inner) or pa.types.is_string(inner) or pa.types.is_string_view(inner):
        return pa.string()
    return pa.float32() if pa.types.is_float16(inner) else inner
