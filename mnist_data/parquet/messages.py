"""Sentences of a table that know what they are made of, so that a page can say them in another language.

A table holds the English sentence. Its template and the values in it lie in the attributes of the table, which its
Parquet file keeps: the columns are those of a table without.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import pandas as pd

ATTRIBUTE = "messages"
"""The attribute of a table that holds the parts of its sentences."""

DEEPEST = 8
"""Sentences within sentences, at most."""


@dataclass(frozen=True)
class Parts:
    """What a sentence is made of: a template as of `str.format`, and its fields, of which some are sentences.

    plural, number: the template for other numbers than 1, and the number, where it is about one. A list has its
    separator as its template.
    """

    template: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    plural: str = ""
    number: int = 1


class Message(str):
    """A sentence in English, which is a str like any other; `parts` says what it is made of."""

    parts: Parts

    @classmethod
    def of(cls, english: str, parts: Parts) -> Self:
        """Make the sentence; its parts are not looked at, since they may come out of a file."""
        made = cls(english)
        made.parts = parts
        return made


def mark(text: str) -> str:
    """Enter a text into the catalogues, which is translated later: one of a constant."""
    return text


def message(template: str, /, **values: object) -> Message:
    """Make a sentence. template: a constant, which a test looks up in the catalogues.

    >>> message("{split} has {count:,} samples.", split="train", count=60000)
    'train has 60,000 samples.'
    """
    return Message.of(template.format(**values), Parts(template, _plain(values)))


def plural_message(singular: str, plural: str, number: int, /, **values: object) -> Message:
    """Make a sentence about a number of things, which is among the values as `number`.

    >>> plural_message("{number} sample is blank.", "{number} samples are blank.", 2)
    '2 samples are blank.'
    """
    named = {"number": int(number), **values}
    english = (singular if number == 1 else plural).format(**named)
    return Message.of(english, Parts(singular, _plain(named), plural, int(number)))


def joined(parts: Sequence[str], separator: str = ", ") -> Message:
    """List texts, of which some are sentences. separator: ", " or "; ", which a page writes as its language does.

    >>> joined(["a", "b"])
    'a, b'
    """
    return Message.of(separator.join(parts), Parts(separator, {str(place): part for place, part in enumerate(parts)}))


def few(names: Sequence[str], shown: int = 5) -> Message:
    """List the first of many names, and say how many more there are, as `first_few` does.

    >>> few(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    first = joined(names[:shown])
    rest = len(names) - shown
    return message("{names} and {count:,} more", names=first, count=rest) if rest > 0 else first


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Give values that JSON knows: of NumPy's numbers Python's, of other objects their texts."""
    numbers = {name: value.item() if hasattr(value, "dtype") else value for name, value in values.items()}
    return {name: value if isinstance(value, str | int | float) else str(value) for name, value in numbers.items()}


def keep_messages(frame: pd.DataFrame, texts: Iterable[str]) -> pd.DataFrame:
    """Enter the parts of those texts that are Messages into the attributes of the table that holds them; give it."""
    kept = {**messages_of(frame), **{str(text): text for text in texts if isinstance(text, Message)}}
    if kept:
        frame.attrs[ATTRIBUTE] = [_record(sentence) for sentence in kept.values()]
    return frame


def messages_of(frame: pd.DataFrame) -> dict[str, Message]:
    """Give the sentences of a table whose parts are known, by what they say in English; none of a damaged record."""
    stored = frame.attrs.get(ATTRIBUTE)
    read = [_restored(record) for record in stored] if isinstance(stored, list) else []
    return {str(sentence): sentence for sentence in read if sentence is not None}


def _record(sentence: Message) -> dict[str, Any]:
    parts = sentence.parts
    values = {name: _record(value) if isinstance(value, Message) else value for name, value in parts.fields.items()}
    plural = {"plural": parts.plural, "number": parts.number} if parts.plural else {}
    return {"text": str(sentence), "template": parts.template, "values": values, **plural}


def _restored(record: Any, depth: int = 0) -> Message | None:
    """Give the sentence of a record, its values and templates as they are; None where it is not one of ours."""
    if not isinstance(record, dict) or not isinstance(record.get("values"), dict) or depth == DEEPEST:
        return None
    text, template = record.get("text"), record.get("template")
    plural, number = record.get("plural", ""), record.get("number", 1)
    if not all(isinstance(words, str) for words in (text, template, plural)) or not isinstance(number, int):
        return None
    values = {
        name: _restored(value, depth + 1) if isinstance(value, dict) else value
        for name, value in record["values"].items()
    }
    if not all(isinstance(value, str | int | float) for value in values.values()):
        return None
    return Message.of(str(text), Parts(str(template), values, plural, number))
