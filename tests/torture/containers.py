"""Damage to what a file is made of: headers of IDX, NumPy, zip and tar, well written, that announce the absurd."""

from __future__ import annotations

import io
import random
import struct
import warnings
import zipfile
import zlib

from tests.torture.mutations import STRANGERS, mutated, mutated_png, mutated_text, within_packing

NAMES = (
    b"",
    b"/",
    b".",
    b"..",
    b"../x.png",
    b"/etc/x.png",
    b"C:\\x\\0\\a.png",
    b"\xff\xfe\x00.png",
    b"a\0b.png",
    b"\xed\xa0\x80.png",
    "train/٣/ﷺ.png".encode(),
    b"a" * 300 + b".png",
    b"t10k-images-idx3-ubyte",
    b"classes.txt",
    b"x.npy",
    b"split=train/part-0.parquet",
)
"""Names of members as archives of others, and of nobody's programs, have them."""

SIDES = (0, 1, 2, 28, 0xFFFF, 100_000, 2**27, 2**31 - 1, 2**31, 2**32 - 1)


def mutated_idx(content: bytes, chance: random.Random) -> bytes:
    """Write another header before the same values: any type, any rank, sizes up to the end of their range."""
    rank = content[3] if len(content) > 3 else 1
    sizes, values = (
        list(struct.unpack_from(f">{rank}I", content.ljust(4 + 4 * rank, b"\0"), 4)),
        content[4 + 4 * rank :],
    )
    kind = chance.choice((8, 8, 9, 11, 12, 13, 14, chance.randrange(256)))
    change = chance.randrange(4)
    if change == 0:
        sizes = [chance.choice(SIDES) for _ in range(chance.choice((1, 2, 3, 4, 64, 65, 255)))]
    elif change == 1:
        sizes = [1] * chance.choice((5, 63, 64, 65, 254)) + sizes if len(sizes) < 9 else sizes[-3:]
    elif sizes:
        sizes[chance.randrange(len(sizes))] = chance.choice(SIDES)
    header = struct.pack(f"{chance.choice('>>><')}{len(sizes[:255])}I", *sizes[:255])
    return bytes((0, 0, kind, len(sizes[:255]))) + header + values


def mutated_npy(content: bytes, chance: random.Random) -> bytes:
    """Write another header of NumPy's before the same values."""
    if len(content) < 12 or content[6] not in (1, 2):
        return mutated(content, chance)
    start = 10 if content[6] == 1 else 12
    end = start + int.from_bytes(content[8:start], "little")
    header, values = content[start:end], content[end:]
    if chance.randrange(2):
        header = mutated_text(header, chance)
    else:
        types = ("|u1", "<u2", ">f8", "<f2", "|O", "|V8", "<U4", "|S3", "<M8[ns]", "<c16", "|b1", "<i8", "[('a','u1')]")
        side = (0, 1, 12, 64, 2**31, 2**40, 2**62, -1)
        shape = tuple(chance.choice(side) for _ in range(chance.choice((0, 1, 2, 3, 3, 4, 40, 70))))
        order = bool(chance.randrange(2))
        header = repr({"descr": chance.choice(types), "fortran_order": order, "shape": shape}).encode()
    return b"\x93NUMPY\x02\x00" + struct.pack("<I", len(header) + 1) + header + b"\n" + values


def mutated_zip(content: bytes, chance: random.Random) -> bytes:
    """Damage a zip: a member by its kind, or a field of a record, by which the parts of an archive find each other."""
    if chance.randrange(2):
        return _rezipped(content, chance)
    data = bytearray(content)
    magic, fields = chance.choice((
        (b"PK\x01\x02", ((4, 2), (6, 2), (8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2), (42, 4))),
        (b"PK\x03\x04", ((4, 2), (6, 2), (8, 2), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2))),
        (b"PK\x05\x06", ((4, 2), (6, 2), (8, 2), (10, 2), (12, 4), (16, 4), (20, 2))),
    ))  # fmt: skip
    places = [place for place in range(len(data)) if data.startswith(magic, place)]
    if not places:
        return mutated(content, chance)
    place = chance.choice(places)
    offset, size = chance.choice(fields)
    number = chance.choice((0, 1, 2, 8, 9, 12, 14, 20, 63, 93, 255, 0x800, 0xFFFF, 0xFFFFFFFF, chance.getrandbits(32)))
    data[place + offset : place + offset + size] = (number & (2 ** (8 * size) - 1)).to_bytes(size, "little")
    if magic != b"PK\x05\x06" and chance.randrange(3) == 0:  # the name, in its own length
        start = place + (46 if magic == b"PK\x01\x02" else 30)
        name = chance.choice(NAMES)
        data[start : start + len(name)] = name
    return bytes(data)


