"""The language of a page: texts are looked up in a gettext catalogue while the page is built.

English is what the code says; every other language has a catalogue in `dashboards/locale`, in which a test looks for
each text. The language is a context variable, set for the building of one page, so that a server or a notebook may
build pages in several languages at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from mnist_data.errors import unknown_name
from mnist_data.parquet.messages import Message, messages_of
from mnist_data.parquet.messages import mark as mark  # for whoever calls tr

if TYPE_CHECKING:
    import pandas as pd

ENGLISH = "en"

LANGUAGES: Mapping[str, str] = {ENGLISH: "English", "zh": "中文"}
"""The languages of pages, as `<html lang>` has them, each by its own name."""

DOMAIN = "pages"
"""The name of the catalogues' files."""

_LANGUAGE: ContextVar[str] = ContextVar("language", default=ENGLISH)


def require_language(lang: str) -> str:
    """Give the language, as in "en" or "zh". Raises WrongUse, with the list, for one that pages cannot be in."""
    if lang not in LANGUAGES:
        raise unknown_name("language", lang, LANGUAGES)
    return lang


@contextmanager
def in_language(lang: str) -> Iterator[None]:
    """Build pages in a language. Raises WrongUse for one that pages cannot be in."""
    token = _LANGUAGE.set(require_language(lang))
    try:
        yield
    finally:
        _LANGUAGE.reset(token)


def current_language() -> str:
    """Give the language that pages are built in at this place."""
    return _LANGUAGE.get()


def tr(text: str, /, **values: Any) -> str:
    """Give a text in the page's language, and fill in its placeholders, as `str.format` does.

    >>> tr("{count:,} samples of {split}", count=70000, split="train")
    '70,000 samples of train'
    """
    translated = _catalogue(_LANGUAGE.get()).gettext(text) if text else text  # "" is the catalogue's head
    return translated.format(**values) if values else translated


def trn(singular: str, plural: str, number: int, /, **values: Any) -> str:
    """Give the text for a number of things in the page's language, and fill in its placeholders.

    >>> trn("{number} class", "{number} classes", 1, number=1), trn("{number} class", "{number} classes", 2, number=2)
    ('1 class', '2 classes')
    """
    translated = _catalogue(_LANGUAGE.get()).ngettext(singular, plural, number)
    return translated.format(**values) if values else translated


@cache
def _catalogue(lang: str) -> NullTranslations:
    if lang == ENGLISH:
        return NullTranslations()
    with files("dashboards").joinpath("locale", lang, "LC_MESSAGES", f"{DOMAIN}.mo").open("rb") as file:
        return GNUTranslations(file)


def say(text: str) -> str:
    """Give a sentence in the page's language, with its values; a text that is no Message stays as it is.

    Only a catalogue's template is filled in: that of the sentence may come out of a file.
    """
    if not isinstance(text, Message):
        return text
    parts, catalogue = text.parts, _catalogue(_LANGUAGE.get())
    template = parts.template
    if parts.plural:
        template = catalogue.ngettext(parts.template, parts.plural, parts.number)
    if template in (parts.template, parts.plural):  # the two forms of a constant are entered one by one
        template = catalogue.gettext(template) if template else ""
    if template in ("", parts.template, parts.plural):
        return str(text)
    fields = {name: say(value) if isinstance(value, str) else value for name, value in parts.fields.items()}
    try:
        return template.format(**fields) if "{" in template or not fields else template.join(map(str, fields.values()))
    except (LookupError, ValueError, TypeError, AttributeError):  # values that are not this sentence's
        return str(text)


def sentences(frame: pd.DataFrame) -> Callable[[object], str]:
    """Give the function that says the texts of a table in the page's language, where it is known how."""
    known = messages_of(frame)
    return lambda text: say(known.get(str(text), str(text)))
