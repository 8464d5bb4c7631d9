"""The one reader of TOML, and that each kind of file goes through it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mnist_data.api.limits import named_values, require_threshold
from mnist_data.errors import MnistDataError, UnreadableInput, WrongUse
from pipelines.claims.claim import read_claims
from pipelines.networks.sweep import read_grid
from pipelines.settings.recipe import load_recipe
from pipelines.settings.run import read_config
from pipelines.settings.toml import DEEPEST, LARGEST, read_toml


def read_thresholds(path: Path) -> dict[str, float]:
    """Read what `mnist-data audit --threshold FILE` reads."""
    return named_values(path, "threshold", require_threshold)


READERS: dict[str, Callable[[Path], Any]] = {
    "run": read_config,
    "recipe": load_recipe,
    "thresholds": read_thresholds,
    "claims": read_claims,
    "sweep": read_grid,
}

DEEP = {
    "lists": "a = " + "[" * 2_000 + "]" * 2_000,
    "inline tables": "a = " + "{a = " * 2_000 + "1" + "}" * 2_000,
    "dotted keys": ".".join(["a"] * 2_000) + " = 1",
    "a table's name": "[" + ".".join(["a"] * 2_000) + "]\nb = 1",
    "the longest key": ".".join(["a"] * 100_000) + " = 1",
    "keys in quotes": "b = 1\n" + " . ".join(['"\\" =."', "'[='"] * 10_000) + " = [1, 2]",
}


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("shape", DEEP)
def test_tables_nested_without_end_are_refused(kind: str, shape: str, tmp_path: Path) -> None:
    """Two thousand levels are no traceback of two thousand lines, whatever the file is read for."""
    path = tmp_path / "deep.toml"
    path.write_text(DEEP[shape])

    with pytest.raises(UnreadableInput, match=rf"deep.toml: .*nested more than {DEEPEST} deep; expected fewer"):
        READERS[kind](path)


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a = 'caf\xe9'", "byte 8 is not UTF-8"),
        (b"\xff\xfea\x00", "byte 0 is not UTF-8"),
        (b"[clean", "at end of document"),
        (b"a = 1\na = 2", "Cannot overwrite a value"),
        (b"a = " + b"9" * 5_000, "digits"),
        (b"a = 1\x00", "a TOML file"),
    ],
)
def test_what_is_no_toml_is_refused_with_the_files_name(kind: str, content: bytes, words: str, tmp_path: Path) -> None:
    """And with where an example stands."""
    path = tmp_path / "bad.toml"
    path.write_bytes(content)

    with pytest.raises(UnreadableInput) as refused:
        READERS[kind](path)

    assert str(refused.value).startswith(f"{path}: ")
    assert words in str(refused.value)
    assert "See docs/" in str(refused.value)


def test_a_file_of_any_length_is_read_or_refused_at_once(tmp_path: Path) -> None:
    """A long text, name, comment, list of numbers or row of tables takes no second."""
    path = tmp_path / "long.toml"
    texts = {"text": 'a = "%s"' % ("a" * 200_000), "name": "a" * 200_000 + " = 1", "comment": "#" + "a." * 100_000}
    texts |= {"list": f"a = [{'0.5, ' * 50_000}]", "tables": "".join(f"[a{n}]\n" for n in range(30_000))}
    for name, text in {**texts, "too long": "# " + "a" * LARGEST}.items():
        path.write_text(text)
        begin = time.process_time()

        with pytest.raises(MnistDataError, match="at most 262,144" if name == "too long" else "long.toml"):
            load_recipe(path)

        assert time.process_time() - begin < 1, name


@pytest.mark.parametrize("kind", READERS)
def test_a_missing_file_and_a_folder_are_named(kind: str, tmp_path: Path) -> None:
    """With what was expected there."""
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(MnistDataError) as refused:
            READERS[kind](path)
        assert str(path) in str(refused.value)
        assert "TOML file" in str(refused.value)


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("run", "[augment]\ncopies = 0", "augment.copies is 0; it must be a whole number from 1 to 10000"),
        ("run", "[augment]\ncopys = 2", "[augment]: there is no setting 'copys'. Did you mean 'copies'"),
        ("run", "augment = 2", "augment is 2; it must be a table, [augment]"),
        ("run", "out = 2", "out is 2; it must be a text"),
        ("recipe", "rotation = [1, 400]", "rotation.range is 400; it must be a number from -180 to 180"),
        ("recipe", "preset = ['heavy']", "there is no preset"),
        ("thresholds", "[thresholds]\nblurred = 'x'", "[thresholds]: blurred is 'x'; it must be a number"),
        ("thresholds", "[thresholds]\nbluured = 1", "'bluured'. Did you mean 'blurred'"),
        ("thresholds", "[threshold]\nblank = 1", "there is no table 'threshold'. Did you mean 'thresholds'"),
        ("claims", "[[claim]]\ntext = 'a'\nsource = 'b'\ntest = 'x'", "claim 1: there is no test 'x'"),
        ("claims", "[[claim]]\ntext = 3\nsource = 'b'\ntest = 'x'", "claim 1: text is 3; it must be a text"),
        ("sweep", "epochs = [1, 0]", "train.epochs is 0; it must be a whole number from 1 to 10000"),
        ("sweep", "epoch = [1]", "there is no setting 'epoch'. Did you mean 'epochs'"),
    ],
)
def test_a_wrong_entry_is_named_with_its_file_and_what_it_can_be(
    kind: str, text: str, words: str, tmp_path: Path
) -> None:
    """File, table, key, what was found, what was expected."""
    path = tmp_path / "mine.toml"
    path.write_text(text)

    with pytest.raises(WrongUse) as refused:
        READERS[kind](path)

    assert str(refused.value).startswith(str(path))
    assert words in str(refused.value)


def test_a_byte_order_mark_is_no_obstacle(tmp_path: Path) -> None:
    """Editors on Windows write one."""
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xef\xbb\xbfa = '\xe2\x80\xa6'")

    assert read_toml(path, "") == {"a": "…"}


def test_tables_as_deep_as_allowed_are_read(tmp_path: Path) -> None:
    """One level more is refused."""
    path = tmp_path / "mine.toml"
    for levels, refused in ((DEEPEST - 1, False), (DEEPEST, True)):
        path.write_text(f"a = {'[' * levels}{']' * levels}")
        if refused:
            with pytest.raises(UnreadableInput, match="nested"):
                read_toml(path, "")
        else:
            assert read_toml(path, "")["a"] is not None


def test_a_value_out_of_all_measure_is_shortened_in_the_message(tmp_path: Path) -> None:
    """A megabyte of text does not become a megabyte of error."""
    path = tmp_path / "run.toml"
    path.write_text(f"[augment]\ncopies = '{'x' * 200_000}'\n")

    with pytest.raises(WrongUse, match="augment.copies is 'xxx") as refused:
        read_config(path)
    assert len(str(refused.value)) < 600
