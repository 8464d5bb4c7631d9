"""Parquet of any make: Hugging Face's, our own after a filter, a column for each pixel."""

from __future__ import annotations

from collections.abc import Sequence

from mnist_data.images_in.stream import Form, ImageStream, Options, Source


def _recognises(source: Source) -> bool:
    return source.head.startswith(b"PAR1")


def _streams(sources: Sequence[Source], options: Options) -> Sequence[ImageStream]:
    from mnist_data.images_in.tables.table_source import ParquetTable  # pyarrow.compute, which no other form needs
    from mnist_data.images_in.tables.table_stream import table_streams

    return table_streams([ParquetTable(source.path) for source in sources], options)


FORM = Form("Parquet", (".parquet", ".pq"), _recognises, _streams)
