"""A trained network as an ONNX file: written from PyTorch, read and run by onnxruntime without it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mnist_data import storage
from mnist_data.batch import Images
from mnist_data.errors import MissingExtra, UnreadableInput
from mnist_data.parquet.dataset import first_line, require_outside
from mnist_data.parquet.seal import UNSEALED, sealed
from pipelines.engine.engine import cores
from pipelines.networks.evaluation.predictions import starts_of
from pipelines.networks.export.graph import INPUT, OUTPUT, onnx_graph, require_onnx
from pipelines.networks.training.model_file import load_model
from pipelines.settings.model_header import configuration_in, require_model, require_seal

if TYPE_CHECKING:
    import onnx
    import onnxruntime

    from pipelines.networks.evaluation.predictions import Probabilities


@dataclass(frozen=True)
class OnnxNetwork:
    """A network as onnxruntime runs it; called with images, it gives the probability of each class."""

    session: onnxruntime.InferenceSession

    def __call__(self, images: Images) -> Probabilities:
        """Give (n, classes) float32 for images scaled as in training: (n, h, w) or (n, h, w, channels)."""
        kind = np.uint8 if images.dtype == np.uint8 else np.float32
        starts = starts_of(images)
        pieces = [
            self.session.run([OUTPUT], {INPUT: np.ascontiguousarray(images[start : start + starts.step], kind)})[0]
            for start in starts
        ]
        return np.concatenate(pieces)


def save_onnx(model: onnx.ModelProto, path: str | Path, configuration: Mapping[str, Any]) -> None:
    """Write an ONNX model with the configuration of its network, as JSON, in its metadata."""
    from onnx import helper

    described = json.dumps(without_training(configuration))
    helper.set_model_props(model, {"configuration": described, "sha256": UNSEALED})
    with storage.new_file(path) as draft:
        draft.write_bytes(sealed(model.SerializeToString(deterministic=True)))


def without_training(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the history and plan of the training; keep what describes the network and its inputs."""
    return {name: value for name, value in configuration.items() if name not in ("plan", "history", "best_epoch")}


def export_onnx(model: str | Path, path: str | Path, *, overwrite: bool = False) -> None:
    """Convert a model file of `train` to an ONNX file.

    Raises OutputExists where there is a file that is not to be replaced, MissingExtra without PyTorch or onnx,
    UnreadableInput for what is no model.
    """
    require_onnx()
    require_outside(path)
    storage.require_free(path, overwrite)
    network, configuration = load_model(model)
    save_onnx(onnx_graph(network, configuration), path, configuration)


def load_onnx(path: str | Path) -> tuple[OnnxNetwork, dict[str, Any]]:
    """Read a network and its configuration as `save_onnx` wrote them. PyTorch is not needed.

    Raises MissingExtra without onnxruntime, UnreadableInput where the file is damaged or not one of ours.
    """
    try:
        import onnxruntime
    except ImportError:
        raise MissingExtra("onnxruntime", "onnx", "Running an ONNX file") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = cores()
    options.log_severity_level = 4  # problems are reported once, by the error below
    require_model(path)
    content = storage.read_bytes(path) or b""
    try:
        # Without the second attempt, which prints a banner and fails alike.
        session = onnxruntime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"], enable_fallback=False
        )
    except Exception as error:  # onnxruntime's errors have no other base in common
        raise _not_ours(path, f"onnxruntime cannot read it ({first_line(error)})") from error
    try:
        described = session.get_modelmeta().custom_metadata_map
    except UnicodeDecodeError as cause:
        raise _not_ours(path, f"its metadata are not UTF-8 (byte {cause.start:,})") from None
    configuration = configuration_in(str(path), described)
    require_seal(path, described, content)
    _check_ends(path, session, configuration)
    return OnnxNetwork(session), configuration


def _check_ends(path: str | Path, session: onnxruntime.InferenceSession, configuration: Mapping[str, Any]) -> None:
    """Raise UnreadableInput for a graph whose inputs or outputs are not those of its configuration."""
    ends = [(end.name, end.type, end.shape[1:]) for end in (*session.get_inputs(), *session.get_outputs())]
    kind = "tensor(uint8)" if configuration.get("dtype", "uint8") == "uint8" else "tensor(float)"
    expected = [
        (INPUT, kind, list(configuration["shape"])),
        (OUTPUT, "tensor(float)", [configuration["classes"]]),
    ]
    if ends != expected:
        raise _not_ours(path, f"its graph has the inputs and outputs {ends} instead of {expected}")


def _not_ours(path: str | Path, found: str) -> UnreadableInput:
    advice = "Make it with: mnist-data onnx MODEL OUT.onnx"
    return UnreadableInput(str(path), found, "an ONNX file that mnist-data has written", advice)
