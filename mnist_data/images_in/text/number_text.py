"""Compiled loops that read the numbers of a text, and the cells of a table.

Libraries that read CSV build a column at a time; an image has 784 of them, and its pixels are wanted row by row. One
pass over the bytes takes a tenth of the time.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mnist_data.compiled import compiled
from mnist_data.images_in.text.reader import CELLS, LABEL, NO_NUMBER, SKIPPED, TEXT_LABEL, UNFINISHED, Bytes

# How far a number is read.
NONE, EXACT, ODD = 0, 1, 2

TAB, LF, CR, SPACE, QUOTE, BACKSLASH = 9, 10, 13, 32, 34, 92

MOST_DIGITS, MOST_EXPONENT, MOST_EXACT = 18, 9_999, 1 << 53

POWERS = 10.0 ** np.arange(23)
"""Powers of ten that float64 holds exactly."""

Stop = tuple[int, int, int, int, int, int]
"""Rows read, bytes used, lines passed, why it stopped, in which column, and how many odd numbers there are."""


@compiled
def after_blanks(text: Bytes, at: int, delimiter: int) -> int:
    """Pass blanks; a tab is none where it is the delimiter."""
    while text[at] == SPACE or (text[at] == TAB and delimiter != TAB):
        at += 1
    return at


@compiled
def after_newline(text: Bytes, at: int) -> int:
    """Pass the end of a line, of one byte or two."""
    return at + (2 if text[at] == CR and at + 1 < len(text) and text[at + 1] == LF else 1)


@compiled
def is_quote(byte: int, quotes: int) -> bool:
    """Say whether a byte opens a quote. quotes: what does besides `"`; 0 for nothing, not for zero bytes."""
    return byte == QUOTE or (quotes != 0 and byte == quotes)


@compiled
def after_word(text: Bytes, at: int, delimiter: int, quotes: int) -> int:
    """Pass a cell of any text, quoted or not; gives the text's length where a quote has no end."""
    quote = text[at]
    if is_quote(quote, quotes):
        at += 1
        while at < len(text) and text[at] != quote:
            at += 2 if text[at] == BACKSLASH and quotes else 1
        at += 1
    while at < len(text) and text[at] != delimiter and text[at] != LF and text[at] != CR:
        if delimiter == SPACE and text[at] == TAB:
            break
        at += 1
    return min(at, len(text))


@compiled
def read_digits(text: Bytes, at: int, mantissa: int, digits: int) -> tuple[int, int, int]:
    """Go on with a number: its digits without the point, how many there are without leading zeros, where they end."""
    while 48 <= text[at] <= 57:
        if digits < MOST_DIGITS:
            mantissa = mantissa * 10 + (text[at] - 48)
        if mantissa:
            digits += 1
        at += 1
    return mantissa, digits, at


@compiled
def _exponent(text: Bytes, at: int) -> tuple[int, int]:
    """Read what follows the e of a number: the exponent and where it ends; one too large where there is none."""
    negative = text[at] == 45
    if negative or text[at] == 43:
        at += 1
    exponent, _, end = read_digits(text, at, 0, 0)
    if end == at:
        return MOST_EXPONENT + 1, end
    exponent = min(exponent, MOST_EXPONENT)
    return -exponent if negative else exponent, end


@compiled
def read_number(text: Bytes, at: int, decimal: int) -> tuple[float, int, int]:
    """Read a decimal number: its value, where it ends, and whether the value is exact.

    EXACT: float64's nearest, or near enough to it that float32 rounds both alike. ODD: Python must read it, for it has
    too many digits or too large an exponent. NONE: it is no number.
    """
    negative = text[at] == 45
    if negative or text[at] == 43:
        at += 1
    first = at
    mantissa, digits, at = read_digits(text, at, 0, 0)
    power, read = 0, at - first
    if text[at] == decimal:
        first = at + 1
        before = digits
        mantissa, digits, at = read_digits(text, first, mantissa, digits)
        read += at - first
        power = first - at if digits <= MOST_DIGITS else before - MOST_DIGITS
    if read == 0:
        return 0.0, at, NONE
    if text[at] == 69 or text[at] == 101:
        exponent, at = _exponent(text, at + 1)
        if exponent > MOST_EXPONENT:
            return 0.0, at, NONE
        power += exponent
    if digits > MOST_DIGITS or power < -22 or power > 22:
        return 0.0, at, ODD
    value = float(mantissa)
    if power:
        value = value * POWERS[power] if power > 0 else value / POWERS[-power]
        if mantissa > MOST_EXACT and np.float32(value * (1 - 2.0**-50)) != np.float32(value * (1 + 2.0**-50)):
            return 0.0, at, ODD
    return (-value if negative else value), at, EXACT


