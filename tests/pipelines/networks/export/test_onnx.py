"""ONNX files: any onnxruntime gives what PyTorch gives, from the images as they lie in the dataset."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")
onnx = pytest.importorskip("onnx", reason="the extra `onnx` is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")

from mnist_data.errors import MissingExtra, UnreadableInput  # noqa: E402
from mnist_data.idx import sample  # noqa: E402
from mnist_data.parquet.dataset import Dataset  # noqa: E402
from pipelines.networks.evaluation.predictions import predict as predict_images  # noqa: E402
from pipelines.networks.export.graph import onnx_graph  # noqa: E402
from pipelines.networks.export.onnx_file import export_onnx, load_onnx, save_onnx  # noqa: E402
from pipelines.networks.export.quantization import quantize  # noqa: E402
from pipelines.networks.predict import predict  # noqa: E402
from pipelines.networks.training.model_file import save_model  # noqa: E402
from pipelines.networks.training.models import build  # noqa: E402


def configured(name: str, shape: tuple[int, ...], dtype: str = "uint8") -> dict[str, Any]:
    """Give what a model's file says of itself, as far as predictions need it."""
    described = {"name": name, "shape": list(shape), "classes": 10, "dtype": dtype}
    return {**described, "class_names": list("0123456789"), "stages": []}


def network_of(configuration: dict[str, Any]) -> Any:
    """Build a network that has seen a few batches, so that its batch norms have something to fold."""
    torch.manual_seed(3)
    network = build(configuration["name"], configuration["shape"], configuration["classes"])
    height, width, channels = (*configuration["shape"], 1)[:3]
    for _ in range(3):
        network(torch.rand(16, channels, height, width))
    return network.eval()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the file of a network of the sample's shape, which is not trained."""
    path = tmp_path_factory.mktemp("onnx") / "small.safetensors"
    configuration = configured("small", (28, 28))
    save_model(network_of(configuration), path, configuration)
    return path


CASES = [
    *((name, (28, 28), "uint8") for name in ("mlp", "lenet5", "tiny", "small", "large")),
    ("small", (32, 30, 3), "uint8"),
    ("mlp", (5, 4, 2), "float32"),
    ("small", (1, 1), "float32"),
    ("tiny", (9, 13), "float64"),
]


@pytest.mark.parametrize(("name", "shape", "dtype"), CASES, ids=str)
def test_onnxruntime_gives_what_pytorch_gives(name: str, shape: tuple[int, ...], dtype: str, tmp_path: Path) -> None:
    """Every network, any size, with channels and without, bytes and floats; a batch of any length, none included."""
    configuration = configured(name, shape, dtype)
    network = network_of(configuration)
    images = np.random.default_rng(0).integers(0, 256, (20, *shape)).astype(dtype)
    if dtype != "uint8":
        images /= 255
    save_onnx(onnx_graph(network, configuration), tmp_path / "a.onnx", configuration)
    run, described = load_onnx(tmp_path / "a.onnx")

    assert described == configuration
    for rows in (0, 1, 20):
        np.testing.assert_allclose(predict_images(network, images[:rows]), run(images[:rows]), atol=1e-5)


