"""Arrow IPC: files, Feather of version 2, and streams as the datasets library caches them."""

from __future__ import annotations

from collections.abc import Sequence

from mnist_data.images_in.stream import Form, Options, Source
from mnist_data.images_in.tables.table_source import ArrowTable
from mnist_data.images_in.tables.table_stream import TableStream, table_streams

CONTINUATION = b"\xff\xff\xff\xff"
"""What every message of an Arrow stream begins with."""


def _recognises(source: Source) -> bool:
    named = source.path.lower().endswith(FORM.endings)
    return source.head.startswith(b"ARROW1") or (named and source.head.startswith(CONTINUATION))


def _streams(sources: Sequence[Source], options: Options) -> list[TableStream]:
    return table_streams([ArrowTable(source.path) for source in sources], options)


FORM = Form("Arrow", (".arrow", ".feather", ".ipc"), _recognises, _streams)
