"""Philox4x64-10: random numbers that are a function of where they are used, not of what was drawn before.

Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3 (SC'11). A counter is enciphered under a key;
here the key is (seed, stream) and the counter (sample id, copy, block, 0), so a draw depends on nothing else.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Integers
from pipelines.kernels import compiled

M0, M1 = np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157)
W0, W1 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBB67AE8584CAA73B)
LOW, HALF = np.uint64(0xFFFFFFFF), np.uint64(32)
ROUNDS = 10


def uniforms(seed: int, stream: int, ids: Integers, copies: Integers, count: int) -> npt.NDArray[np.float64]:
    """Draw `count` numbers from [0, 1) for each sample and copy: (n, count) float64.

    ids, copies: (n,). Row i is a function of (seed, stream, ids[i], copies[i]) alone; number k of it does not change
    with `count`.
    """
    blocks = -(-count // 4)
    words = np.empty((len(ids), blocks, 4), np.uint64)
    fill(np.uint64(seed), np.uint64(stream), ids.astype(np.uint64), copies.astype(np.uint64), words)
    # 53 bits fill a float64's fraction, as NumPy's generators do it.
    return ((words.reshape(len(ids), blocks * 4)[:, :count] >> np.uint64(11)) * 2.0**-53).astype(np.float64)


@compiled
def high(left: Any, right: Any) -> Any:
    """Multiply two 64-bit numbers and give the upper 64 bits of the product."""
    left_low, left_high = left & LOW, left >> HALF
    right_low, right_high = right & LOW, right >> HALF
    middle = left_high * right_low + ((left_low * right_low) >> HALF)
    lower = left_low * right_high + (middle & LOW)
    return left_high * right_high + (middle >> HALF) + (lower >> HALF)


@compiled
def block(seed: Any, stream: Any, first: Any, second: Any, third: Any) -> Any:
    """Encipher the counter (first, second, third, 0) under the key (seed, stream): four 64-bit words."""
    c0, c1, c2, c3 = first, second, third, np.uint64(0)
    for _ in range(ROUNDS):
        high0, low0 = high(M0, c0), M0 * c0
        high1, low1 = high(M1, c2), M1 * c2
        c0, c1, c2, c3 = high1 ^ c1 ^ seed, low1, high0 ^ c3 ^ stream, low0
        seed += W0
        stream += W1
    return c0, c1, c2, c3


@compiled
def fill(seed: Any, stream: Any, ids: Any, copies: Any, words: npt.NDArray[np.uint64]) -> None:
    """Fill words, (n, blocks, 4), block by block."""
    for row in range(words.shape[0]):
        for number in range(words.shape[1]):
            c0, c1, c2, c3 = block(seed, stream, ids[row], copies[row], np.uint64(number))
            words[row, number, 0], words[row, number, 1] = c0, c1
            words[row, number, 2], words[row, number, 3] = c2, c3
