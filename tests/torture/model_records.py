"""Networks, checkpoints, ONNX files and detectors with damaged headers, and hashes that are right."""

from __future__ import annotations

import io
import json
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mnist_data.parquet.seal import UNSEALED, sealed
from pipelines.networks.evaluation.out_of_distribution import load_detector
from pipelines.networks.export.onnx_file import load_onnx
from pipelines.networks.training.checkpoint import load_checkpoint, save_checkpoint
from pipelines.networks.training.model_file import load_model
from pipelines.run.file_checks import check_file
from tests.torture.mutations import mutated
from tests.torture.records import Target, altered, altered_json, written

PLAN = {"dataset": "00", "parameters": {"model": "tiny", "epochs": 2}, "version": "0"}


def targets(model: Path) -> Iterator[Target]:
    """List the files that a training leaves. model: of a trained network, with its detector and as ONNX next to it."""
    content, onnx, detector = (model.with_suffix(end).read_bytes() for end in (".safetensors", ".onnx", ".ood.npz"))
    place = model.with_name("other.safetensors")
    yield Target("model", written(place, lambda chance: _model(content, chance)), lambda: load_model(place), str(place))
    onnx_place = model.with_name("other.onnx")
    damage = written(onnx_place, lambda chance: _onnx(onnx, chance))
    yield Target("ONNX", damage, lambda: load_onnx(onnx_place), str(onnx_place))
    beside = model.with_suffix(".ood.npz")

    def read_detector() -> None:
        load_detector(model)
        check_file(str(beside))

    yield Target("detector", written(beside, lambda chance: _detector(detector, chance)), read_detector, str(beside))
    yield _checkpoint(model.with_name("other.checkpoint"))


def _header(content: bytes) -> tuple[dict[str, Any], bytes]:
    end = 8 + int.from_bytes(content[:8], "little")
    return json.loads(content[8:end]), content[end:]


def _with_header(text: bytes, tensors: bytes) -> bytes:
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + tensors


def _model(content: bytes, chance: random.Random) -> bytes:
    """Damage a network's configuration, its header, or its bytes; the hash is right but for the last."""
    header, tensors = _header(content)
    kind = chance.randrange(10)
    if kind == 0:
        return mutated(content, chance)
    metadata = header.pop("__metadata__")
    known = json.loads(metadata["configuration"])
    if kind <= 6:
        configuration = altered_json(known, chance).decode(errors="replace")
        header["__metadata__"] = {"configuration": configuration, "sha256": UNSEALED}
        return sealed(_with_header(json.dumps(header).encode(), tensors))
    metadata["sha256"] = UNSEALED
    return sealed(_with_header(altered_json({"__metadata__": metadata, **header}, chance), tensors))


def _onnx(content: bytes, chance: random.Random) -> bytes:
    """Damage an ONNX file's configuration, its other metadata, or its bytes."""
    import onnx

    kind = chance.randrange(10)
    if kind <= 3:
        return mutated(content, chance)
    model = onnx.load_model_from_string(content)
    for entry in model.metadata_props:
        if entry.key == "configuration":
            entry.value = altered_json(json.loads(entry.value), chance).decode(errors="replace").replace("\ud800", "?")
        else:
            entry.value = UNSEALED
    text = model.SerializeToString(deterministic=True)
    if kind == 4:
        text = text.replace(b'"name"', b'"\xff\xfe\xfd\xfc"')
    return sealed(text)


