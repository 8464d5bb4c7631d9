"""The state of a training between two epochs on disk, so that a killed training resumes to the same result.

The file is safetensors, as models are: tensors, and JSON with the history, the plan and a digest of the tensors.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from mnist_data import storage
from mnist_data.errors import UnreadableInput, WrongUse
from mnist_data.parquet.records import in_short, read_record
from pipelines.networks.training.fit import EpochRecord, State

if TYPE_CHECKING:
    import torch

Plan = Mapping[str, Any]
"""What determines a training: its data, its settings and the version; trainings of one plan give one result."""

Count = Annotated[int, Meta(ge=0)]


@dataclass(frozen=True)
class _Known:
    """What a checkpoint says of its tensors. averaged: steps of the average. digest: of all else and the tensors."""

    plan: dict[str, Any]
    history: tuple[EpochRecord, ...]
    best_epoch: Count
    averaged: Count
    digest: str

    def described(self) -> dict[str, Any]:
        """Give all that is recorded but the digest."""
        history = [asdict(done) for done in self.history]
        return {"plan": self.plan, "history": history, "best_epoch": self.best_epoch, "averaged": self.averaged}


def save_checkpoint(state: State, path: str | Path, plan: Plan) -> None:
    """Write the state after the last epoch to a temporary file that is then moved, so that none is half written."""
    from safetensors.torch import save

    tensors = dict(_tensors(state))
    known = _Known(dict(plan), tuple(state.history), state.best_epoch, state.average.steps, "").described()
    described = json.dumps({**known, "digest": _digest(tensors, known)})
    with storage.new_file(path) as draft:
        draft.write_bytes(save(tensors, {"checkpoint": described}))


def load_checkpoint(state: State, path: str | Path, plan: Plan) -> State:
    """Restore a checkpoint into a fresh state of the same settings.

    Raises UnreadableInput where the file is damaged, WrongUse where it is of another plan.
    """
    tensors, known = _read(path)
    if known.plan != json.loads(json.dumps(plan)):
        raise other_plan(str(path), known.plan, plan)
    if known.best_epoch > len(known.history):
        raise _damaged(path, f"its best epoch is {known.best_epoch} of {len(known.history)}")
    try:
        _require_like(_of(tensors, "best"), state.network.state_dict())
        _require_moments(_of(tensors, "optimizer"), state.optimizer.param_groups[0]["params"])
        state.network.load_state_dict(_of(tensors, "network"))
        if state.average.decay:
            state.average.network.load_state_dict(_of(tensors, "average"))
        _restore(state.optimizer, tensors)
    except (KeyError, IndexError, RuntimeError, TypeError, ValueError) as cause:
        raise _damaged(path, f"its tensors are not those of this training ({type(cause).__name__})") from cause
    state.history = list(known.history)
    state.average.steps, state.best_epoch = known.averaged, known.best_epoch
    state.best = _of(tensors, "best")
    return state


def _require_like(tensors: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor]) -> None:
    """Raise ValueError for tensors of other names, shapes or dtypes."""
    if {name: (each.shape, each.dtype) for name, each in tensors.items()} != {
        name: (each.shape, each.dtype) for name, each in expected.items()
    }:
        raise ValueError("tensors of another network")


def _require_moments(moments: Mapping[str, torch.Tensor], trained: Sequence[torch.Tensor]) -> None:
    """Raise ValueError for moments of weights that are not there, of another shape or dtype, or without their kin."""
    names: dict[int, set[str]] = {}
    for name, tensor in moments.items():
        index, _, moment = name.partition(".")
        like = trained[int(index)]
        if tensor.shape not in (like.shape, ()) or tensor.dtype != like.dtype:
            raise ValueError("moments of other weights")
        names.setdefault(int(index), set()).add(moment)
    if any(own != names[min(names)] for own in names.values()):
        raise ValueError("moments that are missing")


def other_plan(path: str, found: Plan, expected: Plan) -> WrongUse:
    """Describe what differs where a file is of another training."""
    ours, theirs = _flat(json.loads(json.dumps(expected))), _flat(found)
    names = sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
    differing = "; ".join(
        f"{name[:100]} is {in_short(theirs.get(name))} there and {in_short(ours.get(name))} here" for name in names[:4]
    )
    return WrongUse(
        f"{path} is of another training: {differing}. Resume with the settings and the data it began with, or begin "
        "anew with --overwrite."
    )


def _flat(plan: Plan) -> dict[str, Any]:
    parameters = plan.get("parameters")
    return {name: value for name, value in plan.items() if name != "parameters"} | (
        parameters if isinstance(parameters, dict) else {"parameters": parameters}
    )


def _tensors(state: State) -> Iterator[tuple[str, torch.Tensor]]:
    """Name all tensors of a state; copies, for safetensors needs them in C order and without shared memory."""
    import torch

    parts: dict[str, Mapping[str, torch.Tensor]] = {"network": state.network.state_dict(), "best": state.best}
    if state.average.decay:
        parts["average"] = state.average.network.state_dict()
    for index, values in state.optimizer.state_dict()["state"].items():
        parts[f"optimizer.{index}"] = values
    for part, tensors in parts.items():
        for name, tensor in tensors.items():
            if isinstance(tensor, torch.Tensor):
                yield f"{part}.{name}", tensor.detach().cpu().clone(memory_format=torch.contiguous_format)


def _restore(optimizer: torch.optim.Optimizer, tensors: Mapping[str, torch.Tensor]) -> None:
    """Restore an optimizer's moments; the learning rate is set anew at each step."""
    import torch

    trained = optimizer.param_groups[0]["params"]
    moments: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in _of(tensors, "optimizer").items():
        index, _, moment = name.partition(".")
        like = trained[int(index)]
        # The fused optimizers walk through memory: a moment must have the memory layout of its weights.
        aligned = torch.empty_like(like).copy_(tensor) if tensor.shape == like.shape else tensor
        moments.setdefault(int(index), {})[moment] = aligned
    optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})


def _of(tensors: Mapping[str, torch.Tensor], part: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(f"{part}."): tensor for name, tensor in tensors.items() if name.startswith(f"{part}.")}


def _digest(tensors: Mapping[str, torch.Tensor], known: Mapping[str, Any]) -> str:
    """Hash the record, names and bytes, for a flipped bit is a valid number that the file format does not notice."""
    import torch

    hasher = hashlib.sha256(json.dumps(known, sort_keys=True).encode())
    for name in sorted(tensors):
        hasher.update(name.encode())
        hasher.update(tensors[name].reshape(-1).view(torch.uint8).numpy().tobytes())
    return hasher.hexdigest()


def _read(path: str | Path) -> tuple[dict[str, torch.Tensor], _Known]:
    from safetensors import SafetensorError, safe_open

    def refuse(found: str, expected: str) -> UnreadableInput:
        return _damaged(path, f"its metadata hold {found} instead of {expected}")

    if reason := storage.not_a_file(path):
        raise _damaged(path, reason)
    try:
        with safe_open(path, framework="pt") as file:
            known = read_record((file.metadata() or {})["checkpoint"], _Known, refuse)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a mapping)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as cause:
        raise _damaged(path, f"it cannot be read ({type(cause).__name__})") from cause
    if known.digest != _digest(tensors, known.described()):
        raise _damaged(path, "its bytes are not those that were written")
    return tensors, known


def _damaged(path: str | Path, found: str) -> UnreadableInput:
    return UnreadableInput(
        str(path), found, "a whole checkpoint of this training", "Remove it, and the training begins anew."
    )