def _rezipped(content: bytes, chance: random.Random) -> bytes:
    """Pack the members anew, one of them damaged, renamed, repeated, left out or of another program's making."""
    file = io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    except (zipfile.BadZipFile, OSError, ValueError, zlib.error):
        return mutated(content, chance)
    at, kind = chance.randrange(len(members) or 1), chance.randrange(5)
    name, body = members[at] if members else ("x", b"")
    if kind <= 1:
        members[at : at + 1] = [(name, damaged(body, chance))]
    elif kind == 2:
        members[at : at + 1] = [(chance.choice(NAMES).decode("utf-8", "replace"), body)]
    elif kind == 3:
        members.insert(at, (name, chance.choice(STRANGERS)))
    else:
        del members[at:]
    method = chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    method = method if chance.randrange(3) == 0 else zipfile.ZIP_STORED
    # Python warns of names that come twice, as they are to here.
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(file, "w", method) as archive:
        for name, body in members:
            archive.writestr(zipfile.ZipInfo(name or "x"), body)
    return file.getvalue()


def mutated_tar(content: bytes, chance: random.Random) -> bytes:
    """Damage a member of a tar, or its header, whose checksum stays right."""
    data = bytearray(content)
    places = [place for place in range(0, len(data), 512) if data[place + 257 : place + 262] == b"ustar"]
    if not places:
        return mutated(content, chance)
    place, kind = chance.choice(places), chance.randrange(6)
    if kind == 0:
        data[place : place + 100] = chance.choice(NAMES)[:100].ljust(100, b"\0")
    elif kind == 1:
        data[place + 124 : place + 136] = chance.choice(
            (b"77777777777\0", b"-0000000001\0", b"\xff" * 12, b"\x80" + b"\xff" * 11, b"0" * 12)
        )
    elif kind == 2:
        data[place + 156] = chance.choice(b"0123456789gxLKSVDMN\0\xff")
    elif kind == 3:
        data[place + chance.randrange(512)] = chance.randrange(256)
    elif kind == 4:
        data[place + 512 : place + 1024] = mutated(bytes(data[place + 512 : place + 1024]), chance)[:512].ljust(
            512, b"\0"
        )
    else:
        del data[place + 512 * chance.randrange(3) :]
    total = sum(data[place : place + 148]) + 256 + sum(data[place + 156 : place + 512])
    data[place + 148 : place + 156] = b"%06o\0 " % total
    return bytes(data)


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Damage a file: blindly, by its kind, packed, or with a stranger in its place."""
    kind = chance.randrange(20)
    if kind == 0:
        return chance.choice(STRANGERS)
    if kind == 1:
        return within_packing(content, chance, damaged)
    if kind <= 8:
        return mutated(content, chance)
    return of_its_kind(content, chance)


def of_its_kind(content: bytes, chance: random.Random) -> bytes:
    """Damage a file by what its first bytes say that it is."""
    if content[:2] in (b"\x1f\x8b", b"BZ", b"\xfd7"):
        return within_packing(content, chance, damaged)
    if content[257:262] == b"ustar":
        return mutated_tar(content, chance)
    kinds = ((b"PK", mutated_zip), (b"\0\0", mutated_idx), (b"\x93NUMPY", mutated_npy), (b"\x89PNG", mutated_png))
    for magic, mutation in kinds:
        if content.startswith(magic):
            return mutation(content, chance)
    return mutated_text(content, chance) if b"\0" not in content[:1_000] else mutated(content, chance)
