"""The Python calls are the command line: the same names, the same defaults, and neither replaces what exists."""

from __future__ import annotations

import inspect
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import typer
from PIL import Image, ImageDraw

import mnist_data
from mnist_data.cli import app
from mnist_data.errors import OutputExists
from mnist_data.idx.sample import write_sample
from mnist_data.parquet.dataset import Dataset

Cli = Callable[..., tuple[int, str, str]]

COMMANDS: Mapping[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
"""All commands, by name, from the command line itself."""

FORMER = Path(__file__).parents[2] / "fixtures/0.1.0"

OTHERWISE_NAMED = {"onnx": "export_onnx"}
"""Commands whose function has another name: `onnx` is a library's."""

COMMAND_LINE_ONLY = {"help", "json", "place"}
"""Parameters that only commands have: the two ways to print, and OUT as the last argument, which is `out` as well."""

PYTHON_ONLY = {"progress", "done"}
"""Parameters that only functions have: a terminal shows progress by itself, and a command prints each step."""

MISSING = inspect.Parameter.empty


def function_of(command: str) -> Callable[..., mnist_data.Result]:
    """Give the public function of a command."""
    function: Callable[..., mnist_data.Result] = getattr(mnist_data, OTHERWISE_NAMED.get(command, command))
    return function


def options_of(command: str) -> dict[str, Any]:
    """Give what a command takes: name as it is spelled on the command line -> default."""
    taken = {}
    for parameter in COMMANDS[command].params:
        spelled = next((name for name in parameter.opts if name.startswith("--")), str(parameter.name))
        taken[spelled.lstrip("-").replace("-", "_")] = MISSING if parameter.required else parameter.default
    return taken


def parameters_of(command: str) -> dict[str, Any]:
    """Give what a function takes: name -> default; `class_` is `class`, which Python keeps for itself."""
    return {
        name.rstrip("_"): taken.default for name, taken in inspect.signature(function_of(command)).parameters.items()
    }


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_and_its_function_take_the_same_by_the_same_names(command: str) -> None:
    """Whoever knows the command line knows the Python call, and nothing can be reached from one of them only."""
    options, parameters = options_of(command), parameters_of(command)

    assert set(options) - COMMAND_LINE_ONLY == set(parameters) - PYTHON_ONLY


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_and_its_function_have_the_same_defaults(command: str) -> None:
    """An `out` that may stand as the last argument is one that the function needs."""
    options, parameters = options_of(command), parameters_of(command)
    shared = set(options) & set(parameters)
    if "place" in options:
        shared.discard("out")
        assert parameters["out"] in ((None,) if command == "convert" else (MISSING,))

    assert {name: options[name] for name in shared} == {name: parameters[name] for name in shared}


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_worked_on_and_out_come_first_and_settings_by_keyword(command: str) -> None:
    """The arguments of the command in their order, then `out`."""
    arguments = [
        parameter.name
        for parameter in COMMANDS[command].params
        if parameter.param_type_name == "argument" and parameter.name != "place"
    ]
    signature = inspect.signature(function_of(command)).parameters.values()
    positional = [taken.name for taken in signature if taken.kind is not inspect.Parameter.KEYWORD_ONLY]

    assert positional == arguments + (["out"] if "out" in parameters_of(command) else [])


@pytest.mark.parametrize("command", [name for name in COMMANDS if "out" in options_of(name)])
def test_out_is_spelled_alike_everywhere(command: str) -> None:
    """-o and --out, whatever is written."""
    (out,) = (parameter for parameter in COMMANDS[command].params if "--out" in parameter.opts)

    assert sorted(out.opts) == ["--out", "-o"]


@pytest.mark.parametrize("command", [name for name in COMMANDS if "place" in options_of(name)])
def test_an_output_that_is_named_twice_or_not_at_all_is_refused(command_line: Cli, command: str) -> None:
    """Before anything is read: the sources need not even exist."""
    needed = [
        "x" for parameter in COMMANDS[command].params if parameter.param_type_name == "argument" and parameter.required
    ]
    needed = needed or ["x"]  # convert, whose source may be left out

    twice, _, both = command_line(command, *needed, "out", "--out", "other")
    never, _, none = command_line(command, *needed)

    assert (twice, never) == (2, 2)
    assert "named twice" in both
    assert "The output is missing" in none


WITHOUT_PAGE = {
    "explore",
    "decisions",
    "fetch",
    "convert",
    "export",
    "info",
    "show",
    "verify",
    "normalize",
    "split",
    "onnx",
}
"""Commands that make no page."""


def test_every_command_that_makes_a_page_asks_for_it_by_the_same_words() -> None:
    """--plot and --open, off by default; of a run the page is on, its last step, and explore is nothing but a page."""
    words = {command: {name: options_of(command).get(name) for name in ("plot", "open")} for command in COMMANDS}

    assert {command for command, taken in words.items() if taken["plot"] is not None} == set(COMMANDS) - WITHOUT_PAGE
    assert words.pop("explore")["open"] is True
    assert all(taken["open"] is (None if command in WITHOUT_PAGE else False) for command, taken in words.items())
    assert [command for command, taken in words.items() if taken["plot"]] == ["run"]


PAGES = {
    "stats": ("DIGITS",),
    "claims": ("DIGITS",),
    "diff": ("DIGITS", "DIGITS"),
    "clean": ("DIGITS", "OUT"),
    "augment": ("DIGITS", "OUT", "--copies", "1"),
    "corrupt": ("DIGITS", "OUT", "--corruption", "fog", "--severity", "2"),
    "prepare": ("PHOTO", "OUT"),
    "compare": ("MODELS", "LENET5", "--out", "OUT"),
    "predict": ("MODEL", "PHOTO", "--out", "OUT"),
    "explain": ("MODEL", "DIGITS", "OUT", "--id", "1500"),
}
"""Calls that take a second at most; what is written goes next to DIGITS, or to OUT."""


@pytest.mark.parametrize("command", PAGES)
def test_the_address_of_a_page_is_the_last_line_and_stands_in_json(
    command: str, digits: Dataset, tmp_path: Path, command_line: Cli
) -> None:
    """Absolute and percent-encoded, so that a terminal makes it a link, whatever the folder is called."""
    if command in ("predict", "explain"):
        pytest.importorskip("torch")
    folder = tmp_path / "meine Übung #1"
    folder.mkdir()
    shutil.copytree(digits.location, folder / "digits")
    shutil.copy(f"{digits.location}.manifest.json", folder / "digits.manifest.json")
    _draw_seven(folder / "photo.png")
    places = {
        "DIGITS": folder / "digits",
        "OUT": folder / "out",
        "PHOTO": folder / "photo.png",
        "MODELS": FORMER / "models",
        "MODEL": FORMER / "models/tiny.safetensors",
        "LENET5": FORMER / "models-lenet5",
    }
    words = [places.get(word, word) for word in PAGES[command]]

    code, out, err = command_line(command, *words, "--plot")
    again, printed, _ = command_line(command, *words, "--open", "--json", "--overwrite")

    assert (code, again) == (0, 0), err
    address = out.splitlines()[-1]
    assert address.startswith("file:///")
    assert "/meine%20%C3%9Cbung%20%231/" in address
    assert Path(unquote(urlsplit(address).path)).read_text(encoding="utf-8").startswith("<!doctype html>")
    assert json.loads(printed)["page_url"] == address


def _draw_seven(path: Path) -> None:
    image = Image.new("L", (120, 120), 255)
    ImageDraw.Draw(image).line([(35, 30), (85, 30), (55, 95)], fill=0, width=9)
    image.save(path)


@pytest.mark.parametrize(
    ("environment", "opened"), [({"BROWSER": "{folder}/browser %s", "DISPLAY": ""}, True), ({"DISPLAY": ""}, False)]
)
def test_a_page_is_opened_in_the_default_browser_and_without_a_display_the_command_goes_on(
    digits: Dataset, tmp_path: Path, environment: dict[str, str], opened: bool
) -> None:
    """In a process of its own, as the standard library looks for browsers once."""
    browser = tmp_path / "browser"
    browser.write_text('#!/bin/sh\necho "$1" >> "$(dirname "$0")/opened"\n')
    browser.chmod(0o755)
    known = {name: value for name, value in os.environ.items() if name not in ("BROWSER", "WAYLAND_DISPLAY")}
    known |= {name: value.format(folder=tmp_path) for name, value in environment.items()}
    words = ("claims", digits.location, "--out", tmp_path / "out", "--open")

    ended = subprocess.run(
        [sys.executable, "-m", "mnist_data", *map(str, words)], env=known, capture_output=True, text=True, check=True
    )

    address = (tmp_path / "out/dashboard.html").as_uri()
    assert ended.stdout.splitlines()[-1] == address
    assert ((tmp_path / "opened").read_text().split() == [address]) if opened else ("no display" in ended.stderr)


def inputs(command: str, dataset: Dataset, tmp_path: Path) -> dict[str, Any]:
    """Give something to work on for each command, by the names of its parameters."""
    models = FORMER / "models"
    known: dict[str, Any] = {
        "dataset": dataset,
        "images": dataset,
        "source": write_sample(tmp_path / "idx"),
        "name": "sample",
        "model": models / "tiny.safetensors",
        "photos": tmp_path / "photo.png",
        "a": models if command == "compare" else dataset,
        "b": FORMER / "models-lenet5" if command == "compare" else dataset,
    }
    Image.new("L", (40, 40), 255).save(known["photos"])
    parameters = inspect.signature(function_of(command)).parameters.values()
    named = [taken.name for taken in parameters if taken.kind is not inspect.Parameter.KEYWORD_ONLY]
    return {name: known[name] for name in named if name != "out"}


@pytest.mark.parametrize("command", [name for name in COMMANDS if "overwrite" in options_of(name)])
def test_no_function_replaces_what_exists(command: str, digits: Dataset, tmp_path: Path) -> None:
    """It refuses before its work, and what was there is as it was."""
    if command in ("train", "predict", "explain", "compress", "onnx"):
        pytest.importorskip("torch")
        pytest.importorskip("onnx")
    place = tmp_path / "place"
    out = place / "out.onnx" if command == "onnx" else place
    there = place / OCCUPIED.get(command, "mine.txt")
    place.mkdir()
    there.write_text("mine")

    with pytest.raises(OutputExists, match=str(out)):
        function_of(command)(**inputs(command, digits, tmp_path), **{"csv" if command == "decisions" else "out": out})

    assert [path.read_text() for path in place.rglob("*")] == ["mine"]


OCCUPIED = {"export": "train-images-idx3-ubyte", "onnx": "out.onnx"}
"""Files that stand in the way of commands which do not want a folder to themselves."""


def test_the_public_names_are_listed_and_cost_nothing_to_import() -> None:
    """`dir(mnist_data)` names them all, each can be had, and importing the package loads nothing heavy."""
    code = "import sys, mnist_data\nnames = dir(mnist_data)\n"
    code += "print([name for name in ('numpy', 'pandas', 'pyarrow', 'dask', 'torch', 'plotly') if name in sys.modules])"

    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert printed.strip() == "[]"
    assert {OTHERWISE_NAMED.get(name, name) for name in COMMANDS} <= set(dir(mnist_data)) == set(mnist_data.__all__)
    assert all(getattr(mnist_data, name) is not None for name in dir(mnist_data))
    with pytest.raises(AttributeError, match="no attribute 'clear'"):
        mnist_data.clear  # noqa: B018