@compiled
def _number_cell(text: Bytes, at: int, delimiter: int, decimal: int, quotes: int) -> tuple[float, int, int, int, int]:
    """Read a number, quoted or not: its value, where the cell ends, how far it is read, and where its digits lie."""
    quote = text[at]
    if not is_quote(quote, quotes):
        value, end, how = read_number(text, at, decimal)
        return value, end, how, at, end
    begin = after_blanks(text, at + 1, delimiter)
    value, end, how = read_number(text, begin, decimal)
    at = after_blanks(text, end, delimiter)
    return value, at + 1, how if text[at] == quote else NONE, begin, end


@compiled
def _parse_row(
    text: Bytes,
    at: int,
    row: int,
    delimiter: int,
    decimal: int,
    quotes: int,
    places: npt.NDArray[np.int64],
    pixels: npt.NDArray[np.float64],
    labels: npt.NDArray[np.float64],
    words: npt.NDArray[np.int64],
    odd: npt.NDArray[np.int64],
    odds: int,
) -> tuple[int, int, int, int]:
    """Read one row: where it ends, what is wrong with it, in which column, and odd numbers."""
    for column in range(len(places)):
        place, begin = places[column], at
        if place >= 0:  # most cells by far are short numbers with nothing around them
            number, point = 0, at
            while 48 <= text[at] <= 57 and at - begin < MOST_DIGITS:
                number, at, point = number * 10 + (text[at] - 48), at + 1, at + 1
            digits = at - begin
            if text[at] == decimal:
                at = point = at + 1
                while 48 <= text[at] <= 57 and at - begin < MOST_DIGITS:
                    number, at, digits = number * 10 + (text[at] - 48), at + 1, digits + 1
            if digits and text[at] == delimiter and text[at + 1] > SPACE and number <= MOST_EXACT:
                pixels[row, place] = number / POWERS[at - point] if number and at > point else number
                at += 1
                continue
            at = begin
        if place in (SKIPPED, TEXT_LABEL):
            at = after_word(text, at, delimiter, quotes)
            if place == TEXT_LABEL:
                words[row, 0], words[row, 1] = begin, at
            if at >= len(text):
                return at, UNFINISHED, column, odds
        else:
            value, at, how, first, last = _number_cell(text, at, delimiter, decimal, quotes)
            if how == NONE:
                return at, NO_NUMBER, column, odds
            if how == ODD:
                odd[odds, 0], odd[odds, 1], odd[odds, 2], odd[odds, 3] = row, place, first, last
                odds += 1
            elif place == LABEL:
                labels[row] = value
            else:
                pixels[row, place] = value
        end = at
        at = after_blanks(text, at, delimiter)
        if text[at] == LF or text[at] == CR:
            return at, 0 if column == len(places) - 1 else CELLS, column + 1, odds
        if text[at] == delimiter and delimiter != SPACE:
            at = after_blanks(text, at + 1, delimiter)
        elif delimiter != SPACE or at == end:
            return at, NO_NUMBER, column, odds
    return at, CELLS, len(places), odds


@compiled
def parse_cells(
    text: Bytes,
    delimiter: int,
    decimal: int,
    quotes: int,
    places: npt.NDArray[np.int64],
    pixels: npt.NDArray[np.float64],
    labels: npt.NDArray[np.float64],
    words: npt.NDArray[np.int64],
    lines: npt.NDArray[np.int64],
    odd: npt.NDArray[np.int64],
) -> Stop:
    """Read rows of cells until the text ends or `lines` is full.

    text: ends with the end of a line. delimiter: a byte; a blank stands for any run of blanks. decimal: the byte of the
    decimal point. quotes: a byte that quotes besides `"`; 0 for none. places: (columns,), where each cell goes. pixels:
    (rows, pixels); labels: (rows,); words: (rows, 2), where a TEXT_LABEL begins and ends; lines: (rows,), how many
    lines come before each row; odd: (n, 4), row, place, begin and end of the numbers that Python must read.
    """
    at, line, row, odds = 0, 0, 0, 0
    while at < len(text) and row < len(lines) and odds + len(places) <= len(odd):
        before, lines[row] = at, line
        at = after_blanks(text, at, delimiter)
        if not (text[at] == LF or text[at] == CR):
            end, problem, column, odds = _parse_row(
                text, at, row, delimiter, decimal, quotes, places, pixels, labels, words, odd, odds
            )
            if problem:
                return row, before, line, problem, column, odds
            if places[0] < 0 or places[-1] < 0:  # a quoted word may have lines of its own
                for passed in range(at, end):
                    line += text[passed] == LF
            at, row = end, row + 1
        at, line = after_newline(text, at), line + 1
    return row, at, line, 0, 0, odds
