"""Parquet of any make: Hugging Face's, our own after a filter, a column for each pixel."""

from __future__ import annotations

from collections.abc import Sequence

from mnist_data.images_in.stream import Form, Options, Source
from mnist_data.images_in.tables.table_source import ParquetTable
from mnist_data.images_in.tables.table_stream import TableStream, table_streams


def _recognises(source: Source) -> bool:
    return source.head.startswith(b"PAR1")


def _streams(sources: Sequence[Source], options: Options) -> list[TableStream]:
    return table_streams([ParquetTable(source.path) for source in sources], options)


FORM = Form("Parquet", (".parquet", ".pq"), _recognises, _streams)
