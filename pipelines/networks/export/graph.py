"""Writing a network as an ONNX graph, layer by layer.

PyTorch's own exporter needs onnxscript, or warns that it is deprecated, depending on its version; for a chain of plain
layers this file is shorter than working around either, and works with any PyTorch.

The graph takes images as stored in a dataset and gives probabilities: the scaling of bytes, x / 255, and the softmax
are part of it. Each batch norm is folded into its convolution.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mnist_data.errors import MissingExtra

if TYPE_CHECKING:
    import onnx
    from torch import nn

OPSET, IR = 17, 8
"""Versions of 2022: every onnxruntime from 1.12 on reads them, and quantization per channel needs no later ones."""

INPUT, OUTPUT = "images", "probabilities"


def require_onnx() -> None:
    """Raise MissingExtra where onnx or onnxruntime is not installed."""
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise MissingExtra((error.name or "onnx").partition(".")[0], "onnx", "Writing ONNX") from None


def onnx_graph(network: nn.Module, configuration: Mapping[str, Any]) -> onnx.ModelProto:
    """Write a network as an ONNX model, with neither metadata nor comment.

    network: a chain of layers, as `build` makes it.
    configuration: "shape", "classes" and "dtype", as a model's file has them.
    Input "images": (n, *shape), uint8 where the network was trained on bytes, else float32; n is free. Output
    "probabilities": (n, classes) float32.
    """
    import onnx
    from onnx import helper

    shape, byte = configuration["shape"], configuration.get("dtype", "uint8") == "uint8"
    graph = _Graph()
    if byte:
        graph.add("Cast", to=onnx.TensorProto.FLOAT)
        graph.add("Mul", np.float32(1 / 255))
    if len(shape) == 2:
        graph.add("Unsqueeze", np.array([1]))
    else:
        graph.add("Transpose", perm=[0, 3, 1, 2])
    _add_layers(graph, network, shape)
    graph.add("Softmax", axis=1)
    graph.nodes[-1].output[0] = OUTPUT
    kind = onnx.TensorProto.UINT8 if byte else onnx.TensorProto.FLOAT
    inputs = helper.make_tensor_value_info(INPUT, kind, ["n", *shape])
    outputs = helper.make_tensor_value_info(OUTPUT, onnx.TensorProto.FLOAT, ["n", configuration["classes"]])
    whole = helper.make_graph(graph.nodes, configuration["name"], [inputs], [outputs], graph.constants)
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    onnx.checker.check_model(model, full_check=True)
    return model


class _Graph:
    """A chain of nodes, each of which takes the output of the one before it, and constants."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def add(self, operator: str, *constants: npt.ArrayLike, **attributes: Any) -> None:
        """Add a node; names are numbers, to keep the file small."""
        from onnx import helper

        source = self.nodes[-1].output[0] if self.nodes else INPUT
        target = str(len(self.nodes))
        names = [self._constant(np.asarray(values)) for values in constants]
        self.nodes.append(helper.make_node(operator, [source, *names], [target], target, **attributes))

    def _constant(self, values: npt.NDArray[Any]) -> str:
        from onnx import numpy_helper

        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name


def _add_layers(graph: _Graph, network: nn.Module, shape: Sequence[int]) -> None:
    """Add every layer; the sizes between them come from running one blank image."""
    import torch

    height, width, channels = (*shape, 1)[:3]
    flow = torch.zeros(1, channels, height, width)
    with torch.inference_mode():
        for layer in _folded(network):
            _add_layer(graph, layer, list(flow.shape[2:]))
            flow = layer(flow)


def _folded(network: nn.Module) -> list[nn.Module]:
    """Give the layers with each batch norm folded into the convolution before it; the network stays as it is."""
    from torch import nn
    from torch.nn.utils import fuse_conv_bn_eval

    layers: list[Any] = []
    for layer in deepcopy(network).cpu().eval().children():
        if isinstance(layer, nn.BatchNorm2d):
            layers[-1] = fuse_conv_bn_eval(layers[-1], layer)
        else:
            layers.append(layer)
    return layers


def _add_layer(graph: _Graph, layer: Any, size: list[int]) -> None:
    """Add one layer; size: height and width of what it takes, if that is an image."""
    from torch import nn

    match layer:
        case nn.Conv2d():
            pads = list(layer.padding) * 2
            graph.add("Conv", *_weights(layer), strides=list(layer.stride), pads=pads)
        case nn.Linear():
            graph.add("Gemm", *_weights(layer), transB=1)
        case nn.MaxPool2d() | nn.AvgPool2d():
            operator = "MaxPool" if isinstance(layer, nn.MaxPool2d) else "AveragePool"
            kernel, strides = [layer.kernel_size] * 2, [layer.stride] * 2
            graph.add(operator, kernel_shape=kernel, strides=strides, ceil_mode=int(layer.ceil_mode))
        case nn.AdaptiveMaxPool2d():
            # Not GlobalMaxPool, for which onnxruntime has no int8 kernel.
            graph.add("MaxPool", kernel_shape=size)
        case nn.ReLU() | nn.Tanh() | nn.Flatten():
            graph.add({"ReLU": "Relu"}.get(type(layer).__name__, type(layer).__name__))
        case nn.Dropout():
            pass
        case _:
            raise TypeError(f"{type(layer).__name__}: there is no rule to write this layer as ONNX")


def _weights(layer: Any) -> list[npt.NDArray[np.float32]]:
    """Give the weights of a layer and, where it has one, its bias."""
    return [tensor.detach().numpy() for tensor in (layer.weight, layer.bias) if tensor is not None]
