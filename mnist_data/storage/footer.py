"""The footer of a Parquet file, measured before a library reads it."""

from __future__ import annotations

import io
from typing import BinaryIO

from mnist_data.errors import UnreadableInput

FOOTER = 8 << 20
"""Bytes of a footer, which those of any file may take. Ours take about 150 for each column of each row group."""

TAIL = 1 << 16
"""Bytes at the end of a file that pyarrow reads first; who reads as many has a store send them once."""


def require_small_footer(stream: BinaryIO, path: str) -> None:
    """Refuse a file whose footer is too large before it is read, as that takes some nine times its size in memory.

    The last eight bytes of a file are the length of its footer, little-endian, and "PAR1"
    (https://parquet.apache.org/docs/file-format). Raises UnreadableInput.
    """
    size = stream.seek(0, io.SEEK_END)
    stream.seek(max(0, size - TAIL))
    length = int.from_bytes(stream.read(TAIL)[-8:-4], "little")
    stream.seek(0)
    if max(FOOTER, size // 8) < length < size:  # pyarrow says so of one that is longer than its file
        raise UnreadableInput(
            path,
            f"its footer takes {length:,} of its {size:,} bytes",
            f"at most {FOOTER >> 20} MiB, or an eighth of the file",
            "Write it again with shorter texts in its metadata, or with larger row groups.",
        )
