"""The state of a training between two epochs on disk, so that a killed training resumes to the same result.

The file is safetensors, as models are: tensors, and JSON with the history, the plan and a digest of the tensors.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_data import storage
from mnist_data.errors import UnreadableInput, WrongUse
from pipelines.networks.training.fit import EpochRecord, State

if TYPE_CHECKING:
    import torch

Plan = Mapping[str, Any]
"""What determines a training: its data, its settings and the version; trainings of one plan give one result."""


def save_checkpoint(state: State, path: str | Path, plan: Plan) -> None:
    """Write the state after the last epoch to a temporary file that is then moved, so that none is half written."""
    from safetensors.torch import save

    tensors = dict(_tensors(state))
    known = {
        "plan": plan,
        "history": [asdict(done) for done in state.history],
        "best_epoch": state.best_epoch,
        "averaged": state.average.steps,
        "digest": _digest(tensors),
    }
    with storage.new_file(path) as draft:
        draft.write_bytes(save(tensors, {"checkpoint": json.dumps(known)}))


def load_checkpoint(state: State, path: str | Path, plan: Plan) -> State:
    """Restore a checkpoint into a fresh state of the same settings.

    Raises UnreadableInput where the file is damaged, WrongUse where it is of another plan.
    """
    tensors, known = _read(path)
    if known["plan"] != json.loads(json.dumps(plan)):
        raise other_plan(str(path), known["plan"], plan)
    try:
        state.network.load_state_dict(_of(tensors, "network"))
        if state.average.decay:
            state.average.network.load_state_dict(_of(tensors, "average"))
        _restore(state.optimizer, tensors)
        state.history = [EpochRecord(**done) for done in known["history"]]
    except (KeyError, RuntimeError, TypeError) as cause:
        raise _damaged(path, f"its tensors are not those of this training ({type(cause).__name__})") from cause
    state.average.steps, state.best_epoch = known["averaged"], known["best_epoch"]
    state.best = _of(tensors, "best")
    return state


def other_plan(path: str, found: Plan, expected: Plan) -> WrongUse:
    """Describe what differs where a file is of another training."""
    ours, theirs = _flat(json.loads(json.dumps(expected))), _flat(found)
    names = sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
    differing = "; ".join(f"{name} is {theirs.get(name)!r} there and {ours.get(name)!r} here" for name in names[:4])
    return WrongUse(
        f"{path} is of another training: {differing}. Resume with the settings and the data it began with, or begin "
        "anew with --overwrite."
    )


def _flat(plan: Plan) -> dict[str, Any]:
    return {name: value for name, value in plan.items() if name != "parameters"} | dict(plan.get("parameters", {}))


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


def _digest(tensors: Mapping[str, torch.Tensor]) -> str:
    """Hash names and bytes, for a flipped bit is a valid number that the file format does not notice."""
    hasher = hashlib.sha256()
    for name in sorted(tensors):
        hasher.update(name.encode())
        hasher.update(tensors[name].numpy().tobytes())
    return hasher.hexdigest()


def _read(path: str | Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            known = json.loads((file.metadata() or {})["checkpoint"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a mapping)
    except (SafetensorError, OSError, KeyError, ValueError) as cause:
        raise _damaged(path, f"it cannot be read ({type(cause).__name__})") from cause
    if not isinstance(known, dict) or known.get("digest") != _digest(tensors):
        raise _damaged(path, "its bytes are not those that were written")
    return tensors, known


def _damaged(path: str | Path, found: str) -> UnreadableInput:
    return UnreadableInput(
        str(path), found, "a whole checkpoint of this training", "Remove it, and the training begins anew."
    )