def test_a_file_runs_by_onnxruntime_alone_on_the_bytes_of_the_images(model: Path, tmp_path: Path) -> None:
    """(n, 28, 28) uint8 in, probabilities out: nothing of ours, and nothing to scale, between them."""
    images, _ = sample.digits()
    export_onnx(model, tmp_path / "small.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "small.onnx", providers=["CPUExecutionProvider"])

    (found,) = session.run(None, {session.get_inputs()[0].name: images[:50]})

    assert found.shape == (50, 10)
    np.testing.assert_allclose(1, found.sum(axis=1), atol=1e-5)


def test_predictions_by_an_onnx_file_are_those_of_the_model(model: Path, digits: Dataset, tmp_path: Path) -> None:
    """Of the whole sample, class for class, and within 1e-4 of each probability."""
    export_onnx(model, tmp_path / "small.onnx")

    expected, found = (predict(path, digits.location) for path in (model, tmp_path / "small.onnx"))

    assert len(found) == 1797
    assert found["predicted"].tolist() == expected["predicted"].tolist()
    for label in range(10):
        np.testing.assert_allclose(expected[f"p_{label}"], found[f"p_{label}"], atol=1e-4)


def test_predicting_by_an_onnx_file_needs_no_pytorch(model: Path, sample_idx: Path, tmp_path: Path) -> None:
    """A machine that only predicts is spared 200 MB."""
    export_onnx(model, tmp_path / "small.onnx")
    images = next(sample_idx.glob("*test-images*"))
    code = "import sys\nsys.modules['torch'] = sys.modules['onnx'] = None\n"
    code += "from pipelines.networks.predict import predict\n"
    code += f"print(len(predict({str(tmp_path / 'small.onnx')!r}, {str(images)!r})))"

    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert printed.split() == ["360"]


def test_files_that_are_not_ours_are_refused(model: Path, sample_idx: Path, tmp_path: Path) -> None:
    """Cut off, not ONNX at all, of others, or with a graph that does not fit what it says of itself."""
    images = next(sample_idx.glob("*test-images*"))
    export_onnx(model, tmp_path / "small.onnx")
    whole = (tmp_path / "small.onnx").read_bytes()
    (tmp_path / "cut.onnx").write_bytes(whole[:-2_000])
    (tmp_path / "text.onnx").write_text("0 1 2 3\n" * 100)
    (tmp_path / "empty.onnx").write_bytes(b"")
    foreign = onnx.load(tmp_path / "small.onnx")
    del foreign.metadata_props[:]
    onnx.save(foreign, tmp_path / "foreign.onnx")
    other = configured("small", (14, 14))
    onnx.helper.set_model_props(foreign, {"configuration": json.dumps(other)})
    onnx.save(foreign, tmp_path / "other.onnx")

    for name in ("cut", "text", "empty"):
        with pytest.raises(UnreadableInput, match=rf"{name}\.onnx: onnxruntime cannot read it"):
            predict(tmp_path / f"{name}.onnx", images)
    with pytest.raises(UnreadableInput, match=r"foreign\.onnx: its metadata describe no network of ours"):
        predict(tmp_path / "foreign.onnx", images)
    with pytest.raises(UnreadableInput, match=r"other\.onnx: its graph has the inputs and outputs"):
        predict(tmp_path / "other.onnx", images)


def test_without_onnxruntime_the_extra_is_named(
    model: Path, sample_idx: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writing a file and running one both say what to install."""
    monkeypatch.setitem(sys.modules, "onnxruntime", None)

    with pytest.raises(MissingExtra, match=r'needs onnxruntime.*"mnist-data\[onnx\]"'):
        export_onnx(model, tmp_path / "small.onnx")
    with pytest.raises(MissingExtra, match=r'needs onnxruntime.*"mnist-data\[onnx\]"'):
        predict(tmp_path / "small.onnx", sample_idx)


@pytest.mark.parametrize("name", ["mlp", "lenet5", "small"])
def test_whole_numbers_give_nearly_the_same_in_a_quarter_of_the_bytes(name: str, tmp_path: Path) -> None:
    """Whatever has weights computes in eight bits; the probabilities move by hundredths."""
    configuration = configured(name, (28, 28))
    network = network_of(configuration)
    images, _ = sample.digits()
    graph = onnx_graph(network, configuration)

    made = quantize(graph, images[:50])
    save_onnx(made, tmp_path / "int8.onnx", configuration)
    found = load_onnx(tmp_path / "int8.onnx")[0](images[:100])

    kinds = {len(tensor.dims): tensor.data_type for tensor in made.graph.initializer}
    assert kinds[2] == onnx.TensorProto.INT8
    assert made.ByteSize() < graph.ByteSize() / 3
    np.testing.assert_allclose(predict_images(network, images[:100]), found, atol=0.05)
