"""What a file is that is not read: an error page, a pointer, a packed or a foreign format. Its first bytes decide."""

from __future__ import annotations

import re
from dataclasses import dataclass

AGAIN = "The download failed: fetch the file again."
SAVE = "Save its arrays by numpy.savez(FILE, images=…, labels=…), and give that file."
PICKLE = f"A pickle can run code when it is loaded. If you trust it, load it yourself: {SAVE.lower()}"


@dataclass(frozen=True)
class Unread:
    """What a file is, in words, and what to do."""

    what: str
    advice: str


TEXTS: tuple[tuple[str, Unread], ...] = (
    (r"version https://git-lfs", Unread("a Git LFS pointer, not the file itself", "Fetch it with: git lfs pull.")),
    (
        r".*\bAccessDenied\b",
        Unread("an error message of a store in XML (AccessDenied)", "The address asks for a login, or is gone."),
    ),
    (
        r".*<Code>\s*(NoSuchKey|NoSuchBucket|ExpiredToken|SlowDown)",
        Unread("an error message of a store in XML", "There is no such file at that address: check it."),
    ),
    (
        r".*(google drive.*(virus|quota)|virus scan warning|drive\.usercontent\.google|uc\?export=download)",
        Unread(
            "Google Drive's page about a large file, not the file itself",
            "Download it in a browser, or by: pip install gdown, then gdown FILE_ID.",
        ),
    ),
    (r"(<!doctype html|<html|.*<head\b|.*<body\b)", Unread("a web page", f"It looks like a web page: {AGAIN.lower()}")),
    (r"<\?xml|<\w+", Unread("XML, as error messages are", AGAIN)),
    (r"[\[{]\s*[\"\[{}\]]", Unread("JSON, as error messages are", "Look at what it says, and fetch the file again.")),
    (r"(404|403|429|5\d\d)\b|not found|access denied|forbidden|too many requests|rate limit", Unread(
        "an error message of a server", AGAIN)),
)  # fmt: skip
"""Patterns of the beginnings of text, what it is and what to do; the first that matches counts."""

BYTES: tuple[tuple[bytes, Unread], ...] = (
    (b"\x89PNG", Unread("a single image in PNG", "")),
    (b"\xff\xd8\xff", Unread("a single image in JPEG", "")),
    (b"GIF8", Unread("a single image in GIF", "")),
    (b"II*\0", Unread("a single image in TIFF", "")),
    (b"MM\0*", Unread("a single image in TIFF", "")),
    (b"\x89HDF\r\n", Unread("an HDF5 file", SAVE)),
    (b"MATLAB ", Unread("a MATLAB file", "Load it by scipy.io.loadmat: " + SAVE.lower())),
    (b"PAR1", Unread("a Parquet file of another make", SAVE)),
    (b"ARROW1", Unread("an Arrow file", SAVE)),
    (b"\x93NUMPY", Unread("a single array of NumPy", "Images and labels belong in one file: " + SAVE.lower())),
    (b"7z\xbc\xaf\x27\x1c", Unread("a 7z archive", "Unpack it, as by 7z x FILE, and give the folder.")),
    (b"Rar!\x1a\x07", Unread("a rar archive", "Unpack it, as by unrar x FILE, and give the folder.")),
    (b"LZIP", Unread("an lzip file", "Unpack it, as by lzip -d FILE.")),
    (b"\x1f\x9d", Unread("a file packed by compress (.Z)", "Unpack it, as by gzip -d FILE.")),
    (b"\x1f\xa0", Unread("a file packed by compress (.Z)", "Unpack it, as by gzip -d FILE.")),
    (b"\x02\x21\x4c\x18", Unread("an lz4 file of the old kind", "Unpack it, as by lz4 -d FILE.")),
    (b"\xff\x06\x00\x00sNaPpY", Unread("a snappy stream", "Unpack it, as by snzip -d FILE.")),
    (b"PK\x07\x08", Unread("a part of a split zip archive", "Join the parts: zip -s 0 FIRST.zip --out ALL.zip.")),
    (b"PK\x03\x04", Unread("a zip archive", "Unpack it and give the folder.")),
    (b"\xd0\xcf\x11\xe0", Unread("an Office document", "Save its table as CSV.")),
    (b"%PDF", Unread("a PDF document", "Save its images as PNG, and give their folder.")),
    (b"SQLite format 3", Unread("an SQLite database", "Save its table as CSV.")),
    (b"\x7fELF", Unread("a program", "Check which file it is.")),
    (b"MZ", Unread("a program of Windows", "If it is an archive that unpacks itself, run it and give the folder.")),
)  # fmt: skip
"""First bytes of what is not read, what it is and what to do."""

_IMAGE_ADVICE = "Give the folder of all images; mnist-data prepare takes photos and scans of digits."


def unread(head: bytes) -> Unread | None:
    """Say what a file is by its first decoded bytes, a few hundred or more; None for what is not known.

    >>> unread(b"<!DOCTYPE html><html>").what
    'a web page'
    >>> unread(bytes.fromhex("000008030000ea60")) is None
    True
    """
    if not head:
        return Unread("the file is empty", "Fetch it again.")
    if not head.strip(b"\0"):
        return Unread(
            "nothing but zero bytes, as a download leaves that was not completed", "Fetch the file again, whole."
        )
    for magic, known in BYTES:
        if head.startswith(magic):
            return Unread(known.what, known.advice or _IMAGE_ADVICE)
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return Unread("a pickle", PICKLE)
    if re.match(rb".{8}\{\s*\"[^\"]{1,200}\"\s*:", head, re.DOTALL):
        return Unread("a model's weights (.safetensors)", "Name images, not a model.")
    if re.match(rb"\x08[\x01-\x1f][\x12:]", head):
        return Unread("a model in ONNX", "Name images, not a model.")
    text = head[:4_096].decode("utf-8-sig", errors="replace").lstrip()
    return next((known for form, known in TEXTS if re.match(form, text, re.IGNORECASE | re.DOTALL)), None)
