"""Damage to bytes, drawn from a source of choices: blind, in text, and within what compression and checksums hide."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import pickle
import random
import struct
import zlib
from collections.abc import Callable

SIZES = tuple(
    struct.pack(form, number)
    for form in (">I", "<I")
    for number in (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 100_000, 65_536)
)
"""Numbers at the ends of their range, as headers hold them."""

PIECES = b"\0\n\r,;\t \"'{}%#:.-+eE0159?x\xff\\@"
"""What text is separated and numbers are written with, and what is no text."""

NUMBERS = ("0", "-1", "9e99", "1e-400", "nan", "inf", "0x10", "1_000", "٣", "1" * 400, "18446744073709551616", "3.0")

HTML = b"<!DOCTYPE html><html><head><title>404 Not Found</title></head><body>Not Found</body></html>\n"

STRANGERS: tuple[bytes, ...] = (
    b"",
    b"\0",
    b"\0\0\x08\x03",
    HTML,
    json.dumps({"image": [[0, 255]], "label": 3}).encode(),
    b"[" * 5_000,
    b'{"a":' * 5_000,
    pickle.dumps({"data": [1, 2]}),
    gzip.compress(HTML),
    gzip.compress(gzip.compress(gzip.compress(gzip.compress(gzip.compress(b"\0\0\x08\x01\0\0\0\0"))))),
    b"PK\x05\x06" + b"\0" * 18,
    b"PK\x03\x04",
    b"\x89PNG\r\n\x1a\n",
    b"\x89HDF\r\n\x1a\n",
    b"\x93NUMPY\x01\x00",
    b"PAR1PAR1",
    b"PAR1" + b"\xff" * 8 + b"PAR1",
    b"ARROW1\0\0",
    b"MATLAB 5.0 MAT-file" + b" " * 105 + b"\0\1IM",
    b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
    "ﷺ,ß\n".encode() * 9,
    "1,2\n".encode("utf-16"),
    b"\xff\xfe",
    b"0" * 70_000,
    b"1 1:1" * 9_000,
    bytes(70_000),
)
"""What lies in a file's place when a download, a rename or a program went wrong."""


def mutated(content: bytes, chance: random.Random) -> bytes:
    """Damage bytes: flip some, cut, insert, overwrite, repeat a piece elsewhere, or write an extreme number."""
    data = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        at, size, kind = chance.randrange(len(data) + 1), chance.randrange(1, 33), chance.randrange(9)
        if kind <= 1 and at < len(data):
            data[at] ^= 1 << chance.randrange(8)
        elif kind == 2:
            del data[at:]
        elif kind == 3:
            del data[at : at + size]
        elif kind == 4:
            data[at:at] = chance.randbytes(size)
        elif kind == 5:
            data[at : at + size] = chance.randbytes(size)
        elif kind == 6:
            other = chance.randrange(len(data) + 1)
            data[at:at] = data[other : other + size]
        elif kind == 7:
            data[at : at + 4] = chance.choice(SIZES)
        elif data:  # headers lie at the front
            data[chance.randrange(min(len(data), 128))] = chance.randrange(256)
    return bytes(data)


def mutated_text(content: bytes, chance: random.Random) -> bytes:
    """Alter, insert, take out, repeat or cut off a few bytes of text, and write numbers of every kind into it."""
    changed = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        place, kind = chance.randrange(len(changed) + 1), chance.randrange(7)
        if kind == 0 and place < len(changed):
            changed[place] = chance.choice(PIECES)
        elif kind == 1:
            changed[place:place] = bytes(chance.choices(PIECES, k=chance.randrange(1, 4)))
        elif kind == 2:
            del changed[place : place + chance.randrange(1, 40)]
        elif kind == 3:
            changed[place:place] = changed[max(0, place - chance.randrange(1, 600)) : place]
        elif kind == 4:
            changed[place : place + 3] = str(10 ** chance.randrange(40)).encode()
        elif kind == 5:
            changed[place : place + 1] = chance.choice(NUMBERS).encode()
        elif chance.random() < 0.2:
            del changed[place:]
    return bytes(changed)


Mutation = Callable[[bytes, random.Random], bytes]

PACKERS: tuple[tuple[bytes, Callable[[bytes], bytes], Callable[[bytes], bytes]], ...] = (
    (b"\x1f\x8b", gzip.decompress, lambda content: gzip.compress(content, 1)),
    (b"BZh", bz2.decompress, lambda content: bz2.compress(content, 1)),
    (b"\xfd7zXZ", lzma.decompress, lambda content: lzma.compress(content, preset=0)),
)
"""Compressions by their first bytes: how each is undone, and done."""


def within_packing(content: bytes, chance: random.Random, inner: Mutation) -> bytes:
    """Damage what a packed file holds, or its own bytes; bytes that are not packed are packed, also twice or more."""
    for magic, unpack, pack in PACKERS:
        if content.startswith(magic):
            kind = chance.randrange(6)
            if kind == 0:
                return mutated(content, chance)
            if kind == 1:
                return content + chance.choice((content, content[: len(content) // 2], b"\0" * 9, b"PK\3\4"))
            packed = pack(inner(unpack(content), chance))
            return pack(packed) if kind == 2 else packed
    _, _, pack = chance.choice(PACKERS)
    for _ in range(chance.choice((1, 1, 2, 3, 5))):
        content = pack(content)
    return content


def mutated_png(content: bytes, chance: random.Random) -> bytes:
    """Damage a PNG whose checksums stay right: sizes, kind, pixels, or chunks that come twice, not, or in between."""
    chunks, place = [], 8
    while place + 12 <= len(content):
        (size,) = struct.unpack_from(">I", content, place)
        chunks.append((content[place + 4 : place + 8], content[place + 8 : place + 8 + size]))
        place += 12 + size
    if not chunks or len(chunks[0][1]) != 13:
        return mutated(content, chance)
    kind, at = chance.randrange(5), chance.randrange(len(chunks))
    if kind == 0:
        sides = (0, 1, 27, 4_096, 16_384, 100_000, 2**31 - 1, 2**32 - 1)
        width, height = chance.choice(sides), chance.choice(sides)
        chunks[0] = (b"IHDR", struct.pack(">II", width, height) + chunks[0][1][8:])
    elif kind == 1:
        facts = bytes(chance.choice((0, 1, 2, 3, 4, 6, 8, 16, 255)) for _ in range(5))
        chunks[0] = (b"IHDR", chunks[0][1][:8] + facts)
    elif kind == 2:
        chunks[at] = (chunks[at][0], mutated(chunks[at][1], chance))
    elif kind == 3:
        name = chance.choice(
            (b"acTL", b"eXIf", b"tRNS", b"PLTE", b"zTXt", b"iCCP", b"fdAT", b"IDAT", b"gAMA", b"\xff" * 4)
        )
        chunks.insert(at, (name, chance.randbytes(chance.randrange(40))))
    else:
        del chunks[at]
    bodies = ((struct.pack(">I", len(body)), name + body) for name, body in chunks)
    return content[:8] + b"".join(size + body + struct.pack(">I", zlib.crc32(body)) for size, body in bodies)
