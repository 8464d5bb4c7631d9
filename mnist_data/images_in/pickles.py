"""Pickles: mnist.pkl.gz, CIFAR's batches, PyTorch's .pt. They are refused, with the lines that convert them."""

from __future__ import annotations

import pickletools
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

from mnist_data.errors import UnreadableInput
from mnist_data.images_in.stream import Form, ImageStream, Options, Source

EXPECTED = "images and labels in a form that is read without running code from the file"

WHY = "a pickle can run any code when it is loaded. If you trust it, convert it by"

OPCODES = 8
"""Opcodes at the beginning that must be a pickle's, in a protocol that has no mark of its own."""

CIFAR = re.compile(rb"data_batch|batch_label|fine_labels|coarse_labels")


def _recognises(source: Source) -> bool:
    return is_pickle(source.head) or _is_torch(source.path)


def is_pickle(head: bytes) -> bool:
    """Say whether bytes begin as a pickle does, of protocol 2 to 5 by its mark, of 0 and 1 by its first opcodes."""
    if head[:1] == b"\x80":
        return head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")
    if head[:1] not in b"(c]}" or not head[:1]:  # what a container, a tuple or a reconstructed array begins with
        return False
    names = []
    try:
        for opcode, _, _ in pickletools.genops(head):
            names.append(opcode.name)
            if len(names) == OPCODES:
                break
    except (ValueError, IndexError, KeyError, UnicodeDecodeError):
        return len(names) >= OPCODES - 2
    return names[-1:] == ["STOP"] or len(names) == OPCODES


def _is_torch(path: str) -> bool:
    """Say whether a file is what torch.save writes: a zip archive with a pickle in it."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.rsplit("/", 1)[-1] == "data.pkl" for name in archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False


def _streams(sources: Sequence[Source], _: Options) -> Sequence[ImageStream]:
    """Refuse them. Raises UnreadableInput, which says why and how to convert them."""
    batches = [source for source in sources if _is_batch(source)]
    source = (batches or sources)[0]
    several = f", and {len(sources) - 1:,} more pickles next to it" if len(sources) > 1 else ""
    lines = _lines(source, whole_folder=len(batches) > 1)
    raise UnreadableInput(source.path, f"a pickle{several}", EXPECTED, f"It is not read, since {WHY}:\n{lines}")


def _is_batch(source: Source) -> bool:
    return bool(CIFAR.search(source.head) or CIFAR.search(source.path.encode()))


def _lines(source: Source, *, whole_folder: bool) -> str:
    """Give the Python lines that make an .npz of it."""
    path = source.path
    if _is_torch(path) or path.lower().endswith((".pt", ".pth")):
        return (
            f"  import numpy; from torch import load; images, labels = load({path!r}, weights_only=True)[:2]\n"
            "  numpy.savez('converted.npz', images=images.numpy(), labels=labels.numpy())"
        )
    opened = f"gzip.open({path!r})" if path.lower().endswith(".gz") else f"open({path!r}, 'rb')"
    load = f"  import gzip, numpy, pickle; d = pickle.load({opened}, encoding='latin1')\n"
    if whole_folder:
        files = str(Path(path).parent / "data_batch_*")
        return (
            "  import glob, numpy, pickle; d = [pickle.load(open(name, 'rb'), encoding='latin1') for name in "
            f"sorted(glob.glob({files!r}))]\n"
            "  numpy.savez('converted.npz', images=numpy.concatenate([b['data'] for b in d]), "
            "labels=numpy.concatenate([b['labels'] for b in d]))"
        )
    if _is_batch(source):
        return load + "  numpy.savez('converted.npz', images=d['data'], labels=d.get('labels') or d['fine_labels'])"
    middle = "x_val=d[1][0], y_val=d[1][1], " if Path(path).name.startswith("mnist.pkl") else ""
    return load + (
        f"  numpy.savez('converted.npz', x_train=d[0][0], y_train=d[0][1], {middle}x_test=d[-1][0], y_test=d[-1][1])"
    )


FORM = Form("pickle", (".pkl", ".pickle", ".pt", ".pth"), _recognises, _streams)
