"""Quantization to int8 by onnxruntime: a quarter of the bytes.

Weights have a scale for each filter, activations one for each layer, from their range on calibration images (Jacob et
al. 2018, arXiv:1712.05877). The last layer's sums and the probabilities stay float32.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mnist_data import storage
from mnist_data.batch import Images
from mnist_data.storage.temporary import TemporaryFolder, temporary_files_in
from pipelines.networks.evaluation.predictions import rows_at_once
from pipelines.networks.export.graph import INPUT

if TYPE_CHECKING:
    import onnx

ROWS = 100
"""Calibration images run at once; the outputs of every layer for them are in memory."""


def quantize(model: onnx.ModelProto, calibration: Images) -> onnx.ModelProto:
    """Give the same network with int8 weights and uint8 activations.

    model: as `onnx_graph` gives it. calibration: (n, *shape), n ≥ 1, of the training samples.
    """
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quant_pre_process, quantize_static

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.batches = _batches(calibration)

        def get_next(self) -> dict[str, Images] | None:
            return next(self.batches, None)

    with TemporaryFolder() as folder, storage.naming(folder), temporary_files_in(folder):
        plain, ready, quantized = (f"{folder}/{name}.onnx" for name in ("plain", "ready", "quantized"))
        onnx.save(model, plain)
        quant_pre_process(plain, ready, skip_optimization=True, skip_symbolic_shape=True)
        quantize_static(
            ready,
            quantized,
            Reader(),
            op_types_to_quantize=["Conv", "Gemm", "Relu", "MaxPool", "AveragePool", "Flatten"],
            per_channel=True,
            # Seven bits for weights: with eight, processors without VNNI saturate sums beyond 16 bits (Intel's
            # vpmaddubsw), and the file would give other predictions there.
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            extra_options={"OpTypesToExcludeOutputQuantization": ["Gemm"]},
        )
        return _slim(onnx.load(quantized))


def _batches(images: Images) -> Iterator[dict[str, Images]]:
    rows = min(ROWS, rows_at_once(images.shape[1:]))
    for start in range(0, len(images), rows):
        yield {INPUT: images[start : start + rows]}


def _slim(model: onnx.ModelProto) -> onnx.ModelProto:
    """Remove what a runtime does not read, above all long names: in a tiny network they are a fifth of the file."""
    ends = [end.name for end in (*model.graph.input, *model.graph.output)]
    names: dict[str, str] = {name: name for name in ("", *ends)}

    def short(name: str) -> str:
        return names.setdefault(name, f"{len(names):x}")

    del model.graph.value_info[:]
    for constant in model.graph.initializer:
        constant.name = short(constant.name)
    for node in model.graph.node:
        node.name = ""
        node.input[:], node.output[:] = map(short, node.input), map(short, node.output)
    return model
