"""Writes the generated pages: docs/commands.md from each command's --help, docs/api.md from signatures and docstrings.

Run it by `make docs`; `tests/test_documents.py` fails where a page is not what it would write.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import typer

import mnist_data
from mnist_data.cli import app

HERE = Path(__file__).parent
WIDTH = 100

COMMANDS = """# Commands

What `mnist-data COMMAND --help` prints, in the order of `mnist-data --help`. Made by `make docs`; do not edit.
"""

API = """# Python

Every public name of `mnist_data`; nothing else is public. Made by `make docs`; do not edit.

For each command there is a function of its name (`export_onnx` for the command `onnx`), whose keyword arguments are the
command's options, with the same defaults; the others are for pandas, NumPy and PyTorch. What many have in common:

| argument | meaning |
| --- | --- |
| a dataset, model or other source | a path, an fsspec URL (`s3://…`), a `Dataset`, or the `Result` of another call |
| `out` | where to write: a folder, file or URL |
| `overwrite` | replace what exists; otherwise `OutputExists` is raised before any work |
| `workers` | that many processes on this machine; `None`: threads, one a core; 0: this thread alone |
| `scheduler` | the address of a running Dask cluster, as in `tcp://host:8786` |
| `progress` | `True`: show progress on stderr; `False`: never; `None`: on a terminal and in a notebook |
| `plot` | also write a page of figures and samples; the result's `page` names it, and `page_url` is its address |
| `open` | write the page, and open it in the browser; without a display a warning says so |
| `lang` | the language of the page: `"en"`, or `"zh"` for Chinese; tables and what is printed stay English |
| `fail_if` | the highest values allowed, by name: a mapping, texts as `"name=0.5"`, or a TOML file with `[fail-if]` |
"""


def commands_page() -> str:
    """Write what every command's --help prints."""
    group = typer.main.get_command(app)
    parts = [COMMANDS]
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        parent = typer.Context(group, info_name="mnist-data")
        context = typer.Context(command, parent=parent, info_name=name, terminal_width=WIDTH, max_content_width=WIDTH)
        parts.append(f"## {name}\n\n```\n{command.get_help(context).strip()}\n```\n")
    return "\n".join(parts)


def api_page() -> str:
    """Write the signature and the docstring of every public name."""
    names = [name for name in mnist_data.__all__ if not name.startswith("_")]
    return "\n".join([API, *(_entry(name, getattr(mnist_data, name)) for name in sorted(names, key=str.lower))])


def _entry(name: str, thing: object) -> str:
    text = inspect.getdoc(thing) or ""
    if inspect.ismodule(thing):
        members = [(member, inspect.getdoc(getattr(thing, member)) or "") for member in thing.__all__]
        rows = "\n".join(f"| `{name}.{member}` | {words.splitlines()[0]} |" for member, words in members)
        return f"## {name}\n\n{text}\n\n| name | |\n| --- | --- |\n{rows}\n"
    if inspect.isclass(thing):
        return f"## {name}\n\n{text}\n"
    signature = inspect.signature(thing)  # type: ignore[arg-type]
    lines = [_parameter(parameter, thing) for parameter in signature.parameters.values()]
    kinds = [parameter.kind for parameter in signature.parameters.values()]
    if inspect.Parameter.KEYWORD_ONLY in kinds:
        lines.insert(kinds.index(inspect.Parameter.KEYWORD_ONLY), "*")
    listed = "".join(f"    {line},\n" for line in lines)
    return f"## {name}\n\n```python\n{name}(\n{listed}) -> {signature.return_annotation}\n```\n\n{text}\n"


def _parameter(parameter: inspect.Parameter, function: Any) -> str:
    """Write one parameter, with the choices of its type in full."""

    def in_full(name: re.Match[str]) -> str:
        kind = function.__globals__.get(name[0])
        choices = ", ".join(f'"{choice}"' for choice in get_args(kind))
        return f"Literal[{choices}]" if get_origin(kind) is Literal else name[0]

    written = f"{parameter.name}: {re.sub(r'[A-Za-z]+', in_full, str(parameter.annotation))}"
    if parameter.default is inspect.Parameter.empty:
        return written
    default = f'"{parameter.default}"' if isinstance(parameter.default, str) else repr(parameter.default)
    return f"{written} = {default}"


def main() -> None:
    """Write both pages."""
    (HERE / "commands.md").write_text(commands_page(), encoding="utf-8")
    (HERE / "api.md").write_text(api_page(), encoding="utf-8")


if __name__ == "__main__":
    main()