def _detector(content: bytes, chance: random.Random) -> bytes:
    """Damage a detector's arrays, in their types and shapes, or its bytes; the hash is right but for the last."""
    if chance.random() < 0.3:
        return mutated(content, chance)
    with np.load(io.BytesIO(content)) as stored:
        arrays = dict(stored)
    name, kind = chance.choice(list(arrays)), chance.randrange(8)
    value = chance.choice((np.nan, np.inf, -1, 2**62, "x", True, b"\xff", [1, 2], [[1.0]], [], 1j))
    if kind == 0:
        del arrays[name]
    elif kind <= 3:
        arrays[name] = np.array(value)
    elif kind == 4:
        arrays[name] = np.full_like(arrays[name], np.nan) if arrays[name].dtype.kind == "f" else arrays[name][None]
    elif kind == 5:
        arrays[name] = (
            arrays[name].astype(chance.choice(("f8", "i8", "U20", "?", "c16")), casting="unsafe")
            if arrays[name].dtype.kind in "fiu"
            else arrays[name]
        )
    elif kind == 6:
        arrays[chance.choice(("unknown", "../x"))] = np.zeros(3)
    written_to = io.BytesIO()
    (np.savez_compressed if chance.random() < 0.1 else np.savez)(written_to, **arrays)
    if kind == 7:
        with zipfile.ZipFile(written_to, "w", zipfile.ZIP_DEFLATED) as archive:
            for each in arrays:
                archive.writestr(f"{each}.npy", _npy(chance))
    with zipfile.ZipFile(written_to, "a") as archive:
        archive.comment = UNSEALED.encode()
    return sealed(written_to.getvalue())


def _npy(chance: random.Random) -> bytes:
    """Write an array whose header announces far more than there is."""
    shape = chance.choice(
        ("(2147483647,)", "(-1,)", "(1000000, 1000000, 1000000)", "()", "(" * 200, "(True,)", "(1.5,)")
    )
    kind = chance.choice(("<f8", "|O", "<U99999999", "x", []))
    header = f"{{'descr': {kind!r}, 'fortran_order': False, 'shape': {shape}, }}"
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(chance.choice((0, 8, 300_000)))


def _checkpoint(place: Path) -> Target:
    """Damage the record of a checkpoint, whose tensors have the hash that it says."""
    import torch
    from safetensors.torch import load, save

    from pipelines.networks.training.checkpoint import _digest
    from pipelines.networks.training.ema import WeightAverage
    from pipelines.networks.training.fit import EpochRecord, State
    from pipelines.networks.training.models import build

    def fresh() -> State:
        network = build("tiny", (6, 6), 3)
        return State(network, WeightAverage(network, 0.0), torch.optim.AdamW(network.parameters()))

    state = fresh()
    sum(parameter.sum() for parameter in state.network.parameters()).backward()  # type: ignore[union-attr]
    state.optimizer.step()
    state.history.append(EpochRecord(1, 2, 0.5, 0.9, float("nan"), float("nan"), 0.001, 1.5))
    state.consider()
    save_checkpoint(state, place, PLAN)
    content = place.read_bytes()
    header, stored = _header(content)
    known, tensors = json.loads(header["__metadata__"]["checkpoint"]), load(content)
    resumed = fresh()

    def described(text: str) -> bytes:
        """Write the same tensors with another record; safetensors would take longer than reading takes."""
        return _with_header(json.dumps({**header, "__metadata__": {"checkpoint": text}}).encode(), stored)

    def damaged(chance: random.Random) -> bytes:
        kind = chance.randrange(10)
        if kind == 0:
            return mutated(content, chance)
        if kind <= 5:
            values = altered(known, chance)
            if isinstance(values, dict) and chance.random() < 0.9:
                values["digest"] = _digest(tensors, {n: v for n, v in values.items() if n != "digest"})
            return described(json.dumps(values))
        if kind == 6:
            return described(altered_json(known, chance).decode(errors="replace"))
        others = dict(tensors)
        name = chance.choice(list(others))
        tensor = others.pop(name)
        if kind == 7:
            others[chance.choice(("optimizer.x.step", "optimizer.99.step", "optimizer.", "best.", "best.x", "ß"))] = (
                tensor
            )
        elif kind == 8:
            others[name] = tensor.to(chance.choice((torch.bfloat16, torch.float64, torch.bool, torch.int8)))
        else:
            others[name] = chance.choice((tensor[None], tensor * float("nan"), torch.zeros(0)))
        values = {name: value for name, value in known.items() if name != "digest"}
        return save(others, {"checkpoint": json.dumps({**values, "digest": _digest(others, values)})})

    return Target("checkpoint", written(place, damaged), lambda: load_checkpoint(resumed, place, PLAN), str(place))
