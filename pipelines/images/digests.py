"""Digests: short hashes by which equal images are found without keeping the pixels."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Images, Integers

Digests = npt.NDArray[np.uint64]
"""(n, 2) uint64: the 128 bits of each sample's BLAKE2b, of its type, its shape and its pixels."""


def varied(flat: Images) -> npt.NDArray[np.bool_]:
    """Say which samples, (n, pixels), are finite and not constant: only these can be duplicates of each other."""
    return np.asarray((flat != flat[:, :1]).any(axis=1) & np.isfinite(flat).all(axis=1))


def digest(images: Images) -> Digests:
    """Digest each image, (n, ...): equal where type, shape and all pixels are."""
    prefix = hashlib.blake2b(f"{images.dtype.name} {images.shape[1:]}".encode(), digest_size=16)
    # Adding 0 turns -0 into 0, which is the same pixel in other bytes.
    pixels = np.ascontiguousarray(images + images.dtype.type(0) if images.dtype.kind == "f" else images)
    digests = []
    for image in pixels:
        hasher = prefix.copy()
        hasher.update(image.data)
        digests.append(hasher.digest())
    return np.frombuffer(b"".join(digests), np.uint64).reshape(-1, 2)


def first_with_same(digests: Digests, rank: Integers) -> Integers:
    """Give for each sample the position of the lowest-ranking one with the same digest, (n,) int64.

    rank: (n,), all different.
    """
    order = np.lexsort((rank, digests[:, 1], digests[:, 0]))
    ordered = digests[order]
    same = np.concatenate([[False], (ordered[1:] == ordered[:-1]).all(axis=1)])[: len(order)]
    # Each group begins at the last place before that does not repeat its predecessor.
    begins = np.maximum.accumulate(np.where(same, 0, np.arange(len(order))))
    first = np.empty(len(order), np.int64)
    first[order] = order[begins]
    return first
