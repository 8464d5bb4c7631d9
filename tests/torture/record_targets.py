"""Every kind of record that is attacked: how one is damaged with all that vouches for it, and what reads it."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mnist_data
from mnist_data.images_in.class_list import read_class_list
from mnist_data.parquet.corrections import read_corrections
from mnist_data.parquet.dataset import open_dataset
from mnist_data.parquet.decisions import read_decisions_file
from mnist_data.parquet.decisions_table import DECISIONS, Decision, to_table
from mnist_data.parquet.manifest import parse_manifest, read_manifest
from mnist_data.parquet.seal import UNSEALED, seal_file, sealed
from mnist_data.parquet.tables import KEY, SEAL_KEY, provenance, read_table, table_provenance
from pipelines.claims.claim import read_claims
from pipelines.networks.sweep import read_grid
from pipelines.run.file_checks import check_file
from pipelines.settings.recipe import load_recipe
from pipelines.settings.run import read_config
from tests.torture.mutations import mutated, mutated_text
from tests.torture.records import Target, altered, altered_json, altered_toml, written

FORMER = Path(__file__).parents[1] / "fixtures/0.1.0"
DOCS = Path(__file__).parents[2] / "docs"

RECIPE = """preset = "light"
elastic_sigma = 4.0
rotation = [-10, 10]
scale = {range = [0.9, 1.1], probability = 0.5}
shear = false
translate = [0, 0.1]
"""

GRID = """preset = "quick"
model = ["tiny", "small"]
learning_rate = [0.001, 0.002]
epochs = 2
recipe = "light"
seed = 1
"""


def targets(folder: Path) -> list[Target]:
    """Write one record of every kind, and list what damages and reads it."""
    for library in ("torch", "onnx", "onnxruntime"):
        pytest.importorskip(library)
    return [*_of_datasets(folder), *_of_tables(folder), *_of_decisions(folder), *_of_texts(folder), *_of_models(folder)]


def _of_datasets(folder: Path) -> Iterator[Target]:
    place = folder / "alone/split=train/part-00000.parquet"
    place.parent.mkdir(parents=True)
    table = pq.read_table(FORMER / "dataset/split=train/part-00000.parquet").slice(0, 3)
    yield Target("dataset", _metadata(table, place), lambda: open_dataset(folder / "alone"), str(place))
    shutil.copytree(FORMER / "dataset", folder / "whole")
    manifest = folder / "whole.manifest.json"
    content = (FORMER / "dataset.manifest.json").read_bytes()

    def vouched(chance: random.Random) -> bytes:
        values = json.loads(content)
        if chance.random() < 0.7:
            return altered_json(values, chance)
        values["metadata"] = altered(values["metadata"], chance)
        try:  # its hash is right, where it can be read at all
            return parse_manifest(json.dumps(values).encode(), "").to_json().encode()
        except Exception:  # noqa: BLE001  (what reads it then shows the fault)
            return json.dumps(values).encode()

    yield Target("manifest", written(manifest, vouched), lambda: read_manifest(folder / "whole"), str(manifest))


def _metadata(table: pa.Table, place: Path) -> Callable[[random.Random], None]:
    """Make the function that writes a table with damaged metadata and a right footer."""
    known = table.schema.metadata or {}

    def damage(chance: random.Random) -> None:
        key = chance.choice(list(known))
        metadata = {**known, key: altered_json(json.loads(known[key]), chance)}
        if chance.random() < 0.05:
            del metadata[chance.choice(list(known))]
        pq.write_table(table.replace_schema_metadata(metadata), place, compression="none")
        if chance.random() < 0.2:
            content = place.read_bytes()
            start = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
            place.write_bytes(content[:start] + mutated(content[start:], chance))

    return damage


def _of_tables(folder: Path) -> Iterator[Target]:
    names = {"audit": "audit/audit", "predictions": "predictions", "findings": "cleaned.cleaning"}
    for kind, name in names.items():
        table, place = _few(pq.read_table(FORMER / f"{name}.parquet").slice(0, 3)), folder / f"{kind}.parquet"
        for_pandas = pa.Table.from_pandas(table.to_pandas()).schema.metadata[b"pandas"]
        table = table.replace_schema_metadata({**(table.schema.metadata or {}), b"pandas": for_pandas})
        damage = _metadata(table, place)
        yield Target(f"table of {kind}", damage, lambda place=place: _read(place), str(place))  # type: ignore[misc]
    for ending, write in (("csv", _write_csv), ("parquet", _write_parquet)):
        place = folder / f"corrections.{ending}"
        damage = _decisions(place, write)
        yield Target(f"corrections as {ending}", damage, lambda place=place: read_corrections(place), str(place))  # type: ignore[misc]


def _of_decisions(folder: Path) -> Iterator[Target]:
    """List a file of decisions, altered and sealed again, as by somebody who knows how it is made."""
    place = folder / "of.decisions.parquet"
    sound = to_table(
        [
            Decision(
                id=7, decision="relabel", label=3, who="Ana", when=datetime.now(UTC), given=7, image="a", content="b"
            ),
            Decision(id=8, decision="keep", note="as it is", who="Bo", when=datetime.now(UTC), given=8),
            Decision(id=8, decision="undo", who="Bo", when=datetime.now(UTC), given=8),
        ]
    )

    def damage(chance: random.Random) -> None:
        columns: dict[str, Any] = {name: sound[name].to_pylist() for name in sound.column_names}
        kind = chance.randrange(4)
        table, metadata = sound, {KEY: json.dumps(provenance(DECISIONS, {}, {})).encode()}
        if kind == 0:
            metadata = {KEY: altered_json(json.loads(metadata[KEY]), chance)}
        elif kind == 1:  # of another type, name or number
            name = chance.choice(list(columns))
            strange = (None, -1, 2**63 - 1, 1.5, "", "x" * 20_000, True, b"\xff", [1], "relabel", "undo")
            table = table.drop_columns([name])
            if chance.random() < 0.8:
                table = table.append_column(chance.choice((name, name, "x")), pa.array([chance.choice(strange)] * 3))
        elif kind == 2:  # of the type, with another value
            name = chance.choice(list(columns))
            values = {pa.int64(): (None, -1, 2**63 - 1, -(2**63)), pa.string(): (None, "", "x" * 20_000, "undo", "\0")}
            place_of = table.column_names.index(name)
            drawn = chance.choice(values.get(table[name].type, (None, 2**62, -(2**62), 0)))
            table = table.set_column(place_of, name, pa.array([drawn] * 3, table[name].type))
        pq.write_table(table.replace_schema_metadata({**metadata, SEAL_KEY: UNSEALED}), place)
        seal_file(place)
        if kind == 3:
            place.write_bytes(mutated(place.read_bytes(), chance))

    yield Target("decisions", damage, lambda: read_decisions_file(str(place)), str(place))


def _few(table: pa.Table) -> pa.Table:
    """Give a dozen columns, some of each type and with gaps: only the time of a try depends on how many there are."""
    kinds: dict[tuple[pa.DataType, bool], list[str]] = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        kinds.setdefault((column.type, column.null_count > 0), []).append(name)
    return table.select([name for names in kinds.values() for name in names[:3]])


def _read(place: Path) -> None:
    table_provenance(str(place))
    read_table(str(place))


def _write_csv(place: Path, columns: dict[str, Any], chance: random.Random) -> None:
    lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    text = "\n".join(lines).encode(errors="replace")
    place.write_bytes(chance.choice((mutated_text, mutated, lambda content, _: content))(text, chance))


def _write_parquet(place: Path, columns: dict[str, Any], chance: random.Random) -> None:
    kinds = (None, pa.int64(), pa.uint64(), pa.float64(), pa.string(), pa.binary(), pa.bool_(), pa.list_(pa.int64()))
    arrays = []
    for values in columns.values():
        try:
            arrays.append(pa.array(values).cast(chance.choice(kinds) or pa.array(values).type))
        except (pa.ArrowException, OverflowError):
            arrays.append(pa.array([str(value).encode("utf-8", "replace") for value in values]))
    pq.write_table(pa.table(arrays, names=list(columns)), place)


def _decisions(
    place: Path, write: Callable[[Path, dict[str, Any], random.Random], None]
) -> Callable[[random.Random], None]:
    def damage(chance: random.Random) -> None:
        columns: dict[str, list[Any]] = {"id": [1, 2, 5], "label": [0, 1, 9]}
        if chance.random() < 0.5:
            columns |= {"is_label_error": [True, False, True], "suggested_label": [3, None, 4]}
        strange = (None, -1, 2**63 - 1, 2**64 - 1, 1.5, float("nan"), float("inf"), "", "x", True, "1e3", [1], 10**30)
        for _ in range(chance.choice((0, 1, 1, 2, 4))):
            name = chance.choice(list(columns))
            kind = chance.randrange(4)
            if kind <= 1:
                columns[name][chance.randrange(3)] = chance.choice(strange)
            elif kind == 2:
                columns[name] = [chance.choice(strange)] * 3
            elif len(columns) > 1:
                columns[chance.choice(("ID", "", "is_x", "label ", "a" * 3_000))] = columns.pop(name)
        write(place, columns, chance)

    return damage


def _of_texts(folder: Path) -> Iterator[Target]:
    settings = (DOCS / "settings.md").read_text("utf-8").split("```toml\n")[1].split("```")[0]
    claims = Path(mnist_data.__file__).parents[1].joinpath("pipelines/claims/mnist.toml").read_text("utf-8")
    texts: tuple[tuple[str, str, Callable[[Path], object]], ...] = (
        ("recipe", RECIPE, load_recipe),
        ("settings", settings, read_config),
        ("claims", claims, read_claims),
        ("sweep", GRID, read_grid),
    )
    for kind, text, reader in texts:
        place = folder / f"{kind}.toml"
        damage = written(place, lambda chance, text=text: altered_toml(text, chance))  # type: ignore[misc]
        yield Target(kind, damage, lambda place=place, reader=reader: reader(place), str(place))  # type: ignore[misc]
    place = folder / "classes/classes.txt"
    place.parent.mkdir()
    names = "zero\none\ntwo\nß\n".encode()
    damage = written(place, lambda chance: chance.choice((mutated, mutated_text))(names, chance))
    yield Target("list of classes", damage, lambda: read_class_list(place.parent), str(place))


def _of_models(folder: Path) -> Iterator[Target]:
    from tests.torture import model_records

    data = folder / "data"
    shutil.copytree(FORMER / "dataset", data)
    shutil.copy(FORMER / "dataset.manifest.json", folder / "data.manifest.json")
    mnist_data.train(data, folder / "models", model="tiny", epochs=1, progress=False)
    model = folder / "models/tiny.safetensors"
    mnist_data.export_onnx(model, folder / "models/tiny.onnx")
    yield from model_records.targets(model)
    seconds = model.with_suffix(".seconds.json")
    values = json.loads(seconds.read_bytes())

    def vouched(chance: random.Random) -> bytes:
        return sealed(altered_json({**values, "sha256": UNSEALED}, chance))

    yield Target("seconds", written(seconds, vouched), lambda: check_file(str(seconds)), str(seconds))
