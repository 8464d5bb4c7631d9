"""A compiled loop that reads sparse rows: LIBSVM's `7 155:3 156:18`, or ARFF's `{154 3, 155 18, 784 7}`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mnist_data.compiled import compiled
from mnist_data.images_in.text.number_text import (
    BACKSLASH,
    CR,
    EXACT,
    LF,
    NONE,
    ODD,
    QUOTE,
    SPACE,
    TAB,
    Stop,
    after_blanks,
    after_newline,
    after_word,
    read_digits,
    read_number,
)
from mnist_data.images_in.text.reader import NO_NUMBER, ORDER, OUTSIDE, SKIPPED, UNFINISHED, Bytes

SHARP, PERCENT, APOSTROPHE, COMMA, COLON, OPEN, CLOSED = 35, 37, 39, 44, 58, 123, 125

MOST_INDEX_DIGITS = 9

MOST_INDEX = 1 << 20
"""A larger index than any image has that people write as text."""


@compiled
def _after_line(text: Bytes, at: int) -> int:
    while text[at] != LF and text[at] != CR:
        at += 1
    return after_newline(text, at)


@compiled
def _after_value(text: Bytes, at: int) -> int:
    """Pass a word in braces, quoted or not; gives the text's length where a quote has no end."""
    quote = text[at]
    if quote in (QUOTE, APOSTROPHE):
        at += 1
        while at < len(text) and text[at] != quote:
            at += 2 if text[at] == BACKSLASH else 1
        at += 1
    while at < len(text) and text[at] not in (COMMA, CLOSED, LF, CR):
        at += 1
    return min(at, len(text))


@compiled
def _parse_row(
    text: Bytes,
    at: int,
    row: int,
    braces: bool,
    places: npt.NDArray[np.int64],
    pixels: npt.NDArray[np.float64],
    words: npt.NDArray[np.int64],
    odd: npt.NDArray[np.int64],
    odds: int,
    seen: npt.NDArray[np.float64],
) -> tuple[int, int, int, int]:
    """Read the pairs of one row: where they end, what is wrong, after which index, and odd numbers."""
    before = -1
    while True:
        while text[at] == SPACE or text[at] == TAB or (braces and text[at] == COMMA):
            at += 1
        if text[at] in (LF, CR, SHARP, CLOSED):
            return at, 0, before, odds
        index, _, end = read_digits(text, at, 0, 0)
        separated = text[end] == SPACE or text[end] == TAB if braces else text[end] == COLON
        if end == at or end - at > MOST_INDEX_DIGITS or not separated:
            return at, NO_NUMBER, before, odds
        if index <= before:
            return at, ORDER, index, odds
        if index > MOST_INDEX or (len(places) and index >= len(places)):
            return at, OUTSIDE, index, odds
        at = after_blanks(text, end, SPACE) if braces else end + 1
        before, seen[0], seen[1] = index, min(seen[0], index), max(seen[1], index)
        place = places[index] if len(places) else SKIPPED
        if braces and place < 0:
            begin, at = at, _after_value(text, at)
            if at == len(text):
                return at, UNFINISHED, index, odds
            if place != SKIPPED:
                words[row, 0], words[row, 1] = begin, at
            continue
        value, end, how = read_number(text, at, 46)
        if how == NONE:
            return at, NO_NUMBER, index, odds
        if how == ODD and place >= 0:
            odd[odds, 0], odd[odds, 1], odd[odds, 2], odd[odds, 3] = row, place, at, end
            odds += 1
        elif place >= 0:
            pixels[row, place] = value
        seen[2], seen[3] = min(seen[2], value), max(seen[3], value)
        if how == ODD or value != np.floor(value):
            seen[4] = 1
        if text[end] not in (SPACE, TAB, COMMA, LF, CR, SHARP, CLOSED):
            return at, NO_NUMBER, index, odds
        at = end


@compiled
def parse_pairs(
    text: Bytes,
    braces: bool,
    places: npt.NDArray[np.int64],
    pixels: npt.NDArray[np.float64],
    labels: npt.NDArray[np.float64],
    words: npt.NDArray[np.int64],
    lines: npt.NDArray[np.int64],
    odd: npt.NDArray[np.int64],
    seen: npt.NDArray[np.float64],
) -> Stop:
    """Read sparse rows until the text ends or `lines` is full.

    The arguments are those of `parse_cells`, but for these. braces: ARFF's rows; else LIBSVM's, which begin with the
    label. places: where the value of each index goes; empty to look at labels and indices only. words: (rows, 2), where
    ARFF's label begins and ends; left as it is where a row has none. seen: (5,), widened to the smallest and the
    largest index and value, and to 1 where a value is no integer.
    """
    at, line, row, odds = 0, 0, 0, 0
    while at < len(text) and row < len(lines) and (row == 0 or odds + len(places) <= len(odd)):
        before, lines[row] = at, line
        at = after_blanks(text, at, SPACE)
        if text[at] in (LF, CR, SHARP) or (braces and text[at] == PERCENT):
            at, line = _after_line(text, at), line + 1
            continue
        if braces:
            if text[at] != OPEN:
                return row, before, line, NO_NUMBER, -1, odds
            at += 1
        else:
            labels[row], at, how = read_number(text, at, 46)
            if how != EXACT or text[at] not in (SPACE, TAB, LF, CR, SHARP):
                return row, before, line, NO_NUMBER, -1, odds
            at = after_blanks(text, at, SPACE)
            if text[at] == 113:  # qid:7, the group of a ranking
                at = after_word(text, at, SPACE, 0)
        pixels[row] = 0
        end, problem, index, odds = _parse_row(text, at, row, braces, places, pixels, words, odd, odds, seen)
        if problem == 0 and braces and text[end] != CLOSED:
            problem = NO_NUMBER
        if problem:
            return row, before, line, problem, index, odds
        at, line, row = _after_line(text, end), line + 1, row + 1
    return row, at, line, 0, 0, odds
