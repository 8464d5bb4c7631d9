"""Arrow IPC: files, Feather of version 2, and streams as the datasets library caches them."""

from __future__ import annotations

from collections.abc import Sequence

from mnist_data.images_in.stream import Form, ImageStream, Options, Source

CONTINUATION = b"\xff\xff\xff\xff"
"""What every message of an Arrow stream begins with."""


def _recognises(source: Source) -> bool:
    named = source.path.lower().endswith(FORM.endings)
    return source.head.startswith(b"ARROW1") or (named and source.head.startswith(CONTINUATION))


def _streams(sources: Sequence[Source], options: Options) -> Sequence[ImageStream]:
    from mnist_data.images_in.tables.table_source import ArrowTable  # pyarrow.compute, which no other form needs
    from mnist_data.images_in.tables.table_stream import table_streams

    return table_streams([ArrowTable(source.path) for source in sources], options)


FORM = Form("Arrow", (".arrow", ".feather", ".ipc"), _recognises, _streams)
